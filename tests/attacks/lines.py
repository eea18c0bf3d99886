"""Which lines of the readers the attacks reach: mutated files, and those that break a rule."""

from __future__ import annotations

import argparse
import collections
import sys
import types
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import tccodec

ROOT = Path(tccodec.__file__).parent
# What a reader of files runs. The networks in torch and the choice of symbols are not here.
MODULES = (
    *("container/blocks.py", "container/checksum.py", "container/layout.py"),
    *("container/limits.py", "container/sections.py", "container/tcz.py", "container/varint.py"),
    *("entropy/coder.py", "entropy/reference.py", "entropy/tables.py", "portable/entropy.py"),
    *("picture/alpha.py", "picture/embedded.py", "picture/exact.py"),
)
# Functions in these modules that no reader calls: they write, train, or print.
WRITERS = {
    *("encode_header", "tile_box", "encode_varint", "pack_body", "make_section", "write"),
    *("Section.name", "TczFile.payload_bytes", "SymbolCoder.encode", "escape_bits"),
    *("Tables.prices", "Tables.bits", "escape_length", "to_counts", "logistic_weights"),
    *("logistic_tables", "fitted_tables", "embed", "pack_runs", "pack_alpha", "looks_drawn"),
    *("pack_exact", "pack_exact_always", "_method"),
}


def code_lines(path: Path) -> set[int]:
    """The lines of a file that hold code inside functions of readers."""

    def inside(code: types.CodeType, function: bool) -> Iterator[int]:
        if code.co_qualname in WRITERS:
            return
        if function:
            first = code.co_firstlineno
            yield from (line for _, _, line in code.co_lines() if line and line != first)
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                # A class body runs when the module is imported, before the attack.
                yield from inside(constant, bool(constant.co_flags & 2))

    return set(inside(compile(path.read_text("utf-8"), str(path), "exec"), False))


def main(arguments: Sequence[str]) -> int:
    """Print, for each module, the share of its lines that ran, and those that did not.

    The exit status is 1 if there are such lines.
    """
    parser = argparse.ArgumentParser("python -m tests.attacks lines", description=__doc__)
    parser.add_argument("--cases", type=int, default=2000, help="of each target")
    options = parser.parse_args(arguments)
    wanted = {str(ROOT / name): name for name in MODULES}
    seen: dict[str, set[int]] = collections.defaultdict(set)

    def local(frame: types.FrameType, event: str, _: Any) -> Any:
        if event == "line":
            seen[frame.f_code.co_filename].add(frame.f_lineno)
        return local

    def entered(frame: types.FrameType, event: str, _: Any) -> Any:
        return local if frame.f_code.co_filename in wanted else None

    sys.settrace(entered)
    from tests.attacks.rules import rules
    from tests.attacks.run import outcome_of
    from tests.attacks.targets import TARGETS

    for name in ("container", "sections", "tables", "code", "pair"):
        target = TARGETS[name]
        for number in range(options.cases if name != "pair" else options.cases // 4):
            outcome_of(target, target.case(Random(f"{name} {number}")))
    for rule in rules():
        for data in rule.broken().values():
            for name in ("container", "sections", "whole"):
                outcome_of(TARGETS[name], data)
    sys.settrace(None)
    total = reached = 0
    for path, name in wanted.items():
        every = code_lines(Path(path))
        missing = sorted(every - seen[path])
        total, reached = total + len(every), reached + len(every) - len(missing)
        said = f", not {missing}" if missing else ""
        print(f"{name}: {len(every) - len(missing)} of {len(every)} lines{said}")
    print(f"together: {reached} of {total} lines, {100 * reached / total:.1f} %")
    return int(reached < total)
