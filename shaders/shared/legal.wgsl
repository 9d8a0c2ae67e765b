// The legal discrete actions: a bit for each of the LOGITS, stored after the action in `actions`. Without masks (MASK_WORDS = 0) all are legal.

struct Legal {
    bits: array<u32, max(MASK_WORDS, 1u)>,
}

fn is_legal(legal: Legal, k: u32) -> bool {
    if (MASK_WORDS == 0u) {
        return true;
    }
    var l = legal;
    return ((l.bits[k / 32u] >> (k % 32u)) & 1u) != 0u;
}

// Whether one of the `count` actions from `first` on is legal.
fn some_legal(legal: Legal, first: u32, count: u32) -> bool {
    var some = false;
    for (var k = first; k < first + count; k++) {
        some = some || is_legal(legal, k);
    }
    return some;
}

// Returned when every choice has a legal action.
const EVERY_CHOICE: u32 = 0xFFFFFFFFu;
