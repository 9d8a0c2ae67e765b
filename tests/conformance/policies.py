"""Writes what distrax and JAX say of policies: log-probability, entropy, and their slopes at the actor's outputs, in float64.

    python policies.py            writes policies.json beside this file
    python policies.py --check    computes everything again and compares it with the file on disk

Illegal actions have a logit of minus infinity here. A slope is the gradient of a * log-probability + b * entropy, with a and b as given.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import distrax
import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)

FILE = Path(__file__).resolve().parent / "policies.json"
CASES = 40
Json = dict[str, Any]


def single(values: Any) -> np.ndarray:
    """Rounded to float32, as float64."""
    return np.asarray(values, dtype=np.float32).astype(np.float64)


def categoricals(outputs: jax.Array, legal: np.ndarray, counts: list[int]) -> list[Any]:
    logits = jnp.where(jnp.asarray(legal), outputs, -jnp.inf)
    ends = np.cumsum(counts)
    return [distrax.Categorical(logits=logits[end - count : end]) for count, end in zip(counts, ends)]


def discrete(rng: np.random.Generator, counts: list[int], masked: bool) -> Json:
    outputs = single(rng.normal(0, rng.choice([0.1, 1.0, 8.0]), sum(counts)))
    legal = np.ones(sum(counts), dtype=bool)
    action, first = [], 0
    for count in counts:
        if masked:
            legal[first : first + count] = rng.random(count) < 0.6
            legal[first + int(rng.integers(count))] = True
        action.append(int(rng.choice(np.flatnonzero(legal[first : first + count]))))
        first += count

    def log_prob(z: jax.Array) -> jax.Array:
        return sum(part.log_prob(choice) for part, choice in zip(categoricals(z, legal, counts), action))

    def entropy(z: jax.Array) -> jax.Array:
        return sum(part.entropy() for part in categoricals(z, legal, counts))

    return {"counts": counts, "legal": legal.tolist() if masked else [], "action": action, **described(rng, outputs, log_prob, entropy)}


def continuous(rng: np.random.Generator, dims: int) -> Json:
    outputs = single(np.concatenate([rng.normal(0, 1, dims), rng.uniform(-2, 0.5, dims)]))
    action = single(outputs[:dims] + np.exp(outputs[dims:]) * rng.normal(0, 1.5, dims))

    def normal(z: jax.Array) -> Any:
        return distrax.MultivariateNormalDiag(z[:dims], jnp.exp(z[dims:]))

    return {"dims": dims, "action": action.tolist(), **described(rng, outputs, lambda z: normal(z).log_prob(action), lambda z: normal(z).entropy())}


def described(rng: np.random.Generator, outputs: np.ndarray, log_prob: Any, entropy: Any) -> Json:
    weights = single(rng.normal(0, 1, 2))
    slope = jax.grad(lambda z: weights[0] * log_prob(z) + weights[1] * entropy(z))(jnp.asarray(outputs))
    values = {"log_prob": float(log_prob(outputs)), "entropy": float(entropy(outputs)), "slope": np.asarray(slope).tolist()}
    assert np.isfinite([values["log_prob"], values["entropy"], *values["slope"]]).all()
    return {"outputs": outputs.tolist(), "weights": weights.tolist(), **values}


def generate() -> Json:
    rng = np.random.default_rng(7)
    cases = []
    for i in range(CASES):
        cases.append(discrete(rng, [int(rng.integers(2, 9))], masked=False))
        cases.append(discrete(rng, [int(rng.integers(2, 9))], masked=True))
        cases.append(discrete(rng, [int(n) for n in rng.integers(2, 5, 3)], masked=i % 2 == 1))
        cases.append(continuous(rng, 1 + i % 4))
    illegal = [case for case in cases if case.get("legal") and not all(case["legal"])]
    assert len(illegal) > CASES and any(sum(case["legal"]) == 1 for case in illegal), "masks, some with a single legal action"
    return {"generator": f"distrax {distrax.__version__}, JAX {jax.__version__}, float64", "cases": cases}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with the file on disk, to 1e-9 relative (1e-14 absolute)")
    data = generate()
    if not parser.parse_args().check:
        lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in data["cases"])
        FILE.write_text(f'{{"generator":{json.dumps(data["generator"])},"cases":[\n{lines}\n]}}\n')
        return
    old = json.loads(FILE.read_text())
    for i, (new, was) in enumerate(zip(data["cases"], old["cases"], strict=True)):
        for key in new:
            same = np.allclose(np.asarray(new[key], dtype=float), np.asarray(was[key], dtype=float), rtol=1e-9, atol=1e-14)
            if not same:
                sys.exit(f"case {i}, {key}: {was[key]} on disk, {new[key]} now")
    print(f"{len(old['cases'])} cases agree")


if __name__ == "__main__":
    main()
