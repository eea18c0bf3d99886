"""`tccodec info`: what `.tcz` files hold, without running a network."""

from __future__ import annotations

import json
from typing import Any

import click

from tccodec.cli import options
from tccodec.cli.inputs import read_tcz
from tccodec.cli.jobs import Job
from tccodec.cli.run import read_jobs
from tccodec.coding.quality import from_setting
from tccodec.container import Tag, TczFile, read, read_header
from tccodec.container.blocks import METHODS, unpack_runs
from tccodec.container.limits import Limits
from tccodec.container.sections import has_one_channel
from tccodec.errors import UnknownModel
from tccodec.files.text import counted, json_name, shown
from tccodec.model.registry import find_by_id


@click.command("info", short_help="Say what .tcz files hold.")
@click.argument("files", nargs=-1, required=True, type=options.PATH, metavar="FILE...")
@click.option("-r", "--recursive", is_flag=True, help="Walk folders and all below them.")
@options.limits
@click.option("--json", "as_json", is_flag=True, help="One JSON object per file on stdout.")
@click.option("-Q", "--quiet", is_flag=True, help="Say nothing but errors on stderr.")
@click.pass_context
def command(
    ctx: click.Context,
    files: tuple[str, ...],
    recursive: bool,
    limits: Limits,
    as_json: bool,
    quiet: bool,
) -> None:
    """Show what .tcz files hold: picture, size, quality, model, sections.

    All checksums are verified. No network runs, so the answer comes at once.
    """

    def work(job: Job) -> str:
        description = describe(job, limits=limits)
        if as_json:
            return json.dumps(json_name("file", job.source or "stdin") | description)
        return _text(job.name, description)

    ctx.exit(read_jobs(files, work, recursive=recursive, as_json=as_json, quiet=quiet))


def describe(job: Job, *, limits: Limits) -> dict[str, Any]:
    """Everything that a file holds about itself, without its name, as JSON values."""
    data = read_tcz(job, limits=limits)
    header = read_header(data, limits=limits)
    file = read(data, limits=limits)
    try:
        model: str | None = find_by_id(file.model_id).name
    except UnknownModel:
        model = None
    one_channel = has_one_channel(file.section(Tag.ICC), grey=file.grey)
    alpha = file.section(Tag.ALPHA) is not None
    return {
        "format_version": header.version,
        "width": file.width,
        "height": file.height,
        "mode": ("L" if one_channel else "RGB") + ("A" if alpha else ""),
        "source_mode": (file.section(Tag.SOURCE) or b"").decode("utf-8", "replace") or None,
        "bytes": len(data),
        "bpp": round(len(data) * 8 / (file.width * file.height), 6),
        "quality": from_setting(file.setting),
        "lossless": file.section(Tag.EXACT) is not None,
        "apart": _apart(file),
        "model": model,
        "model_id": file.model_id.hex(),
        "tile_groups": len(file.tiles),
        "payload_bytes": file.payload_bytes,
        "sections": {s.name: len(s.body) for s in file.sections},
    }


def _apart(file: TczFile) -> dict[str, Any] | None:
    """The part of the picture that is coded without latents, and how."""
    body = file.section(Tag.BLOCKS)
    if body is None:
        return None
    method, runs, _ = unpack_runs(body, width=file.width, height=file.height)
    return {"share": round(sum(runs[1::2]) / sum(runs), 4), "method": METHODS[method]}


def _text(name: str, description: dict[str, Any]) -> str:
    """The description of a file as lines of text."""
    source = f", from {shown(description['source_mode'])}" if description["source_mode"] else ""
    sections = ", ".join(f"{n} {size:,}" for n, size in description["sections"].items()) or "none"
    lines = [
        (
            "picture",
            f"{description['width']} x {description['height']}, {description['mode']}{source}",
        ),
        ("size", f"{description['bytes']:,} bytes, {description['bpp']:.4f} bpp"),
        ("quality", "lossless" if description["lossless"] else f"{description['quality']:g}"),
        ("model", f"{shown(description['model'] or 'not here')} ({description['model_id']})"),
        ("pixels", _pixels(description)),
        ("sections", sections),
        ("format", f"version {description['format_version']}, checksums good"),
    ]
    return "\n".join([name, *(f"  {name:<9} {value}" for name, value in lines)])


def _pixels(description: dict[str, Any]) -> str:
    """Where the pixels are: in sections, in tile groups, or in both."""
    groups = counted(description["tile_groups"], "tile group")
    latents = f"{description['payload_bytes']:,} bytes in {groups}"
    if description["lossless"]:
        return "in the section exact"
    if not description["apart"]:
        return latents
    share, method = description["apart"]["share"], description["apart"]["method"]
    apart = f"{share:.0%} in the section blocks ({method})"
    return apart if share == 1 else f"{apart}, the rest in {latents}"
