"""Reads the event files of a run with TensorBoard's own reader and compares them with metrics.jsonl and summary.json.

    python event_files.py [--resume PPO_GPU] RUN [RUN ...]

Every number of every row must be there, under its tag, at its step, as the float32 next to it. With --resume a copy of
each run is read, goes back to its first checkpoint and on with the program PPO_GPU, and is read on by the readers that
were open meanwhile, as TensorBoard does.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
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


def open_readers(run: Path) -> dict[int, EventAccumulator]:
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    agents = sorted({row["agent"] for row in rows})[:64]
    return {agent: EventAccumulator(str(run / "tensorboard" / f"agent-{agent}"), size_guidance={"scalars": 0}) for agent in agents}


def check(run: Path, readers: dict[int, EventAccumulator]) -> None:
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    summary = json.loads((run / "summary.json").read_text())
    agents = sorted({row["agent"] for row in rows})
    compared = 0
    for agent in agents[:64]:
        own = [row for row in rows if row["agent"] == agent]
        board = readers[agent]
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


def check_resumed(ppo_gpu: str, run: Path) -> None:
    """Reads a copy of `run` with readers that stay open while it goes back to its first checkpoint and on."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "run"
        shutil.copytree(run, copy)
        readers = open_readers(copy)
        check(copy, readers)
        updates = sorted(int(path.stem.split("-")[1]) for path in (copy / "checkpoints").glob("update-*.safetensors"))
        subprocess.run([ppo_gpu, "resume", copy, "--from", str(updates[0]), "--quiet"], check=True, stdout=subprocess.DEVNULL)
        check(copy, readers)


if __name__ == "__main__":
    arguments = sys.argv[1:]
    program = arguments[1] if arguments[:1] == ["--resume"] else None
    for path in map(Path, arguments[2:] if program else arguments or sys.exit(__doc__)):
        if program:
            check_resumed(program, path)
        else:
            check(path, open_readers(path))
