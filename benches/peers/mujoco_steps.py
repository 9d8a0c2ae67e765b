"""Times environment steps of robots, without networks, in ppo-gpu and in MuJoCo's own C library, on the same machine in turn: A, B, A, B, ...

    pip install "mujoco==4.0.0" numpy
    python3 benches/peers/mujoco_steps.py --binary target/release/ppo-gpu

ppo-gpu's are those of `bench` (`speeds.environment`): random actions, observations, rewards, and new episodes where one ends. MuJoCo's are those of `mujoco.rollout`, a
loop in C on all cores: random controls for 50 environment steps from poses near the first one, no observations and no rewards, with the model's own solver settings.
"""

import argparse
import json
import os
import statistics
import subprocess
import time
from pathlib import Path

import mujoco
import mujoco.rollout
import numpy

ROBOTS = Path(__file__).resolve().parents[2] / "shaders" / "robots"
# Physics steps of an environment step.
SKIPS = {
    "InvertedPendulum-v5": 2,
    "InvertedDoublePendulum-v5": 5,
    "Reacher-v5": 2,
    "Swimmer-v5": 4,
    "HalfCheetah-v5": 5,
    "Hopper-v5": 4,
    "Walker2d-v5": 4,
    "Ant-v5": 5,
    "Humanoid-v5": 5,
}
FILES = {"InvertedPendulum-v5": "inverted_pendulum", "InvertedDoublePendulum-v5": "inverted_double_pendulum", "HalfCheetah-v5": "half_cheetah"}
STEPS = 50


class Peer:
    """A robot in MuJoCo, on all cores."""

    def __init__(self, env):
        name = FILES.get(env, env.removesuffix("-v5").lower())
        self.model = mujoco.MjModel.from_xml_path(str(ROBOTS / f"{name}.xml"))
        self.skip, self.threads = SKIPS[env], os.cpu_count()
        self.data = [mujoco.MjData(self.model) for _ in range(self.threads)]
        self.rng = numpy.random.default_rng(0)
        self.pool = mujoco.rollout.Rollout(nthread=self.threads)

    def speed(self, seconds):
        """Environment steps a second."""
        batch, model = 16 * self.threads, self.model
        spec = mujoco.mjtState.mjSTATE_FULLPHYSICS
        states = numpy.zeros((batch, mujoco.mj_stateSize(model, spec)))
        for state in states:
            data = mujoco.MjData(model)
            data.qpos[:] += self.rng.uniform(-0.01, 0.01, model.nq)
            mujoco.mj_getState(model, data, state, spec)
        low, high = model.actuator_ctrlrange.T
        done, begin = 0, time.perf_counter()
        while time.perf_counter() - begin < seconds:
            controls = self.rng.uniform(low, high, (batch, STEPS, model.nu)).repeat(self.skip, axis=1)
            self.pool.rollout(model, self.data, states, controls)
            done += batch * STEPS
        return done / (time.perf_counter() - begin)


def ours(binary, env, seconds):
    command = [binary, "bench", "--env", env, "--seconds", str(seconds), "--json", "--quiet"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["speeds"]["environment"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="ppo-gpu")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each figure of a round")
    parser.add_argument("envs", nargs="*", default=[], metavar="ENV", help="in place of all nine")
    options = parser.parse_args()
    print("environment steps a second, medians\n\n| task | ppo-gpu | MuJoCo | ratio |\n| --- | --- | --- | --- |")
    for env in options.envs or SKIPS:
        peer = Peer(env)
        pairs = [(ours(options.binary, env, options.seconds), peer.speed(options.seconds)) for _ in range(options.rounds)]
        a, b = (statistics.median(pair[i] for pair in pairs) for i in range(2))
        print(f"| {env} | {a:,.0f} | {b:,.0f} | {a / b:.2f} |", flush=True)


if __name__ == "__main__":
    main()
