"""Attacks for as long as there is time.

    python -m tests.attacks --hours 1              mutated inputs, all targets in turn
    python -m tests.attacks exhaustive             every bit, cut and splice of golden files
    python -m tests.attacks interruptions          kills, full disks, vanished and changed inputs
    python -m tests.attacks lines                  which lines of the readers the attacks reach
    python -m tests.attacks guided                 one target, guided by coverage (needs atheris)

The exit status is 1 if anything broke a promise. `--help` after a name lists its options.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

NAMES = ("mutations", "exhaustive", "interruptions", "lines", "guided")

SLOT = 240.0  # seconds for a target, until another one may be further from its goal


def mutations(arguments: Sequence[str]) -> int:
    """Mutated inputs for a time; prints executions and the smallest file of each fault."""
    from tests.attacks.run import Findings, attack, is_fault
    from tests.attacks.targets import TARGETS
    from tests.attacks.totals import Totals, commit

    parser = argparse.ArgumentParser(
        "python -m tests.attacks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--hours", type=float, default=1.0, help="altogether")
    parser.add_argument("--target", action="append", choices=TARGETS, help="only this")
    parser.add_argument("--seed", type=int, default=0, help="another one gives other cases")
    parser.add_argument("--out", type=Path, default=Path("build/attacks"), help="files of faults")
    parser.add_argument("--total", type=Path, help="counts of earlier runs, which this one adds to")
    parser.add_argument("--write", type=Path, help="a page whose table is written anew")
    options = parser.parse_args(arguments)
    names = options.target or list(TARGETS)
    totals, at, bad = Totals(options.total), commit(), False
    end = time.monotonic() + options.hours * 3600
    slot = min(SLOT, options.hours * 3600 / len(names))
    while (left := end - time.monotonic()) > 1:
        target = totals.furthest_from_goal(names)
        start = totals.of(target).total()
        seconds = min(slot, left)
        findings = Findings()
        try:
            attack(
                target.name,
                findings,
                seconds=seconds,
                seed=options.seed,
                start=start,
                out=options.out,
            )
        finally:
            totals.add(target, findings.outcomes, at)
        print(f"{target.name}: {findings.cases:,} executions", flush=True)
        for fault in filter(is_fault, sorted(findings.outcomes)):
            file = findings.faults.get(fault, "no file")
            print(f"    {findings.outcomes[fault]:,} x {fault}: {file}")
            bad = True
    print(totals.table())
    if options.write:
        from benchmarks.common import paste

        paste(options.write, totals.table(), "mutations")
    return 1 if bad else 0


def main() -> int:
    """Exit status of what the first argument names."""
    arguments = sys.argv[1:]
    name = arguments.pop(0) if arguments[:1] and arguments[0] in NAMES else "mutations"
    if name == "mutations":
        return mutations(arguments)
    if name == "exhaustive":
        from tests.attacks.exhaustive import main as run
    elif name == "interruptions":
        from tests.attacks.interruptions import main as run
    elif name == "guided":
        from tests.attacks.guided import main as run
    else:
        from tests.attacks.lines import main as run
    return run(arguments)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        status = main()
    except KeyboardInterrupt:
        status = 130
        print("stopped", file=sys.stderr)
    sys.exit(status)
