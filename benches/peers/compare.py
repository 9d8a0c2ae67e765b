"""Times ppo-gpu and other people's PPO on the same machine, in turn: A, B, A, B, ...

    python3 benches/peers/compare.py                 # sets up, builds, runs; about half an hour
    python3 benches/peers/compare.py --sb3           # Stable-Baselines3 too; an hour more

Needs Python 3.11 or later and nothing besides: peers get virtual environments of their own. See README.md for what is compared.
"""

import argparse
import datetime
import json
import os
import platform
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PPO_GPU, JAX, SB3 = "ppo-gpu", "JAX", "Stable-Baselines3"
WARMUP = 4  # updates before timing starts; the first holds a software driver's lazy compilation, and in all of them ppo-gpu times single dispatches
MINIBATCHES, EPOCHS = 4, 4
SB3_ENV_STEPS = 50_000  # timed env steps of one run; it is too slow for as many as the others


class Setting(NamedTuple):
    """Sizes of a run, and how many updates are timed: about 15 s where the JAX peer makes 100,000 steps/s, or on a data centre's GPU."""

    agents: int
    envs: int
    steps: int
    cpu_updates: int
    gpu_updates: int

    def __str__(self):
        sizes = f"{self.envs} × {self.steps}"
        return sizes if self.agents == 1 else f"{self.agents} agents × {sizes}"


DEFAULT_SETTINGS = {
    "4096x128": Setting(1, 4096, 128, 8, 300),
    "1024x128": Setting(1, 1024, 128, 12, 500),
    "64x128": Setting(1, 64, 128, 180, 1000),
    "4x128": Setting(1, 4, 128, 2000, 1500),
    "256x4x128": Setting(256, 4, 128, 12, 500),
}


def parse_setting(text):
    """A default setting, or ENVSxSTEPS or AGENTSxENVSxSTEPS with as many updates as its size suggests."""
    if text in DEFAULT_SETTINGS:
        return DEFAULT_SETTINGS[text]
    numbers = [int(number) for number in re.split("[x×]", text)]
    if len(numbers) not in (2, 3) or min(numbers) < 1:
        raise argparse.ArgumentTypeError("expected ENVSxSTEPS or AGENTSxENVSxSTEPS")
    agents, envs, steps = [1, *numbers][-3:]
    updates = max(3, 1_500_000 // (agents * envs * steps))
    return Setting(agents, envs, steps, updates, max(300, updates))


def output_of(command):
    """What `command` prints, or an empty text where it fails or does not exist."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def has_nvidia_gpu():
    return "GPU" in output_of(["nvidia-smi", "-L"])


def python_of(venv):
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def set_up(venv, requirements, before=()):
    """Makes `venv` with the pinned packages. `before` may be installed first, when it can."""
    if not python_of(venv).exists():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    pip = [python_of(venv), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    if before and subprocess.run([*pip, *before], capture_output=True).returncode:
        print(f"  {shlex.join(before)}: not to be had; PyPI's build instead", file=sys.stderr)
    subprocess.run([*pip, "-r", requirements], check=True)


def run_json(command):
    """The JSON object that `command` prints last, and its wall-clock seconds from start to exit."""
    began = time.perf_counter()
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=ROOT)
    wall = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"{shlex.join(map(str, command))}\nfailed with {done.returncode}:\n{done.stderr[-4000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1]), wall


def run_ppo_gpu(binary, hidden, flags, setting, updates, seed):
    """Steady speed from the times of rows: from the row of the last warm-up update to the last row."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [binary, "--config", ROOT / "configs/cartpole_reference.toml", "--quiet", "--json", "--out", out, "--seed", seed]
        command += ["--agents", setting.agents, "--envs", setting.envs, "--steps", setting.steps]
        command += ["--minibatches", MINIBATCHES, "--epochs", EPOCHS, "--total-steps", updates * setting.envs * setting.steps]
        command += ["--hidden", hidden]
        summary, wall = run_json([*command, *flags])
        rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    rows = [row for row in rows if row["agent"] == 0]
    if len(rows) != updates:
        raise SystemExit(f"ppo-gpu wrote {len(rows)} rows for {updates} updates")
    first, last = rows[WARMUP - 1], rows[-1]
    result = {
        "implementation": f"ppo-gpu {summary['version']}, profile {summary['profile']}",
        "device": f"{summary['device']}, {summary['backend']}, {summary['driver']}",
        "env_steps": (last["env_steps"] - first["env_steps"]) * setting.agents,
        "seconds": last["seconds"] - first["seconds"],
        "startup_seconds": summary["startup_seconds"],
        "mean_return": summary["mean_return"],
    }
    return result, wall


def run_peer(python, script, setting, updates, warmup, seed, flags=()):
    command = [python, HERE / script, "--json", "--seed", seed, "--envs", setting.envs, "--steps", setting.steps]
    command += ["--minibatches", MINIBATCHES, "--epochs", EPOCHS, "--updates", updates, "--warmup", warmup]
    return run_json([*command, *flags] + (["--agents", setting.agents] if setting.agents > 1 else []))


def run_round(name, setting, options, updates, seed):
    """One run of one implementation, as a record for the results."""
    timed, warmup = updates, WARMUP
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    if name == PPO_GPU:
        result, wall = run_ppo_gpu(options.binary, options.hidden, options.flags, setting, timed + warmup, seed)
    elif name == JAX:
        flags = ["--hidden", options.hidden]
        flags += ["--matmul-precision", options.jax_precision] if options.jax_precision else []
        result, wall = run_peer(python_of(options.venv / "jax"), "jax_ppo.py", setting, timed + warmup, warmup, seed, flags)
    else:
        # It compiles nothing, so there is nothing to warm up for.
        timed, warmup = max(1, min(timed, SB3_ENV_STEPS // (setting.envs * setting.steps))), 0
        result, wall = run_peer(python_of(options.venv / "sb3"), "sb3_ppo.py", setting, timed, warmup, seed)
    seconds = result["seconds"]
    keys = ("implementation", "device", "env_steps", "seconds", "mean_return", "compile_seconds", "startup_seconds")
    return {
        "name": name,
        **{key: result[key] for key in keys if key in result},
        "timed_updates": timed,
        "sps": result["env_steps"] / seconds,
        "other_seconds": wall - seconds * (timed + warmup) / timed,
        "wall_seconds": wall,
        "load_before": load,
    }


def cpu_model():
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return output_of(["sysctl", "-n", "machdep.cpu.brand_string"]) or platform.processor()
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1] if found else platform.processor()


def operating_system():
    try:
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, {platform.system()} {platform.release()}"
    except (AttributeError, OSError, KeyError):
        return platform.platform()


def describe_machine(options):
    version = output_of(["git", "-C", ROOT, "rev-parse", "--short=12", "HEAD"])
    changed = output_of(["git", "-C", ROOT, "status", "--porcelain", "--untracked-files=no"])
    return {
        "cpu": cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "gpu": output_of(["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]) or None,
        "os": operating_system(),
        "python": platform.python_version(),
        "rustc": output_of(["rustc", "--version"]),
        "commit": version + (" with changes" if changed else ""),
        "load_before": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
        "else_running": options.note,
    }


def table(results, names):
    """A row for each setting and implementation; ratios are ppo-gpu's median over the peer's."""
    lines = [
        "| Setting | Implementation | Env steps/s, median | min – max | Spread | ppo-gpu is | Other seconds | Timed updates | Runs |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    ratios = {}
    for label, runs in results.items():
        medians = {name: statistics.median(run["sps"] for run in runs if run["name"] == name) for name in names if any(run["name"] == name for run in runs)}
        for name, median in medians.items():
            own = [run for run in runs if run["name"] == name]
            least, most = min(run["sps"] for run in own), max(run["sps"] for run in own)
            ratio = ""
            if name != PPO_GPU and PPO_GPU in medians:
                ratios.setdefault(label, {})[name] = medians[PPO_GPU] / median
                ratio = f"**{medians[PPO_GPU] / median:.2f}×**"
            other = statistics.median(run["other_seconds"] for run in own)
            spread = f"{100 * (most - least) / median:.0f} %"
            cells = [label, name, f"{median:,.0f}", f"{least:,.0f} – {most:,.0f}", spread, ratio, f"{other:.1f}", str(own[0]["timed_updates"]), str(len(own))]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines), ratios


def report(record, results, names):
    """The results as Markdown, and the ratios by setting and peer."""
    machine, lines = record["machine"], []
    text, ratios = table(results, names)
    for name in names:
        run = next((run for runs in results.values() for run in runs if run["name"] == name), None)
        if run:
            lines.append(f"- {run['implementation']}: {run['device']}")
    load = ", ".join(f"{value:.2f}" for value in machine["load_before"] or []) or "not known"
    loads = [run["load_before"] for runs in results.values() for run in runs if run["load_before"] is not None]
    if loads:
        load += f"; before single runs {min(loads):.2f} to {max(loads):.2f}, their predecessors included"
    lines += [
        f"- {machine['cpu']}, {machine['cores']} cores" + (f"; {machine['gpu']}" if machine["gpu"] else ""),
        f"- {machine['os']}; Python {machine['python']}; {machine['rustc']}; commit {machine['commit']}",
        f"- Load average before the run (1, 5, 15 minutes): {load}",
        f"- What else ran: {machine['else_running'] or 'not stated'}",
        f"- CartPole-v1, {MINIBATCHES} minibatches, {EPOCHS} epochs, separate tanh {record['hidden']} networks, `configs/cartpole_reference.toml` otherwise; seeds 0 to {record['rounds'] - 1}",
    ]
    if record["jax_precision"]:
        lines.append(f"- JAX's matrix products: {record['jax_precision']}")
    if record["flags"]:
        lines.append(f"- Flags of ppo-gpu: `{shlex.join(record['flags'])}`")
    notes = (
        f"Runs were made in turn, {', '.join(names)}, {record['rounds']} times at each setting. Steps per second are those after the first {WARMUP} updates "
        f"(Stable-Baselines3: of all updates). *Other seconds* are the rest of the process's wall-clock time: start-up, compilation and exit. "
        f"*Spread* is (max − min)/median; *ppo-gpu is* the ratio of medians, ppo-gpu over the peer."
    )
    return f"# Peers, {record['date']}\n\n{text}\n\n{notes}\n\n" + "\n".join(lines) + "\n", ratios


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = ",".join(DEFAULT_SETTINGS)
    parser.add_argument("--settings", default=known, help=f"ENVSxSTEPS or AGENTSxENVSxSTEPS, separated by commas [default: {known}]")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--updates", type=int, help="timed updates of every run, in place of each setting's own")
    parser.add_argument("--sb3", action="store_true", help="Stable-Baselines3 too, where there is one agent")
    parser.add_argument("--hidden", default="64,64", help="units of the hidden layers, separated by commas [default: 64,64]")
    parser.add_argument("--jax-precision", choices=("tensorfloat32", "float32"), help="of JAX's matrix products, in place of its default")
    parser.add_argument("--flags", type=shlex.split, default=[], help="further flags of ppo-gpu, e.g. --flags='--profile gpu'")
    parser.add_argument("--venv", type=Path, default=ROOT / "target/peers-venv", help="folder of the virtual environments [default: target/peers-venv]")
    parser.add_argument("--no-setup", action="store_true", help="take the virtual environments as they are")
    parser.add_argument("--binary", type=Path, help="a ppo-gpu that is already built [default: cargo build --release]")
    parser.add_argument("--out", type=Path, help="folder for peers.md and peers.json, e.g. benches/results/<date>-<device>; otherwise only printed")
    parser.add_argument("--note", default="", help="what else runs on the machine, for the report")
    options = parser.parse_args()
    try:
        settings = [parse_setting(text) for text in options.settings.split(",")]
    except (ValueError, argparse.ArgumentTypeError):
        parser.error("--settings: expected ENVSxSTEPS or AGENTSxENVSxSTEPS, separated by commas")
    if not re.fullmatch(r"[1-9]\d{0,4}(,[1-9]\d{0,4})*", options.hidden):
        parser.error("--hidden: expected numbers of units, separated by commas, as in 256,256")
    if options.binary and not options.binary.is_file():
        parser.error(f"--binary: there is no file {options.binary}")
    if options.rounds < 1 or (options.updates is not None and options.updates < 1):
        parser.error("--rounds and --updates must be at least 1")
    if options.sb3 and options.hidden != "64,64":
        parser.error("--sb3: that peer has 64,64 only")
    options.venv = options.venv.absolute()

    if not options.no_setup:
        print("setting up virtual environments", file=sys.stderr)
        set_up(options.venv / "jax", HERE / ("requirements-cuda.txt" if has_nvidia_gpu() else "requirements.txt"))
        if options.sb3:
            torch = next(line for line in (HERE / "requirements-sb3.txt").read_text().splitlines() if line.startswith("torch=="))
            # The CPU build is a tenth of the size. There is none of that name for macOS, where PyPI's is for the CPU anyway.
            cpu_build = ["--retries", "0", "--index-url", "https://download.pytorch.org/whl/cpu", torch]
            set_up(options.venv / "sb3", HERE / "requirements-sb3.txt", cpu_build if sys.platform == "linux" else ())
    if options.binary is None:
        subprocess.run(["cargo", "build", "--release", "--locked", "--bin", "ppo-gpu"], cwd=ROOT, check=True)
        metadata = json.loads(output_of(["cargo", "metadata", "--format-version", "1", "--no-deps", "--manifest-path", ROOT / "Cargo.toml"]))
        options.binary = Path(metadata["target_directory"]) / "release" / ("ppo-gpu.exe" if os.name == "nt" else "ppo-gpu")
    options.binary = options.binary.absolute()

    names = [PPO_GPU, JAX] + ([SB3] if options.sb3 else [])
    now = datetime.datetime.now().astimezone()
    record = {"date": now.strftime("%Y-%m-%d %H:%M %Z"), "rounds": options.rounds, "hidden": options.hidden, "jax_precision": options.jax_precision, "flags": options.flags, "machine": describe_machine(options)}
    on_gpu = has_nvidia_gpu()
    results = {}
    for setting in settings:
        runs = results[str(setting)] = []
        updates = options.updates or (setting.gpu_updates if on_gpu else setting.cpu_updates)
        for seed in range(options.rounds):
            for name in names:
                if name == SB3 and setting.agents > 1:
                    continue
                runs.append(run_round(name, setting, options, updates, seed))
                run = runs[-1]
                print(f"{setting}, round {seed + 1}: {name} {run['sps']:,.0f} env steps/s, {run['other_seconds']:.1f} s besides", file=sys.stderr)
    text, ratios = report(record, results, names)
    print(text)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "peers.md").write_text(text, encoding="utf-8")
        (options.out / "peers.json").write_text(json.dumps({**record, "ratios": ratios, "runs": results}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
