"""Compares how `ppo-gpu` and MuJoCo compile robots of others, whose files are read from their packages.

    pip install -r requirements-bodies.txt
    pip install --no-deps -r requirements-models.txt
    python models.py --binary ../../target/release/ppo-gpu

Every number of `bodies.py`'s models must agree to 1e-12, relative to the largest of its list; inertias are compared as matrices. Meshes that are only seen are taken
out for MuJoCo, because their files are elsewhere.
"""

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import mujoco
import numpy

from bodies import compiled

ROBOTS = {
    "dm_control": [f"suite/{name}.xml" for name in ["acrobot", "cartpole", "cheetah", "hopper", "humanoid", "pendulum", "reacher", "walker"]],
    "mujoco_playground": [f"_src/locomotion/{name}/xmls/scene_mjx_feetonly_flat_terrain.xml" for name in ["go1", "spot", "berkeley_humanoid", "t1"]],
}
# Feet that are boxes could touch each other, which is not supported: these bodies are excluded by a file around the robot's.
APART = {"berkeley_humanoid": ("ll_faa", "lr_faa"), "t1": ("left_foot_link", "right_foot_link")}
PRECISION = 1e-12


def without_meshes(path, folder):
    """A copy of a file and what it includes, without meshes."""
    tree = ElementTree.parse(path)
    for parent in tree.iter():
        for child in list(parent):
            if child.tag == "include":
                included = (path.parent / child.get("file")).resolve()
                child.set("file", str(without_meshes(included, folder)))
            elif child.tag in ("mesh", "texture") or child.tag == "geom" and (child.get("mesh") or child.get("type") == "mesh"):
                parent.remove(child)
            elif child.tag == "material":
                child.attrib.pop("texture", None)
    copy = Path(folder) / path.name
    tree.write(copy)
    return copy


def apart(path, folder):
    """The file, or one around it that excludes contacts of its robot's feet with each other."""
    robot = path.parent.parent.name
    if robot not in APART:
        return path
    around = Path(folder) / f"{robot}.xml"
    around.write_text('<mujoco><include file="{}"/><contact><exclude body1="{}" body2="{}"/></contact></mujoco>'.format(path.resolve(), *APART[robot]))
    return around


def tensor(body):
    rotation = numpy.zeros(9)
    mujoco.mju_quat2Mat(rotation, numpy.array(body["inertia_orientation"]))
    rotation = rotation.reshape(3, 3)
    return rotation @ numpy.diag(body["inertia"]) @ rotation.T


def differences(place, ours, theirs):
    if isinstance(theirs, dict):
        if "inertia" in theirs:
            a, b = tensor(ours), tensor(theirs)
            if abs(a - b).max() > PRECISION * max(abs(b).max(), 1e-300):
                yield f"{place}: inertia {a.tolist()} instead of {b.tolist()}"
        for key, value in theirs.items():
            if key not in ("inertia", "inertia_orientation"):
                yield from differences(f"{place}.{key}", ours.get(key), value)
    elif isinstance(theirs, list) and isinstance(ours, list) and len(ours) == len(theirs):
        if theirs and all(isinstance(x, float) for x in theirs):
            far = abs(numpy.array(ours) - numpy.array(theirs)).max()
            if far > PRECISION * max(abs(x) for x in theirs):
                yield f"{place}: {ours} instead of {theirs}"
        else:
            for i, (a, b) in enumerate(zip(ours, theirs)):
                yield from differences(f"{place}[{i}]", a, b)
    elif isinstance(theirs, float) and isinstance(ours, (int, float)):
        if abs(ours - theirs) > PRECISION * abs(theirs):
            yield f"{place}: {ours} instead of {theirs}"
    elif ours != theirs:
        yield f"{place}: {ours} instead of {theirs}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="ppo-gpu")
    parser.add_argument("files", nargs="*", type=Path, help="XML files, in place of the packages' ones")
    options = parser.parse_args()
    files = options.files
    for package, paths in {} if files else ROBOTS.items():
        files += [Path(importlib.util.find_spec(package).submodule_search_locations[0]) / path for path in paths]
    wrong = 0
    for path in files:
        name = "/".join(path.resolve().parts[-3:])
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as copies:
            path = apart(path, folder)
            shown = subprocess.run([options.binary, "env", "show", path, "--json"], capture_output=True, text=True)
            if shown.returncode:
                print(f"{name}: {shown.stderr.strip()}")
                wrong += 1
                continue
            theirs = compiled(mujoco.MjModel.from_xml_path(str(without_meshes(path.resolve(), copies))))
        found = list(differences(path.stem, json.loads(shown.stdout), theirs))
        print(f"{name}: {len(theirs['bodies']) - 1} bodies, {len(theirs['joints'])} joints, {len(theirs['geoms'])} geoms: {len(found)} differences")
        print("".join(f"  {line}\n" for line in found[:20]), end="")
        wrong += bool(found)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
