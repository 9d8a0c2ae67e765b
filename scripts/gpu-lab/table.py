"""Makes a table of what scripts/gpu-lab.sh collected: table.py STATISTICS VERSION-OF-MESA."""

import sys

# For each kind of driver, by a statistic that only it has: the text of registers and occupancy, spills, reads of what was spilled, scratch.
DRIVERS = {
    "VGPRs": ("{VGPRs}, {Subgroups per SIMD} waves", ("Spilled VGPRs", "Spilled SGPRs"), None, "Scratch size"),
    "Number of GPRs": ("{Number of GPRs}, {Max warps/SM} warps", ("Spills to memory",), None, None),
    # Intel: the most registers that are in use at once, before spills; there are 128 (Mesa counts Lunar Lake's, which are twice as long, as two each).
    "Max dispatch width": ("{Max live registers}, SIMD{Subgroup size}, {Instructions} instructions", ("Spills",), "Fills", "Scratch Memory Size"),
    "GPRs": ("{GPRs}, {Threads} threads", ("Spills",), None, "Scratch"),
    "Registers used": ("{Registers used}, {Max Waves Per Core} waves", ("STP Count",), None, None),
}
SLOW = 2.0


def main() -> None:
    statistics, version = sys.argv[1:]
    rows, devices, remarked = {}, [], {}
    for line in open(statistics, encoding="utf-8"):
        device, file, *rest = line.rstrip("\n").split("\t")
        plan, kernel, _ = file.rsplit(".", 2)
        if device not in devices:
            devices.append(device)
        rows.setdefault((plan, kernel), {})[device] = cell(rest)
        for remark in remarks(rest):
            remarked.setdefault((device, remark), []).append(f"{plan} {kernel}")
    spilling = {device: [f"{plan} {kernel}" for (plan, kernel), cells in rows.items() if cells.get(device, ("", True))[1]] for device in devices}
    print(f"Kernels as Mesa {version} compiles them (profile `gpu`, `sh scripts/gpu-lab.sh`); nothing was executed.")
    print("In each cell: registers, occupancy (Intel: width, instructions), code, seconds of a processor to compile it.")
    print("**Bold**: spills or scratch, or no code within two minutes.\n")
    for device in devices:
        bad = spilling[device]
        print(f"- {device}: {len(rows) - len(bad)} of {len(rows)} kernels without spills and scratch{': not ' if bad else ''}{', '.join(bad)}")
        for (_, remark), kernels in filter(lambda item: item[0][0] == device, remarked.items()):
            print(f"  - {remark}: {', '.join(kernels)}")
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
    registers, spills, fills, scratch = known
    spilled = sum(int(values.get(name, 0)) for name in spills)
    memory = int(values.get(scratch, 0)) if scratch else 0
    text = f"{registers.format_map(values)}, {int(values.get('Code size', 0)) / 1024:.0f} KB, {float(seconds):.2f} s"
    if spilled or memory:
        text += f", {spilled} spilled, {f'{values[fills]} filled, ' if fills else ''}{memory} bytes of scratch"
    return text, bool(spilled or memory)


def remarks(fields: list[str]) -> list[str]:
    """What the list of devices says of a kernel besides spills."""
    values = dict(field.split("=", 1) for field in fields[1:])
    narrow = "Max dispatch width" in values and values["Subgroup size"] == "8"
    return ["SIMD8"] * narrow + [f"over {SLOW:.0f} s"] * bool(fields and float(fields[0]) > SLOW)


main()
