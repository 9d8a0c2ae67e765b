"""Writes what MuJoCo 4.0 computes for Gymnasium's robots and those in `robots`: `bodies/NAME.json`, one environment step from many states each, and the compiled
model.

    python bodies.py                             # these files, 100 states each
    python bodies.py --states 2000 --out DIR     # more states, elsewhere

States are rounded to float32. Half of them come from random play that goes on after falls, half are drops: random poses, heights and velocities.
Constraints are solved to a tolerance of 1e-15, Humanoid's by Newton's method too (its model asks for a solver that stops early), so results are those of the
exact optimum.
"""

import argparse
import json
from pathlib import Path

import gymnasium
import mujoco
import numpy

TASKS = {
    "inverted_pendulum": "InvertedPendulum-v5",
    "inverted_double_pendulum": "InvertedDoublePendulum-v5",
    "reacher": "Reacher-v5",
    "swimmer": "Swimmer-v5",
    "half_cheetah": "HalfCheetah-v5",
    "hopper": "Hopper-v5",
    "walker2d": "Walker2d-v5",
    "ant": "Ant-v5",
    "humanoid": "Humanoid-v5",
}
# In `robots`. The seed of each is its place, after the tasks.
ROBOTS = ["arm", "dog", "zoo", "crab", "quirks"]
FREE, BALL, SLIDE, HINGE = range(4)


def name(model, kind, index):
    return mujoco.mj_id2name(model, kind, index) or ""


def numbers(values):
    return [float(value) for value in numpy.ravel(values)]


def compiled(model):
    """The numbers of an mjModel that its step needs, in MuJoCo's units."""
    kinds = mujoco.mjtObj
    joints = []
    for j in range(model.njnt):
        dof, q = int(model.jnt_dofadr[j]), int(model.jnt_qposadr[j])
        dofs = slice(dof, dof + {FREE: 6, BALL: 3}.get(int(model.jnt_type[j]), 1))
        qs = slice(q, q + {FREE: 7, BALL: 4}.get(int(model.jnt_type[j]), 1))
        joints.append({
            "name": name(model, kinds.mjOBJ_JOINT, j),
            "body": int(model.jnt_bodyid[j]),
            "kind": ["free", "ball", "slide", "hinge"][model.jnt_type[j]],
            "axis": numbers(model.jnt_axis[j]),
            "position": numbers(model.jnt_pos[j]),
            "limited": bool(model.jnt_limited[j]),
            "range": numbers(model.jnt_range[j]),
            "margin": float(model.jnt_margin[j]),
            "limit_solref": numbers(model.jnt_solref[j]),
            "limit_solimp": numbers(model.jnt_solimp[j]),
            "stiffness": float(numpy.ravel(model.jnt_stiffness[j])[0]),
            "reference": numbers(model.qpos0[qs]),
            "spring_reference": numbers(model.qpos_spring[qs]),
            "actuator_force_range": numbers(model.jnt_actfrcrange[j]) if model.jnt_actfrclimited[j] else None,
            "damping": float(numpy.ravel(model.dof_damping[dof])[0]),
            "armature": float(model.dof_armature[dof]),
            "friction_loss": float(model.dof_frictionloss[dof]),
            "friction_solref": numbers(model.dof_solref[dof]),
            "friction_solimp": numbers(model.dof_solimp[dof]),
            "inverse_weights": numbers(model.dof_invweight0[dofs]),
        })  # fmt: skip
    return {
        "timestep": model.opt.timestep,
        "integrator": mujoco.mjtIntegrator(model.opt.integrator).name.removeprefix("mjINT_").lower(),
        "euler_damping": not model.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_EULERDAMP,
        "gravity": numbers(model.opt.gravity),
        "density": model.opt.density,
        "viscosity": model.opt.viscosity,
        "impratio": model.opt.impratio,
        "bodies": [
            {
                "name": name(model, kinds.mjOBJ_BODY, b),
                "parent": int(model.body_parentid[b]),
                "position": numbers(model.body_pos[b]),
                "orientation": numbers(model.body_quat[b]),
                "mass": float(model.body_mass[b]),
                "inertia": numbers(model.body_inertia[b]),
                "inertia_position": numbers(model.body_ipos[b]),
                "inertia_orientation": numbers(model.body_iquat[b]),
                "inverse_weight": float(model.body_invweight0[b][0]),
            }
            for b in range(model.nbody)
        ],
        "joints": joints,
        "geoms": [
            {
                "name": name(model, kinds.mjOBJ_GEOM, g),
                "body": int(model.geom_bodyid[g]),
                "kind": mujoco.mjtGeom(model.geom_type[g]).name.removeprefix("mjGEOM_").lower(),
                "position": numbers(model.geom_pos[g]),
                "orientation": numbers(model.geom_quat[g]),
                "size": numbers(model.geom_size[g]),
                "contype": int(model.geom_contype[g]),
                "conaffinity": int(model.geom_conaffinity[g]),
                "condim": int(model.geom_condim[g]),
                "priority": int(model.geom_priority[g]),
                "friction": numbers(model.geom_friction[g]),
                "solmix": float(model.geom_solmix[g]),
                "solref": numbers(model.geom_solref[g]),
                "solimp": numbers(model.geom_solimp[g]),
                "margin": float(model.geom_margin[g]),
            }
            for g in range(model.ngeom)
            if model.geom_type[g] != mujoco.mjtGeom.mjGEOM_MESH  # only seen
        ],
        "excludes": [[int(s) >> 16, int(s) & 0xFFFF] for s in model.exclude_signature],
        "keys": [
            {"name": name(model, kinds.mjOBJ_KEY, k), "q": numbers(model.key_qpos[k]), "v": numbers(model.key_qvel[k]), "control": numbers(model.key_ctrl[k])}
            for k in range(model.nkey)
            if name(model, kinds.mjOBJ_KEY, k) or (model.key_qpos[k] != model.qpos0).any() or model.key_qvel[k].any()  # <size nkey> adds empty ones
        ],
        "sites": [
            {
                "name": name(model, kinds.mjOBJ_SITE, s),
                "body": int(model.site_bodyid[s]),
                "position": numbers(model.site_pos[s]),
                "orientation": numbers(model.site_quat[s]),
            }
            for s in range(model.nsite)
        ],
        "actuators": [
            {
                "name": name(model, kinds.mjOBJ_ACTUATOR, a),
                "joint": int(model.actuator_trnid[a][0]),
                "gear": float(model.actuator_gear[a][0]),
                "gain": float(model.actuator_gainprm[a][0]),
                "bias": numbers(model.actuator_biasprm[a][:3]) if model.actuator_biastype[a] else [0.0, 0.0, 0.0],
                "control_range": numbers(model.actuator_ctrlrange[a]) if model.actuator_ctrllimited[a] else None,
                "force_range": numbers(model.actuator_forcerange[a]) if model.actuator_forcelimited[a] else None,
            }
            for a in range(model.nu)
        ],
    }


def rounded(model, q, v):
    """The state as a device keeps it, with quaternions of length 1."""
    q = q.copy()
    for j in range(model.njnt):
        if model.jnt_type[j] == FREE:
            at = model.jnt_qposadr[j] + 3
            q[at : at + 4] /= numpy.linalg.norm(q[at : at + 4])
    return q.astype(numpy.float32).astype(float), v.astype(numpy.float32).astype(float)


def drop(model, q0, rng):
    """A random pose, some way above the floor or in it."""
    q, v = q0.copy(), rng.normal(0, 2, model.nv)
    for j in range(model.njnt):
        at = model.jnt_qposadr[j]
        if model.jnt_type[j] == FREE:
            q[at : at + 3] += rng.normal(0, 0.3, 3)
            q[at + 3 : at + 7] = rng.normal(0, 1, 4)
        elif model.jnt_limited[j]:
            low, high = model.jnt_range[j]
            q[at] = rng.uniform(low - 0.1 * (high - low), high + 0.1 * (high - low))
        else:
            q[at] += rng.normal(0, 0.5)
    return q, v


def states(env, count, rng):
    model = env.model
    low, high = env.action_space.low, env.action_space.high
    found, data = [], mujoco.MjData(model)
    while len(found) < count // 2:
        data.qpos[:], data.qvel[:] = env.init_qpos + rng.normal(0, 0.05, model.nq), env.init_qvel + rng.normal(0, 0.1, model.nv)
        for step in range(200):
            data.ctrl[:] = rng.uniform(low, high)
            mujoco.mj_step(model, data, nstep=env.frame_skip)
            if not numpy.isfinite(data.qpos).all() or abs(data.qvel).max() > 100:
                break
            if step % 10 == 9 and len(found) < count // 2:
                found.append((data.qpos.copy(), data.qvel.copy()))
        mujoco.mj_resetData(model, data)
    while len(found) < count:
        found.append(drop(model, env.init_qpos, rng))
    return [(*rounded(model, q, v), rng.uniform(low, high).astype(numpy.float32).astype(float)) for q, v in found]


class Robot:
    """A robot of ours, with what is used of Gymnasium's environments."""

    frame_skip = 4

    def __init__(self, path):
        self.model = mujoco.MjModel.from_xml_path(str(path))
        self.init_qpos, self.init_qvel = self.model.qpos0.copy(), numpy.zeros(self.model.nv)
        low, high = self.model.actuator_ctrlrange.T
        self.action_space = gymnasium.spaces.Box(low, high, dtype=numpy.float64)


def record(task, count, seed):
    env = gymnasium.make(task).unwrapped if isinstance(task, str) else Robot(task)
    model = env.model
    model.opt.tolerance, model.opt.iterations, model.opt.ls_iterations = 1e-15, 1000, 1000
    model.opt.ls_tolerance = 1e-15
    model.opt.solver = mujoco.mjtSolver.mjSOL_NEWTON
    rng = numpy.random.default_rng(seed)
    steps, data = [], mujoco.MjData(model)
    for q, v, control in states(env, count, rng):
        mujoco.mj_resetData(model, data)
        data.qpos[:], data.qvel[:], data.ctrl[:] = q, v, control
        mujoco.mj_forward(model, data)
        acceleration = data.qacc.copy()
        mujoco.mj_resetData(model, data)
        data.qpos[:], data.qvel[:], data.ctrl[:] = q, v, control
        mujoco.mj_step(model, data, nstep=env.frame_skip)
        steps.append({
            "q": numbers(q), "v": numbers(v), "control": numbers(control), "acceleration": numbers(acceleration),
            "next_q": numbers(data.qpos), "next_v": numbers(data.qvel),
        })  # fmt: skip
        if isinstance(task, str):
            # The same step as Gymnasium takes it.
            mujoco.mj_resetData(model, env.data)
            env.set_state(q, v)
            observation, reward, terminated, _, _ = env.step(control)
            assert numpy.allclose(env.data.qpos, data.qpos, rtol=0, atol=1e-11), (task, abs(env.data.qpos - data.qpos).max())
            # Humanoid's is long, and compared in single precision.
            digits = 9 if task == "Humanoid-v5" else 17
            steps[-1] |= {"observation": [float(f"{x:.{digits}g}") for x in observation], "reward": float(reward), "terminated": bool(terminated)}
    return {"made_with": f"MuJoCo {mujoco.__version__}, Gymnasium {gymnasium.__version__}", "frame_skip": env.frame_skip, "model": compiled(model), "steps": steps}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--states", type=int, default=100)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "bodies")
    options = parser.parse_args()
    options.out.mkdir(exist_ok=True, parents=True)
    robots = [(stem, Path(__file__).parent / "robots" / f"{stem}.xml") for stem in ROBOTS]
    for seed, (stem, task) in enumerate(list(TASKS.items()) + robots):
        recorded = record(task, options.states, seed)
        steps = ",\n".join(json.dumps(step, separators=(",", ":")) for step in recorded.pop("steps"))
        head = json.dumps(recorded, separators=(",", ":"))
        path = options.out / f"{stem}.json"
        path.write_text(head[:-1] + ',\n"steps":[\n' + steps + "\n]}\n")
        print(f"{path}: {len(path.read_bytes()):,} bytes")


if __name__ == "__main__":
    main()
