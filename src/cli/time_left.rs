//! How long a run will take.

use crate::run::display::State;

/// Measures how fast updates are made, from the first state that was shown: the first update takes much longer than later ones, since drivers compile and
/// submissions are timed.
#[derive(Debug, Default)]
pub(super) struct TimeLeft {
    /// Updates and seconds of the first state.
    first: Option<(u32, f64)>,
}

impl TimeLeft {
    /// Takes in the present state. One that went back, to an earlier checkpoint, begins anew.
    pub(super) fn take(&mut self, state: &State) {
        if self.first.is_none_or(|(updates, _)| state.updates < updates) {
            self.first = Some((state.updates, state.seconds));
        }
    }

    /// Seconds from `state` to the end of a run of `updates` updates; none before there are two states to compare.
    pub(super) fn seconds(&self, state: &State, updates: u32) -> Option<f64> {
        let left = updates.saturating_sub(state.updates);
        let (first, then) = self.first?;
        match state.updates.saturating_sub(first) {
            _ if left == 0 => Some(0.0),
            0 => None,
            made => Some((state.seconds - then).max(0.0) / f64::from(made) * f64::from(left)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_is_known_from_the_second_state_on_and_does_not_count_the_first_update() {
        let state = |updates: u32, seconds: f64| State { updates, env_steps: 0, sps: 0.0, mean_return: None, seconds, row: None };
        let mut left = TimeLeft::default();
        let mut after = |updates: u32, seconds: f64| {
            left.take(&state(updates, seconds));
            left.seconds(&state(updates, seconds), 40)
        };
        assert_eq!([after(1, 12.0), after(2, 12.5), after(11, 17.0), after(40, 31.5)], [None, Some(19.0), Some(14.5), Some(0.0)]);
        // After a rollback.
        assert_eq!([after(0, 0.0), after(10, 1.0)], [None, Some(3.0)]);
        let mut resumed = TimeLeft::default();
        resumed.take(&state(20, 100.0));
        assert_eq!(resumed.seconds(&state(30, 110.0), 40), Some(10.0));
    }
}
