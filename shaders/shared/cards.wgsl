// Cards that are dealt from shuffled decks. Only the kind of a card matters in a game (its colour, suit or rank), so what is kept of a deck is how many cards of
// each kind are left, and to deal one is to draw without replacement. A game declares KINDS.

//! import rng

// A deck of `cards` cards, as many of each kind.
fn cards_shuffled(cards: u32) -> array<u32, KINDS> {
    var left: array<u32, KINDS>;
    for (var kind = 0u; kind < KINDS; kind++) {
        left[kind] = cards / KINDS;
    }
    return left;
}

// The kind of the next card.
fn cards_deal(left: ptr<function, array<u32, KINDS>>, rng: ptr<function, Rng>) -> u32 {
    var count = 0u;
    for (var kind = 0u; kind < KINDS; kind++) {
        count += (*left)[kind];
    }
    // Its place, if those that are left lay sorted by kind.
    var place = rng_below(rng, count);
    var dealt = 0u;
    for (var kind = 0u; kind < KINDS; kind++) {
        let passed = dealt == kind && place >= (*left)[kind];
        place -= select(0u, (*left)[kind], passed);
        dealt += select(0u, 1u, passed);
    }
    for (var kind = 0u; kind < KINDS; kind++) {
        (*left)[kind] -= select(0u, 1u, kind == dealt);
    }
    return dealt;
}

// A card at `centre` of the picture, in the colour of its kind.
fn cards_picture(background: vec3<f32>, uv: vec2<f32>, centre: vec2<f32>, kind: u32) -> vec3<f32> {
    let hue = f32(kind) / f32(KINDS);
    let colour = 0.52 + 0.33 * cos(6.2831853 * (hue + vec3(0.0, 0.33, 0.67)));
    let outside = max(abs(uv - centre) - vec2(0.13, 0.19), vec2(0.0));
    return select(background, colour, length(outside) < 0.03);
}
