"""Reads the event files of a run with TensorBoard's own reader and compares them with metrics.jsonl and summary.json.

    python event_files.py RUN [RUN ...]

Every number of every row must be there, under its tag, at its step, as the float32 next to it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

TAGS = {
    "rollout/ep_rew_mean": "mean_return",
    "rollout/ep_len_mean": "mean_length",
    "time/fps": "sps",
    "time/time_elapsed": "seconds",
    "time/episodes": "total_episodes",
    "train/policy_gradient_loss": "policy_loss",
    "train/value_loss": "value_loss",
    "train/entropy": "entropy",
    "train/approx_kl": "approx_kl",
    "train/clip_fraction": "clip_fraction",
    "train/explained_variance": "explained_variance",
    "train/grad_norm": "grad_norm",
    "train/learning_rate": "learning_rate",
    "train/gradient_steps": "gradient_steps",
}


def check(run: Path) -> None:
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    summary = json.loads((run / "summary.json").read_text())
    agents = sorted({row["agent"] for row in rows})
    compared = 0
    for agent in agents[:64]:
        own = [row for row in rows if row["agent"] == agent]
        board = EventAccumulator(str(run / "tensorboard" / f"agent-{agent}"), size_guidance={"scalars": 0})
        board.Reload()
        assert set(board.Tags()["scalars"]) <= TAGS.keys(), board.Tags()["scalars"]
        for tag, name in TAGS.items():
            expected = [(row["env_steps"], float(np.float32(row[name]))) for row in own if row[name] is not None]
            shown = [(event.step, event.value) for event in board.Scalars(tag)] if expected else []
            assert shown == expected, f"{run}: {tag} of agent {agent} is not {name}"
            compared += len(expected)
        last = summary["agents"][agent]
        for of_summary, of_row in {"mean_return": "mean_return", "episodes": "total_episodes", "env_steps": "env_steps"}.items():
            assert last[of_summary] == own[-1][of_row], f"{run}: {of_summary} of agent {agent}"
    print(f"{run}: {len(rows)} rows of {len(agents)} agents, {compared} numbers agree")


if __name__ == "__main__":
    for path in sys.argv[1:] or sys.exit(__doc__):
        check(Path(path))
