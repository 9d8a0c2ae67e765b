"""Plays bsuite's memory chain and records what shaders/envs/memory_chain.wgsl must reproduce.

    python memory_chain.py            writes memory_chain.json beside this file
    python memory_chain.py --check    plays again in memory and compares with the file on disk

Lengths are powers of two, so that the share of the time that is left is exact in float32 on every device.
"""

from __future__ import annotations

import importlib.util
import random
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np

# The package itself asks for libraries of statistics and plots that the environment does not need.
package = types.ModuleType("bsuite")
package.__path__ = list(importlib.util.find_spec("bsuite").submodule_search_locations)
sys.modules["bsuite"] = package
from bsuite.environments.memory_chain import MemoryChain  # noqa: E402

from episodes import fingerprint, text, write_or_check  # noqa: E402

PATH = Path(__file__).resolve().with_suffix(".json")
LENGTHS = [1, 2, 8, 64]
EPISODES = 32  # of each length


def seen(observation: np.ndarray) -> int:
    return fingerprint(observation.astype(np.float32).reshape(-1).view(np.uint32).tolist())


def play(length: int, seed: int) -> dict[str, Any]:
    source = random.Random(seed)
    env = MemoryChain(memory_length=length, seed=seed)
    step = env.reset()
    bit = int(env._context[0])
    episode: dict[str, Any] = {"parameters": {"memory_length": length}, "draws": [bit], "reset_draws": 1}
    steps: dict[str, list[Any]] = {key: [] for key in ("actions", "draw_counts", "rewards", "terminated")}
    observations = [seen(step.observation)]
    while not step.last():
        action = bit if source.random() < 0.5 else source.randrange(2)
        step = env.step(action)
        for key, value in zip(steps, (action, 0, float(step.reward), int(step.last())), strict=True):
            steps[key].append(value)
        observations.append(seen(step.observation))
    return {**episode, **steps, "observations": observations}


def generate() -> str:
    episodes = [play(length, seed) for length in LENGTHS for seed in range(EPISODES)]
    for length in LENGTHS:
        ends = {(episode["draws"][0], episode["rewards"][-1]) for episode in episodes if episode["parameters"]["memory_length"] == length}
        assert ends == {(bit, reward) for bit in (0, 1) for reward in (-1.0, 1.0)}, ends
    return text("bsuite-MemoryChain-v0", Path(__file__).name, episodes)


if __name__ == "__main__":
    write_or_check(__doc__, {PATH: generate()}, Path(__file__).name)
