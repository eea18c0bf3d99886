"""Formats that Pillow writes with another package, by stand-ins: modules of their names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SAVES = (
    "from PIL import Image\n"
    "def register_heif_opener():\n"
    "    Image.register_save({kind!r}, lambda im, fp, name: fp.write(\n"
    "        f'{{im.mode}} {{sorted(im.encoderinfo)}}'.encode()))\n"
    "    Image.register_extension({kind!r}, {suffix!r})\n"
)
WRITES = (
    "import sys; sys.path.insert(0, sys.argv[1])\n"
    "import numpy as np\n"
    "from tccodec.picture import Picture, save_image, to_image\n"
    "from PIL import Image\n"
    "exif = Image.Exif(); exif[270] = 'a'\n"
    "grey = np.full((16, 16, 3), 9, np.uint8)\n"
    "picture = Picture(rgb=grey, alpha=grey[:, :, 0], icc=b'icc', exif=exif.tobytes()[6:],\n"
    "    xmp=b'<x/>', resolution=(72, 72))\n"
    "data, losses = save_image(to_image(picture), sys.argv[2])\n"
    "print(data.decode(), *losses, sep='\\n')"
)


@pytest.mark.parametrize(
    ("module", "kind", "suffix", "wanted"),
    [
        (
            "pillow_heif",
            "HEIF",
            ".heic",
            "RGBA ['chroma', 'exif', 'icc_profile', 'quality', 'xmp']\n"
            "left out, as HEIF cannot hold it here: resolution\n",
        ),
        (
            "pillow_jxl",
            "JXL",
            ".jxl",
            "RGBA ['exif', 'lossless', 'xmp']\n"
            "left out, as JXL cannot hold it here: ICC profile, resolution\n",
        ),
    ],
)
def test_a_plugin_writes_although_no_picture_was_read_before(
    tmp_path: Path, module: str, kind: str, suffix: str, wanted: str
) -> None:
    text = SAVES.format(kind=kind, suffix=suffix)
    if module != "pillow_heif":
        text += "register_heif_opener()\n"  # others register themselves
    (tmp_path / f"{module}.py").write_text(text)
    out = subprocess.run(
        [sys.executable, "-c", WRITES, str(tmp_path), suffix], capture_output=True, text=True
    )
    assert (out.returncode, out.stdout) == (0, wanted), out.stderr
