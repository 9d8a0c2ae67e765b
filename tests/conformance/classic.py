"""Writes trajectories of Gymnasium's classic control environments for ppo-gpu's conformance tests.

    python classic.py            writes acrobot_v1.json, mountain_car_v0.json, mountain_car_continuous_v0.json, pendulum_v1.json
    python classic.py --check    plays everything again and compares it with the files on disk, to 1e-9 relative (1e-12 absolute)

Continuous actions are recorded as they were sent; Gymnasium's wrapper ClipAction stands before the environment. Episodes that
come so near to a threshold that float32 could fall on its other side are replaced by those of the next seed. Speeds that are
clipped are rare: some episodes begin in states that no reset leads to.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from episodes import text

HERE = Path(__file__).resolve().parent
Json = dict[str, Any]
Policy = Callable[[np.ndarray, int], Any]
# The first state of an episode, by its seed.
Start = Callable[[int], list[float]]
# Distance kept from every point at which something is decided.
MARGIN = 1e-4
# Of the velocities: Acrobot's two, the cars', the pendulum's.
ACROBOT_SPEEDS = (4 * math.pi, 9 * math.pi)
CAR_SPEED = 0.07
PENDULUM_SPEED = 8.0


def at_limit(velocity: float, limit: float) -> bool:
    # The continuous car's state is float32.
    return abs(velocity) in (limit, np.float32(limit))


def speed_is_clear(velocity: float, limit: float) -> bool:
    return at_limit(velocity, limit) or far(abs(velocity) - limit)


def far(*distances: float) -> bool:
    return all(abs(distance) > MARGIN for distance in distances)


def wrapped(angle: float) -> float:
    return (angle + math.pi) % (2 * math.pi) - math.pi


def acrobot_is_clear(before: np.ndarray, after: np.ndarray) -> bool:
    height = -math.cos(after[0]) - math.cos(after[0] + after[1])
    slow = all(speed_is_clear(v, limit) for v, limit in zip(after[2:], ACROBOT_SPEEDS))
    return slow and far(height - 1, abs(wrapped(after[0])) - math.pi, abs(wrapped(after[1])) - math.pi)


def fast_acrobot_is_clear(before: np.ndarray, after: np.ndarray) -> bool:
    """At the highest speeds single precision is off by more: a hundred times the margin."""
    height = -math.cos(after[0]) - math.cos(after[0] + after[1])
    distances = (height - 1, abs(wrapped(after[0])) - math.pi, abs(wrapped(after[1])) - math.pi)
    return acrobot_is_clear(before, after) and far(*(distance / 100 for distance in distances))


def car_is_clear(goal: float) -> Callable[[np.ndarray, np.ndarray], bool]:
    def clear(before: np.ndarray, after: np.ndarray) -> bool:
        # At the wall the position is the wall's (the continuous car's state is float32); elsewhere it keeps away from it.
        at_wall = after[0] in (-1.2, np.float32(-1.2))
        return speed_is_clear(after[1], CAR_SPEED) and far(after[0] - goal) and (at_wall or far(after[0] + 1.2)) and far(3 * before[0] + math.pi)

    return clear


def pendulum_is_clear(before: np.ndarray, after: np.ndarray) -> bool:
    return speed_is_clear(after[1], PENDULUM_SPEED) and far(abs(wrapped(after[0])) - math.pi)


def play(name: str, seed: int, policy: Policy, clear: Callable[[np.ndarray, np.ndarray], bool], start: Start | None = None) -> Json | None:
    env = gymnasium.make(name)
    if isinstance(env.action_space, gymnasium.spaces.Box):
        env = gymnasium.wrappers.ClipAction(env)
    observation, _ = env.reset(seed=seed)
    base: Any = env.unwrapped
    if start is not None:
        base.state = np.array(start(seed))
        observation = base._get_ob() if name == "Acrobot-v1" else np.array(base.state, np.float32)
    states, observations, actions, rewards, terminated, truncated = [np.array(base.state, float)], [observation], [], [], [], []
    while not (terminated and (terminated[-1] or truncated[-1])):
        action = policy(states[-1], len(actions))
        sent = np.array([action], np.float32) if isinstance(action, float) else action
        observation, reward, term, trunc, _ = env.step(sent)
        states.append(np.array(base.state, float))
        if not clear(states[-2], states[-1]):
            return None
        observations.append(observation)
        actions.append(float(sent[0]) if isinstance(action, float) else int(action))
        rewards.append(float(reward))
        terminated.append(int(term))
        truncated.append(int(trunc))
    env.close()
    return {
        "seed": seed,
        "states": [state.tolist() for state in states],
        "observations": [np.asarray(o, float).tolist() for o in observations],
        "actions": actions,
        "rewards": rewards,
        "terminated": terminated,
        "truncated": truncated,
    }


def first_clear(
    name: str, seed: int, policy: Callable[[int], Policy], clear: Callable[[np.ndarray, np.ndarray], bool], start: Start | None = None
) -> Json:
    for s in range(seed, seed + 50):
        episode = play(name, s, policy(s), clear, start)
        if episode is not None:
            return episode
    raise AssertionError(f"{name}: no clear episode from seed {seed} on")


def random_choice(count: int) -> Callable[[int], Policy]:
    def policy(seed: int) -> Policy:
        rng = np.random.default_rng([seed, 1])
        return lambda _state, _step: int(rng.integers(count))

    return policy


def random_force(most: float) -> Callable[[int], Policy]:
    def policy(seed: int) -> Policy:
        rng = np.random.default_rng([seed, 1])
        return lambda _state, _step: float(rng.uniform(-most, most))

    return policy


def always(action: Any) -> Callable[[int], Policy]:
    return lambda _seed: lambda _state, _step: action


def with_the_motion(action_of: Callable[[float], Any]) -> Callable[[int], Policy]:
    """Pushes where the car is going already, which takes it up the hill."""
    return lambda _seed: lambda state, _step: action_of(1.0 if state[1] >= 0 else -1.0)


def swing(state: np.ndarray, _step: int) -> int:
    """Torque with the joint's motion, whose power is never negative."""
    return 2 if state[3] >= 0 else 0


def whirling(seed: int) -> list[float]:
    """An Acrobot near both highest speeds, in directions that alternate with the tens of the seed."""
    rng = np.random.default_rng([seed, 2])
    signs = (1 if seed // 50 % 2 else -1, 1 if seed // 100 % 2 else -1)
    return [*rng.uniform(-1, 1, 2), *(sign * limit * rng.uniform(0.8, 1) for sign, limit in zip(signs, ACROBOT_SPEEDS))]


def speeding(place: float, velocity: float) -> Start:
    return lambda seed: [place + np.random.default_rng([seed, 2]).uniform(-0.02, 0.02), velocity]


def energy(state: np.ndarray, _step: int) -> float:
    """Swings the pendulum up, with torques beyond the bounds."""
    return 3.0 if state[1] >= 0 else -3.0


def generate() -> dict[str, Json]:
    header = lambda name: {"name": name, "generator": f"gymnasium {gymnasium.__version__}"}  # noqa: E731
    result = {}

    name, clear = "Acrobot-v1", acrobot_is_clear
    episodes = [first_clear(name, 0, random_choice(3), clear), first_clear(name, 50, always(1), clear), first_clear(name, 100, lambda _s: swing, clear)]
    episodes += [first_clear(name, 200 + 50 * k, lambda _s: swing, clear) for k in range(3)]
    episodes += [first_clear(name, 400 + 50 * k, random_choice(3), fast_acrobot_is_clear, whirling) for k in range(4)]
    result["acrobot_v1"] = {**header(name), "episodes": episodes}

    name, clear = "MountainCar-v0", car_is_clear(0.5)
    drive = with_the_motion(lambda sign: 2 if sign > 0 else 0)
    episodes = [first_clear(name, 0, random_choice(3), clear), first_clear(name, 50, random_choice(3), clear)]
    episodes += [first_clear(name, 100 + 50 * k, drive, clear) for k in range(4)]
    episodes += [first_clear(name, 400, always(1), clear)]
    # Backs into the wall: gathers speed, then turns left for good.
    episodes += [first_clear(name, 500, lambda _s: lambda state, t: 0 if t > 60 else (2 if state[1] >= 0 else 0), clear)]
    # Down into the valley from the right, faster than is allowed, and on to the wall; and from the left.
    episodes += [first_clear(name, 550, drive, clear, speeding(0.2, -0.065)), first_clear(name, 600, drive, clear, speeding(-1.0, 0.065))]
    result["mountain_car_v0"] = {**header(name), "episodes": episodes}

    name, clear = "MountainCarContinuous-v0", car_is_clear(0.45)
    drive = with_the_motion(lambda sign: 0.8 * sign)
    episodes = [first_clear(name, 0, random_force(1.5), clear)]
    episodes += [first_clear(name, 100 + 50 * k, drive, clear) for k in range(2)]
    episodes += [first_clear(name, 500, with_the_motion(lambda sign: 2.5 * sign), clear)]
    episodes += [first_clear(name, 550, drive, clear, speeding(0.2, -0.065)), first_clear(name, 600, drive, clear, speeding(-1.0, 0.065))]
    result["mountain_car_continuous_v0"] = {**header(name), "episodes": episodes}

    name, clear = "Pendulum-v1", pendulum_is_clear
    episodes = [first_clear(name, 50 * k, random_force(2.5), clear) for k in range(3)]
    episodes += [first_clear(name, 300 + 50 * k, lambda _s: energy, clear) for k in range(2)]
    result["pendulum_v1"] = {**header(name), "episodes": episodes}

    for stem, data in result.items():
        check(stem, data)
    return result


def check(stem: str, data: Json) -> None:
    """What the files are said to contain."""
    episodes = data["episodes"]
    actions = [a for e in episodes for a in e["actions"]]
    states = np.array([s for e in episodes for s in e["states"]])
    terminated, truncated = (sum(e[key][-1] for e in episodes) for key in ("terminated", "truncated"))
    assert 1000 <= len(actions) <= 1500, (stem, len(actions))
    assert truncated >= 1, stem
    if stem in ("acrobot_v1", "mountain_car_v0"):
        assert set(actions) == {0, 1, 2}, stem
    else:
        bound = 2.0 if stem == "pendulum_v1" else 1.0
        assert min(actions) < -bound and max(actions) > bound, stem
    if stem == "pendulum_v1":
        assert terminated == 0 and np.abs(states[:, 1]).max() == 8.0 and np.abs(states[:, 0]).max() > math.pi
    else:
        assert terminated >= 2, stem
    if stem.startswith("mountain"):
        assert np.isin(states[:, 0], (-1.2, np.float32(-1.2))).sum() > 1, f"{stem}: the wall is never hit"
    if stem == "acrobot_v1":
        turns = sum(abs(a[0] - b[0]) > 4 or abs(a[1] - b[1]) > 4 for e in episodes for a, b in zip(e["states"], e["states"][1:]))
        assert turns >= 2, "no angle wraps around"
    limits = {"acrobot_v1": ACROBOT_SPEEDS, "pendulum_v1": (PENDULUM_SPEED,)}.get(stem, (CAR_SPEED,))
    for velocities, limit in zip(states[:, -len(limits) :].T, limits):
        for sign in (-1, 1):
            assert any(at_limit(v, limit) and v * sign > 0 for v in velocities), f"{stem}: {sign * limit} is never reached"
    print(f"{stem}: {len(actions)} steps of {len(episodes)} episodes, {terminated} terminated, {truncated} truncated")


def same(new: Any, old: Any) -> bool:
    if isinstance(new, float) and isinstance(old, float):
        return math.isclose(new, old, rel_tol=1e-9, abs_tol=1e-12)
    if isinstance(new, dict) and isinstance(old, dict):
        return new.keys() == old.keys() and all(same(new[key], old[key]) for key in new)
    if isinstance(new, list) and isinstance(old, list):
        return len(new) == len(old) and all(map(same, new, old))
    return type(new) is type(old) and new == old


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the files here instead of writing them")
    checks = parser.parse_args().check
    for stem, data in generate().items():
        path = HERE / f"{stem}.json"
        if not checks:
            path.write_text(text(**data))
        elif not same(data, json.loads(path.read_text())):
            sys.exit(f"{path.name} differs")


if __name__ == "__main__":
    main()
