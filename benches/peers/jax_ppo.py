"""PPO on CartPole-v1 in JAX, to compare speed with ppo-gpu: the same algorithm at the same sizes, shaped like PureJaxRL.

The whole of training is one compiled loop. Environments are gymnax's under `vmap`, agents a second `vmap` around them. The episode's time
limit is a terminal state. Prints one JSON object; `sps` leaves out compilation and the first --warmup updates.

    python jax_ppo.py --envs 4 --steps 128 --updates 976    # PureJaxRL's setting: mean return near 490
"""

import argparse
import json
import time
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import gymnax
import jax
import jax.numpy as jnp
import optax
from flax.linen.initializers import orthogonal

GAMMA, LAMBDA, CLIP = 0.99, 0.95, 0.2
ENTROPY_COEF, VALUE_COEF, MAX_GRAD_NORM = 0.01, 0.5, 0.5
MATMUL_PRECISIONS = ("tensorfloat32", "float32")
WINDOW = 100  # episodes that mean_return is taken over, at least


class Mlp(nn.Module):
    """Dense and tanh for each hidden layer, then a linear head. Biases start at 0, Flax's default."""

    hidden: tuple[int, ...]
    outputs: int
    head_gain: float

    @nn.compact
    def __call__(self, x):
        for width in self.hidden:
            x = nn.tanh(nn.Dense(width, kernel_init=orthogonal(2**0.5))(x))
        return nn.Dense(self.outputs, kernel_init=orthogonal(self.head_gain))(x)


class Episodes(NamedTuple):
    """Running return of each environment [N]; return and count of the episodes that finished in one update."""

    running: jax.Array
    total: jax.Array
    count: jax.Array


class Agent(NamedTuple):
    """Everything that an update changes."""

    params: Any  # (actor, critic)
    optimizer: Any
    env_state: Any
    observation: jax.Array  # [N][O]
    running_return: jax.Array  # [N]
    key: jax.Array


class Sample(NamedTuple):
    """One environment step; stacked to [T][N] by a rollout."""

    observation: jax.Array
    action: jax.Array
    log_prob: jax.Array
    value: jax.Array
    reward: jax.Array
    ended: jax.Array


def make(options):
    """(start, advance): `start(seed)` is a new agent, `advance(agent)` one update and (return, count) of the episodes that it finished."""
    env, env_params = gymnax.make("CartPole-v1")
    actor, critic = Mlp(options.hidden, env.action_space(env_params).n, 0.01), Mlp(options.hidden, 1, 1.0)
    batch = options.envs * options.steps
    gradient_steps = options.epochs * options.minibatches

    def learning_rate(step):
        update = step // gradient_steps
        return options.lr * (1 - update / options.updates) if options.anneal_lr else options.lr

    optimizer = optax.chain(optax.clip_by_global_norm(MAX_GRAD_NORM), optax.adam(learning_rate, eps=1e-5))

    def value_of(params, observation):
        return critic.apply(params[1], observation)[..., 0]

    def log_probs_of(params, observation):
        return jax.nn.log_softmax(actor.apply(params[0], observation))

    def start(seed):
        key, actor_key, critic_key, env_key = jax.random.split(jax.random.key(seed), 4)
        observation, env_state = jax.vmap(env.reset, (0, None))(jax.random.split(env_key, options.envs), env_params)
        params = (actor.init(actor_key, observation), critic.init(critic_key, observation))
        return Agent(params, optimizer.init(params), env_state, observation, jnp.zeros(options.envs), key)

    def rollout(agent):
        def step(carry, _):
            env_state, observation, episodes, key = carry
            key, action_key, env_key = jax.random.split(key, 3)
            log_probs, value = log_probs_of(agent.params, observation), value_of(agent.params, observation)
            action = jax.random.categorical(action_key, log_probs)
            log_prob = jnp.take_along_axis(log_probs, action[:, None], 1)[:, 0]
            env_keys = jax.random.split(env_key, options.envs)
            stepped = jax.vmap(env.step, (0, 0, 0, None))(env_keys, env_state, action, env_params)
            next_observation, env_state, reward, terminated, truncated, _ = stepped
            ended = terminated | truncated
            running = episodes.running + reward
            episodes = Episodes(jnp.where(ended, 0, running), episodes.total + (running * ended).sum(), episodes.count + ended.sum())
            return (env_state, next_observation, episodes, key), Sample(observation, action, log_prob, value, reward, ended)

        episodes = Episodes(agent.running_return, jnp.zeros(()), jnp.zeros((), jnp.int32))
        carry = (agent.env_state, agent.observation, episodes, agent.key)
        (env_state, observation, episodes, key), samples = jax.lax.scan(step, carry, None, options.steps)
        agent = agent._replace(env_state=env_state, observation=observation, running_return=episodes.running, key=key)
        return agent, samples, (episodes.total, episodes.count)

    def advantages_of(samples, last_value):
        def step(carry, sample):
            advantage, next_value = carry
            goes_on = 1 - sample.ended
            delta = sample.reward + GAMMA * goes_on * next_value - sample.value
            advantage = delta + GAMMA * LAMBDA * goes_on * advantage
            return (advantage, sample.value), advantage

        return jax.lax.scan(step, (jnp.zeros_like(last_value), last_value), samples, reverse=True, unroll=16)[1]

    def loss(params, samples, advantages, targets):
        log_probs, value = log_probs_of(params, samples.observation), value_of(params, samples.observation)
        ratio = jnp.exp(jnp.take_along_axis(log_probs, samples.action[:, None], 1)[:, 0] - samples.log_prob)
        advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        policy_loss = -jnp.minimum(ratio * advantages, ratio.clip(1 - CLIP, 1 + CLIP) * advantages).mean()
        value_error = (value - targets) ** 2
        if options.value_clip:
            clipped = samples.value + (value - samples.value).clip(-CLIP, CLIP)
            value_error = jnp.maximum(value_error, (clipped - targets) ** 2)
        entropy = -(jnp.exp(log_probs) * log_probs).sum(-1).mean()
        return policy_loss + VALUE_COEF * 0.5 * value_error.mean() - ENTROPY_COEF * entropy

    def minibatch(carry, data):
        params, state = carry
        updates, state = optimizer.update(jax.grad(loss)(params, *data), state)
        return (optax.apply_updates(params, updates), state), None

    def advance(agent):
        agent, samples, finished = rollout(agent)
        advantages = advantages_of(samples, value_of(agent.params, agent.observation))
        data = (samples, advantages, advantages + samples.value)
        flat = jax.tree.map(lambda x: x.reshape(batch, *x.shape[2:]), data)

        def epoch(carry, key):
            order = jax.random.permutation(key, batch)
            shuffled = jax.tree.map(lambda x: x[order].reshape(options.minibatches, -1, *x.shape[1:]), flat)
            return jax.lax.scan(minibatch, carry, shuffled)

        key, *epoch_keys = jax.random.split(agent.key, 1 + options.epochs)
        (params, state), _ = jax.lax.scan(epoch, (agent.params, agent.optimizer), jnp.stack(epoch_keys))
        return agent._replace(params=params, optimizer=state, key=key), finished

    return start, advance


def mean_return(totals, counts):
    """Mean over agents of the return of their last finished episodes: of as many of the last updates as it takes to reach WINDOW."""
    means = []
    for total, count in zip(totals.T.tolist(), counts.T.tolist()):
        returns, episodes = 0.0, 0
        for update in reversed(range(len(total))):
            returns, episodes = returns + total[update], episodes + count[update]
            if episodes >= WINDOW:
                break
        if episodes:
            means.append(returns / episodes)
    return sum(means) / len(means) if means else None


def widths(text):
    return tuple(int(width) for width in text.split(","))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--envs", type=int, default=4)
    parser.add_argument("--steps", type=int, default=128)
    parser.add_argument("--minibatches", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--agents", type=int, default=1, help="independent seeds, under vmap; 1 is without vmap")
    parser.add_argument("--updates", type=int, default=976, help="all of them, the warm-up's too")
    parser.add_argument("--warmup", type=int, default=2, help="updates that are not timed")
    parser.add_argument("--seed", type=int, default=0, help="agent k uses seed + k")
    parser.add_argument("--lr", type=float, default=2.5e-4)
    parser.add_argument("--anneal-lr", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--value-clip", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--hidden", type=widths, default=(64, 64), help="units of the hidden layers, separated by commas [default: 64,64]")
    parser.add_argument("--matmul-precision", choices=MATMUL_PRECISIONS, help="of matrix products, in place of JAX's default")
    parser.add_argument("--json", action="store_true", help="one line, rather than indented")
    options = parser.parse_args()
    if options.envs * options.steps % options.minibatches:
        parser.error("--minibatches must divide envs * steps")
    if not 0 <= options.warmup < options.updates:
        parser.error("--warmup must be less than --updates")

    jax.config.update("jax_default_matmul_precision", options.matmul_precision)
    began = time.perf_counter()
    start, advance = make(options)
    seeds = jnp.arange(options.agents) + options.seed
    if options.agents == 1:
        agents = jax.jit(start)(options.seed)
    else:
        # One agent after another: jaxlib 0.10's batched QR, inside orthogonal(), waits for its own thread pool for ever on two cores.
        agents, advance = jax.jit(partial(jax.lax.map, start))(seeds), jax.vmap(advance)
    shape = (options.updates,) if options.agents == 1 else (options.updates, options.agents)
    history = (jnp.zeros(shape), jnp.zeros(shape, jnp.int32))

    # The bounds are arguments, so that one compiled program serves the warm-up and the updates that are timed.
    @partial(jax.jit, donate_argnums=(0, 1))
    def train(agents, history, first, end):
        def body(update, carry):
            agents, finished = advance(carry[0])
            return agents, jax.tree.map(lambda rows, row: rows.at[update].set(row), carry[1], finished)

        return jax.lax.fori_loop(first, end, body, (agents, history))

    jax.block_until_ready(agents)
    compiled = train.lower(agents, history, 0, options.updates).compile()
    compile_seconds = time.perf_counter() - began
    agents, history = jax.block_until_ready(compiled(agents, history, 0, options.warmup))
    began = time.perf_counter()
    agents, history = jax.block_until_ready(compiled(agents, history, options.warmup, options.updates))
    seconds = time.perf_counter() - began

    env_steps = (options.updates - options.warmup) * options.agents * options.envs * options.steps
    totals, counts = (rows.reshape(options.updates, options.agents) for rows in history)
    result = {
        "implementation": f"JAX {jax.__version__}",
        "device": jax.devices()[0].device_kind,
        "platform": jax.devices()[0].platform,
        "envs": options.envs,
        "steps": options.steps,
        "agents": options.agents,
        "minibatches": options.minibatches,
        "epochs": options.epochs,
        "hidden": options.hidden,
        "matmul_precision": options.matmul_precision,
        "updates": options.updates,
        "warmup": options.warmup,
        "env_steps": env_steps,
        "compile_seconds": round(compile_seconds, 3),
        "seconds": round(seconds, 6),
        "sps": round(env_steps / seconds, 1),
        "mean_return": mean_return(totals, counts),
    }
    print(json.dumps(result, indent=None if options.json else 2))


if __name__ == "__main__":
    main()
