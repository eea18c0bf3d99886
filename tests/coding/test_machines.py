"""A file decodes to the same symbols whatever the threads, the precision or the instructions."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from tccodec.coding.coded import CodedPicture
from tccodec.coding.neural import NeuralCodec
from tests.support.pictures import photo

WAYS = [(threads, precision) for threads in (1, 2) for precision in ("fp32", "bf16")]
SIZE = (1200, 1100)  # two by two tile groups

PROGRAM = """
import sys, pathlib, hashlib
from tccodec.coding.coded import CodedPicture
from tccodec.coding.neural import NeuralCodec
codec = NeuralCodec.load(pathlib.Path(sys.argv[1]), device="cpu")
payloads = [bytes.fromhex(p) for p in sys.stdin.read().split(",")]
coded = CodedPicture(width=1200, height=1100, setting=int(sys.argv[2]), payloads=payloads)
v = codec.decode_latents(coded)
print(hashlib.sha256(v.numpy().tobytes()).hexdigest())
"""


@pytest.fixture(autouse=True)
def _restore_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def digest(codec: NeuralCodec, coded: CodedPicture) -> str:
    v = codec.decode_latents(coded)
    return hashlib.sha256(v.numpy().tobytes()).hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize("setting", [150, 700])
def test_threads_and_precision_never_change_the_symbols(tiny_model_dir: Path, setting: int) -> None:
    rgb = photo(*reversed(SIZE))
    files = []
    for threads, precision in WAYS:
        codec = NeuralCodec.load(tiny_model_dir, device="cpu", threads=threads, precision=precision)
        files.append(codec.encode(rgb, setting))
    assert all(len(f.payloads) == 4 for f in files)
    # Most are equal, byte for byte: to decode them again would prove nothing.
    for coded in {tuple(f.payloads): f for f in files}.values():
        seen = set()
        pixels = []
        for threads, precision in WAYS:
            codec = NeuralCodec.load(
                tiny_model_dir, device="cpu", threads=threads, precision=precision
            )
            seen.add(digest(codec, coded))
            pixels.append(codec.decode(coded).astype(int))
        assert len(seen) == 1
        # The transforms are floating point: threads must not matter, bf16 a little.
        assert np.abs(pixels[0] - pixels[2]).max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "environment",
    [
        {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
        {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"},
    ],
    ids=["avx2", "sse"],
)
def test_lesser_instructions_decode_the_same_symbols(
    tiny_model_dir: Path, environment: dict[str, str]
) -> None:
    codec = NeuralCodec.load(tiny_model_dir, device="cpu")
    coded = codec.encode(photo(*reversed(SIZE)), 500)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tiny_model_dir), "500"],
        input=",".join(p.hex() for p in coded.payloads),
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == digest(codec, coded)
