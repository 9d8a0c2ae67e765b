"""Makes a table of what scripts/gpu-lab/windows.sh collected: windows.py DIRECTORY VERSION-OF-WEBGPU."""

import collections
import pathlib
import re
import sys

COMPILERS = ("fxc", "dxc")
SLOW = 10.0  # seconds


def main() -> None:
    directory, version = pathlib.Path(sys.argv[1]), sys.argv[2]
    kernels = sorted({path.name.rsplit(".", 3)[0] for path in directory.glob("*.result")})
    cells = {(kernel, compiler): cell(directory / f"{kernel}.{compiler}.hlsl.result") for kernel in kernels for compiler in COMPILERS}
    print("Kernels as Microsoft's HLSL compilers compile them for DX12 (profile `gpu`, `sh scripts/gpu-lab/windows.sh`); nothing was executed.")
    print(f"FXC and DXC are those of the npm package `webgpu` {version}, run by Wine. In each cell: processor time, code.")
    print(f"**Bold**: no code within two minutes of processor time, or more than {SLOW:.0f} s.\n")
    for compiler in COMPILERS:
        bad = [kernel.replace(".", " ") for kernel in kernels if cells[kernel, compiler][1]]
        print(f"- {compiler.upper()}: {len(kernels) - len(bad)} of {len(kernels)} kernels within {SLOW:.0f} s{': not ' if bad else ''}{', '.join(bad)}")
    for warning, names in warnings(directory, kernels).items():
        print(f"- FXC, {warning}: {', '.join(f'`{name}` of {count} plans' for name, count in names.items())}")
    print("\n| plan | kernel | FXC | DXC |\n| --- | --- | --- | --- |")
    for kernel in kernels:
        plan, name = kernel.rsplit(".", 1)
        texts = [f"**{text}**" if bad else text for text, bad in (cells[kernel, compiler] for compiler in COMPILERS)]
        print(f"| {plan} | `{name}` | {' | '.join(texts)} |")


def cell(result: pathlib.Path) -> tuple[str, bool]:
    """The text of a kernel's result, and whether it took too long or failed."""
    fields = result.read_text(encoding="utf-8").split() if result.exists() else []
    if not fields:
        return "no code", True
    seconds = float(fields[1])
    return f"{seconds:.2f} s, " + (f"{int(fields[2]) / 1024:.0f} KB" if fields[2].isdigit() else fields[2]), seconds > SLOW or not fields[2].isdigit()


def warnings(directory: pathlib.Path, kernels: list[str]) -> dict[str, collections.Counter[str]]:
    """Each kind of warning, with the kernels that have it and in how many plans."""
    found: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for kernel in kernels:
        messages = (directory / f"{kernel}.fxc.hlsl.messages").read_text(encoding="utf-8", errors="replace")
        # Numbers differ from place to place.
        for warning in {re.sub(r"\d+ iteration", "N iteration", text) for text in re.findall(r"warning (X\d+: .*)", messages)}:
            found[warning.strip()][kernel.rsplit(".", 1)[1]] += 1
    return dict(sorted(found.items()))


main()
