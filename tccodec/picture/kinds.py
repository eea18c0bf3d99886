"""The kind of a file, by its content: a picture that can be read, or something else.

This package opens pictures only in the formats of `readable()`. Pillow knows more. Those left out
run a program (PostScript), open their content as any format (IPTC), draw (WMF), or only recognise
the files of other libraries (MPEG, HDF5, GRIB, BUFR).
"""

from __future__ import annotations

import functools
import importlib
import io
import os
import struct
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

from PIL import Image

from tccodec.container.layout import MAGIC
from tccodec.picture.pillow import ANY_SIZE, guarded

# Pillow's names, in the order in which they are tried; the last ones come from plugins.
_FORMATS = (
    *("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "GIF", "BMP", "JPEG2000", "PPM", "QOI", "PSD", "TGA"),
    *("ICO", "ICNS", "CUR", "DDS", "DIB", "SGI", "SUN", "PCX", "DCX", "XBM", "XPM", "FITS", "BLP"),
    *("FTEX", "FLI", "GBR", "IM", "IMT", "MCIDAS", "MSP", "PCD", "PIXAR", "SPIDER", "XVTHUMB"),
    *("HEIF", "JXL"),
)
# Module -> the function that registers it, if importing it is not enough.
_PLUGINS = {"pillow_heif": "register_heif_opener", "pillow_jxl": "", "pillow_avif": ""}
# Their magic is so short that other files can have it, so the name must agree.
_WEAK_MAGIC = {"TGA", "SPIDER", "PCD", "IM", "IMT", "MCIDAS"}
_HEAD = 1 << 16  # bytes that are looked at


class Kind(Enum):
    """The five things that a file can be."""

    PICTURE = "picture"
    UNREADABLE = "picture of a format that cannot be read here"
    VIDEO = "video"
    TCZ = "already a .tcz file"
    OTHER = "not a picture"


@dataclass(frozen=True, slots=True)
class FileKind:
    """The kind, the name of the format and the package that would read it, where known."""

    kind: Kind
    format: str = ""
    package: str = ""

    @property
    def reason(self) -> str:
        """Why the file cannot be compressed, as half a sentence; "" for a picture."""
        if self.kind is Kind.PICTURE:
            return ""
        if self.kind is Kind.UNREADABLE:
            if self.package:
                return f"{self.format} needs the package {self.package}"
            return f"{self.format} is not supported"
        if self.kind is Kind.TCZ:
            return "it is a .tcz file already"
        video = self.kind is Kind.VIDEO
        return "it is a video" if video else "it is not a picture that Pillow can read"


@functools.cache
def readable() -> tuple[str, ...]:
    """Pillow's names of the formats that are read. Registers the plugins that are installed."""
    Image.init()
    for module, register in _PLUGINS.items():
        try:
            plugin = importlib.import_module(module)
            if register:
                getattr(plugin, register)()
        except Exception:  # not installed, or broken: other formats do not need it
            continue
    return tuple(name for name in _FORMATS if name in Image.OPEN)


class _Named(Protocol):
    @property
    def suffix(self) -> str: ...


def named_as_picture(path: _Named) -> bool:
    """Whether a file's name says that it is a picture of a format that is read."""
    # Pillow reads MPO as JPEG and registers no format of that name.
    format_name = Image.registered_extensions().get(path.suffix.lower())
    return format_name == "MPO" or format_name in readable()


def kind_of(source: bytes | str | os.PathLike[str]) -> FileKind:
    """The kind of a regular file or of its bytes. The name counts only if the bytes say little.

    A damaged picture is a picture. Reads at most 64 kB, except for a few rare formats. Raises
    `OSError` for a file that cannot be read.
    """
    if isinstance(source, bytes):
        head, path = source[:_HEAD], None
    else:
        path = Path(source)
        with path.open("rb") as file:
            head = file.read(_HEAD)
    known = _by_magic(head, path.suffix.lower() if path else "")
    if known is not None:
        return known
    try:
        with guarded(ANY_SIZE), Image.open(path or io.BytesIO(source), formats=readable()) as image:  # type: ignore[arg-type]
            name = image.format or ""
    except Exception:  # what a parser raises on bytes that mean something else
        return FileKind(Kind.OTHER)
    agreed = path is None or Image.registered_extensions().get(path.suffix.lower()) == name
    return (
        FileKind(Kind.PICTURE, name) if agreed or name not in _WEAK_MAGIC else FileKind(Kind.OTHER)
    )


_PICTURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"qoif", "QOI"),
    (b"8BPS\0\1", "PSD"),
    (b"DDS ", "DDS"),
    (b"icns", "ICNS"),
    (b"SIMPLE  =", "FITS"),
)
_JPEG_XL = (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")
_UNREADABLE = (
    (b"\xff\xd8\xff\xf7", "JPEG-LS"),
    (b"II\xbc", "JPEG XR"),
    (b"8BPS\0\2", "a large Photoshop document"),
    (b"gimp xcf", "GIMP's XCF"),
    (b"v/1\1", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"#?RGBE", "Radiance HDR"),
    (b"BPG\xfb", "BPG"),
    (b"FLIF", "FLIF"),
    (b"AT&TFORM", "DjVu"),
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "PostScript"),
    (b"\xd7\xcd\xc6\x9a", "WMF"),
    (b"IIRO", "camera RAW"),
    (b"IIRS", "camera RAW"),
    (b"MMOR", "camera RAW"),
    (b"IIU\0", "camera RAW"),
    (b"FUJIFILMCCD-RAW", "camera RAW"),
    (b"II\x1a\0\0\0HEAPCCDR", "camera RAW"),
    (b"FOVb", "camera RAW"),
    (b"\0MRM", "camera RAW"),
)
_VIDEOS = (
    *(b"\x1aE\xdf\xa3", b"\0\0\1\xb3", b"\0\0\1\xba", b"0&\xb2u\x8ef\xcf\x11", b"FLV\1", b"OggS"),
    *(b".RMF", b"YUV4MPEG2 ", b"DKIF"),
)
_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_HEIF = {b"mif1", b"mif2", b"msf1", b"miaf"}
_QUICKTIME = {b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}
_TIFF = {b"II*\0": "<", b"MM\0*": ">"}
_RAW_SUFFIXES = {
    *(".cr2", ".nef", ".nrw", ".arw", ".sr2", ".srf", ".dng", ".pef", ".srw", ".3fr", ".fff"),
    *(".iiq", ".erf", ".mef", ".mos", ".kdc", ".dcr", ".k25", ".rwl", ".gpr"),
}


def _by_magic(head: bytes, suffix: str) -> FileKind | None:
    """The kind of a file whose first bytes leave no doubt."""
    if head.startswith(MAGIC):
        return FileKind(Kind.TCZ)
    for magic, name in _UNREADABLE:
        if head.startswith(magic):
            return FileKind(Kind.UNREADABLE, name)
    for magic, name in _PICTURES:
        if head.startswith(magic):
            return FileKind(Kind.PICTURE, name)
    if head.startswith(_JPEG_XL):
        return _of_plugin("JXL", "JPEG XL", "pillow-jxl-plugin")
    if head[:4] in _TIFF:
        if suffix in _RAW_SUFFIXES or _is_raw(head, _TIFF[head[:4]]):
            return FileKind(Kind.UNREADABLE, "camera RAW")
        return FileKind(Kind.PICTURE, "TIFF")
    if head[:4] == b"RIFF" and head[8:12] in (b"WEBP", b"AVI "):
        return FileKind(Kind.PICTURE, "WEBP") if head[8:9] == b"W" else FileKind(Kind.VIDEO, "AVI")
    if head[4:8] == b"ftyp":
        return _of_brands(head)
    if head.startswith(_VIDEOS) or head[4:8] in _QUICKTIME or _is_transport_stream(head):
        return FileKind(Kind.VIDEO)
    if b"<svg" in head[:4096].lower() and head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return FileKind(Kind.UNREADABLE, "SVG")
    if head[128:132] == b"DICM":
        return FileKind(Kind.UNREADABLE, "DICOM")
    if head[:4] == b"\0\0\1\0" and head[4:6] != b"\0\0" and head[9:10] == b"\0":
        return FileKind(Kind.PICTURE, "ICO")  # Pillow would decode it at once
    if head[40:44] == b" EMF" and head[:4] == b"\1\0\0\0":
        return FileKind(Kind.UNREADABLE, "EMF")
    return None


def _of_plugin(name: str, shown_name: str, package: str) -> FileKind:
    """A picture if its plugin is installed, else unreadable, with the package that reads it."""
    if name in readable():
        return FileKind(Kind.PICTURE, name)
    return FileKind(Kind.UNREADABLE, shown_name, package)


def _of_brands(head: bytes) -> FileKind:
    """The kind of a file of boxes (ISO 14496-12), from the brands of its first box."""
    (size,) = struct.unpack_from(">I", head)
    box = head[: max(size, 16)]
    brands = [box[8:12], *(box[i : i + 4] for i in range(16, min(len(box), 400) - 3, 4))]
    if brands[0] == b"crx ":
        return FileKind(Kind.UNREADABLE, "camera RAW")
    if brands[0] in (b"avif", b"avis") or (brands[0] in _HEIF and {b"avif", b"avis"} & {*brands}):
        return _of_plugin("AVIF", "AVIF", "pillow-avif-plugin")
    if brands[0] in _HEIC | _HEIF:
        return _of_plugin("HEIF", "HEIC", "pillow-heif")
    if brands[0] == b"jxl ":
        return _of_plugin("JXL", "JPEG XL", "pillow-jxl-plugin")
    return FileKind(Kind.VIDEO)


def _is_transport_stream(head: bytes) -> bool:
    """Whether packets of 188 bytes, or 192 with a time before each, begin with hexadecimal 47."""
    return len(head) > 960 and (
        all(head[i * 188] == 0x47 for i in range(5))
        or all(head[4 + i * 192] == 0x47 for i in range(5))
    )


def _is_raw(head: bytes, order: str) -> bool:
    """Whether a TIFF holds a camera's sensor values; Pillow would read its small preview."""
    if head[8:10] == b"CR":
        return True
    tags: dict[int, int] = {}
    try:
        (start,) = struct.unpack_from(order + "I", head, 4)
        (count,) = struct.unpack_from(order + "H", head, start)
        for at in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, _ = struct.unpack_from(order + "HHI", head, at)
            (tags[tag],) = struct.unpack_from(order + ("H" if kind == 3 else "I"), head, at + 8)
    except struct.error:
        pass  # damaged, or beyond the bytes read: what was found decides
    is_dng, mosaic = 50706 in tags, tags.get(262) in (32803, 34892)
    preview = tags.get(254) == 1 and 330 in tags  # a small version, and the rest elsewhere
    return is_dng or mosaic or preview
