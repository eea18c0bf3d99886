"""What `benchmarks/docs/load.py` measures for longer."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.docs.load import held, in_process, memory, mixed, shares, with_threads
from tccodec import Codec


def test_sixteen_threads_share_a_codec(tiny_model_dir: Path) -> None:
    codec = Codec.from_pretrained(tiny_model_dir, device="cpu", threads=1)
    numbers = range(48)
    assert with_threads(codec, numbers) == in_process(codec, numbers)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_a_mix_of_work_and_errors(tiny_model_dir: Path) -> None:
    codec = Codec.from_pretrained(tiny_model_dir, device="cpu", threads=1)
    count, early, last, most = memory(codec, mixed, shares(35))
    assert count == 35 and early > 0 and last <= most + 1
    assert held(trimmed=True) < 1.5 * last
