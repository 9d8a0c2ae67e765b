"""Plays bsuite's memory chain and records what shaders/envs/memory_chain.wgsl must reproduce.

    python memory_chain.py            writes memory_chain.json beside this file
    python memory_chain.py --check    plays again in memory and compares with the file on disk

Lengths are powers of two, so that the share of the time that is left is exact in float32 on every device.
"""

from __future__ import annotations

import argparse
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

from episodes import text  # noqa: E402

PATH = Path(__file__).resolve().with_suffix(".json")
LENGTHS = [1, 2, 8, 64]
EPISODES = 32  # of each length


def fingerprint(observation: np.ndarray) -> int:
    """FNV-1a over the observation's float32 words."""
    h = 2166136261
    for word in observation.astype(np.float32).reshape(-1).view(np.uint32).tolist():
        h = ((h ^ word) * 16777619) & 0xFFFFFFFF
    return h


def play(length: int, seed: int) -> dict[str, Any]:
    source = random.Random(seed)
    env = MemoryChain(memory_length=length, seed=seed)
    step = env.reset()
    bit = int(env._context[0])
    episode: dict[str, Any] = {"parameters": {"memory_length": length}, "draws": [bit], "reset_draws": 1}
    steps: dict[str, list[Any]] = {key: [] for key in ("actions", "draw_counts", "rewards", "terminated")}
    observations = [fingerprint(step.observation)]
    while not step.last():
        action = bit if source.random() < 0.5 else source.randrange(2)
        step = env.step(action)
        for key, value in zip(steps, (action, 0, float(step.reward), int(step.last())), strict=True):
            steps[key].append(value)
        observations.append(fingerprint(step.observation))
    return {**episode, **steps, "observations": observations}


def generate() -> str:
    episodes = [play(length, seed) for length in LENGTHS for seed in range(EPISODES)]
    for length in LENGTHS:
        ends = {(episode["draws"][0], episode["rewards"][-1]) for episode in episodes if episode["parameters"]["memory_length"] == length}
        assert ends == {(bit, reward) for bit in (0, 1) for reward in (-1.0, 1.0)}, ends
    return text("bsuite-MemoryChain-v0", Path(__file__).name, episodes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the file on disk instead of writing it")
    arguments = parser.parse_args()
    generated = generate()
    if not arguments.check:
        PATH.write_text(generated)
    elif generated != PATH.read_text():
        sys.exit(f"{PATH.name} differs from what {Path(__file__).name} generates")


if __name__ == "__main__":
    main()
