//! Probe/Choice, Probe/Masked, Probe/Target, Probe/Privileged and Probe/Memory: tasks of one step or two whose best policies and values are known
//! (`shaders/envs/probe_*.wgsl` say which). They are the smallest tasks with several discrete actions, with masks, with continuous actions, with privileged
//! observations, and with something to remember.

use crate::reference::decision::{Ambiguous, Site};
use crate::reference::environments::state::{Outcome, State};
use crate::reference::policy::Action;
use crate::reference::real::Real;
use crate::spec::random::Stream;

/// Situations of Probe/Choice.
const CHOICE_SITUATIONS: u32 = 6;
/// Situations of Probe/Masked.
const MASKED_SITUATIONS: u32 = 4;
/// Actions of Probe/Masked.
const MASKED_ACTIONS: u32 = 5;
/// Legal actions in each situation of Probe/Masked, a bit for each.
const MASKED_LEGAL: [u32; MASKED_SITUATIONS as usize] = [0b0_0100, 0b0_1001, 0b1_0110, 0b1_1011];
/// Reward of an illegal action in Probe/Masked.
const MASKED_ILLEGAL_PAY: f64 = 100.0;
/// Both coordinates of Probe/Target's target lie within ± this.
const TARGET_RANGE: f64 = 0.8;
/// Probability of heads in Probe/Privileged.
const HEADS: f32 = 0.75;

/// One-hot of `situation`.
fn one_hot<R: Real>(situation: u32, count: u32) -> Vec<R> {
    (0..count).map(|k| if k == situation { R::one() } else { R::zero() }).collect()
}

/// The whole number that a word of the state is.
fn whole<R: Real>(word: R) -> u32 {
    word.value() as u32
}

/// Probe/Choice: which pair of choices is right.
#[derive(Debug, Clone, Copy)]
pub struct Choice<R> {
    /// A whole number: the pair (situation mod 2, situation div 2) is right.
    pub situation: R,
}

impl<R: Real> Choice<R> {
    /// The state stored in one word.
    ///
    /// # Panics
    /// When there is not one.
    pub fn from_words(words: &[R]) -> Self {
        let &[situation] = words else { panic!("{} words instead of Probe/Choice's one", words.len()) };
        Choice { situation }
    }

    /// A random first state.
    pub fn reset(stream: &mut Stream) -> Self {
        Choice { situation: R::from_f64(f64::from(stream.below(CHOICE_SITUATIONS))) }
    }
}

impl<R: Real> State<R> for Choice<R> {
    fn to_words(&self) -> Vec<R> {
        vec![self.situation]
    }

    fn observe(&self) -> Vec<R> {
        one_hot(whole(self.situation), CHOICE_SITUATIONS)
    }

    /// Each right choice pays half.
    fn step(&mut self, action: &Action<R>, _stream: &mut Stream, _site: Site) -> Result<Outcome<R>, Ambiguous> {
        let situation = whole(self.situation);
        let right = [situation % 2, situation / 2].iter().zip(action.choices()).filter(|(right, choice)| right == choice).count();
        Ok(Outcome { reward: R::from_f64(0.5 * right as f64), terminated: true })
    }
}

/// Probe/Masked: which actions are legal.
#[derive(Debug, Clone, Copy)]
pub struct Masked<R> {
    /// A whole number, index of `MASKED_LEGAL`.
    pub situation: R,
}

impl<R: Real> Masked<R> {
    /// The state stored in one word.
    ///
    /// # Panics
    /// When there is not one.
    pub fn from_words(words: &[R]) -> Self {
        let &[situation] = words else { panic!("{} words instead of Probe/Masked's one", words.len()) };
        Masked { situation }
    }

    /// A random first state.
    pub fn reset(stream: &mut Stream) -> Self {
        Masked { situation: R::from_f64(f64::from(stream.below(MASKED_SITUATIONS))) }
    }
}

impl<R: Real> State<R> for Masked<R> {
    fn to_words(&self) -> Vec<R> {
        vec![self.situation]
    }

    fn observe(&self) -> Vec<R> {
        one_hot(whole(self.situation), MASKED_SITUATIONS)
    }

    /// An illegal action would pay most.
    fn step(&mut self, action: &Action<R>, _stream: &mut Stream, _site: Site) -> Result<Outcome<R>, Ambiguous> {
        let action = action.choice();
        let pay = f64::from((action + whole(self.situation)) % MASKED_ACTIONS) / 4.0;
        let reward = if self.legal()[action as usize] { pay } else { MASKED_ILLEGAL_PAY };
        Ok(Outcome { reward: R::from_f64(reward), terminated: true })
    }

    fn legal(&self) -> Vec<bool> {
        let legal = MASKED_LEGAL[whole(self.situation) as usize];
        (0..MASKED_ACTIONS).map(|action| legal >> action & 1 == 1).collect()
    }
}

/// Probe/Target: the point to name.
#[derive(Debug, Clone, Copy)]
pub struct Target<R> {
    /// Its first coordinate.
    pub x: R,
    /// Its second coordinate.
    pub y: R,
}

impl<R: Real> Target<R> {
    /// The state stored in two words.
    ///
    /// # Panics
    /// When there are not two.
    pub fn from_words(words: &[R]) -> Self {
        let &[x, y] = words else { panic!("{} words instead of Probe/Target's two", words.len()) };
        Target { x, y }
    }

    /// A random first state.
    pub fn reset(stream: &mut Stream) -> Self {
        let range = R::from_f64(TARGET_RANGE);
        let mut draw = || -range + (range - -range) * R::from_f32(stream.uniform());
        Target { x: draw(), y: draw() }
    }
}

impl<R: Real> State<R> for Target<R> {
    fn to_words(&self) -> Vec<R> {
        vec![self.x, self.y]
    }

    fn observe(&self) -> Vec<R> {
        vec![self.x, self.y]
    }

    /// Costs the squared distance.
    fn step(&mut self, action: &Action<R>, _stream: &mut Stream, _site: Site) -> Result<Outcome<R>, Ambiguous> {
        let (x, y) = (action.values()[0] - self.x, action.values()[1] - self.y);
        Ok(Outcome { reward: -(x * x + y * y), terminated: true })
    }
}

/// Probe/Privileged: the coin that is bet on.
#[derive(Debug, Clone, Copy)]
pub struct Privileged<R> {
    /// 1 for heads, -1 for tails.
    pub coin: R,
}

impl<R: Real> Privileged<R> {
    /// The state stored in one word.
    ///
    /// # Panics
    /// When there is not one.
    pub fn from_words(words: &[R]) -> Self {
        let &[coin] = words else { panic!("{} words instead of Probe/Privileged's one", words.len()) };
        Privileged { coin }
    }

    /// A random first state.
    pub fn reset(stream: &mut Stream) -> Self {
        Privileged { coin: if stream.uniform() < HEADS { R::one() } else { -R::one() } }
    }
}

impl<R: Real> State<R> for Privileged<R> {
    fn to_words(&self) -> Vec<R> {
        vec![self.coin]
    }

    fn observe(&self) -> Vec<R> {
        vec![R::one(), self.coin]
    }

    fn step(&mut self, action: &Action<R>, _stream: &mut Stream, _site: Site) -> Result<Outcome<R>, Ambiguous> {
        Ok(Outcome { reward: if action.choice() == 1 { self.coin } else { -self.coin }, terminated: true })
    }
}

/// Probe/Memory: the signal to remember.
#[derive(Debug, Clone, Copy)]
pub struct Signal<R> {
    /// -1 or 1.
    pub signal: R,
    /// 1 if it is asked for, 0 while it is shown.
    pub asked: R,
}

impl<R: Real> Signal<R> {
    /// The state stored in two words.
    ///
    /// # Panics
    /// When there are not two.
    pub fn from_words(words: &[R]) -> Self {
        let &[signal, asked] = words else { panic!("{} words instead of Probe/Memory's two", words.len()) };
        Signal { signal, asked }
    }

    /// A random first state.
    pub fn reset(stream: &mut Stream) -> Self {
        Signal { signal: if stream.below(2) == 1 { R::one() } else { -R::one() }, asked: R::zero() }
    }
}

impl<R: Real> State<R> for Signal<R> {
    fn to_words(&self) -> Vec<R> {
        vec![self.signal, self.asked]
    }

    fn observe(&self) -> Vec<R> {
        vec![if self.asked.value() == 1.0 { R::zero() } else { self.signal }]
    }

    fn step(&mut self, action: &Action<R>, _stream: &mut Stream, _site: Site) -> Result<Outcome<R>, Ambiguous> {
        let asked = self.asked.value() == 1.0;
        let pay = if action.choice() == 1 { self.signal } else { -self.signal };
        self.asked = R::one();
        Ok(Outcome { reward: if asked { pay } else { R::zero() }, terminated: asked })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: Site = Site { kernel: "rollout", agent: 0, index: 0 };

    fn reward(mut state: impl State<f64>, action: Action<f64>) -> f64 {
        let outcome = state.step(&action, &mut Stream::new(0, 0, 0, 0), SITE).unwrap();
        assert!(outcome.terminated);
        outcome.reward
    }

    #[test]
    fn every_situation_of_choice_has_its_own_right_pair() {
        let pairs: Vec<[u32; 2]> = (0..2).flat_map(|first| (0..3).map(move |second| [first, second])).collect();
        let pay = |situation: u32, pair: &[u32; 2]| reward(Choice { situation: f64::from(situation) }, Action::Choices(pair.to_vec()));
        let mut right: Vec<&[u32; 2]> = Vec::new();
        for situation in 0..CHOICE_SITUATIONS {
            right.extend(pairs.iter().filter(|pair| pay(situation, pair) == 1.0));
            assert_eq!(pairs.iter().map(|pair| pay(situation, pair)).sum::<f64>() / 6.0, 5.0 / 12.0);
        }
        right.sort();
        assert_eq!(right, pairs.iter().collect::<Vec<_>>());
    }

    #[test]
    fn best_legal_actions_of_masked_are_those_of_the_header() {
        let mut best = Vec::new();
        for situation in 0..MASKED_SITUATIONS {
            let state = Masked { situation: f64::from(situation) };
            let pay = |action: u32| reward(state, Action::Choices(vec![action]));
            let legal = |action: &u32| state.legal()[*action as usize];
            assert!((0..MASKED_ACTIONS).all(|action| legal(&action) == (pay(action) <= 1.0)));
            best.push((0..MASKED_ACTIONS).filter(legal).map(|action| (pay(action), action)).max_by(|a, b| a.0.total_cmp(&b.0)).unwrap());
        }
        assert_eq!(best, [(0.5, 2), (1.0, 3), (1.0, 2), (1.0, 1)]);
    }

    #[test]
    fn target_costs_the_squared_distance() {
        let target = Target { x: 0.5, y: -0.25 };
        assert_eq!(reward(target, Action::Values(vec![0.5, -0.25])), 0.0);
        assert_eq!(reward(target, Action::Values(vec![-1.0, 0.75])), -3.25);
    }
}
