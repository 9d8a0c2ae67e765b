"""Writes games of MinAtar, with every random number that was drawn, for ppo-gpu's conformance tests.

    python minatar_games.py [GAME ...]           writes minatar_<game>.json
    python minatar_games.py --check [GAME ...]   plays everything again and compares it with the files on disk

Draws are recorded in the order in which they were made: integers less their lower bound, and the bits of the float32 next to a
real number that is on the same side as it of everything it may be compared with. Each episode is played by a fresh environment,
so that the action that may stick is at first the no-op.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from minatar import Environment

from episodes import of_bits, text

HERE = Path(__file__).resolve().parent
Json = dict[str, Any]
# What the games compare real numbers with, besides the probability of sticky actions.
THRESHOLDS = (1 / 2, 1 / 3)


class Recorder:
    """A RandomState that writes down what it hands out."""

    def __init__(self, seed: int, sticky: float) -> None:
        self.source = np.random.RandomState(seed)
        self.thresholds = (*THRESHOLDS, sticky, 1.0)
        self.words: list[int] = []

    def rand(self, *shape: int) -> Any:
        values = self.source.rand(*shape)
        self.words += [self.bits(float(value)) for value in np.atleast_1d(values)]
        return values

    def randint(self, low: int, high: int | None = None, size: int | None = None) -> Any:
        low, high = (0, low) if high is None else (low, high)
        values = self.source.randint(low, high, size)
        self.words += [int(value) - low for value in np.atleast_1d(values)]
        return values

    def bits(self, value: float) -> int:
        single = np.float32(value)
        for threshold in self.thresholds:
            while single >= np.float32(threshold) and value < threshold:
                single = np.nextafter(single, np.float32(-1))
            while single < np.float32(threshold) and value >= threshold:
                single = np.nextafter(single, np.float32(2))
        assert all((single < np.float32(t)) == (value < t) for t in self.thresholds)
        return int(single.view(np.uint32))


def fingerprint(observation: np.ndarray) -> int:
    return of_bits(observation.flatten().tolist())


def look_ahead(env: Environment, actions: list[int], depth: int, rng: np.random.Generator, value: Any) -> int:
    """The action (its number in the minimal set) after which a few random continuations fare best; the future's draws are not those to come."""
    scores = []
    for k in range(len(actions)):
        total = 0.0
        for _ in range(3):
            game = copy.deepcopy(env.env)
            game.random = np.random.RandomState(int(rng.integers(1 << 31)))
            reward, terminal = game.act(actions[k])
            for _ in range(depth):
                if terminal:
                    break
                more, terminal = game.act(actions[int(rng.integers(len(actions)))])
                reward += more
            total += reward - (100 if terminal else 0) + value(game)
        scores.append(total)
    best = max(scores)
    return int(rng.choice([k for k, score in enumerate(scores) if score >= best - 1e-9]))


def follow_ball(env: Environment, actions: list[int], rng: np.random.Generator) -> int:
    """To where the ball comes down."""
    game = copy.deepcopy(env.env)
    for _ in range(40):
        if game.ball_y >= 8 and game.ball_dir in (2, 3):
            break
        game.act(0)
    target = game.ball_x + (1 if game.ball_dir == 2 else -1 if game.ball_dir == 3 else 0)
    target = min(9, max(0, target if rng.random() < 0.5 else game.ball_x))
    return 0 if env.env.pos == target else 1 if env.env.pos > target else 2


def gather_divers(env: Environment, actions: list[int], skill: str, rng: np.random.Generator) -> int:
    """Skill good: never comes up. Surface: comes up when the air gets thin. Ramp: comes up with six divers, after which that is free, again and again until
    enemies come every step, and then shoots them from below the top."""
    g = env.env

    def near_divers(g: Any) -> float:
        return -0.3 * min([abs(d[0] - g.sub_x) + abs(d[1] - g.sub_y) for d in g.divers], default=5)

    if skill == "good":
        return look_ahead(env, actions, 3, rng, near_divers)
    if skill == "ramp" and g.e_spawn_speed == 1:
        return look_ahead(env, actions, 3, rng, lambda g: 0.3 * (g.sub_y in (1, 2)))
    if skill == "ramp" and g.diver_count < 0:
        return look_ahead(env, actions, 2, rng, lambda g: 2.0 * g.ramp_index - 0.1 * g.sub_y)
    if g.diver_count > 0 and g.oxygen < 40 or g.diver_count == 6 and (skill == "ramp" or g.oxygen < 80):
        return look_ahead(env, actions, 2, rng, lambda g: -2.0 * g.sub_y + 3.0 * g.surface)
    return look_ahead(env, actions, 2, rng, lambda g: 3.0 * g.diver_count + near_divers(g) - 3.0 * (g.sub_y == 0))


def policy(game: str, skill: str, rng: np.random.Generator) -> Any:
    def act(env: Environment, actions: list[int]) -> int:
        if skill == "random" or rng.random() < 0.02:
            return int(rng.integers(len(actions)))
        if game == "breakout":
            return follow_ball(env, actions, rng)
        if game == "freeway":
            return 1
        if game == "space_invaders":
            return look_ahead(env, actions, 5, rng, lambda g: 0.01 * (g.shot_timer > 0))
        if game == "asterix":
            return look_ahead(env, actions, 3, rng, lambda g: 0.0)
        return gather_divers(env, actions, skill, rng)

    return act


class Enemies(list):
    """Seaquest's submarines or fish. A list removes its first element of a value; the environment in WGSL relies on that being the very one that is meant."""

    def remove(self, value: Any) -> None:
        assert self[self.index(value)] is value
        super().remove(value)


def play(game: str, seed: int, skill: str, most: int, sticky: float, ramping: bool) -> Json:
    rng = np.random.default_rng([seed, 7])
    env = Environment(game, sticky_action_prob=sticky, difficulty_ramping=ramping)
    recorder = Recorder(seed, sticky)
    env.random = env.env.random = recorder
    env.reset()
    if game == "seaquest":
        env.env.e_subs, env.env.e_fish = Enemies(), Enemies()
    actions = env.minimal_action_set()
    act = policy(game, skill, rng)
    has_ramp = game in ("asterix", "seaquest", "space_invaders")
    parameters = {} if sticky == 0.1 else {"sticky_action_probability": sticky}
    if has_ramp and not ramping:
        parameters["difficulty_ramping"] = 0
    episode: Json = {"parameters": parameters, "skill": skill, "reset_draws": len(recorder.words)}
    chosen, counts, rewards, terminated, hashes = [], [], [], [], [fingerprint(env.state())]
    seen = Seen(game)
    while len(chosen) < most and not (terminated and terminated[-1]):
        action = act(env, actions)
        before = len(recorder.words)
        seen.before(env.env)
        reward, terminal = env.act(actions[action])
        chosen.append(action)
        counts.append(len(recorder.words) - before)
        rewards.append(int(reward))
        terminated.append(int(terminal))
        hashes.append(fingerprint(env.state()))
        seen.look(env.env, reward)
    episode |= {"draws": recorder.words, "actions": chosen, "draw_counts": counts, "rewards": rewards, "terminated": terminated, "observations": hashes}
    return {"episode": episode, "seen": seen}


class Seen:
    """What happened, to be asserted."""

    def __init__(self, game: str) -> None:
        self.game = game
        self.events: dict[str, int] = {}

    def note(self, event: str, happened: Any) -> None:
        self.events[event] = self.events.get(event, 0) + int(bool(happened))

    def look(self, g: Any, reward: float) -> None:
        self.note("reward", reward > 0)
        self.note("end", g.terminal)
        if self.game == "breakout":
            self.note("wall cleared", np.count_nonzero(g.brick_map) == 0)
        elif self.game == "space_invaders":
            self.note("faster wave", g.ramp_index > 0)
        elif self.game == "asterix":
            self.note("ramped", g.ramp_index > 2)
        elif self.game == "freeway":
            self.note("time over", g.terminate_timer < 0)
        else:
            self.look_at_seaquest(g, reward)

    def before(self, g: Any) -> None:
        if self.game == "seaquest":
            self.old = (g.surface, g.diver_count, g.move_speed, len(g.e_subs), len(g.e_fish))

    def look_at_seaquest(self, g: Any, reward: float) -> None:
        surface, divers, rest, subs, fish = self.old
        came_up, boat = g.surface and not surface, [g.sub_x, g.sub_y]
        self.note("came up with six divers", came_up and divers == 6 and reward >= 3)
        self.note("came up with fewer", came_up and 0 < divers < 6)
        self.note("came up for nothing", came_up and divers < 0)
        self.note("diver on board", g.diver_count > divers)
        self.note("no room for a diver", divers == 6 and any(d[:2] == boat for d in g.divers))
        self.note("crossing divers", len(g.divers) == 2 and g.divers[0][2] != g.divers[1][2])
        self.note("fish shot", reward and not came_up and len(g.e_fish) < fish)
        self.note("submarine shot", reward and not came_up and len(g.e_subs) < subs)
        self.note("two bullets", len(g.f_bullets) == 2)
        self.note("two enemies in a cell", len({(e[0], e[1]) for e in g.e_subs + g.e_fish}) < len(g.e_subs) + len(g.e_fish))
        self.note("faster", g.move_speed < rest)
        self.note("enemy every step", g.e_spawn_speed == 1)
        self.note("ten enemies", len(g.e_subs) + len(g.e_fish) >= 10)
        enemy = any(e[:2] == boat for e in g.e_subs + g.e_fish)
        self.note("end by fish", g.terminal and any(e[:2] == boat for e in g.e_fish))
        self.note("end by submarine", g.terminal and any(e[:2] == boat for e in g.e_subs))
        self.note("end by bullet", g.terminal and not enemy and g.oxygen > 0 and any(b[:2] == boat for b in g.e_bullets))
        self.note("end without air", g.terminal and g.oxygen < 0)
        self.note("end at the top", g.terminal and g.sub_y == 0 and not g.surface and divers == 0)


# Skill, number of episodes, and most steps of each: with sticky actions and ramping, then without either.
GAMES: dict[str, list[tuple[str, int, int, float, bool]]] = {
    "breakout": [("random", 20, 300, 0.1, True), ("good", 2, 900, 0.0, True), ("good", 3, 500, 0.1, True)],
    "space_invaders": [("random", 6, 300, 0.1, True), ("good", 2, 700, 0.0, True), ("good", 1, 500, 0.1, False), ("good", 1, 500, 0.1, True)],
    "asterix": [("random", 10, 300, 0.1, True), ("good", 3, 600, 0.1, True), ("good", 1, 400, 0.1, False), ("good", 1, 400, 0.0, True)],
    "freeway": [("random", 1, 600, 0.1, True), ("good", 1, 2600, 0.1, True), ("good", 1, 800, 0.0, True)],
    "seaquest": [
        ("random", 12, 200, 0.1, True),
        ("good", 5, 400, 0.1, True),
        ("surface", 4, 500, 0.1, True),
        ("surface", 1, 500, 0.0, False),
        ("ramp", 3, 800, 0.1, True),
        ("ramp", 1, 700, 0.0, True),
    ],
}


def generate(game: str) -> Json:
    episodes, events = [], {}
    for k, (skill, count, most, sticky, ramping) in enumerate(GAMES[game]):
        for i in range(count):
            played = play(game, 1000 * k + i, skill, most, sticky, ramping)
            episodes.append(played["episode"])
            for event, happened in played["seen"].events.items():
                events[event] = events.get(event, 0) + happened
    steps = sum(len(e["actions"]) for e in episodes)
    assert all(events.values()), (game, events)
    assert {a for e in episodes for a in e["actions"]} == set(range(len(Environment(game).minimal_action_set())))
    assert 2000 <= steps <= 6000, (game, steps)
    print(f"{game}: {steps} steps of {len(episodes)} episodes; {events}")
    return {"name": game, "generator": f"MinAtar {version('MinAtar')}", "episodes": episodes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the files here instead of writing them")
    parser.add_argument("games", nargs="*", metavar="GAME", help="all, unless named")
    arguments = parser.parse_args()
    for game in arguments.games or GAMES:
        path, data = HERE / f"minatar_{game}.json", generate(game)
        if not arguments.check:
            path.write_text(text(**data))
        elif json.loads(path.read_text()) != data:
            sys.exit(f"{path.name} differs")


if __name__ == "__main__":
    main()
