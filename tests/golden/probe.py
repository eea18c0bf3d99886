"""Whether this Python, with its libraries and settings, decodes the golden files: a line of JSON.

    python tests/golden/probe.py [--decoder torch|numpy|python] [--precision bf16] [--threads 2]

Needs what the decoder needs, and the repository on `PYTHONPATH`. `benchmarks/docs/machines.py` runs
it under many environments.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import sys
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
MODEL = HERE.parents[1] / "models" / "tcae-s"
TABLE = json.loads((HERE / "golden.json").read_text("utf-8"))
LIMITS = (
    *("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS"),
    *("OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES"),
)
SLOW = ("small-10", "grey-40", "pixel-75", "patches-50")  # what plain Python decodes in seconds


def joined(coarse: Any, fine: Any, config: dict[str, Any]) -> Any:
    """Latents of two scales -> int32 `(h, w, channels)`, as torch's decoder has them."""
    groups, first = config["groups"], config["coarse"]
    h, w = coarse.shape[:2]
    parts, at = [coarse], 0
    for count in groups[first:]:
        n = count // 4
        part = fine[..., at : at + n].reshape(h, 2, w, 2, n).swapaxes(1, 2)
        parts.append(part.reshape(h, w, 4 * n))
        at += n
    return np.concatenate(parts, -1).astype("<i4")


def has_hash(latents: Any, wanted: str, groups: list[int]) -> bool:
    """Whether latents have this SHA-256. The groups that a file lacks are zero, and not in it."""
    for g in range(len(groups) + 1):
        n = sum(groups[:g])
        some = np.ascontiguousarray(latents[..., :n])
        if hashlib.sha256(some.tobytes()).hexdigest() == wanted:
            return not latents[..., n:].any()
    return False


def decoder(kind: str, precision: str, threads: int) -> tuple[Any, Any, Any]:
    """Functions: file -> latents, file -> pixels, picture and quality -> file (None: it cannot)."""
    from tccodec.coding import reference
    from tccodec.coding.coded import CodedPicture
    from tccodec.container import read

    if kind == "python":
        config, tensors = reference.read_folder(MODEL, "model.safetensors")

        def plain(data: bytes) -> Any:
            return joined(*reference.latents(read(data), config["model"], tensors), config["model"])

        return plain, lambda data: np.squeeze(reference.decode(data, MODEL)), None
    if kind == "numpy":
        sys.modules["torch"] = None  # type: ignore[assignment]
    import tccodec

    codec = tccodec.Codec.from_pretrained(MODEL, precision=precision, threads=threads)
    core: Any = codec._core

    def latents(data: bytes) -> Any:
        found = core.decode_latents(CodedPicture.of(read(data)))
        if kind == "numpy":
            return joined(*found, core.config["model"])
        return found.numpy().astype("<i4")

    made = None if kind == "numpy" else lambda image, q: codec.compress(image, quality=q)
    return latents, lambda data: np.asarray(codec.decompress(data)), made


def installed(name: str) -> str:
    """The version of a package, or an empty text."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def main() -> None:
    """Print the line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decoder", choices=("torch", "numpy", "python"), default="torch")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--without", action="append", default=[], help="a package to hide")
    options = parser.parse_args()
    for name in options.without:
        sys.modules[name] = None  # type: ignore[assignment]
    warnings.simplefilter("ignore")
    latents, pixels, made = decoder(options.decoder, options.precision, options.threads)
    groups = json.loads((MODEL / "config.json").read_text("utf-8"))["model"]["groups"]
    names = SLOW if options.decoder == "python" else tuple(TABLE)
    equal, peak, off, same = 0, 0, list[float](), 0
    for name in names:
        data = (HERE / f"{name}.tcz").read_bytes()
        equal += has_hash(latents(data), TABLE[name]["latents"], groups)
        with Image.open(HERE / f"{name}.png") as golden:
            gap = np.abs(pixels(data).astype(int) - np.asarray(golden))
        peak, off = max(peak, int(gap.max())), [*off, float(gap.mean())]
    if made:
        from tests.golden.make import GOLDEN, picture

        for name in names:
            data = made(picture(name), GOLDEN[name][2])
            same += hashlib.sha256(data).hexdigest() == TABLE[name]["file"]
    print(json.dumps({
        "machine": platform.machine(),
        "python": platform.python_version(),
        "decoder": options.decoder,
        **{name: installed(name) for name in ("torch", "onnxruntime", "numpy", "pillow")},
        "without": options.without,
        "precision": options.precision,
        "threads": options.threads,
        "limits": {name: os.environ[name] for name in LIMITS if name in os.environ},
        "files": len(names),
        "symbols": equal,
        "peak": peak,
        "mean": max(off),
        "same": same if made else None,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
