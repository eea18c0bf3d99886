"""The golden files under other versions, instruction sets, precisions and threads.

    python -m benchmarks.docs.machines --results machines.jsonl [--python COMMAND]... [--every]
    python -m benchmarks.docs.machines --results machines.jsonl --write

Each command names a Python with what a decoder needs: torch, onnxruntime, or numpy alone. It may
hold an emulator in front. `tests/golden/probe.py` runs under it, once for each setting; the results
are added to the file. `--write` puts the file's results into docs/reliability.md.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.common import ROOT, paste, table_head, table_row

PAGE = ROOT / "docs" / "reliability.md"
PROBE = ROOT / "tests" / "golden" / "probe.py"
OLD = "AVX F16C FMA3 AVX2 AVX512F AVX512CD AVX512_SKX X86_V3 X86_V4"  # of which numpy knows some
LOWEST = {
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
    "OPENBLAS_CORETYPE": "Prescott",
    "NPY_DISABLE_CPU_FEATURES": OLD,
}
OTHERS = {
    "ATEN_CPU_CAPABILITY": ("default", "avx2"),
    "ONEDNN_MAX_CPU_ISA": ("SSE41", "AVX2", "AVX512_CORE"),
    "MKL_ENABLE_INSTRUCTIONS": ("SSE4_2", "AVX2"),
    "OPENBLAS_CORETYPE": ("Prescott", "Nehalem", "Haswell", "Zen"),
    "NPY_DISABLE_CPU_FEATURES": (OLD,),
}
SEEN = """
import importlib.util, sys
print(*(n for n in ("torch", "onnxruntime") if importlib.util.find_spec(n)))
"""


@dataclass(frozen=True)
class Setting:
    """A decoder, its options, and variables of the environment that limit instruction sets."""

    decoder: str
    options: tuple[str, ...] = ()
    limits: dict[str, str] = field(default_factory=dict)


def settings(seen: Sequence[str], *, every: bool) -> Iterator[Setting]:
    """What is tried with a Python that has these libraries."""
    for kind in ("torch", *(["numpy"] if "onnxruntime" in seen else [])):
        if kind == "torch" and kind not in seen:
            continue
        yield Setting(kind)
        yield Setting(kind, limits=LOWEST)
        if kind == "torch":
            yield Setting(kind, ("--precision", "bf16"))
        if not every:
            continue
        yield Setting(kind, ("--without", "constriction"))
        for count in ("2", "8"):
            yield Setting(kind, ("--threads", count))
        if kind == "torch":
            yield Setting(kind, ("--precision", "bf16", "--threads", "2"))
            yield Setting(kind, ("--precision", "bf16"), LOWEST)
        for name, values in OTHERS.items():
            if kind == "torch" or not name.startswith(("ATEN", "ONEDNN", "MKL")):
                for value in values:
                    yield Setting(kind, limits={name: value})
    yield Setting("python")


def probe(command: Sequence[str], setting: Setting) -> dict[str, Any]:
    """What a Python makes of the golden files in a setting, or the last line of its complaint."""
    env = {name: value for name, value in os.environ.items() if name not in LOWEST}
    paths = (str(ROOT), os.environ.get("PYTHONPATH", ""))
    env |= setting.limits | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    arguments = [*command, str(PROBE), "--decoder", setting.decoder, *setting.options]
    done = subprocess.run(arguments, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        return {"command": " ".join(command), "setting": str(setting), "error": last}
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def run(command: Sequence[str], results: Path, *, every: bool) -> bool:
    """Try all settings with one Python; whether each decodes the same symbols."""
    done = subprocess.run([*command, "-c", SEEN], capture_output=True, text=True, check=True)
    good = True
    for setting in settings(done.stdout.split(), every=every):
        result = probe(command, setting)
        with results.open("a", encoding="utf-8") as out:
            out.write(json.dumps(result) + "\n")
        print(json.dumps(result), flush=True)
        good &= result.get("symbols", -1) == result.get("files")
    return good


def table(lines: Sequence[dict[str, Any]]) -> str:
    """A Markdown table: a row for each machine, Python and libraries, over all their settings."""
    rows: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for line in lines:
        if "error" in line:
            sys.exit(f"a setting failed: {line}")
        library = {"torch": "torch", "numpy": "onnxruntime"}.get(line["decoder"])
        if library:
            name = f"{library} {line[library]}"
            key = (line["machine"], line["python"], name, line["numpy"])
        else:
            key = (line["machine"], "each of these", "plain Python", "each of these")
        rows.setdefault(key, []).append(line)

    def order(key: tuple[str, ...]) -> tuple[object, ...]:
        kind, _, version = key[2].partition(" ")
        numbers = [int(n) for n in re.findall(r"\d+", version)]
        return key[0] != "x86_64", ("torch", "onnxruntime", "plain").index(kind), numbers, key

    out = [
        table_head(
            *("machine", "Python", "decoder", "numpy", "settings", "symbols equal"),
            *("files equal, 32 bits", "peak difference, 32 bits", "16 bits"),
        )
    ]
    for row in sorted(rows, key=order):
        lines = rows[row]
        wide = [x for x in lines if x["precision"] == "fp32"]
        narrow = [x for x in lines if x["precision"] == "bf16"]
        made = [x for x in wide if x["same"] is not None]
        total = sum(x["files"] for x in lines)
        cells: list[object] = [*row, len(lines), f"{sum(x['symbols'] for x in lines)} of {total}"]
        again = f"{sum(x['same'] for x in made)} of {sum(x['files'] for x in made)}"
        cells.append(again if made else "")
        cells += [max(x["peak"] for x in wide), max((x["peak"] for x in narrow), default="")]
        out.append(table_row(cells))
    return "\n".join(out)


def main() -> int:
    """Exit status 1 if symbols differ anywhere."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", action="append", default=[], help="how to start one")
    parser.add_argument("--every", action="store_true", help="all settings, not only three")
    parser.add_argument("--results", type=Path, required=True, help="a line for each setting")
    parser.add_argument("--write", action="store_true", help="write the table into the page")
    options = parser.parse_args()
    good = True
    for command in options.python:
        good &= run(shlex.split(command), options.results, every=options.every)
    if options.write:
        lines = options.results.read_text("utf-8").splitlines()
        paste(PAGE, table([json.loads(line) for line in lines]), "machines")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
