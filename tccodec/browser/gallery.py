"""A page that can be put on any web space: scripts, models, pictures, and small previews."""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Iterator, Sequence
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
    shown, `OSError` if the folder cannot be written. Without `overwrite`, a gallery that is not
    finished, also because of Ctrl-C, leaves nothing behind.
    """
    if source.resolve() == output.resolve():  # the next one would show the copies in it, too
        raise BadOption(f"{output} is the folder of the pictures; -o names another folder")
    pictures = page.find_pictures(source, skip=output)
    if not overwrite and output.exists() and any(output.iterdir()):
        raise OutputExists(f"{output} is not empty; -f writes into it, -o names another folder")
    written: list[str] = []
    with contextlib.nullcontext() if overwrite else _undone_if_it_fails(output, written):
        skipped = _write(source, output, pictures, written)
    return written, skipped


def _write(
    source: Path, output: Path, pictures: page.Pictures, written: list[str]
) -> dict[str, str]:
    """Write the files and add their names to `written`; what was left out, with the reasons."""
    skipped = dict(pictures.skipped)
    previews: dict[str, str] = {}

    def write(name: str, data: bytes) -> None:
        written.append(name)  # first, as Ctrl-C may come between
        write_atomically(output / name, data)

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
    return skipped


@contextlib.contextmanager
def _undone_if_it_fails(output: Path, written: Sequence[str]) -> Iterator[None]:
    """Delete the files of these names, and the folders that are empty then, if the block fails.

    A folder that was there before stays.
    """
    there = output.exists()
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            for name in written:
                (output / name).unlink(missing_ok=True)
            below = [p for p in output.rglob("*") if p.is_dir()]
            for folder in sorted(below, reverse=True) + [output] * (not there):
                with contextlib.suppress(OSError):  # something else is in it
                    folder.rmdir()
        raise


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
