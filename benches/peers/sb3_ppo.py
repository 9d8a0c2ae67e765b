"""PPO on CartPole-v1 with Stable-Baselines3, to compare speed with ppo-gpu: the same sizes and hyper-parameters, as far as there are settings for them.

What differs is in README.md. Runs on the CPU, which is the faster device for networks this small. Prints one JSON object; `sps` leaves out
start-up and the first --warmup updates.

    python sb3_ppo.py --envs 4 --steps 128 --updates 976
"""

import argparse
import json
import time

import stable_baselines3
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import DummyVecEnv


class Clock(BaseCallback):
    """When each rollout started: the moment at which the update before it was done."""

    def __init__(self):
        super().__init__()
        self.starts = []

    def _on_rollout_start(self):
        self.starts.append(time.perf_counter())

    def _on_step(self):
        return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--envs", type=int, default=4)
    parser.add_argument("--steps", type=int, default=128)
    parser.add_argument("--minibatches", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--updates", type=int, default=976, help="all of them, the warm-up's too")
    parser.add_argument("--warmup", type=int, default=0, help="updates that are not timed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lr", type=float, default=2.5e-4)
    parser.add_argument("--anneal-lr", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--value-clip", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--json", action="store_true", help="one line, rather than indented")
    options = parser.parse_args()
    batch = options.envs * options.steps
    if batch % options.minibatches:
        parser.error("--minibatches must divide envs * steps")
    if not 0 <= options.warmup < options.updates:
        parser.error("--warmup must be less than --updates")

    def learning_rate(remaining):
        # What remains is counted after the rollout; the annealing of the others starts at the full rate.
        return options.lr * min(1.0, remaining + 1 / options.updates) if options.anneal_lr else options.lr

    began = time.perf_counter()
    model = PPO(
        "MlpPolicy",
        make_vec_env("CartPole-v1", options.envs, seed=options.seed, vec_env_cls=DummyVecEnv),
        learning_rate=learning_rate,
        n_steps=options.steps,
        batch_size=batch // options.minibatches,
        n_epochs=options.epochs,
        gamma=0.99,
        gae_lambda=0.95,
        clip_range=0.2,
        clip_range_vf=0.2 if options.value_clip else None,
        ent_coef=0.01,
        vf_coef=0.25,  # its value loss has no factor of one half
        max_grad_norm=0.5,
        policy_kwargs={"net_arch": {"pi": [64, 64], "vf": [64, 64]}, "activation_fn": torch.nn.Tanh},
        seed=options.seed,
        device="cpu",
    )
    clock = Clock()
    model.learn(options.updates * batch, callback=clock)
    seconds = time.perf_counter() - clock.starts[options.warmup]

    env_steps = (options.updates - options.warmup) * batch
    returns = [episode["r"] for episode in model.ep_info_buffer]  # the last 100 episodes
    result = {
        "implementation": f"Stable-Baselines3 {stable_baselines3.__version__}, PyTorch {torch.__version__}",
        "device": "cpu",
        "platform": "cpu",
        "envs": options.envs,
        "steps": options.steps,
        "agents": 1,
        "minibatches": options.minibatches,
        "epochs": options.epochs,
        "updates": options.updates,
        "warmup": options.warmup,
        "env_steps": env_steps,
        "compile_seconds": round(clock.starts[0] - began, 3),
        "seconds": round(seconds, 6),
        "sps": round(env_steps / seconds, 1),
        "mean_return": float(sum(returns) / len(returns)) if returns else None,
    }
    print(json.dumps(result, indent=None if options.json else 2))


if __name__ == "__main__":
    main()
