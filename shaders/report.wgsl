// One row of metrics for each agent, the source of all output on the host; then advances the agent's counters.
// `recent` keeps return and length of the last WINDOW finished episodes in the order (t, n) in which they finished, newest first. A rollout with a
// fault adds none.
// One workgroup: one agent. Reads transitions, env_statistics, losses, faults. Writes agents, recent, metrics. Twin: src/reference/report.rs.

//! import grid
//! import agent
//! import rng
//! import fault
//! import transition
//! import env_statistics
//! import moments_of
//! import reduce
//! import reduce_moments

@group(0) @binding(0) var<storage, read_write> agents: array<Agent>;                   // [s]
@group(0) @binding(1) var<storage, read> transitions: array<Transition>;               // [s][t][n]
@group(0) @binding(2) var<storage, read> env_statistics: array<EnvStatistics>;         // [s][n]
@group(0) @binding(3) var<storage, read> losses: array<vec4<f32>>;                     // [s][e][k][8/4]
@group(0) @binding(4) var<storage, read_write> faults: array<atomic<u32>>;             // [s]
@group(0) @binding(5) var<storage, read_write> recent: array<vec2<f32>>;               // [s][100]
@group(0) @binding(6) var<storage, read_write> metrics: array<MetricsRow>;             // [s]

struct MetricsRow {
    total_episodes: vec2<u32>,  // finished since the start; low and high word
    sequence: u32,         // updates executed before this one; the host checks that none is missing
    update: u32,           // updates learned from, this one included
    episodes: u32,         // finished in this rollout
    window: u32,           // episodes in mean_return and mean_length
    fault: u32,            // code of the first fault
    stopped: u32,          // bit 0: had stopped before this update; bit 1: stops with this one
    mean_return: f32,
    mean_length: f32,
    policy_loss: f32,
    value_loss: f32,
    entropy: f32,
    approx_kl: f32,
    clip_fraction: f32,
    explained_variance: f32,
    grad_norm: f32,
    learning_rate: f32,
    gradient_steps: u32,   // gradient steps made in this update
    padding: u32,
}

const_assert WINDOW <= LANES;

const ROUNDINGS: f32 = 8.0;             // of a step in `gae`: a normalised reward, two products and two sums of delta, a product and a sum of the advantage, the target
const ROUNDOFF: f32 = 1.0 / 16777216.0;  // of one operation, relative
const SPAN: u32 = 32u;  // steps that a lane searches at once: the bits of a word

var<workgroup> counts: array<u32, LANES>;          // running counts of finished episodes
var<workgroup> finished: array<vec2<f32>, WINDOW>; // return and length of episodes of this rollout, newest first
var<workgroup> first_fault: u32;                   // the agent's, for all lanes

@compute @workgroup_size(LANES)
fn report(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let s = place_of(workgroup).s;
    var agent = agents[s];

    // Statistics of the rollout.
    var episodes_of_lane = 0u;
    var targets_of_lane = MomentsOf(0.0, 0.0, 0.0);
    var advantages_of_lane = MomentsOf(0.0, 0.0, 0.0);
    for (var n = lane; n < ENVS; n += LANES) {
        let statistics = env_statistics[s * ENVS + n];
        episodes_of_lane += statistics.episodes;
        targets_of_lane = moments_merge(targets_of_lane, MomentsOf(f32(STEPS), statistics.target_mean, statistics.target_m2));
        advantages_of_lane = moments_merge(advantages_of_lane, MomentsOf(f32(STEPS), statistics.advantage_mean, statistics.advantage_m2));
    }
    let targets = reduce_moments(targets_of_lane, lane);
    let advantages = reduce_moments(advantages_of_lane, lane);
    if (lane == 0u) {
        first_fault = atomicLoad(&faults[s]);
    }
    count_before_and_at(episodes_of_lane, lane);
    let episodes = workgroupUniformLoad(&counts[LANES - 1u]);
    let fault = workgroupUniformLoad(&first_fault);

    // The newest episodes: backwards through the rollout, SPAN steps for each lane at once. One step for each lane at a time would take more loop rounds than
    // software drivers allow an invocation (65,535 over all its loops).
    let wanted = select(min(WINDOW, episodes), 0u, fault < FAULT_VALUE);
    var found = 0u;
    for (var end = BATCH; end > 0u && found < wanted; end -= min(end, LANES * SPAN)) {
        let last = end - min(end, lane * SPAN);      // the lane's steps are first .. last
        let first = last - min(last, SPAN);
        var ended = 0u;                              // a bit for each, the first one's the lowest
        for (var i = first; i < last; i++) {
            ended |= select(0u, 1u, (transitions[s * BATCH + i].ending & ENDED) != 0u) << (i - first);
        }
        count_before_and_at(countOneBits(ended), lane);
        var rank = found + counts[lane] - countOneBits(ended);
        while (ended != 0u && rank < wanted) {
            let i = firstLeadingBit(ended);
            let transition = transitions[s * BATCH + first + i];
            finished[rank] = vec2(transition.episode_return, f32(transition.episode_length));
            rank++;
            ended ^= 1u << i;
        }
        found += workgroupUniformLoad(&counts[LANES - 1u]);
    }
    let kept = min(WINDOW - wanted, agent.recent);
    var episode = vec2(0.0);
    if (lane < wanted) {
        episode = finished[lane];
    } else if (lane < wanted + kept) {
        episode = recent[s * WINDOW + lane - wanted];
    }
    // All lanes read before any lane writes.
    storageBarrier();
    agent.recent = wanted + kept;
    if (lane < agent.recent) {
        recent[s * WINDOW + lane] = episode;
    }
    let window = reduce_sum(vec4(episode, 0.0, 0.0), lane) / max(f32(agent.recent), 1.0);

    // Losses, averaged over the gradient steps that were made.
    var policy_of_lane = vec4(0.0);
    var value_of_lane = vec4(0.0);
    for (var i = lane; i < EPOCHS * MINIBATCHES; i += LANES) {
        let base = (s * EPOCHS * MINIBATCHES + i) * LOSSES / 4u;
        let value_losses = losses[base + 1u];
        if (!TARGET_KL || value_losses.z == 0.0) {
            policy_of_lane += losses[base];
            value_of_lane += vec4(value_losses.xy, 1.0, 0.0);
        }
    }
    let value_sum = reduce_sum(value_of_lane, lane);
    let made = value_sum.z;
    let policy = reduce_sum(policy_of_lane, lane) / max(made, 1.0);
    let value = value_sum / max(made, 1.0);

    if (lane == 0u) {
        agent.fault = select(fault, agent.fault, agent.stopped != 0u);
        let stops = fault != NO_FAULT || (agent.recent == WINDOW && window.x >= agent.target_return);
        agent.episodes = counted_on(agent.episodes, episodes);
        var row: MetricsRow;
        row.sequence = agent.sequence;
        row.update = agent.update + 1u - agent.stopped;
        row.episodes = episodes;
        row.total_episodes = agent.episodes;
        row.window = agent.recent;
        row.fault = fault;
        row.stopped = agent.stopped | select(0u, 2u, stops);
        row.mean_return = window.x;
        row.mean_length = window.y;
        row.policy_loss = policy.x;
        row.value_loss = value.x;
        row.entropy = policy.y;
        row.approx_kl = policy.z;
        row.clip_fraction = policy.w;
        row.explained_variance = explained_variance(agent, targets, advantages);
        row.grad_norm = value.y;
        row.learning_rate = learning_rate(agent);
        row.gradient_steps = u32(made);
        metrics[s] = row;
        agent.sequence += 1u;
        agent.update += 1u - agent.stopped;
        let gradient_steps = counted_on(vec2(agent.gradient_steps, 0u), select(u32(made), 0u, agent.stopped != 0u));
        agent.gradient_steps = select(gradient_steps.x, 0xFFFFFFFFu, gradient_steps.y > 0u);
        agent.stopped |= select(0u, 1u, stops);
        agents[s] = agent;
    }
}

// A counter of two words, low and high, plus `more`.
fn counted_on(counter: vec2<u32>, more: u32) -> vec2<u32> {
    let low = counter.x + more;
    return vec2(low, counter.y + select(0u, 1u, low < more));
}

// 1 - Var(target - V) / Var(target). Var(target - V) is the variance of the advantages. The result is 0 if targets are constant up to rounding.
// `gae` computes a target with ROUNDINGS operations per step, whose errors decay like the advantages do, on numbers of the size of targets and advantages.
fn explained_variance(agent: Agent, targets: MomentsOf, advantages: MomentsOf) -> f32 {
    let decay = agent.gamma * agent.gae_lambda;
    let horizon = select(f32(STEPS), min(f32(STEPS), 1.0 / (1.0 - decay)), decay < 1.0);
    let size = abs(targets.mean) + abs(advantages.mean) + sqrt(advantages.m2 / advantages.count);
    let error = ROUNDINGS * horizon * ROUNDOFF * size;
    return select(0.0, 1.0 - advantages.m2 / targets.m2, targets.m2 > targets.count * error * error);
}

// Leaves in `counts` the running sum of `value` over each lane and the ones before it (Hillis and Steele 1986); the last one's is the total, to be read by a
// uniform load, before which no lane may call this again. It is not returned, since a returned structure counts as non-uniform if any member is. Uniform
// control flow only.
fn count_before_and_at(value: u32, lane: u32) {
    counts[lane] = value;
    workgroupBarrier();
    for (var stride = 1u; stride < LANES; stride *= 2u) {
        let before = select(0u, counts[max(lane, stride) - stride], lane >= stride);
        workgroupBarrier();
        counts[lane] += before;
        workgroupBarrier();
    }
}
