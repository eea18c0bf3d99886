"""Quick reports, and a slow codec of our own that writes down what it is asked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tests.support.pictures import picture

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

# A report of four points that takes a moment, for `tccodec.report.run`.
QUICK: dict[str, Any] = {
    "codecs": ["webp", "jpeg"],
    "anchor": "jpeg",
    "points": 4,
    "metrics": ["psnr"],
    "jobs": 1,
    "show": 0,
}


def photos(folder: Path, *sizes: tuple[int, int]) -> Path:
    """A folder of pictures of these sizes, p0.png, p1.png, ..."""
    folder.mkdir(exist_ok=True)
    for i, size in enumerate(sizes):
        picture(i, size=size).save(folder / f"p{i}.png")
    return folder


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
