"""The package for browsers decodes the codec's latents, number by number, or refuses as it does."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tccodec import Codec, TccodecError
from tccodec.coding.coded import CodedPicture
from tccodec.container import Setting, TczFile, read, tile_box, tile_grid, write
from tccodec.entropy.coder import SymbolDecoder
from tccodec.entropy.tables import FIRST_CODED, SCALES, logistic_tables
from tccodec.entropy.trellis import BLOCKS, chain_count
from tccodec.training.export import model_tensors, write_model
from tests.support.models import tiny_codec_model
from tests.support.node import NODE, WEB, old_node
from tests.support.shapes import SHAPES

pytestmark = pytest.mark.skipif(old_node(), reason="Node 20.15 or later is not here")

SETTING = Setting(1000)  # all groups may be present
SIZES = ((1, 1), (40, 100), (1090, 70))  # the last one has two tile groups
MODELS = {
    "one quantiser": SHAPES["tiny"],
    "centroids": SHAPES["renderer"],
    "two quantisers": SHAPES["patches of 4"],
    "two from the first coded table on": replace(
        SHAPES["renderer"], centroids=False, trellis=2, spacing=(16, 18)
    ),
    "two in the last table": replace(SHAPES["odd widths"], trellis=63, spacing=(9, 62)),
}

CHAINED = (
    "escapes of quantiser 0",
    "escapes of quantiser 1",
    "one chain",
    "a last block that is full",
    "a last block that is not full",
)


@pytest.fixture(scope="module", params=MODELS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    cfg = MODELS[request.param]
    model = tiny_codec_model(cfg)
    # All tables are in use, and so are all centroids.
    model.entropy.base.data.normal_(32, 24)
    if model.entropy.centroids is not None:
        model.entropy.centroids.data.uniform_(-0.4, 0.4)
    tables = logistic_tables(cfg.trellis, cfg.spacing)
    out = tmp_path_factory.mktemp("model") / "model"
    write_model(out, cfg, model_tensors(model, tables), description="for tests")
    return out


@pytest.fixture(scope="module")
def codec(folder: Path) -> Codec:
    return Codec.from_pretrained(folder, device="cpu", precision="fp32", threads=1)


def file_of(codec: Codec, width: int, height: int, payloads: list[bytes]) -> bytes:
    """A file of one setting without anything but its tile groups."""
    model_id, tiles = codec.card.file_id, tuple(payloads)
    return write(
        TczFile(width=width, height=height, setting=SETTING, model_id=model_id, tiles=tiles)
    )


def made(codec: Codec, width: int, height: int, seed: int) -> tuple[bytes, list[bytes]]:
    """A file of random latents, some of them far from any prediction, and its payloads."""
    generator = torch.Generator().manual_seed(seed)
    core = codec._core
    columns, rows = tile_grid(width, height)
    payloads = []
    for index in range(columns * rows):
        left, top, right, bottom = tile_box(width, height, index=index)
        h, w = -(-(bottom - top) // 32), -(-(right - left) // 32)
        v, far = torch.randn(2, h, w, core.cfg.latents, generator=generator)
        z = 4 * torch.randn(-(-h // 2), -(-w // 2), core.cfg.hyper, generator=generator)
        payloads.append(core.entropy.encode(2 * v * torch.exp(2 * far), z, SETTING)[0])
    return file_of(codec, width, height, payloads), payloads


def of_browser(folder: Path, files: list[bytes], place: Path) -> list[str]:
    """The SHA-256 of the latents of each file, or why it is refused: as the package says it."""
    place.mkdir()
    for i, data in enumerate(files):
        (place / str(i)).write_bytes(data)
    script = WEB / "test" / "support" / "latents.mjs"
    done = subprocess.run(
        [str(NODE), str(script), str(folder), str(place)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return [found[str(i)] for i in range(len(files))]


def of_codec(codec: Codec, data: bytes) -> str:
    """The same as the codec says it."""
    try:
        latents = codec._core.decode_latents(CodedPicture.of(read(data)))
    except TccodecError as e:
        return f"{type(e).__name__}: {e}"
    return hashlib.sha256(latents.numpy().astype("<i4").tobytes()).hexdigest()


def test_latents(
    codec: Codec, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Counter[str]()
    plain = SymbolDecoder.decode_chains

    def counting(
        self: SymbolDecoder, index: NDArray[np.uint8]
    ) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        symbols, tables = plain(self, index)
        chained, second = index >= self.coder.trellis, tables >= SCALES
        escapes = (index >= FIRST_CODED) & (np.abs(symbols) > self.coder.radii[tables])
        seen["escapes without chains"] += int((escapes & ~chained).sum())
        seen["escapes of quantiser 0"] += int((escapes & chained & ~second).sum())
        seen["escapes of quantiser 1"] += int((escapes & second).sum())
        n = int(chained.sum())
        seen["one chain"] += 0 < n <= BLOCKS
        seen["a last block that is full"] += n > BLOCKS and n % chain_count(n) == 0
        seen["a last block that is not full"] += n > BLOCKS and n % chain_count(n) != 0
        return symbols, tables

    files = [made(codec, *size, seed)[0] for seed, size in enumerate(SIZES)]
    monkeypatch.setattr(SymbolDecoder, "decode_chains", counting)
    wanted = [of_codec(codec, data) for data in files]
    assert of_browser(folder, files, tmp_path / "files") == wanted
    trellis = codec._core.cfg.trellis
    assert seen["escapes without chains"] or trellis == FIRST_CODED
    if trellis == SCALES - 1:
        assert seen["one chain"]
    elif trellis:
        assert all(seen[name] for name in CHAINED), seen


def test_damaged_code(codec: Codec, folder: Path, tmp_path: Path) -> None:
    width, height = SIZES[1]
    [good] = made(codec, width, height, 3)[1]
    rng = random.Random(1)
    payloads = [good + b"\1", good[:-1], good[:-1] + b"\0"]
    for _ in range(30):
        bent = bytearray(good)
        bent[rng.randrange(len(bent) - 200, len(bent))] ^= 1 << rng.randrange(8)
        payloads.append(bytes(bent))
    for _ in range(30):
        payloads.append(good[:2] + rng.randbytes(rng.randrange(1, 3000)) + b"\1")
    files = [file_of(codec, width, height, [p]) for p in payloads]
    wanted = [of_codec(codec, data) for data in files]
    assert of_browser(folder, files, tmp_path / "files") == wanted
