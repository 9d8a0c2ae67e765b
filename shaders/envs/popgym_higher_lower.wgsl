// popgym-HigherLower: guess whether the next card's rank is higher or lower than that of the last one.
// Actions: higher (0), lower (1). Observation: the rank of the last card, one-hot. Reward: 1 / cards for a right guess, as much less for a wrong one, and nothing if
// both ranks are equal. Who counts cards knows what is left. The episode ends with the last card.
// Rules: POPGym (Morad et al. 2023), version 1.0.7. Medium has 2 decks, and Hard 3.

//! import cards

const DECKS: u32 = 1u;
const CARDS: u32 = 52u * DECKS;
const KINDS: u32 = 13u;  // ranks
const OBSERVATION: u32 = 13u;
const ACTIONS: u32 = 2u;
const TIME_LIMIT: u32 = 0xffffffffu;  // the deck ends

const PAY: f32 = 1.0 / f32(CARDS);

struct EnvState {
    left: array<u32, KINDS>,
    card: u32,   // rank of the last card
    dealt: u32,  // cards
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    var left = cards_shuffled(CARDS);
    let card = cards_deal(&left, rng);
    return EnvState(left, card, 1u);
}

fn env_step(state: ptr<function, EnvState>, action: u32, rng: ptr<function, Rng>) -> Outcome {
    let before = (*state).card;
    let dealt = (*state).dealt + 1u;
    var left = (*state).left;
    let card = cards_deal(&left, rng);
    *state = EnvState(left, card, dealt);
    let reward = select(-PAY, PAY, (card > before) == (action == 0u));
    return Outcome(select(reward, 0.0, card == before), dealt == CARDS);
}

fn env_component(state: ptr<function, EnvState>, index: u32) -> bool {
    return (*state).card == index;
}

// The last card; the higher its rank, the higher it lies.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    return cards_picture(vec3(0.95), uv, vec2(0.5, 0.75 - 0.5 * f32(state.card) / f32(KINDS - 1u)), state.card);
}
