"""Small pictures, and a slow codec of our own that writes down what it is asked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

SLOW_CODEC = """
import sys, time
from PIL import Image
pause, what, source, target, *q = sys.argv[1:]
log = sys.argv[0] + ".log"  # not an argument: files that are named are part of the version
image = Image.open(source)
if what == "enc":
    with open(log, "a") as file:
        file.write(f"{image.width}x{image.height} {q[0]}\\n")
    time.sleep(float(pause))
    image.save(target, format="JPEG", quality=int(q[0]))
else:
    image.convert("RGB").save(target, format="PNG")
"""

#: A report of four points that takes a moment, for `tccodec.report.run`.
QUICK: dict[str, Any] = {
    "codecs": ["webp", "jpeg"],
    "anchor": "jpeg",
    "points": 4,
    "metrics": ["psnr"],
    "jobs": 1,
}


def scene(width: int, height: int, seed: int) -> Image.Image:
    """Gradients, edges and some noise: codes like a photograph, and differs with the seed."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    planes = []
    for c in range(3):
        a, b, phase = [*rng.uniform(0.02, 0.12, 2).tolist(), rng.uniform(0, 6)]
        wave = 90 * np.sin(a * x + b * y + phase + c) + 128
        disc = ((x - width * rng.uniform(0.3, 0.7)) ** 2 + (y - height / 2) ** 2) < (
            height / 4
        ) ** 2
        planes.append(wave + 40 * disc + rng.normal(0, 6, (height, width)))
    return Image.fromarray(np.clip(np.stack(planes, 2), 0, 255).astype(np.uint8))


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pictures with sides that MS-SSIM accepts."""
    path = tmp_path_factory.mktemp("photos")
    for i, size in enumerate([(208, 176), (176, 208), (192, 192)]):
        scene(*size, seed=i).save(path / f"p{i}.png")
    return path


class SlowCodec:
    """An external codec line, and the log of its encodes."""

    def __init__(self, room: Path, pause: float) -> None:
        self.script, self.log = room / "slow_codec.py", room / "slow_codec.py.log"
        self.script.write_text(SLOW_CODEC)
        call = f"'{sys.executable}' '{self.script}' {pause}"
        self.line = f"slow={call} enc {{in}} {{out}} {{q}} ; {call} dec {{in}} {{out}}"

    def calls(self) -> list[str]:
        """Encodes so far, but for the 64 x 64 picture that a worker warms up with."""
        if not self.log.exists():
            return []
        return [line for line in self.log.read_text().splitlines() if not line.startswith("64x64")]


@pytest.fixture
def slow_codec(tmp_path: Path) -> SlowCodec:
    """A codec that takes 0.15 s per picture."""
    return SlowCodec(tmp_path, 0.15)
