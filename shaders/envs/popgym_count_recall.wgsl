// popgym-CountRecall: say how many cards of the kind that is asked for have been dealt.
// Two shuffled decks are dealt at once: cards, and questions. Actions: the number, 0 to the number of cards of a kind. Observation: the kind of the last card and
// the one that is asked for, both one-hot. Reward: 1 / (cards - 1) for the right number, and as much less for a wrong one, so that returns are from -1 to 1.
// The episode ends with the last card. Rules: POPGym (Morad et al. 2023), version 1.0.7. Easy: the 2 colours of 1 deck; Medium: the 4 suits of 2 decks; Hard: the
// 13 ranks of 4.

//! import cards

const DECKS: u32 = 1u;
const KINDS: u32 = 2u;
const CARDS: u32 = 52u * DECKS;
const OBSERVATION: u32 = 2u * KINDS;
const ACTIONS: u32 = CARDS / KINDS + 1u;
const TIME_LIMIT: u32 = 0xffffffffu;  // the deck ends

const PAY: f32 = 1.0 / f32(CARDS - 1u);

struct EnvState {
    cards: array<u32, KINDS>,      // left
    questions: array<u32, KINDS>,  // the same
    card: u32,                     // kind of the last card
    question: u32,                 // kind that is asked for
    dealt: u32,                    // cards
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    var state: EnvState;
    state.cards = cards_shuffled(CARDS);
    state.questions = cards_shuffled(CARDS);
    deal_both(&state, rng);
    return state;
}

fn deal_both(state: ptr<function, EnvState>, rng: ptr<function, Rng>) {
    var cards = (*state).cards;
    var questions = (*state).questions;
    let card = cards_deal(&cards, rng);
    let question = cards_deal(&questions, rng);
    *state = EnvState(cards, questions, card, question, (*state).dealt + 1u);
}

fn env_step(state: ptr<function, EnvState>, action: u32, rng: ptr<function, Rng>) -> Outcome {
    let count = CARDS / KINDS - (*state).cards[(*state).question];
    deal_both(state, rng);
    return Outcome(select(-PAY, PAY, action == count), (*state).dealt == CARDS);
}

fn env_component(state: ptr<function, EnvState>, index: u32) -> bool {
    return select((*state).question + KINDS, (*state).card, index < KINDS) == index;
}

// The last card above, the question below.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    let card = cards_picture(vec3(0.95), uv, vec2(0.5, 0.27), state.card);
    return cards_picture(select(card, vec3(0.75), uv.y > 0.5), uv, vec2(0.5, 0.73), state.question);
}
