"""Writes the data that ppo-gpu's conformance tests compare against, from software we did not write.

    python generate.py            writes cartpole_v1.json and ppo.json beside this file
    python generate.py --check    regenerates both in memory and compares them with the files on disk

CartPole trajectories come from Gymnasium; losses, gradients, clipping and Adam from JAX and Optax in float64;
advantages from NumPy, straight from their definition as a sum. Every input is a float32 value, so a float32 program
starts from exactly the same numbers, and no input lies so close to a kink of the objective that rounding could put
float32 and float64 on different sides of it. The assertions below state, and enforce, what the files contain.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import optax

jax.config.update("jax_enable_x64", True)

HERE = Path(__file__).resolve().parent
Json = dict[str, Any]
Policy = Callable[[np.ndarray, int], int]


def single(values: Any) -> np.ndarray:
    """Rounds to float32 and returns the result as float64: exactly representable in both."""
    return np.asarray(values, dtype=np.float32).astype(np.float64)


# ---------------------------------------------------------------------------------------------------------------------
# CartPole-v1
# ---------------------------------------------------------------------------------------------------------------------

STEP_LIMIT = 500
# No state may come this close to a terminal threshold: a float32 step could fall on the other side of it.
THRESHOLD_MARGIN = 1e-4


def play(seed: int, policy: Policy) -> Json:
    """Plays one episode and records the float64 state before and after every step."""
    env = gymnasium.make("CartPole-v1")
    assert env.spec is not None and env.spec.max_episode_steps == STEP_LIMIT
    cart: Any = env.unwrapped
    env.reset(seed=seed)

    def state() -> np.ndarray:
        values = np.array(cart.state)
        assert values.dtype == np.float64 and values.shape == (4,)
        for value, limit in ((values[0], cart.x_threshold), (values[2], cart.theta_threshold_radians)):
            assert abs(abs(value) - limit) > THRESHOLD_MARGIN, f"seed {seed}: a state sits on a threshold"
        return values

    states, actions, rewards, terminated, truncated = [state()], [], [], [], []
    while not (terminated and (terminated[-1] or truncated[-1])):
        actions.append(policy(states[-1], len(actions)))
        _, reward, term, trunc, _ = env.step(actions[-1])
        states.append(state())
        rewards.append(float(reward))
        terminated.append(bool(term))
        truncated.append(bool(trunc))
    env.close()

    fell = bool(abs(states[-1][2]) > cart.theta_threshold_radians)
    left = bool(abs(states[-1][0]) > cart.x_threshold)
    assert terminated[-1] == (fell or left) and not (fell and left)
    assert truncated[-1] == (len(actions) == STEP_LIMIT)
    assert not any(terminated[:-1]) and not any(truncated[:-1])
    return {
        "seed": seed,
        "states": [s.tolist() for s in states],
        "actions": actions,
        "rewards": rewards,
        "terminated": terminated,
        "truncated": truncated,
        "end": "angle" if fell else "position" if left else "time limit",
    }


def coin(seed: int) -> Policy:
    """Uniform random actions from their own stream."""
    rng = np.random.default_rng([seed, 1])
    return lambda _state, _step: int(rng.integers(2))


def always(action: int) -> Policy:
    return lambda _state, _step: action


def balance(state: np.ndarray, _step: int = 0) -> int:
    """Pushes under the falling pole, and leans it gently back towards the middle of the track."""
    x, x_dot, theta, theta_dot = state
    return int(theta + 0.3 * theta_dot + 0.02 * x + 0.05 * x_dot > 0)


def lean(angle: float) -> Policy:
    """Holds the pole tilted by `angle`, which takes the cart off the track on that side without dropping the pole."""
    return lambda state, _step: int(state[2] - angle + 0.3 * state[3] > 0)


def drop_at_the_limit(seed: int) -> Json:
    """Balances, then stops balancing just early enough that the pole falls on the very last step allowed.

    The step is then terminated and truncated at once; a trainer must not bootstrap from it.
    """
    for tail in range(2, 40):
        for push in (0, 1):

            def policy(state: np.ndarray, step: int, tail: int = tail, push: int = push) -> int:
                return push if step >= STEP_LIMIT - tail else balance(state)

            episode = play(seed, policy)
            if episode["terminated"][-1] and episode["truncated"][-1]:
                return episode
    raise AssertionError(f"seed {seed}: no push ends the episode on its last step")


def cartpole() -> Json:
    episodes = [play(seed, coin(seed)) for seed in range(16)]
    episodes += [play(seed, always(seed % 2)) for seed in range(100, 106)]
    episodes += [play(seed, balance) for seed in (200, 201)]
    episodes += [play(300, lean(0.05)), play(301, lean(-0.05))]
    episodes += [drop_at_the_limit(400)]

    ends = [e["end"] for e in episodes]
    assert len(episodes) >= 20 and ends.count("time limit") == 2 and ends.count("position") == 2
    for episode in episodes:
        if episode["end"] == "time limit":
            assert episode["truncated"][-1] and not episode["terminated"][-1] and len(episode["actions"]) == 500
    last_x = [e["states"][-1][0] for e in episodes if e["end"] == "position"]
    last_theta = [e["states"][-1][2] for e in episodes if e["end"] == "angle"]
    assert min(last_x) < 0 < max(last_x) and min(last_theta) < 0 < max(last_theta)
    return {"gymnasium": gymnasium.__version__, "episodes": episodes}


# ---------------------------------------------------------------------------------------------------------------------
# PPO: losses, gradients, global-norm clipping, Adam
# ---------------------------------------------------------------------------------------------------------------------

OBSERVATION, ACTIONS, STEPS = 4, 2, 3
# Distance kept from every kink of the objective, at each of the three steps.
KINK_MARGIN = 1e-4
OBSERVATION_SCALE = np.array([2.4, 2.0, 0.2, 2.0])

Layer = dict[str, Any]
Params = dict[str, list[Layer]]
Batch = dict[str, np.ndarray]


@dataclass(frozen=True)
class Setting:
    """The hyper-parameters of one case."""

    activation: str
    hidden: tuple[int, ...]
    value_clip: bool
    minibatch: int
    clip: float
    entropy_coef: float
    value_coef: float
    max_grad_norm: float
    lr: float

    @property
    def name(self) -> str:
        hidden = "x".join(map(str, self.hidden))
        value = "clipped" if self.value_clip else "plain"
        return f"{self.activation} {hidden} value-{value} m{self.minibatch} norm{self.max_grad_norm:g}"


def settings() -> Iterator[Setting]:
    """Activation x value clipping x shape; the rest rotates so that no two of them always change together."""
    index = 0
    for activation in ("tanh", "relu"):
        for value_clip in (True, False):
            for shape, hidden in enumerate([(8, 8), (5,), (6, 3, 7)]):
                block = index // 3
                # Each of these is rounded to float32; 0.2 becomes 0.20000000298023224.
                pick = lambda options, turn: float(single(options[turn % len(options)]))  # noqa: E731
                yield Setting(
                    activation=activation,
                    hidden=hidden,
                    value_clip=value_clip,
                    minibatch=(16, 37, 70)[(shape + block) % 3],
                    clip=pick((0.2, 0.25, 0.1), shape + 2 * block),
                    entropy_coef=pick((0.01, 0.0, 0.05), block + 2 * shape),
                    value_coef=pick((0.5, 1.0), block // 2 + shape),
                    max_grad_norm=pick((0.5, 100.0), index),
                    lr=pick((2.5e-4, 1e-3, 1e-2), index + block),
                )
                index += 1


def forward(layers: list[Layer], x: Any, activation: str) -> tuple[Any, list[Any]]:
    """A multilayer perceptron: its output, and the pre-activations of its hidden layers."""
    act = {"tanh": jnp.tanh, "relu": jax.nn.relu}[activation]
    hidden = []
    for layer in layers[:-1]:
        hidden.append(x @ layer["weights"] + layer["bias"])
        x = act(hidden[-1])
    return x @ layers[-1]["weights"] + layers[-1]["bias"], hidden


def objective(params: Params, batch: Any, setting: Setting) -> tuple[Any, Json]:
    """The PPO loss of one minibatch. The second result carries its terms, and what `inspect` looks at."""
    eps = setting.clip
    logits, actor_hidden = forward(params["actor"], batch["observations"], setting.activation)
    values, critic_hidden = forward(params["critic"], batch["observations"], setting.activation)
    value = values[:, 0]
    log_policy = jax.nn.log_softmax(logits)
    log_prob = jnp.take_along_axis(log_policy, batch["actions"][:, None], axis=1)[:, 0]
    entropy = -jnp.sum(jnp.exp(log_policy) * log_policy, axis=1).mean()

    raw = batch["advantages"]
    advantage = (raw - raw.mean()) / (raw.std() + 1e-8)  # population standard deviation
    log_ratio = log_prob - batch["old_log_probs"]
    ratio = jnp.exp(log_ratio)
    policy_loss = -jnp.minimum(ratio * advantage, jnp.clip(ratio, 1 - eps, 1 + eps) * advantage).mean()

    error = (value - batch["targets"]) ** 2
    old = batch["old_values"]
    clipped_error = (old + jnp.clip(value - old, -eps, eps) - batch["targets"]) ** 2
    value_loss = 0.5 * (jnp.maximum(error, clipped_error) if setting.value_clip else error).mean()

    terms = {
        "policy_loss": policy_loss,
        "value_loss": value_loss,
        "entropy": entropy,
        "approx_kl": ((ratio - 1) - log_ratio).mean(),
        "clip_fraction": (jnp.abs(ratio - 1) > eps).mean(dtype=jnp.float64),
    }
    seen = {
        "hidden": [*actor_hidden, *critic_hidden],
        "advantage": advantage,
        "ratio": ratio,
        "value": value,
        "error": error,
        "clipped_error": clipped_error,
        "log_prob": log_prob,
    }
    loss = policy_loss + setting.value_coef * value_loss - setting.entropy_coef * entropy
    return loss, {"terms": terms, "seen": seen}


def draw_params(rng: np.random.Generator, setting: Setting) -> Params:
    """Weights of order 1/sqrt(fan-in), small non-zero biases, a policy head small enough to stay far from certainty."""

    def mlp(outputs: int, head_gain: float) -> list[Layer]:
        sizes = [OBSERVATION, *setting.hidden, outputs]
        layers = []
        for depth, (fan_in, fan_out) in enumerate(zip(sizes, sizes[1:])):
            gain = head_gain if depth == len(setting.hidden) else 1.2
            weights = single(rng.normal(size=(fan_in, fan_out)) * gain / math.sqrt(fan_in))
            layers.append({"weights": weights, "bias": single(rng.normal(size=fan_out) * 0.2)})
        return layers

    return {"actor": mlp(ACTIONS, 0.3), "critic": mlp(1, 1.0)}


def offsets(rng: np.random.Generator, size: int, eps: float) -> np.ndarray:
    """Thirds of small, large positive and large negative numbers, relative to `eps`, in random order."""
    kind = rng.permutation(np.arange(size) % 3)
    small, large = rng.uniform(-0.8, 0.8, size) * eps, rng.uniform(1.2, 2.0, size) * eps
    return np.choose(kind, [small, large, -large])


def draw_batch(rng: np.random.Generator, params: Params, setting: Setting) -> Batch:
    """A minibatch whose old policy and old values differ from the current ones by chosen amounts."""
    size = setting.minibatch
    observations = single(rng.uniform(-1, 1, (size, OBSERVATION)) * OBSERVATION_SCALE)
    actions = rng.integers(ACTIONS, size=size)
    logits, _ = forward(params["actor"], observations, setting.activation)
    log_policy = np.asarray(jax.nn.log_softmax(logits))
    log_prob = log_policy[np.arange(size), actions]
    value = np.asarray(forward(params["critic"], observations, setting.activation)[0])[:, 0]
    advantages = single(rng.normal(1.0, 2.0, size))
    old_values = single(value - offsets(rng, size, setting.clip))
    return {
        "observations": observations,
        "actions": actions,
        "old_log_probs": single(log_prob - offsets(rng, size, setting.clip)),
        "advantages": advantages,
        "old_values": old_values,
        "targets": single(advantages + old_values),
    }


def unambiguous(seen: Json, batch: Batch, setting: Setting) -> bool:
    """True where nothing lies within KINK_MARGIN of a point at which the gradient jumps."""
    eps, ratio, advantage = setting.clip, seen["ratio"], seen["advantage"]
    change = seen["value"] - batch["old_values"]
    ratio_out, change_out = np.abs(ratio - 1) > eps, np.abs(change) > eps
    # Inside the clip range both branches of the minimum (and of the maximum) are the same function; outside it they
    # must be told apart with certainty.
    policy_gap = np.abs((ratio - np.clip(ratio, 1 - eps, 1 + eps)) * advantage)[ratio_out]
    value_gap = np.abs(seen["error"] - seen["clipped_error"])[change_out]
    gaps = [np.abs(np.abs(ratio - 1) - eps), np.abs(np.abs(change) - eps), policy_gap, value_gap]
    if setting.activation == "relu":
        gaps += [np.abs(h) for h in seen["hidden"]]
    return all(float(np.min(g, initial=np.inf)) > KINK_MARGIN for g in gaps)


def covers(seen: Json, batch: Batch, setting: Setting) -> bool:
    """True where every branch of both losses is taken by some sample."""
    eps, ratio, positive = setting.clip, seen["ratio"], seen["advantage"] > 0
    change = seen["value"] - batch["old_values"]
    worse = seen["error"] > seen["clipped_error"]
    groups = [
        place & side
        for place in (ratio > 1 + eps, ratio < 1 - eps, np.abs(ratio - 1) < eps)
        for side in (positive, ~positive)
    ]
    groups += [place & side for place in (change > eps, change < -eps) for side in (worse, ~worse)]
    groups += [np.abs(change) < eps]
    return all(bool(group.any()) for group in groups)


def plain(tree: Any) -> Any:
    """Arrays to nested lists."""
    return jax.tree.map(lambda leaf: np.asarray(leaf).tolist(), tree)


def norm(tree: Any) -> float:
    return math.sqrt(sum(float(np.sum(np.square(leaf))) for leaf in jax.tree.leaves(tree)))


def train(params: Params, batch: Batch, setting: Setting, loss_and_grad: Callable[..., Any]) -> list[Json] | None:
    """Three optimiser steps on one minibatch, or None where some step would be ambiguous in float32."""
    clipper = optax.clip_by_global_norm(setting.max_grad_norm)
    optimiser = optax.chain(clipper, optax.adam(setting.lr, b1=0.9, b2=0.999, eps=1e-5))
    state = optimiser.init(params)
    moments = jax.tree.map(lambda leaf: (np.zeros_like(leaf), np.zeros_like(leaf)), params)
    steps: list[Json] = []
    for number in range(1, STEPS + 1):
        (_, aux), grads = loss_and_grad(params, batch)
        seen = jax.tree.map(np.asarray, aux["seen"])
        if not unambiguous(seen, batch, setting):
            return None
        length = norm(grads)
        if abs(length / setting.max_grad_norm - 1) < 0.01:
            return None
        if number == 1:
            if not covers(seen, batch, setting) or any(not np.any(leaf) for leaf in jax.tree.leaves(grads)):
                return None
            check_gradient(params, batch, setting, grads)
        clipped = clipper.update(grads, clipper.init(params))[0]
        assert math.isclose(norm(clipped), min(length, setting.max_grad_norm), rel_tol=1e-12)

        updates, state = optimiser.update(grads, state, params)
        params, before = optax.apply_updates(params, updates), params
        moments, expected = adam_by_hand(before, clipped, moments, number, setting.lr)
        for ours, theirs in zip(jax.tree.leaves(expected), jax.tree.leaves(params)):
            np.testing.assert_allclose(theirs, ours, rtol=1e-12, atol=1e-13)

        step = {key: float(term) for key, term in aux["terms"].items()}
        step |= {"grad_norm": length, "gradients": plain(grads)}
        if number == 1:
            step["clipped_gradients"] = plain(clipped)
        steps.append(step | {"params": plain(params)})
    # The norm limit of 0.5 is there to be exceeded, the one of 100 to be left alone.
    exceeded = [step["grad_norm"] > setting.max_grad_norm for step in steps]
    return steps if all(e == (setting.max_grad_norm < 1) for e in exceeded) else None


def check_gradient(params: Params, batch: Batch, setting: Setting, grads: Params) -> None:
    """Central differences along a few directions: a second opinion on automatic differentiation."""
    rng = np.random.default_rng(0)
    for _ in range(3):
        direction = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape), params)
        at = lambda h: float(objective(jax.tree.map(lambda p, d: p + h * d, params, direction), batch, setting)[0])
        slope = sum(float(np.sum(g * d)) for g, d in zip(jax.tree.leaves(grads), jax.tree.leaves(direction)))
        assert abs((at(1e-6) - at(-1e-6)) / 2e-6 - slope) < 1e-6 * (1 + abs(slope))


def adam_by_hand(params: Params, grads: Params, moments: Any, step: int, lr: float) -> tuple[Any, Params]:
    """Adam in NumPy: epsilon is added outside the square root, to the bias-corrected moment."""
    pair = lambda leaf: isinstance(leaf, tuple)  # noqa: E731
    advance = lambda mv, g: (0.9 * mv[0] + 0.1 * np.asarray(g), 0.999 * mv[1] + 0.001 * np.asarray(g) ** 2)  # noqa: E731
    moments = jax.tree.map(advance, moments, grads, is_leaf=pair)

    def move(mv: tuple[np.ndarray, np.ndarray], leaf: Any) -> np.ndarray:
        mean, square = mv[0] / (1 - 0.9**step), mv[1] / (1 - 0.999**step)
        return np.asarray(leaf) - lr * mean / (np.sqrt(square) + 1e-5)

    return moments, jax.tree.map(move, moments, params, is_leaf=pair)


def ppo_case(index: int, setting: Setting) -> Json:
    """Draws inputs until they are unambiguous and cover every branch, then records three steps."""
    loss_and_grad = jax.jit(jax.value_and_grad(partial(objective, setting=setting), has_aux=True))
    for attempt in range(2000):
        rng = np.random.default_rng([2017, index, attempt])
        params = draw_params(rng, setting)
        batch = draw_batch(rng, params, setting)
        if np.max(batch["old_log_probs"]) > -0.01:  # not the logarithm of a probability
            continue
        # Cheap look before the compiled steps.
        seen = jax.tree.map(np.asarray, objective(params, batch, setting)[1]["seen"])
        if not (unambiguous(seen, batch, setting) and covers(seen, batch, setting)):
            continue
        steps = train(params, batch, setting, loss_and_grad)
        if steps is None:
            continue
        inputs = [*jax.tree.leaves(params), *batch.values(), setting.clip, setting.lr, setting.max_grad_norm]
        inputs += [setting.entropy_coef, setting.value_coef]
        assert all(np.array_equal(single(values), values) for values in inputs)
        assert np.array_equal(single(batch["advantages"] + batch["old_values"]), batch["targets"])
        assert 0 < steps[0]["clip_fraction"] < 1
        return {
            "name": setting.name,
            "activation": setting.activation,
            "hidden": list(setting.hidden),
            "value_clip": setting.value_clip,
            "clip": setting.clip,
            "entropy_coef": setting.entropy_coef,
            "value_coef": setting.value_coef,
            "max_grad_norm": setting.max_grad_norm,
            "lr": setting.lr,
            "params": plain(params),
            **plain(batch),
            "steps": steps,
        }
    raise AssertionError(f"no acceptable draw for {setting.name}")


# ---------------------------------------------------------------------------------------------------------------------
# Generalised advantage estimation
# ---------------------------------------------------------------------------------------------------------------------


def advantages_by_definition(case: dict[str, np.ndarray], gamma: float, lam: float, bootstrap: bool) -> np.ndarray:
    """Each advantage is the discounted sum of the temporal differences ahead of it, up to the end of its episode."""
    rewards, values = case["rewards"], case["values"]
    length, envs = rewards.shape
    result = np.zeros((length, envs))
    for env in range(envs):
        for start in range(length):
            for later in range(start, length):
                terminated, truncated = case["terminated"][later, env], case["truncated"][later, env]
                if terminated:
                    ahead = 0.0
                elif truncated:
                    ahead = case["final_values"][later, env] if bootstrap else 0.0
                else:
                    ahead = values[later + 1, env]
                difference = rewards[later, env] + gamma * ahead - values[later, env]
                result[start, env] += (gamma * lam) ** (later - start) * difference
                if terminated or truncated:
                    break
    return result


def gae_case(index: int, shape: tuple[int, int], gamma: float, lam: float) -> Json:
    length, envs = shape
    rng = np.random.default_rng([2016, index])
    gamma, lam = float(single(gamma)), float(single(lam))
    terminated, truncated = rng.random(shape) < 0.15, rng.random(shape) < 0.15
    # Written down rather than left to chance: ends at both edges of the rollout, and a step that is both.
    truncated[0, 0] = truncated[-1, 0] = terminated[length // 2, 1] = truncated[length // 2, 1] = True
    terminated[0, 0] = terminated[-1, 0] = False
    terminated[-1, 1] = True
    terminated[-1, 2] = truncated[-1, 2] = False
    case = {
        "rewards": single(rng.normal(0.5, 1, shape)),
        "values": single(rng.normal(0, 2, (length + 1, envs))),
        "terminated": terminated,
        "truncated": truncated,
        "final_values": single(np.where(truncated, rng.normal(0, 2, shape), 0)),
    }
    results = {}
    for mode in ("bootstrap", "terminal"):
        advantages = advantages_by_definition(case, gamma, lam, mode == "bootstrap")
        results[f"advantages_{mode}"] = advantages
        results[f"targets_{mode}"] = advantages + case["values"][:-1]
    changed = results["advantages_bootstrap"] != results["advantages_terminal"]
    only_truncated = truncated & ~terminated
    assert only_truncated.any() and (terminated & truncated).any() and (terminated & ~truncated).any()
    assert changed[only_truncated].all() and not changed[terminated].any()
    return {"gamma": gamma, "lambda": lam, **plain(case), **plain(results)}


def ppo() -> Json:
    cases = [ppo_case(index, setting) for index, setting in enumerate(settings())]
    for combination in ((a, v) for a in ("tanh", "relu") for v in (True, False)):
        mine = [c for c in cases if (c["activation"], c["value_clip"]) == combination]
        assert {c["max_grad_norm"] for c in mine} == {0.5, 100.0}
        assert {len(c["actions"]) for c in mine} == {16, 37, 70}
        assert {len(c["hidden"]) for c in mine} == {1, 2, 3}
    gae = [
        gae_case(0, (7, 3), 0.99, 0.95),
        gae_case(1, (16, 5), 0.9, 0.8),
        gae_case(2, (33, 4), 1.0, 1.0),
        gae_case(3, (10, 6), 0.97, 0.0),
    ]
    return {"jax": jax.__version__, "optax": optax.__version__, "numpy": np.__version__, "cases": cases, "gae": gae}


# ---------------------------------------------------------------------------------------------------------------------
# Files
# ---------------------------------------------------------------------------------------------------------------------


def encode(data: Json) -> str:
    """JSON with one line per episode or case; floats with as many digits as identify them."""
    dump = partial(json.dumps, allow_nan=False, separators=(",", ":"))
    fields = []
    for key, value in data.items():
        lines = "[\n" + ",\n".join(map(dump, value)) + "\n]" if isinstance(value, list) else dump(value)
        fields.append(f"{dump(key)}: {lines}")
    return "{" + ",\n".join(fields) + "}\n"


def differences(new: Any, old: Any, where: str = "") -> Iterator[str]:
    """Every place where two JSON values differ by more than 1e-9 relative (1e-14 absolute, for sums that cancel)."""
    if isinstance(new, float) and isinstance(old, float):
        if not math.isclose(new, old, rel_tol=1e-9, abs_tol=1e-14):
            yield f"{where}: {old!r} on disk, {new!r} now"
    elif isinstance(new, dict) and isinstance(old, dict) and new.keys() == old.keys():
        for key in new:
            yield from differences(new[key], old[key], f"{where}.{key}")
    elif isinstance(new, list) and isinstance(old, list) and len(new) == len(old):
        for index, pair in enumerate(zip(new, old)):
            yield from differences(*pair, f"{where}[{index}]")
    elif type(new) is not type(old) or new != old:
        yield f"{where}: not the same"


def main() -> int:
    parser = argparse.ArgumentParser(description="Writes or checks the conformance data.")
    parser.add_argument("--check", action="store_true", help="compare with the files on disk instead of writing them")
    check = parser.parse_args().check
    status = 0
    for name, make in (("cartpole_v1.json", cartpole), ("ppo.json", ppo)):
        text = encode(make())
        if not check:
            (HERE / name).write_text(text, encoding="utf-8")
            print(f"{name}: {len(text):,} bytes")
            continue
        found = list(differences(json.loads(text), json.loads((HERE / name).read_text(encoding="utf-8")), name))
        print("\n".join(found[:20]) if found else f"{name}: the same")
        status |= bool(found)
    return status


if __name__ == "__main__":
    sys.exit(main())
