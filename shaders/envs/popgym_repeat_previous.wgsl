// popgym-RepeatPrevious: name the suit of the card that was dealt some steps ago, while others are dealt.
// Actions: the suit. Observation: the suit of the card that was dealt last, one-hot. Reward: once there are DELAY cards, 1 / (cards - DELAY) for the suit of the
// DELAY-th last one (the last one is the first), and as much less for a wrong suit, so that returns are from -1 to 1. The episode ends with the last card.
// Rules: POPGym (Morad et al. 2023), version 1.0.7. Easy: the 4th last of 1 deck; Medium: the 32nd last of 2 decks; Hard: the 64th last of 3.

//! import cards

const DECKS: u32 = 1u;
const DELAY: u32 = 4u;  // at most 64
const CARDS: u32 = 52u * DECKS;
const KINDS: u32 = 4u;  // suits
const OBSERVATION: u32 = 4u;
const ACTIONS: u32 = 4u;
const TIME_LIMIT: u32 = 0xffffffffu;  // the deck ends

const PAY: f32 = 1.0 / f32(CARDS - DELAY);

struct EnvState {
    left: array<u32, KINDS>,
    last: vec4<u32>,  // suits of the last 64 cards, two bits each, the latest one lowest
    dealt: u32,       // cards
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    var left = cards_shuffled(CARDS);
    let card = cards_deal(&left, rng);
    return EnvState(left, vec4(card, 0u, 0u, 0u), 1u);
}

fn env_step(state: ptr<function, EnvState>, action: u32, rng: ptr<function, Rng>) -> Outcome {
    let old = *state;
    let asked = (old.last[(DELAY - 1u) / 16u] >> (2u * ((DELAY - 1u) % 16u))) & 3u;
    let reward = select(-PAY, PAY, action == asked);
    var left = old.left;
    let card = cards_deal(&left, rng);
    *state = EnvState(left, (old.last << vec4(2u)) | vec4(card, old.last.xyz >> vec3(30u)), old.dealt + 1u);
    return Outcome(select(0.0, reward, old.dealt >= DELAY), old.dealt + 1u == CARDS);
}

fn env_component(state: ptr<function, EnvState>, index: u32) -> bool {
    return ((*state).last.x & 3u) == index;
}

// The card that is asked for above, if there is one, and the last one below.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    let asked = (state.last[(DELAY - 1u) / 16u] >> (2u * ((DELAY - 1u) % 16u))) & 3u;
    let above = select(vec3(0.95), cards_picture(vec3(0.95), uv, vec2(0.5, 0.27), asked), state.dealt >= DELAY);
    return cards_picture(above, uv, vec2(0.5, 0.73), state.last.x & 3u);
}
