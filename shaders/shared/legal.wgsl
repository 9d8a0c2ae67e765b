// Which discrete actions are legal: a bit for each of the LOGITS, kept behind the action in `actions`. Without masks (MASK_WORDS = 0) all are.

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

fn some_legal(legal: Legal) -> bool {
    if (MASK_WORDS == 0u) {
        return true;
    }
    var l = legal;
    var any = 0u;
    for (var i = 0u; i < MASK_WORDS; i++) {
        any |= l.bits[i];
    }
    return any != 0u;
}
