"""`tccodec compress`: pictures to `.tcz` files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tccodec.cli import options
from tccodec.cli.inputs import HEAD, Input, open_input
from tccodec.cli.jobs import Job, Naming, SkippedFile, plan
from tccodec.cli.outputs import Outputs
from tccodec.cli.reporter import FinishedJob, Stopwatch, rate_text, refuse_losses, run_jobs
from tccodec.coding.effort import DEFAULT_EFFORT, DEFAULT_TUNE, MAX_EFFORT, TUNES, Tune
from tccodec.coding.search import Target
from tccodec.container.limits import Limits
from tccodec.errors import BadOption, BadPicture, TccodecError
from tccodec.files.text import size_text
from tccodec.model.registry import DEFAULT_MODEL, find_model

if TYPE_CHECKING:
    from tccodec.api import Codec
    from tccodec.coding.attempts import Compressed
    from tccodec.picture import Picture
    from tccodec.picture.kinds import FileKind

# Four channels of 32 bits for each pixel, and space for metadata, previews and further frames.
_PIXEL_BYTES, _EXTRA_BYTES = 16, 1 << 26
# As in `tccodec.picture.strip`, which needs Pillow.
_STRIPPABLE = ("exif", "gps", "xmp", "icc", "comment")
# These are lines and letters, not pixels: leaving them out is no failure.
_DRAWINGS = {"PostScript", "SVG", "WMF", "EMF"}


@click.command("compress", short_help="Turn pictures into .tcz files.")
@click.argument("inputs", nargs=-1, required=True, metavar="IN...")
@options.outputs
@click.option(
    "-q",
    "--quality",
    type=float,
    metavar="0..100",
    help="Quality, in steps of a tenth.  [default: 50]",
)
@click.option("--bpp", type=float, metavar="F", help="Aim at bits per pixel of the whole file.")
@click.option(
    "--size", type=options.ByteSize(), help="Aim at a size (20KB, 20KiB), never above it."
)
@click.option("--psnr", type=float, metavar="DB", help="Aim at a PSNR over RGB in decibels.")
@click.option(
    "--effort",
    type=click.IntRange(1, MAX_EFFORT),
    metavar="1..9",
    default=DEFAULT_EFFORT,
    show_default=True,
    help="How long to look for a smaller file: about 1 second per megapixel at 3, 15 at 5, 400 at"
    " 9.",
)
@click.option(
    "--tune",
    type=click.Choice(TUNES),
    default=DEFAULT_TUNE,
    show_default=True,
    help="What efforts from 3 on improve: squared error, structure, or a mix for the eye.",
)
@click.option("--lossy", is_flag=True, help="Latents only, also for screens, text and drawings.")
@click.option("--screen", is_flag=True, help="No latents: palettes or AV1 for the whole picture.")
@click.option(
    "--strip",
    type=options.NamesType(*_STRIPPABLE),
    metavar="NAMES",
    help="Metadata to leave out: all, or some of exif, gps, xmp, icc, comment with commas.",
)
@click.option("--verify", is_flag=True, help="Decode each file before it is written.")
@options.network
@options.limits
@options.messages
@click.pass_context
def command(
    ctx: click.Context,
    inputs: tuple[str, ...],
    output: str | None,
    added: str,
    full_names: bool,
    recursive: bool,
    force: bool,
    skip_existing: bool,
    preserve_times: bool,
    strict: bool,
    quality: float | None,
    bpp: float | None,
    size: float | None,
    psnr: float | None,
    effort: int,
    tune: Tune,
    lossy: bool,
    screen: bool,
    strip: frozenset[str] | None,
    verify: bool,
    model: str | None,
    device: str,
    threads: int | None,
    limits: Limits,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Compress pictures of any format that Pillow reads to .tcz files.

    The output is written beside its input, with the suffix .tcz. -o names another file or, for
    several inputs, a folder that gets the same folders as theirs. IN may be - for stdin; then the
    file goes to stdout. Without -q, --bpp, --size or --psnr the quality is 50.

    \b
    tccodec compress photo.jpg -q 70
    tccodec compress photo.jpg --size 20KB -o small.tcz
    tccodec compress holiday/ -r -o small/
    cat photo.jpg | tccodec compress - > photo.tcz
    """
    target = Target.of(quality=quality, bpp=bpp, size=size, psnr=psnr)
    card = find_model(model or DEFAULT_MODEL)
    naming = Naming(".tcz", added=added, full=full_names)
    planned = plan(inputs, output, naming=naming, recursive=recursive, file_filter=_not_coded)
    if as_json and any(j.target is None and not j.problem for j in planned.jobs):
        raise BadOption("--json and the compressed file both want stdout; name a file with -o")
    outputs = Outputs(
        planned.jobs, force=force, skip_existing=skip_existing, preserve_times=preserve_times
    )
    loaded: list[Codec] = []

    def codec() -> Codec:
        """Loaded for the first readable picture, so that a wrong path is reported at once."""
        if not loaded:
            from tccodec.api import Codec

            loaded.append(Codec.from_pretrained(card.folder, device=device, threads=threads))
        return loaded[0]

    def work(job: Job, progress: Callable[[float], None]) -> tuple[FinishedJob, str]:
        from tccodec.picture import read_picture

        with open_input(job) as source:
            max_bytes = _max_picture_bytes(job, source, limits)
            job = outputs.settle(job)
            data = source.read(max_bytes)
        picture = read_picture(data, limits=limits)
        if strict:
            refuse_losses(picture.losses)
        if strip:
            from tccodec.picture.strip import stripped

            picture = stripped(picture, strip)
        network = codec()
        watch = Stopwatch()
        result = network.compress_picture(
            picture, target, effort=effort, tune=tune, lossy=lossy, screen=screen, progress=progress
        )
        seconds = watch.seconds
        extra: dict[str, Any] = {
            "width": result.width,
            "height": result.height,
            "quality": result.quality,
            "lossless": result.exact,
            "apart": round(result.apart, 4),
            "remark": result.remark,
            "larger": len(result.data) > len(data),
        }
        if result.part:
            extra["part"] = result.part
        if verify:
            extra["psnr"] = _verified(network, picture, result)
        job, _ = outputs.write(job, result.data, source.status)
        done = FinishedJob(
            job=job,
            before=len(data),
            after=len(result.data),
            coded=len(result.data),
            pixels=result.width * result.height,
            seconds=seconds,
            notes=result.notes,
            losses=result.losses,
            extra=extra,
            stopped=result.stopped,
        )
        return done, _line(done)

    ctx.exit(run_jobs(planned, work, as_json=as_json, quiet=quiet, verbose=verbose))


def _line(done: FinishedJob) -> str:
    """`photo.jpg -> photo.tcz: 487 kB -> 31.2 kB, 0.229 bpp, 1.8 MP/s, quality 50`."""
    text = (
        f"{done.job.name} -> {done.job.output}:"
        f" {size_text(done.before)} -> {size_text(done.after)},"
        f" {rate_text(done.coded, done.pixels, done.seconds)}, "
    )
    text += "lossless" if done.extra["lossless"] else f"quality {done.extra['quality']:g}"
    text += ", stopped early" if done.stopped else ""
    part = f" ({done.extra['part']})" if "part" in done.extra else ""
    text += f", {done.extra['psnr']:.2f} dB, verified{part}" if "psnr" in done.extra else ""
    return text + (", larger than before" if done.larger else "")


def _verified(codec: Codec, picture: Picture, result: Compressed) -> float:
    """PSNR in dB of the decoded file; `TccodecError` if metadata or alpha did not come back."""
    from tccodec.coding.attempts import picture_psnr
    from tccodec.container import read

    wide = Limits(max_pixels=result.width * result.height)
    try:
        decoded = codec.decompress_file(read(result.data, limits=wide))
    except TccodecError as e:
        raise TccodecError(f"verification failed, nothing written: {e}") from None
    same = decoded.rgb.shape == picture.rgb.shape and decoded.grey == picture.grey
    for name in ("icc", "exif", "xmp", "comment", "source", "resolution"):
        same = same and getattr(decoded, name) == (getattr(picture, name) or _empty(name))
    if picture.alpha is not None:
        same = same and decoded.alpha is not None and bool((decoded.alpha == picture.alpha).all())
    if not same:
        raise TccodecError("verification failed, nothing written: the file holds other content")
    return round(min(picture_psnr(picture, decoded), 100.0), 3)


def _empty(name: str) -> str | None:
    """The value of a field that a file does not hold."""
    return "" if name == "source" else None


def _not_coded(path: Path) -> SkippedFile | None:
    """Why a file in a folder is skipped; None for pictures, also for damaged ones."""
    from tccodec.picture.kinds import Kind, kind_of, named_as_picture

    kind = kind_of(path)
    if kind.kind is Kind.UNREADABLE:
        return SkippedFile(path, _reason(kind), failed=kind.format not in _DRAWINGS)
    if kind.kind is Kind.PICTURE or (kind.kind is not Kind.TCZ and named_as_picture(path)):
        return None
    return SkippedFile(path, kind.kind.value)


def _max_picture_bytes(job: Job, source: Input, limits: Limits) -> int:
    """Most bytes of a picture file; `BadPicture` if its first bytes are not those of one."""
    from tccodec.picture.kinds import Kind, kind_of

    kind = kind_of(source.head)
    if kind.kind is Kind.OTHER and job.source is not None and source.status is not None:
        kind = kind_of(job.source)  # a few formats are recognised by later bytes
    if kind.kind is Kind.PICTURE:
        return limits.max_pixels * _PIXEL_BYTES + _EXTRA_BYTES
    if kind.kind is Kind.OTHER and source.status is None and len(source.head) == HEAD:
        return _EXTRA_BYTES  # a pipe shows no more than its first bytes
    raise BadPicture(_reason(kind) if source.head else "the file is empty")


def _reason(kind: FileKind) -> str:
    """Why a file cannot be compressed, and what would help."""
    return kind.reason + (f" (pip install {kind.package})" if kind.package else "")
