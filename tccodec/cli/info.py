"""`tccodec info`: what `.tcz` files hold, without running a network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from tccodec.cli import options
from tccodec.cli.jobs import Job, read_input, readings
from tccodec.container import Tag, read, read_header
from tccodec.container.limits import Limits
from tccodec.errors import TccodecError, UnknownModel
from tccodec.quality import from_setting
from tccodec.registry import find_by_id


@click.command("info", short_help="Say what .tcz files hold.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("-r", "--recursive", is_flag=True, help="Walk folders and all below them.")
@options.limits
@click.option("--json", "as_json", is_flag=True, help="One JSON object per file on stdout.")
@click.pass_context
def command(
    ctx: click.Context,
    files: tuple[str, ...],
    recursive: bool,
    limits: Limits,
    as_json: bool,
) -> None:
    """Say what .tcz files hold: picture, size, quality, model, sections.

    All checksums are verified on the way. No network runs, so it answers at once.
    """
    failed = 0
    for job in readings(files, recursive=recursive, accepts=_is_tcz):
        try:
            if job.problem:
                raise TccodecError(job.problem)
            found = describe(job, limits=limits)
        except (TccodecError, OSError) as e:
            if isinstance(e, BrokenPipeError):
                raise
            failed += 1
            text = (e.strerror if isinstance(e, OSError) else "") or str(e)
            click.echo(f"tccodec: {job.name}: {text}", err=True)
            if as_json:
                click.echo(json.dumps({"file": job.name, "error": text}))
            continue
        click.echo(json.dumps(found) if as_json else _text(found))
    ctx.exit(1 if failed else 0)


def _is_tcz(path: Path) -> bool:
    return path.suffix.lower() == ".tcz"


def describe(job: Job, *, limits: Limits) -> dict[str, Any]:
    """Everything that a file says of itself, as JSON values."""
    data = read_input(job)
    header = read_header(data, limits=limits)
    file = read(data, limits=limits)
    try:
        model: str | None = find_by_id(file.model_id).name
    except UnknownModel:
        model = None
    alpha = file.section(Tag.ALPHA) is not None
    return {
        "file": job.name,
        "format_version": header.version,
        "width": file.width,
        "height": file.height,
        "mode": ("L" if file.grey else "RGB") + ("A" if alpha else ""),
        "source_mode": (file.section(Tag.SOURCE) or b"").decode("utf-8", "replace") or None,
        "bytes": len(data),
        "bpp": round(len(data) * 8 / (file.width * file.height), 6),
        "quality": from_setting(file.quality),
        "lossless": file.section(Tag.EXACT) is not None,
        "model": model,
        "model_id": file.model_id.hex(),
        "tile_groups": len(file.tiles),
        "payload_bytes": file.payload_bytes,
        "sections": {s.name: len(s.body) for s in file.sections},
    }


def _text(found: dict[str, Any]) -> str:
    """The same for people."""
    source = f", from {found['source_mode']}" if found["source_mode"] else ""
    sections = ", ".join(f"{n} {size:,}" for n, size in found["sections"].items()) or "none"
    payload = f"{found['payload_bytes']:,} bytes in {found['tile_groups']} tile group(s)"
    lines = [
        ("picture", f"{found['width']} x {found['height']}, {found['mode']}{source}"),
        ("size", f"{found['bytes']:,} bytes, {found['bpp']:.4f} bpp"),
        ("quality", "lossless" if found["lossless"] else f"{found['quality']:g}"),
        ("model", f"{found['model'] or 'not here'} ({found['model_id']})"),
        ("pixels", "in the section exact" if found["lossless"] else payload),
        ("sections", sections),
        ("format", f"version {found['format_version']}, checksums good"),
    ]
    return "\n".join([found["file"], *(f"  {name:<9} {value}" for name, value in lines)])
