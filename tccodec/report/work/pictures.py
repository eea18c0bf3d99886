"""The pictures of a folder: finding them, reading them as RGB, and naming them by content."""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from tccodec.errors import BadFolder, NoPictures, TccodecError, UnreadablePicture
from tccodec.files.text import escaped
from tccodec.files.walk import walk
from tccodec.metrics.base import Array8
from tccodec.picture import read_picture
from tccodec.picture.kinds import named_as_picture

# Part of every key in the store: if pixels are read differently, old points are not used.
READER = "rgb8-2"
# Longer side of the small pictures in the report's table, in pixels.
THUMB = 112


@dataclass(frozen=True, kw_only=True)
class SourcePicture:
    """A picture file. `name` is that of `picture_name`."""

    name: str
    path: Path
    sha256: str
    file_bytes: int


def find_pictures(
    folder: Path, *, recursive: bool = False, skip: Path | None = None
) -> tuple[list[Path], dict[Path, str]]:
    """Files whose names are those of readable pictures, sorted by name; and what cannot be read.

    The latter are folders, and links that are named as pictures, with the reasons. `skip`, the
    report's own folder, and hidden files are left out. Raises `BadFolder` or `NoPictures`.
    """
    if not folder.exists():
        raise BadFolder(f"there is no folder {folder}")
    if not folder.is_dir():
        raise BadFolder(f"{folder} is a file; report works on a folder of pictures")
    paths: list[Path] = []
    unreadable: dict[Path, str] = {}
    for item in walk(folder, recursive=recursive, skip=skip):
        if item.error and item.path == folder:
            raise BadFolder(f"{folder} cannot be read: {item.error}")
        if item.error and (named_as_picture(item.path) or os.path.isdir(item.path)):
            unreadable[item.path] = item.error
        elif not item.error and not item.skipped and named_as_picture(item.path):
            paths.append(item.path)
    if not paths:
        hint = "" if recursive else "; --recursive looks in folders below it as well"
        hint = "".join(f"; {path}: {reason}" for path, reason in unreadable.items()) or hint
        raise NoPictures(f"{folder} holds no picture that Pillow knows by its name{hint}")
    return sorted(paths), unreadable


def decoded_from(path: Path) -> Path | None:
    """The `.tcz` file that a picture seems to have been decoded from, or None.

    It is in the same folder and has the same stem, as `decompress` names its output. A picture that
    is older than the file is not its output, but what it was made from.
    """
    coded = path.with_suffix(".tcz")
    try:
        return coded if coded.stat().st_mtime_ns <= path.stat().st_mtime_ns else None
    except OSError:
        return None


def picture_name(folder: Path, path: Path) -> str:
    """A picture's name in the report: its escaped path below the folder, with slashes."""
    return escaped(path.relative_to(folder).as_posix())


def identify(folder: Path, path: Path) -> SourcePicture:
    """The picture in a file, identified by the SHA-256 of its content.

    Raises `UnreadablePicture`, whose text is the reason.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        size = path.stat().st_size
    except OSError as error:
        raise UnreadablePicture(error.strerror or str(error)) from error
    name = picture_name(folder, path)
    return SourcePicture(name=name, path=path, sha256=digest.hexdigest(), file_bytes=size)


def read_rgb(path: Path) -> Array8:
    """The picture as uint8 (H, W, 3), as `tccodec compress` reads it, on white.

    Colour profiles are not applied. Raises `UnreadablePicture`, whose text is the reason.
    """
    try:
        picture = read_picture(path)
    except MemoryError as error:
        raise UnreadablePicture("not enough memory to read it") from error
    except (TccodecError, OSError) as error:
        text = (error.strerror if isinstance(error, OSError) else "") or str(error)
        raise UnreadablePicture(text) from error
    if picture.alpha is None:
        return picture.rgb
    rgba = Image.fromarray(np.dstack([picture.rgb, picture.alpha]))
    white = Image.new("RGBA", rgba.size, "white")
    return np.asarray(Image.alpha_composite(white, rgba).convert("RGB"), dtype=np.uint8)


def thumbnail(picture: Array8) -> bytes:
    """A small WebP for the report's table."""
    image = Image.fromarray(picture)
    image.thumbnail((THUMB, THUMB), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, format="WEBP", quality=70, method=4)
    return file.getvalue()
