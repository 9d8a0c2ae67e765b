"""Makes a table of what scripts/gpu-lab.sh collected: table.py STATISTICS VERSION-OF-MESA."""

import sys

# For each kind of driver: registers, spills, scratch, occupancy with its unit, bytes of code.
DRIVERS = {
    "VGPRs": ("VGPRs", ("Spilled VGPRs", "Spilled SGPRs"), "Scratch size", "Subgroups per SIMD", "waves"),
    "Number of GPRs": ("Number of GPRs", ("Spills to memory",), None, "Max warps/SM", "warps"),
    "GPRs": ("GPRs", ("Spills",), "Scratch", "Threads", "threads"),
    "Registers used": ("Registers used", ("STP Count",), None, "Max Waves Per Core", "waves"),
}


def main() -> None:
    statistics, version = sys.argv[1:]
    rows, devices = {}, []
    for line in open(statistics, encoding="utf-8"):
        device, file, *rest = line.rstrip("\n").split("\t")
        plan, kernel, _ = file.rsplit(".", 2)
        if device not in devices:
            devices.append(device)
        rows.setdefault((plan, kernel), {})[device] = cell(rest)
    spilling = {device: [f"{plan} {kernel}" for (plan, kernel), cells in rows.items() if cells.get(device, ("", True))[1]] for device in devices}
    print(f"Kernels as Mesa {version} compiles them (profile `gpu`, `sh scripts/gpu-lab.sh`); nothing was executed.")
    print("In each cell: registers, occupancy, code, time to compile. **Bold**: spills or scratch, or no code within two minutes.\n")
    for device in devices:
        bad = spilling[device]
        print(f"- {device}: {len(rows) - len(bad)} of {len(rows)} kernels without spills and scratch{': not ' if bad else ''}{', '.join(bad)}")
    print(f"\n| plan | kernel | {' | '.join(devices)} |\n|{' --- |' * (2 + len(devices))}")
    for (plan, kernel), cells in rows.items():
        texts = [text if not bad else f"**{text}**" for text, bad in (cells.get(device, ("-", True)) for device in devices)]
        print(f"| {plan} | `{kernel}` | {' | '.join(texts)} |")


def cell(fields: list[str]) -> tuple[str, bool]:
    """The text of a kernel's statistics, and whether there are spills or scratch, or nothing was compiled."""
    if not fields:
        return "no code", True
    seconds, values = fields[0], dict(field.split("=", 1) for field in fields[1:])
    known = next((names for key, names in DRIVERS.items() if key in values), None)
    if known is None:
        return "no code", True
    registers, spills, scratch, occupancy, unit = known
    spilled = sum(int(values.get(name, 0)) for name in spills)
    memory = int(values.get(scratch, 0)) if scratch else 0
    text = f"{values[registers]}, {values[occupancy]} {unit}, {int(values.get('Code size', 0)) / 1024:.0f} KB, {float(seconds):.2f} s"
    if spilled or memory:
        text += f", {spilled} spilled, {memory} bytes of scratch"
    return text, bool(spilled or memory)


main()
