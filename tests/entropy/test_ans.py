"""The ANS coder in Python against constriction's: the same words, the same symbols."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tccodec
from tccodec.entropy import ans
from tccodec.entropy.tables import logistic_tables
from tests.golden.make import GOLDEN, HERE, picture

constriction = pytest.importorskip("constriction")
COUNTS = [np.array([32768, 32768]), np.array([3, 60000, 2, 5531]), *logistic_tables().counts]
Theirs = constriction.stream.stack.AnsCoder


def models(rng: np.random.Generator) -> tuple[int, Any, ans.Categorical]:
    """Symbols of a random table, and that table for either coder."""
    counts = COUNTS[int(rng.integers(len(COUNTS)))].astype(np.float64)
    theirs = constriction.stream.model.Categorical(counts, perfect=False)
    return len(counts), theirs, ans.Categorical(counts, perfect=False)


def test_both_coders_write_and_read_the_same_words() -> None:
    rng = np.random.default_rng(1)
    for _ in range(300):
        theirs, own = Theirs(), ans.AnsCoder()
        passes = []
        for _ in range(int(rng.integers(6))):
            size, one, other = models(rng)
            symbols = rng.integers(0, size, int(rng.integers(40))).astype(np.int32)
            symbols[rng.random(len(symbols)) < rng.random()] = 0
            theirs.encode_reverse(symbols, one)
            own.encode_reverse(symbols, other)
            passes.append((symbols, one, other))
        words = theirs.get_compressed()
        assert own.get_compressed().tolist() == words.tolist()
        theirs, own = Theirs(words), ans.AnsCoder(words)
        for symbols, one, other in reversed(passes):
            assert np.array_equal(theirs.decode(one, len(symbols)), symbols)
            assert np.array_equal(own.decode(other, len(symbols)), symbols)
        assert own.is_empty() and theirs.is_empty()


def test_both_coders_make_the_same_of_noise_beyond_its_end_and_put_it_back() -> None:
    rng = np.random.default_rng(2)
    for _ in range(300):
        words = rng.integers(1, 1 << 32, int(rng.integers(5))).astype(np.uint32)
        theirs, own = Theirs(words), ans.AnsCoder(words)
        for _ in range(5):
            _, one, other = models(rng)
            symbols = theirs.decode(one, 30)
            assert np.array_equal(own.decode(other, 30), symbols)
            assert own.is_empty() == theirs.is_empty()
            kept = int(rng.integers(31))
            before = own.get_compressed().tolist()
            own.encode_reverse(symbols[kept:], other)
            theirs.encode_reverse(symbols[kept:], one)
            assert own.get_compressed().tolist() == theirs.get_compressed().tolist()
            assert np.array_equal(own.decode(other, 30 - kept), symbols[kept:])
            assert own.get_compressed().tolist() == before
            own.encode_reverse(symbols[kept:], other)


PROGRAM = """
import sys
sys.modules["constriction"] = None  # importing it now fails
import pathlib, tccodec
from tccodec.entropy import ans, coder
from tests.golden.make import GOLDEN, picture, symbols_hash
assert coder.AnsCoder is ans.AnsCoder
codec = tccodec.Codec.from_pretrained("tcae-s", device="cpu", precision="fp32")
for path in sys.argv[1:]:
    print(symbols_hash(codec, pathlib.Path(path).read_bytes()))
print(codec.compress(picture("grey-40"), quality=40).hex())
"""


def test_without_constriction_golden_files_decode_and_files_are_the_same() -> None:
    table = json.loads((HERE / "golden.json").read_text("utf-8"))
    root = Path(tccodec.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *(str(HERE / f"{name}.tcz") for name in GOLDEN)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(root)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *latents, file = done.stdout.split()
    assert latents == [table[name]["latents"] for name in GOLDEN]
    codec = tccodec.Codec.from_pretrained("tcae-s", device="cpu", precision="fp32")
    assert bytes.fromhex(file) == codec.compress(picture("grey-40"), quality=40)
    assert done.stderr.count("constriction is not here") == 1


def test_only_the_mapping_of_the_format_is_there() -> None:
    with pytest.raises(ValueError, match="fast approximation"):
        ans.Categorical(np.array([1.0, 2.0]), perfect=True)
