// popgym-Autoencode: watch all cards of the decks, then name their suits in the opposite order.
// Actions: the suit. Observation, one-hot: whether cards are to be named or still dealt, then the suit of the last card; once one has been named, suit 0.
// Reward: 1 / cards for each suit that is right, and as much less for a wrong one, so that returns are from -1 to 1. Nothing is paid while cards are dealt. The
// episode ends with the last name. Rules: POPGym (Morad et al. 2023), version 1.0.7. Medium has 2 decks, and Hard 3.

//! import cards

const DECKS: u32 = 1u;  // at most 4
const CARDS: u32 = 52u * DECKS;
const KINDS: u32 = 4u;  // suits
const OBSERVATION: u32 = 6u;
const ACTIONS: u32 = 4u;
const TIME_LIMIT: u32 = 0xffffffffu;  // the deck ends

const PAY: f32 = 1.0 / f32(CARDS);
const WORDS: u32 = (CARDS + 15u) / 16u;

struct EnvState {
    left: array<u32, KINDS>,
    pile: array<u32, WORDS>,  // suits of the cards that are not named yet, two bits each, the last one lowest
    size: u32,                // cards in the pile
    naming: u32,              // 1 once all cards are dealt
    named: u32,               // 1 once one is named
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    var state: EnvState;
    state.left = cards_shuffled(CARDS);
    pile_card(&state, rng);
    return state;
}

// Deals a card onto the pile.
fn pile_card(state: ptr<function, EnvState>, rng: ptr<function, Rng>) {
    var left = (*state).left;
    var carried = cards_deal(&left, rng);
    (*state).left = left;
    for (var i = 0u; i < WORDS; i++) {
        let word = (*state).pile[i];
        (*state).pile[i] = (word << 2u) | carried;
        carried = word >> 30u;
    }
    (*state).size += 1u;
}

fn env_step(state: ptr<function, EnvState>, action: u32, rng: ptr<function, Rng>) -> Outcome {
    if ((*state).naming == 0u) {
        pile_card(state, rng);
        (*state).naming = select(0u, 1u, (*state).size == CARDS);
        return Outcome(0.0, false);
    }
    let reward = select(-PAY, PAY, action == ((*state).pile[0] & 3u));
    var carried = 0u;
    for (var i = 0u; i < WORDS; i++) {
        let word = (*state).pile[WORDS - 1u - i];
        (*state).pile[WORDS - 1u - i] = (word >> 2u) | (carried << 30u);
        carried = word & 3u;
    }
    (*state).size -= 1u;
    (*state).named = 1u;
    return Outcome(reward, (*state).size == 0u);
}

fn env_component(state: ptr<function, EnvState>, index: u32) -> bool {
    let suit = select((*state).pile[0] & 3u, 0u, (*state).named == 1u);
    return select(suit == index - 2u, (*state).naming != index, index < 2u);
}

// The card on top of the pile, on a darker table once it is to be named.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    let table = select(vec3(0.95), vec3(0.75), state.naming == 1u);
    return select(cards_picture(table, uv, vec2(0.5), state.pile[0] & 3u), table, state.size == 0u);
}
