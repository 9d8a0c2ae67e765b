"""Plays POPGym's games of cards and records what shaders/envs/popgym_*.wgsl must reproduce, draw for draw.

    python popgym_cards.py            writes popgym_<game>.json beside this file
    python popgym_cards.py --check    plays again in memory and compares with the files on disk

Where POPGym shuffles a deck, the WGSL draws the kind of each card from those that are left: a draw is the card's place among them, if they lay sorted by kind. It is
found from the order of the deck that POPGym shuffled; of the places with the card's kind, one is chosen at random. Half of the actions are right.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import popgym.envs.autoencode as autoencode
import popgym.envs.count_recall as count_recall
import popgym.envs.higher_lower as higher_lower
import popgym.envs.repeat_first as repeat_first
import popgym.envs.repeat_previous as repeat_previous

from episodes import of_bits, text, write_or_check

HERE = Path(__file__).resolve().parent
LEVELS = ["Easy", "Medium", "Hard"]
STEPS = 700  # of a level, at least


class Kinds:
    """The kinds of the cards of a deck in the order in which they are dealt, as draws."""

    def __init__(self, order: list[int], source: random.Random) -> None:
        self.order, self.source = order, source
        self.left = Counter(order)
        self.dealt = 0

    def deal(self) -> int:
        kind = self.order[self.dealt]
        below = sum(count for other, count in self.left.items() if other < kind)
        draw = below + self.source.randrange(self.left[kind])
        self.left[kind] -= 1
        self.dealt += 1
        return draw


def one_hot(values: list[int], sizes: list[int]) -> list[bool]:
    return [value == k for value, size in zip(values, sizes, strict=True) for k in range(size)]


def kinds_of(env: Any) -> dict[str, np.ndarray]:
    """What is told apart of each deck."""
    if isinstance(env, count_recall.CountRecall):
        return {"value_deck": env.deck_idx_type, "query_deck": env.deck_idx_type}
    return {"deck": env.deck.ranks_idx if isinstance(env, higher_lower.HigherLower) else env.deck.suits_idx}


def sizes_of(env: Any) -> list[int]:
    space = env.observation_space
    if hasattr(space, "nvec"):
        return [int(size) for size in space.nvec]
    return [int(part.n) for part in getattr(space, "spaces", [space])]


def right(env: Any) -> int:
    """The best action, for one who sees everything but the cards to come."""
    if isinstance(env, repeat_first.RepeatFirst):
        return int(env.card)
    if isinstance(env, repeat_previous.RepeatPrevious):
        hand = env.deck["player"]
        return int(env.deck.suits_idx[hand[-env.k]]) if len(hand) >= env.k else 0
    if isinstance(env, autoencode.Autoencode):
        return int(env.deck.suits_idx[env.deck["system"][-1]])
    if isinstance(env, count_recall.CountRecall):
        return int(env.counts[env.query])
    return int(env.deck.show("player", ["ranks_idx"]).item() >= 6)


def play(env: Any, name: str, seed: int) -> dict[str, Any]:
    source = random.Random(seed)
    sizes = sizes_of(env)
    observation, _ = env.reset(seed=seed)
    decks = {deck: Kinds([int(kinds[i]) for i in getattr(env, deck).idx[::-1]], source) for deck, kinds in kinds_of(env).items()}
    draws: list[int] = []

    def take() -> int:
        """The draws of the cards that were dealt since."""
        before = len(draws)
        for deck, kinds in decks.items():
            while kinds.dealt < getattr(env, deck).num_cards - len(getattr(env, deck)):
                draws.append(kinds.deal())
        return len(draws) - before

    def seen(observation: Any) -> int:
        return of_bits(one_hot([int(part) for part in np.atleast_1d(observation)], sizes))

    episode: dict[str, Any] = {"environment": name, "parameters": {}, "reset_draws": take()}
    steps: dict[str, list[Any]] = {key: [] for key in ("actions", "draw_counts", "rewards", "terminated")}
    observations = [seen(observation)]
    ended = False
    while not ended:
        action = right(env) if source.random() < 0.5 else source.randrange(int(env.action_space.n))
        observation, reward, ended, truncated, _ = env.step(action)
        assert not truncated
        for key, value in zip(steps, (action, take(), float(reward), int(ended)), strict=True):
            steps[key].append(value)
        observations.append(seen(observation))
    return {**episode, "draws": draws, **steps, "observations": observations}


def generate(game: str, module: Any) -> str:
    episodes = []
    for level in LEVELS:
        environment = f"{game}{level}"
        env = getattr(module, environment)()
        steps = 0
        while steps < STEPS or len(episodes) < 2:
            episodes.append(play(env, f"popgym-{environment}-v0", len(episodes)))
            steps += len(episodes[-1]["actions"])
            rewards = set(np.sign(episodes[-1]["rewards"]))
            assert {-1, 1} <= rewards, rewards
    return text(game, Path(__file__).name, episodes)


GAMES = {
    "Autoencode": autoencode,
    "CountRecall": count_recall,
    "HigherLower": higher_lower,
    "RepeatFirst": repeat_first,
    "RepeatPrevious": repeat_previous,
}


if __name__ == "__main__":
    files = {HERE / f"popgym_{module.__name__.split('.')[-1]}.json": generate(game, module) for game, module in GAMES.items()}
    write_or_check(__doc__, files, Path(__file__).name)
