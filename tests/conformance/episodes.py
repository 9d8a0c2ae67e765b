"""How games are recorded: hashes of observations, episodes as JSON, and the command that writes files or checks them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ONE = 0x3F800000  # the word of 1.0


def fingerprint(words: Iterable[int]) -> int:
    """FNV-1a over the float32 words of an observation."""
    h = 2166136261
    for word in words:
        h = ((h ^ word) * 16777619) % 2**32
    return h


def of_bits(bits: Iterable[Any]) -> int:
    """The same, of an observation that is 1 where a bit is set and 0 elsewhere."""
    return fingerprint(ONE if bit else 0 for bit in bits)


def text(name: str, generator: str, episodes: list[dict[str, Any]]) -> str:
    written = []
    for episode in episodes:
        fields = [f'"{key}": {json.dumps(value, separators=(",", ":"))}' for key, value in episode.items()]
        written.append("{" + ",\n".join(fields) + "}")
    head = f'{{"name": {json.dumps(name)}, "generator": {json.dumps(generator)}, "episodes": [\n'
    return head + ",\n".join(written) + "\n]}\n"


def write_or_check(description: str, generated: dict[Path, str], generator: str) -> None:
    """The command: writes each file, or compares it with the one on disk."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the files on disk instead of writing them")
    check = parser.parse_args().check
    for path, content in generated.items():
        if not check:
            path.write_text(content)
        elif content != path.read_text():
            sys.exit(f"{path.name} differs from what {generator} generates")
