// The choice of an action: a ~ pi(.|o), of the legal ones; or the most probable one, if the plan is deterministic. It is stored in `actions`.

//! import lane_fault
//! import policy

struct Choice {
    action: Action,
    log_prob: f32,
}

fn choose(agent: Agent, time: u32, n: u32, head: array<vec4<f32>, HEAD>, legal: Legal) -> Choice {
    var rng = rng_stream(agent.seed, ACTION_DOMAIN, time, n);
    let policy_ = policy(head, legal);
    let action = action_of(policy_, legal, &rng);
    let log_prob = policy_log_prob(policy_, action);
    note_fault(select(NO_FAULT, FAULT_POLICY_OUTPUT, !is_finite(policy_.entropy) || !is_finite(log_prob)));
    let only = choice_without_legal(legal);
    note_fault(select(FAULT_NO_LEGAL_ACTION + only, NO_FAULT, only == EVERY_CHOICE));
    return Choice(action, log_prob);
}

fn action_of(policy: Policy, legal: Legal, rng: ptr<function, Rng>) -> Action {
    if (DETERMINISTIC) {
        return policy_mode(policy, legal);
    }
    return policy_sample(policy, legal, rng);
}

fn store_action(base: u32, action: Action, legal: Legal) {
    // Software drivers do not remove a loop of one round.
    if (ACTION_WORDS == 1u) {
        actions[base] = action_word(action, 0u);
        return;
    }
    for (var i = 0u; i < ACTION_WORDS - MASK_WORDS; i++) {
        actions[base + i] = action_word(action, i);
    }
    var l = legal;
    for (var i = 0u; i < MASK_WORDS; i++) {
        actions[base + ACTION_WORDS - MASK_WORDS + i] = l.bits[i];
    }
}
