"""How episodes are written to JSON: an episode after the other, each of its fields on a line."""

from __future__ import annotations

import json
from typing import Any


def text(name: str, generator: str, episodes: list[dict[str, Any]]) -> str:
    written = []
    for episode in episodes:
        fields = [f'"{key}": {json.dumps(value, separators=(",", ":"))}' for key, value in episode.items()]
        written.append("{" + ",\n".join(fields) + "}")
    head = f'{{"name": {json.dumps(name)}, "generator": {json.dumps(generator)}, "episodes": [\n'
    return head + ",\n".join(written) + "\n]}\n"
