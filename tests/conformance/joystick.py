"""Drives a robot in MuJoCo with an exported policy of a joystick task that `ppo-gpu env new NAME --mjcf FILE.xml --task joystick` wrote, and compares how well
it follows its commands with `ppo-gpu eval`.

    pip install -r requirements-bodies.txt -r requirements-exported.txt
    python joystick.py --binary ../../target/release/ppo-gpu RUN FILE.xml

Both play episodes of 20 s with commands from the run's ranges, without pushes, noise and delay, and with the robot as its file has it. Compared are the means over
all steps of exp(-e^2 / 0.25), where e is the error of the horizontal velocity in m/s, and that of the rate of turning in rad/s; steps after a fall count as 0. MuJoCo
solves constraints to a tolerance of 1e-15, as the program does; a second row has the solver's settings of the file, if they are others. The first row's 95 %
intervals must overlap with eval's.
"""

import argparse
import json
import re
import subprocess
import tempfile
from pathlib import Path

import mujoco
import numpy
import onnxruntime

from models import without_meshes

WEIGHTS = ["velocity_weight", "turn_weight", "bounce_weight", "roll_weight", "tilt_weight", "pose_weight", "torque_weight", "change_weight", "step_weight"]
PLAIN = {"push_speed": 0, "observation_noise": 0, "action_delay": 0, "mass_scale": 1, "friction_scale": 1, "damping_scale": 1, "gain_scale": 1}
WIDTH = 0.25


def interval(values):
    error = 1.96 * values.std(ddof=1) / len(values) ** 0.5
    return values.mean(), values.mean() - error, values.mean() + error


class Task:
    """What the task's file says."""

    def __init__(self, run, program):
        text = (run / "environment.wgsl").read_text()
        shown = subprocess.run([program, "env", "show", run / "environment.wgsl", "--json"], check=True, capture_output=True, text=True)
        self.parameters = json.loads(shown.stdout)["parameters"]
        for key, value in json.loads((run / "run.json").read_text())["config"]["values"].items():
            if key.startswith("env_parameters.") and isinstance(value, (int, float)):
                self.parameters[key.removeprefix("env_parameters.")] = value

        def constant(name):
            return numpy.array([float(x.rstrip("fu")) for x in re.search(rf"const {name}\b[^=]*= (?:array<.*?>\()?([^);]*)", text)[1].split(",")])

        self.start, self.centres, self.scales = constant("START"), constant("CENTRES"), constant("SCALES")
        self.substeps, self.limit, self.seconds = int(constant("SUBSTEPS")[0]), int(constant("TIME_LIMIT")[0]), constant("STEP_SECONDS")[0]

    def command(self, rng):
        p = self.parameters
        ranges = [(p[f"{name}_low"], p[f"{name}_high"]) for name in ("forward", "left", "turn")]
        return numpy.zeros(3) if rng.random() < p["still_share"] else numpy.array([rng.uniform(low, high) for low, high in ranges])


class Robot:
    """An episode in MuJoCo."""

    def __init__(self, model, task, rng):
        self.model, self.task, self.rng = model, task, rng
        self.data = mujoco.MjData(model)
        self.root = int(model.jnt_bodyid[0])
        named = [k for k in range(model.nkey) if mujoco.mj_id2name(model, mujoco.mjtObj.mjOBJ_KEY, k)]
        if named:
            mujoco.mj_resetDataKeyframe(model, self.data, named[0])
        mujoco.mj_forward(model, self.data)
        self.height = self.data.xpos[self.root, 2]
        noise = task.parameters["reset_noise"]
        self.data.qpos[7:] += rng.uniform(-noise, noise, model.nq - 7)
        self.data.qvel[6:] += rng.uniform(-noise, noise, model.nv - 6)
        mujoco.mj_forward(model, self.data)
        self.action = numpy.zeros(model.nu)
        self.command = task.command(rng)
        self.age, self.fallen = 0, False
        self.scores, self.errors = numpy.zeros(2), []

    def axes(self):
        return self.data.xmat[self.root].reshape(3, 3)

    def velocities(self):
        """Of the root, in its own axes, as the last forward computation saw them."""
        both = numpy.zeros(6)
        mujoco.mj_objectVelocity(self.model, self.data, mujoco.mjtObj.mjOBJ_XBODY, self.root, both, 0)
        return self.axes().T @ both[3:], self.axes().T @ both[:3]

    def observation(self):
        velocity, turning = self.velocities()
        down = self.axes().T @ [0, 0, -1]
        joints = self.data.qpos[7:] - self.task.start
        return numpy.concatenate([down, velocity, turning, joints, 0.1 * self.data.qvel[6:], self.action, self.command]).astype(numpy.float32)

    def step(self, action):
        self.action = numpy.clip(action, -1, 1)
        self.data.ctrl[:] = self.task.centres + self.task.scales * self.action
        mujoco.mj_step(self.model, self.data, self.task.substeps)
        self.age += 1
        self.fallen = self.data.xpos[self.root, 2] < self.task.parameters["fallen"] * self.height or self.axes()[2, 2] < 0.3
        if not self.fallen:
            velocity, turning = self.velocities()
            squares = numpy.array([sum((velocity[:2] - self.command[:2]) ** 2), (turning[2] - self.command[2]) ** 2])
            self.scores += numpy.exp(-squares / WIDTH) / self.task.limit
            self.errors.append(squares)
        every = max(round(self.task.parameters["command_interval"] / self.task.seconds), 1)
        if self.age % every == 0:
            self.command = self.task.command(self.rng)


def played(model, task, session, episodes):
    """Scores of each episode, squared errors of each step, and falls."""
    robots = [Robot(model, task, numpy.random.default_rng(seed)) for seed in range(episodes)]
    for _ in range(task.limit):
        standing = [robot for robot in robots if not robot.fallen]
        if not standing:
            break
        (actions,) = session.run(["action"], {"observation": numpy.array([robot.observation() for robot in standing])})
        for robot, action in zip(standing, actions):
            robot.step(action)
    errors = numpy.concatenate([robot.errors for robot in robots if robot.errors])
    return numpy.array([robot.scores for robot in robots]), errors, sum(robot.fallen for robot in robots)


def evaluated(program, run, task, weight, episodes):
    """Mean and interval of the score that only `weight` rewards, and falls."""
    values = {name: value for name, value in PLAIN.items() if name in task.parameters}
    values |= {name: task.parameters[name] for name in ("reset_noise", "fallen", "still_share", "command_interval")}
    values |= {f"{name}_{end}": task.parameters[f"{name}_{end}"] for name in ("forward", "left", "turn") for end in ("low", "high")}
    values |= {name: int(name == weight) for name in WEIGHTS if name in task.parameters}
    given = ",".join(f"{name}={value}" for name, value in values.items())
    command = [program, "eval", run, "--deterministic", "--agent", "0", "--episodes", str(episodes), "--env-parameters", given, "--json", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    agent = json.loads(done.stdout)["agents"][0]
    returns = agent["returns"]
    return [x / (task.limit * task.seconds) for x in (returns["mean"], *returns["confidence"])], agent["episodes"] - agent["truncated"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="ppo-gpu")
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("run", type=Path)
    parser.add_argument("xml", type=Path)
    options = parser.parse_args()
    task = Task(options.run, options.binary)
    with tempfile.TemporaryDirectory() as folder:
        model = mujoco.MjModel.from_xml_path(str(without_meshes(options.xml.resolve(), folder)))
        policy = Path(folder) / "policy.onnx"
        subprocess.run([options.binary, "export", options.run, "--onnx", policy], check=True, capture_output=True)
        session = onnxruntime.InferenceSession(policy)
    own = model.opt.iterations, model.opt.ls_iterations, model.opt.tolerance
    exact = 100, 50, 1e-15
    (velocity, falls), (turning, _) = (evaluated(options.binary, options.run, task, weight, options.episodes) for weight in ("velocity_weight", "turn_weight"))
    rows = [("eval", [velocity, turning], f", {falls} falls")]
    for name, settings in [("MuJoCo", exact)] + ([("MuJoCo, the file's solver", own)] if own[0] < exact[0] or own[1] < exact[1] else []):
        model.opt.iterations, model.opt.ls_iterations, model.opt.tolerance = settings
        scores, errors, falls = played(model, task, session, options.episodes)
        rms = numpy.sqrt(errors.mean(axis=0))
        rows.append((name, [interval(scores[:, i]) for i in range(2)], f", off by {rms[0]:.3f} m/s and {rms[1]:.3f} rad/s (rms), {falls} falls"))
    for name, scores, rest in rows:
        text = [f"{what} {mean:.4f} ({low:.4f} to {high:.4f})" for what, (mean, low, high) in zip(("velocity", "turning"), scores)]
        print(f"{name}, {options.episodes} episodes: {', '.join(text)}{rest}")
    for (_, low, high), (_, least, most) in zip(rows[0][1], rows[1][1]):
        assert low <= most and least <= high, "eval and MuJoCo differ"


if __name__ == "__main__":
    main()
