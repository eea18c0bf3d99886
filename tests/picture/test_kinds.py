"""What a file is, by its content."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tccodec.picture.kinds import Kind, kind_of, named_as_picture, readable


def box(brand: bytes, *brands: bytes) -> bytes:
    body = b"ftyp" + brand + bytes(4) + b"".join(brands)
    return struct.pack(">I", 4 + len(body)) + body + bytes(200)


def tiff(*entries: tuple[int, int, int]) -> bytes:
    body = b"II*\0" + struct.pack("<IH", 8, len(entries))
    for tag, kind, value in entries:
        body += struct.pack("<HHII", tag, kind, 1, value)
    return body + bytes(4)


@pytest.mark.parametrize(
    "kind", [k for k in readable() if k in Image.SAVE and k not in ("MSP", "SPIDER", "IM")]
)
def test_what_pillow_writes_is_a_picture(kind: str) -> None:
    image = Image.new("1" if kind in ("XBM", "MSP") else "RGB", (64, 64))
    if kind in ("BLP", "GIF"):
        image = image.convert("P")
    out = io.BytesIO()
    image.save(out, kind)
    found = kind_of(out.getvalue())
    assert (found.kind, found.format) == (Kind.PICTURE, kind)
    assert found.reason == ""


@pytest.mark.parametrize(
    ("data", "kind", "reason"),
    [
        (b"", Kind.OTHER, "not a picture"),
        (b"hello", Kind.OTHER, "not a picture"),
        (b"Python is a language", Kind.OTHER, "not a picture"),
        (b"P5 is what this is not", Kind.OTHER, "not a picture"),
        (b"%PDF-1.7", Kind.OTHER, "not a picture"),
        (bytes(999), Kind.OTHER, "not a picture"),
        (b"\x89TCZ\x10", Kind.TCZ, r"a \.tcz file"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", Kind.UNREADABLE, "PostScript"),
        (b"<?xml version='1.0'?><svg/>", Kind.UNREADABLE, "SVG"),
        (b"v/1\1" + bytes(9), Kind.UNREADABLE, "OpenEXR"),
        (box(b"isom", b"mp41"), Kind.VIDEO, "video"),
        (box(b"qt  "), Kind.VIDEO, "video"),
        (b"RIFF\0\0\0\0AVI LIST", Kind.VIDEO, "video"),
        (b"\x1aE\xdf\xa3" + bytes(99), Kind.VIDEO, "video"),
        (b"\0\0\1\xb3\x16\0\xf0\x13" + b"a" * 40, Kind.VIDEO, "video"),
        ((b"\x47" + bytes(187)) * 9, Kind.VIDEO, "video"),
        (box(b"crx "), Kind.UNREADABLE, "camera RAW is not supported"),
        (b"II*\0\x10\0\0\0CR\2\0" + bytes(99), Kind.UNREADABLE, "camera RAW"),
        (tiff((254, 4, 1), (330, 4, 9999)), Kind.UNREADABLE, "camera RAW"),
        (tiff((50706, 1, 1)), Kind.UNREADABLE, "camera RAW"),
        (tiff((262, 3, 32803)), Kind.UNREADABLE, "camera RAW"),
        (tiff((262, 3, 2)), Kind.PICTURE, ""),
        (b"II*\0", Kind.PICTURE, ""),
        (b"\xff\xd8\xff\xe0", Kind.PICTURE, ""),
        (box(b"mif1", b"avif"), Kind.PICTURE, ""),
    ],
)
def test_kinds(data: bytes, kind: Kind, reason: str, tmp_path: Path) -> None:
    import re

    path = tmp_path / "file.jpg"  # whatever it is called
    path.write_bytes(data)
    for found in (kind_of(data), kind_of(path)):
        assert found.kind is kind
        assert re.search(reason, found.reason)


@pytest.mark.parametrize(
    ("data", "package"),
    [
        (box(b"heic", b"mif1"), "pillow-heif"),
        (box(b"mif1", b"heic"), "pillow-heif"),
        (b"\xff\x0a" + bytes(99), "pillow-jxl-plugin"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(99), "pillow-jxl-plugin"),
    ],
)
def test_the_package_is_named_or_the_picture_read(data: bytes, package: str) -> None:
    found = kind_of(data)
    if found.kind is not Kind.PICTURE:  # it is, where the package is installed
        assert found.package == package and package in found.reason


def test_raw_is_known_by_name_where_its_bytes_are_a_tiffs(tmp_path: Path) -> None:
    (tmp_path / "a.CR2").write_bytes(b"II*\0" + bytes(200))
    assert kind_of(tmp_path / "a.CR2").format == "camera RAW"


def test_faint_formats_need_their_name(tmp_path: Path) -> None:
    Image.new("RGB", (9, 9)).save(tmp_path / "a.tga")
    (tmp_path / "a.bin").write_bytes((tmp_path / "a.tga").read_bytes())
    assert kind_of(tmp_path / "a.tga").kind is Kind.PICTURE
    assert kind_of(tmp_path / "a.bin").kind is Kind.OTHER


def test_names() -> None:
    for name in ("a.JPG", "a.mpo", "a.png", "a.tif", "a.webp"):
        assert named_as_picture(Path(name))
    for name in ("a.eps", "a.ps", "a.pdf", "a.mpg", "a.wmf", "a.h5", "a.txt", "a"):
        assert not named_as_picture(Path(name))


def test_plugins_that_are_installed_are_registered(tmp_path: Path) -> None:
    """A stand-in for pillow-heif: a module of its name that registers Pillow's own JPEG reader."""
    (tmp_path / "pillow_heif.py").write_text(
        "from PIL import Image, JpegImagePlugin\n"
        "def register_heif_opener():\n"
        "    Image.register_open('HEIF', JpegImagePlugin.JpegImageFile)\n"
        "    Image.register_extension('HEIF', '.heic')\n"
    )
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from pathlib import Path\n"
        "from tccodec.picture.kinds import kind_of, named_as_picture, readable\n"
        "assert 'HEIF' in readable() and named_as_picture(Path('a.HEIC'))\n"
        "print(kind_of(b'\\0\\0\\0\\x18ftypheic' + bytes(16)).kind.value)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "picture\n"
