"""What a picture file holds that a .tcz does not, so that nothing is lost in silence.

`modes` and `colour` report the pixels that they convert. This module finds the rest: further
frames, data after the end, and metadata that no section holds.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from typing import Any

from PIL import ExifTags, Image, TiffTags

from tccodec.picture.chunks import boxes, end_of, png_chunks
from tccodec.picture.kinds import Kind, kind_of
from tccodec.picture.metadata import MAKER_NOTES, TIFF_TAGS
from tccodec.picture.types import Loss

_FRAMES = {"TIFF": "page", "MPO": "picture", "PSD": "layer", "DCX": "page"}
_PNG_CHUNKS = {
    *(b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP"),
    *(b"pHYs", b"eXIf", b"acTL", b"fcTL", b"fdAT"),  # kept, or reported as colours or frames
    *(b"bKGD", b"hIST", b"sBIT", b"sPLT", b"tIME", b"iDOT"),  # hints for programs, not content
}
_PNG_TEXT = {"Comment", "comment", "XML:com.adobe.xmp", "Raw profile type exif"}  # kept
_PNG_STAMPS = {"Software", "date:create", "date:modify", "date:timestamp"}
_CHANNELS = "channels besides the colours are left out"
_APPLICATION = {
    "APP0": (b"",),
    "APP1": (b"Exif\0", b"http://ns.adobe.com/xap/1.0/\0"),
    "APP2": (b"ICC_PROFILE\0", b"MPF\0"),
    "APP14": (b"Adobe",),
    "COM": (b"",),
}
# Tags of a TIFF that describe the layout of its pixels, or what is kept elsewhere.
_TIFF_LAYOUT = {
    *range(254, 259),
    *range(262, 267),
    *range(284, 294),
    *range(322, 326),
    *range(338, 342),
    *range(512, 522),
    *range(529, 533),
    *(259, 269, 273, 274, 277, 278, 279, 280, 281, 297, 317, 318, 319, 320, 347),
    *(700, 34665, 34675, 34853, 40965),
}


def part_of(image: Image.Image) -> str:
    """Which of several frames, pages or sizes this is, such as `page 1 of 3`; "" if only one."""
    count = getattr(image, "n_frames", 1)
    if image.format == "PSD":
        return ""  # the first frame is all layers merged
    if image.format in ("ICO", "ICNS", "CUR"):
        count = len({*image.info.get("sizes", ())})
        return f"the largest of {count} sizes" if count > 1 else ""
    word = _FRAMES.get(image.format or "", "frame")
    return f"{word} {image.tell() + 1} of {count}" if count > 1 else ""


def losses_of(image: Image.Image, data: bytes, part: str) -> Iterator[Loss]:
    """What is lost of a loaded image and of the bytes of its file, empty if not known.

    `part`: from `part_of`, before the image was loaded.
    """
    if part:
        kind = re.sub(r"^(\w+) \d+ of \d+$", r"one \1 of several", part)
        yield Loss(f"{part} is kept", re.sub(r"\d+ sizes", "several sizes", kind) + " is kept")
    if image.format == "PSD" and getattr(image, "n_frames", 1) > 1:
        yield Loss("layers are kept as one picture")
    if image.format == "HEIF" and (image.info.get("depth_images") or image.info.get("aux")):
        yield Loss("depth, gain map and other pictures beside it are left out")
    if image.info.get("icc_profile", b"") is None:  # so Pillow's readers say that it is damaged
        yield Loss("ICC profile left out: it cannot be read")
    yield from _after_end(image.format or "", data)
    if image.format == "PNG":
        yield from _png(data)
    if image.format in ("JPEG", "MPO"):
        yield from _segments(getattr(image, "applist", []))
    if image.format == "TIFF":
        yield from tags_lost(getattr(image, "tag_v2", {}), "TIFF")
        yield from notes_moved(image)
        samples = getattr(image, "tag_v2", {}).get(277, 1)
        extra = samples - len(image.getbands()) if isinstance(samples, int) else 0
        if extra > 0:
            yield Loss(f"{_CHANNELS}: {extra}", _CHANNELS)
    aspect = image.info.get("aspect", (1, 1))
    if (isinstance(aspect, tuple) and aspect != (1, 1)) or _oblong(image):
        yield Loss("the shape of pixels that are not square is left out")


def _after_end(kind: str, data: bytes) -> Iterator[Loss]:
    """Data after the end of the picture, such as a motion photo's film or an HDR gain map."""
    if any(name == b"mpvd" for name, _ in boxes(data)) and data[4:8] == b"ftyp":
        yield Loss("a film behind the picture is left out")
    if kind == "AVIF" and b"tmap" in data[8:64]:
        yield Loss("the gain map of its HDR version is left out")
    end = end_of(data, kind)
    rest = data[end:].strip(b"\0\xff \r\n")
    if not rest:
        return
    film = b"ftyp" in rest or kind_of(rest).kind is Kind.VIDEO
    if film:
        yield Loss("a film behind the picture is left out")
    elif b"hdrgm:Version" in data[:end]:
        yield Loss("the gain map of its HDR version is left out")
    elif kind != "MPO":  # there, this is the further pictures, reported already
        what = "data behind the picture are left out"
        yield Loss(f"{len(rest):,} bytes of {what}", what)


def _png(data: bytes) -> Iterator[Loss]:
    """Text and other chunks of a PNG that no section holds."""
    names, keys = [], []
    for kind, body, _ in png_chunks(data):
        if kind in (b"tEXt", b"zTXt", b"iTXt"):
            keys.append(body.split(b"\0", 1)[0].decode("latin-1"))
        elif kind not in _PNG_CHUNKS:
            names.append(kind.decode("latin-1"))
    if sum(key.lower() == "comment" for key in keys) > 1:
        keys.append("all comments but one")
    keys = [k for k in dict.fromkeys(keys) if k not in _PNG_TEXT | _PNG_STAMPS]
    if keys:
        yield Loss(f"PNG text is left out: {', '.join(keys)}", "PNG text is left out")
    if names:
        text = ", ".join(dict.fromkeys(names))
        yield Loss(f"PNG chunks are left out: {text}", "PNG chunks are left out")


def _segments(segments: list[tuple[str, bytes]]) -> Iterator[Loss]:
    """Application segments of a JPEG that no section holds."""
    names: list[str] = []
    for name, body in segments:
        if body.startswith(_APPLICATION.get(name, ())):
            continue
        if body.startswith(b"Photoshop 3.0\0"):
            iptc = b"8BIM\x04\x04" in body
            yield Loss("IPTC is left out" if iptc else "Photoshop's own data are left out")
        elif body.startswith(b"http://ns.adobe.com/xmp/extension/\0"):
            names.append("extended XMP")
        elif b"jumb" in body[:64]:
            names.append("content credentials")
        else:
            names.append(name)
    if sum(name == "COM" for name, _ in segments) > 1:
        names.append("all comments but one")
    if names:
        text = ", ".join(dict.fromkeys(names))
        yield Loss(f"JPEG segments are left out: {text}", "JPEG segments are left out")


def tags_lost(file_tags: Iterable[Any], holder: str) -> Iterator[Loss]:
    """Tags of a first directory that `metadata.descriptive` leaves out. holder: TIFF or EXIF."""
    tags = {int(tag) for tag in file_tags} - _TIFF_LAYOUT - {*TIFF_TAGS}
    if 33723 in tags:
        yield Loss("IPTC is left out")
    names = [TiffTags.lookup(tag).name for tag in sorted(tags - {33723})]
    if names:
        text = ", ".join(n if n != "unknown" else "private ones" for n in dict.fromkeys(names))
        yield Loss(f"{holder} tags are left out: {text}", f"{holder} tags are left out")


def notes_moved(image: Image.Image) -> Iterator[Loss]:
    """Maker notes, if there are any: `metadata.descriptive` moves them, but not their offsets."""
    try:
        if MAKER_NOTES in image.getexif().get_ifd(ExifTags.IFD.Exif):
            yield Loss(
                "maker notes are kept at another place, where parts of them may be unreadable"
            )
    except Exception:  # invalid tags are no reason to refuse the picture
        return


def _oblong(image: Image.Image) -> bool:
    """Whether a JPEG gives only the aspect ratio of its pixels, and that is not 1."""
    across, down = (
        image.info.get("jfif_density", (1, 1)) if image.format in ("JPEG", "MPO") else (1, 1)
    )
    return image.info.get("jfif_unit") == 0 and across != down and across > 0 and down > 0


def bits_of(image: Image.Image, data: bytes) -> int:
    """Bits per channel in the file of an image; 8 if not known, as when it is loaded already.

    Pillow reduces colours with more bits to 8 without saying so.
    """
    depth = image.info.get("bit_depth")  # pillow-heif's
    if isinstance(depth, int):
        return depth
    tiles: list[Any] = getattr(image, "tile", [])  # none if the image is loaded
    if image.format == "PPM":
        args = tiles[0][-1] if tiles else None
        top = args[1] if isinstance(args, tuple) else 255
        return int(top).bit_length() if isinstance(top, int) else 8
    if image.format == "AVIF" and (at := data.find(b"av1C", 0, 1 << 16)) > 0:
        flags = data[at + 6]
        return (12 if flags & 0x20 else 10) if flags & 0x40 else 8
    if image.format == "JPEG2000" and (at := data.find(b"\xff\x4f\xff\x51")) >= 0:
        return (struct.unpack_from("B", data, at + 42)[0] & 0x7F) + 1 if len(data) > at + 42 else 8
    # `RGB;16L` has 16 bits for each channel, `BGR;16` has them for all three.
    return 16 if re.search(r";16[LBN]|\bL;16|SGI16", str(tiles)) else 8
