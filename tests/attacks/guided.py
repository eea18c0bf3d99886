"""The same attacks, guided by coverage. Needs the package atheris."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from random import Random


def main(arguments: Sequence[str]) -> int:
    """Run libFuzzer on one target; faults are counted and written down, and it goes on."""
    parser = argparse.ArgumentParser("python -m tests.attacks guided", description=__doc__)
    parser.add_argument("--target", default="container")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("build/attacks"))
    options = parser.parse_args(arguments)
    if find_spec("atheris") is None:
        print("atheris is not installed: pip install atheris", file=sys.stderr)
        return 1
    import atheris

    with atheris.instrument_imports(include=["tccodec"]):
        from tests.attacks.run import Findings, is_fault, outcome_of
        from tests.attacks.targets import TARGETS
    target = TARGETS[options.target]
    seeds = target.seeds()
    findings = Findings()

    def mutated(data: bytes, most: int, seed: int) -> bytes:
        rng = Random(seed)
        try:  # structure where there still is some
            new = target.mutate(rng, data, rng.choice(seeds))
        except Exception:  # bytes that the mutator cannot take apart
            new = target.mutate(rng, rng.choice(seeds), rng.choice(seeds))
        return new[:most]

    def one(data: bytes) -> None:
        outcome = outcome_of(target, data)
        if is_fault(outcome):
            if outcome not in findings.faults:
                print(f"{target.name}: {outcome}", flush=True)
            findings.note(outcome, data, name=target.name, out=options.out)

    corpus = options.out / f"corpus-{target.name}"
    corpus.mkdir(parents=True, exist_ok=True)
    for i, data in enumerate(seeds):
        (corpus / f"seed-{i}").write_bytes(data)
    limits = [f"-max_total_time={options.seconds}", f"-seed={options.seed}", "-max_len=200000"]
    atheris.Setup([sys.argv[0], *limits, "-print_final_stats=1", "-verbosity=0", str(corpus)], one,
                  custom_mutator=mutated)  # fmt: skip
    atheris.Fuzz()  # ends the process, after it has printed how many inputs it ran
    return 0
