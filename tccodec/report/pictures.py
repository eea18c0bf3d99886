"""The pictures of a folder: finding them, reading them as RGB, and naming them by content."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from tccodec.report.errors import BadFolder, NoPictures, ReportError
from tccodec.report.metrics.base import Array8

#: Part of every key in the store: a change in how pixels are read makes old points stale.
READER = "rgb8-1"
#: Long side of the small pictures in the report's table.
THUMB = 112


class Unreadable(ReportError):
    """A file that looks like a picture and is none, or is too large."""


@dataclass(frozen=True)
class Picture:
    """A picture file. ``name`` is its path below the folder with forward slashes."""

    name: str
    path: Path
    sha256: str
    file_bytes: int


def find_pictures(
    folder: Path, *, recursive: bool = False, limit: int | None = None, skip: Path | None = None
) -> list[Path]:
    """Files whose names say that Pillow could read them, sorted by name.

    ``skip`` (the report's own folder) and hidden files are left out. Raises :class:`BadFolder` or
    :class:`NoPictures`.
    """
    if not folder.exists():
        raise BadFolder(f"there is no folder {folder}")
    if not folder.is_dir():
        raise BadFolder(f"{folder} is a file; report works on a folder of pictures")
    suffixes = _suffixes()
    away = skip.resolve() if skip else None
    try:
        found = sorted(
            path
            for path in _walk(folder, recursive, away)
            if path.suffix.lower() in suffixes and not path.name.startswith(".")
        )
    except OSError as error:
        raise BadFolder(f"{folder} cannot be read: {error.strerror}") from error
    if not found:
        more = "" if recursive else "; --recursive looks in folders below it as well"
        raise NoPictures(f"{folder} holds no picture that Pillow knows by its name{more}")
    return found[:limit] if limit else found


def _walk(folder: Path, recursive: bool, away: Path | None) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        for entry in entries:
            path = Path(entry.path)
            if entry.is_file():
                yield path
            elif recursive and entry.is_dir(follow_symlinks=False) and path.resolve() != away:
                yield from _walk(path, recursive, away)


def _suffixes() -> set[str]:
    readable = set(Image.registered_extensions().items())  # also loads all of Pillow's plugins
    formats = set(Image.OPEN)
    # documents and video are no pictures even where a plugin can draw their first page
    refused = {"PDF", "EPS", "MPEG", "WMF"}
    return {suffix for suffix, kind in readable if kind in formats - refused}


def identify(folder: Path, path: Path) -> Picture:
    """Name a file by the SHA-256 of its content."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        size = path.stat().st_size
    except OSError as error:
        raise Unreadable(f"{path.name}: {error.strerror}") from error
    return Picture(path.relative_to(folder).as_posix(), path, digest.hexdigest(), size)


def read_rgb(path: Path) -> Array8:
    """The first frame as uint8 (H, W, 3), upright.

    EXIF orientation is applied, transparency laid over white, 16 bits cut to 8, everything else as
    ``convert("RGB")`` does; colour profiles are not applied. Raises :class:`Unreadable`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                image.load()
                upright = ImageOps.exif_transpose(image)
                return np.asarray(_to_rgb(upright), dtype=np.uint8)
    except Image.DecompressionBombError as error:
        raise Unreadable(f"{path.name}: more pixels than Pillow's safety limit allows") from error
    except MemoryError as error:
        raise Unreadable(f"{path.name}: not enough memory to read it") from error
    except Exception as error:  # plugins raise whatever their library raises
        said = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        # Pillow likes to name the whole path, which says nothing new and may be private
        raise Unreadable(f"{path.name}: {said.replace(str(path), path.name)}") from error


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, dtype=np.float64)
        scale = 255 / 65535 if image.mode != "F" and values.max() > 255 else 1.0
        grey = np.clip(np.rint(values * scale), 0, 255).astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")
    if "A" in image.getbands() or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def thumbnail(picture: Array8) -> bytes:
    """A small WebP for the report's table."""
    image = Image.fromarray(picture)
    image.thumbnail((THUMB, THUMB), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, format="WEBP", quality=70, method=4)
    return file.getvalue()
