// popgym-RepeatFirst: name the suit of the episode's first card at every step, while others are dealt.
// Actions: the suit. Observation: the suit of the card that was dealt last, one-hot. Reward: 1 / (cards - 1) for the right suit, and as much less for a wrong one, so
// that returns are from -1 to 1. The episode ends with the last card. Rules: POPGym (Morad et al. 2023), version 1.0.7. Medium has 8 decks, and Hard 16.

//! import cards

const DECKS: u32 = 1u;
const CARDS: u32 = 52u * DECKS;
const KINDS: u32 = 4u;  // suits
const OBSERVATION: u32 = 4u;
const ACTIONS: u32 = 4u;
const TIME_LIMIT: u32 = 0xffffffffu;  // the deck ends

const PAY: f32 = 1.0 / f32(CARDS - 1u);

struct EnvState {
    left: array<u32, KINDS>,
    first: u32,  // suit of the first card
    card: u32,   // suit of the last card
    dealt: u32,  // cards
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    var left = cards_shuffled(CARDS);
    let card = cards_deal(&left, rng);
    return EnvState(left, card, card, 1u);
}

fn env_step(state: ptr<function, EnvState>, action: u32, rng: ptr<function, Rng>) -> Outcome {
    var left = (*state).left;
    let first = (*state).first;
    let dealt = (*state).dealt + 1u;
    let card = cards_deal(&left, rng);
    *state = EnvState(left, first, card, dealt);
    return Outcome(select(-PAY, PAY, action == first), dealt == CARDS);
}

fn env_component(state: ptr<function, EnvState>, index: u32) -> bool {
    return (*state).card == index;
}

// The first card above, the last one below.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    let first = cards_picture(vec3(0.95), uv, vec2(0.5, 0.27), state.first);
    return cards_picture(first, uv, vec2(0.5, 0.73), state.card);
}
