"""A page that can be put on any web space: scripts, models, pictures, and small previews."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

from tccodec.browser import page
from tccodec.container import read_header
from tccodec.errors import BadOption, OutputExists, TccodecError
from tccodec.files.atomic import write_atomically
from tccodec.functions import decompress
from tccodec.picture.icc import rgb_profile

PREVIEW = 320  # pixels of the longer side, at most
QUALITY = 60  # of WebP


def write_gallery(
    source: Path, output: Path, *, overwrite: bool = False
) -> tuple[list[str], dict[str, str]]:
    """Write a gallery of the pictures of `source` to a folder.

    Returns the names of its files, and what was left out, with the reasons. `OutputExists` if the
    folder holds something and `overwrite` is not set; then files of the same names are replaced,
    and others stay. `BadOption` if it is `source` itself, `TccodecError` if no picture can be
    shown, `OSError` if the folder cannot be written.
    """
    if source.resolve() == output.resolve():  # the next one would show the copies in it, too
        raise BadOption(f"{output} is the folder of the pictures; -o names another folder")
    pictures = page.find_pictures(source, skip=output)
    if not overwrite and output.exists() and any(output.iterdir()):
        raise OutputExists(f"{output} is not empty; -f writes into it, -o names another folder")
    skipped = dict(pictures.skipped)
    previews: dict[str, str] = {}
    written = []

    def write(name: str, data: bytes) -> None:
        write_atomically(output / name, data)
        written.append(name)

    for name, path in pictures.files.items():
        try:
            data = path.read_bytes()
            small = preview(data)
        except (TccodecError, OSError) as e:
            skipped[name] = page.reason(e)
            continue
        # Named by its content: the names of pictures may have any form.
        previews[name] = f"previews/{hashlib.sha256(data).hexdigest()[:16]}.webp"
        write(previews[name], small)
        write(f"files/{name}", data)
    if not previews:
        raise page.nothing_to_show(source, skipped)
    shown = page.Pictures({name: pictures.files[name] for name in previews})
    cards = page.models(shown)
    for name, path in {**page.scripts(), **page.model_files(cards)}.items():
        write(name, path.read_bytes())
    write(page.LIST, page.listing(shown, cards, previews=previews))
    return written, skipped


def preview(data: bytes) -> bytes:
    """The picture in the bytes of a `.tcz` file, small, as a WebP file."""
    header = read_header(data)
    longer = max(header.width, header.height)
    scale = next((s for s in (1 / 8, 1 / 4, 1 / 2) if longer * s >= PREVIEW), 1)
    image = decompress(data, scale=scale)
    image.thumbnail((PREVIEW, PREVIEW))
    out = io.BytesIO()
    icc = image.info.get("icc_profile")
    profile = rgb_profile(icc) if icc else None  # WebP has no grey
    image.save(out, "WEBP", quality=QUALITY, icc_profile=profile)
    return out.getvalue()
