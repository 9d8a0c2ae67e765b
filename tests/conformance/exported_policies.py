"""Plays Gymnasium's own environments with policies that `ppo-gpu export --onnx` wrote, and compares the returns with `ppo-gpu eval`.

    python exported_policies.py PPO_GPU RUN [RUN ...]

PPO_GPU is the program. Each RUN (CartPole-v1, Pendulum-v1 and so on) is exported, played for 100 episodes by onnxruntime with the most probable actions, and
evaluated by `eval --deterministic`, 1,000 episodes. The confidence intervals (95 %) of the two means must overlap. The safetensors export is loaded,
too, and its network computed by NumPy: its outputs must be those of the ONNX model, to 1e-5 of the largest. Actions of the ONNX model are applied as they are; a
model with an `observation_history` is given that of Gymnasium's FrameStackObservation.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import gymnasium
import numpy as np
import onnx
import onnxruntime
from safetensors.numpy import load_file

EPISODES = 100


def play(session: onnxruntime.InferenceSession, env: gymnasium.Env, seed: int) -> float:
    observation, _ = env.reset(seed=seed)
    total, over = 0.0, False
    while not over:
        (action,) = session.run(["action"], {"observation": np.asarray(observation, np.float32).reshape(1, -1)})
        chosen = action[0] if isinstance(env.action_space, gymnasium.spaces.Box) else int(action[0])
        observation, reward, terminated, truncated, _ = env.step(chosen)
        total += float(reward)
        over = terminated or truncated
    return total


def by_numpy(weights: dict[str, np.ndarray], network: str, x: np.ndarray, activation: str) -> np.ndarray:
    if "observation_mean" in weights:
        scale = np.sqrt(weights["observation_variance"].astype(np.float64) + 1e-8)
        x = np.clip((x - weights["observation_mean"]) / scale, -10, 10)
    layers = sorted(int(name.split(".")[1]) for name in weights if name.startswith(network) and name.endswith("weight"))
    for layer in layers:
        x = x @ weights[f"{network}.{layer}.weight"].astype(np.float64).T + weights[f"{network}.{layer}.bias"]
        if layer != layers[-1]:
            x = np.tanh(x) if activation == "tanh" else np.maximum(x, 0)
    return x


def check(program: str, run: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        model, weights = Path(folder) / "policy.onnx", Path(folder) / "policy.safetensors"
        subprocess.run([program, "export", run, "--onnx", model, "--safetensors", weights], check=True, capture_output=True)
        onnx.checker.check_model(onnx.load(model), full_check=True)
        session = onnxruntime.InferenceSession(model)
        tensors = load_file(weights)
    evaluated = subprocess.run(
        [program, "eval", run, "--deterministic", "--agent", "0", "--json", "--quiet"], check=True, capture_output=True, text=True
    )
    ours = json.loads(evaluated.stdout)
    returns, (low, high) = ours["agents"][0]["returns"], ours["agents"][0]["returns"]["confidence"]

    env = gymnasium.make(ours["env"])
    history = int(session.get_modelmeta().custom_metadata_map.get("observation_history", 1))
    if history > 1:
        env = gymnasium.wrappers.FrameStackObservation(env, history)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, int(np.prod(env.observation_space.shape)))).astype(np.float32)
    head = "mean" if isinstance(env.action_space, gymnasium.spaces.Box) else "logits"
    config = json.loads((run / "summary.json").read_text())["config"]
    for output, network in [(head, "actor"), ("value", "critic")]:
        (by_onnx,) = session.run([output], {"observation": x})
        expected = by_numpy(tensors, network, x.astype(np.float64), config["activation"])
        error = np.abs(by_onnx - expected).max() / np.abs(expected).max()
        assert error < 1e-5, f"{run}: {output} of the ONNX model and of the safetensors file differ by {error}"

    played = np.array([play(session, env, seed) for seed in range(EPISODES)])
    error = 1.96 * played.std(ddof=1) / np.sqrt(EPISODES)
    text = f"{ours['env']}: {played.mean():.2f} ± {error:.2f} in Gymnasium, {returns['mean']:.2f} ({low:.2f} to {high:.2f}) in eval"
    assert played.mean() - error <= high and low <= played.mean() + error, text
    print(text)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    for path in sys.argv[2:]:
        check(sys.argv[1], Path(path))
