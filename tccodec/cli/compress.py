"""`tccodec compress`: pictures to `.tcz` files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tccodec.cli import options
from tccodec.cli.jobs import Job, check_output, plan, read_input, write_output
from tccodec.cli.reporter import Done, Stopwatch, rate_text, run_jobs, size_text
from tccodec.container.limits import Limits
from tccodec.effort import DEFAULT_EFFORT, DEFAULT_TUNE, MAX_EFFORT, TUNES, Tune
from tccodec.errors import BadOption, TccodecError
from tccodec.quality import from_setting
from tccodec.registry import DEFAULT_MODEL, find_model
from tccodec.search import Target

if TYPE_CHECKING:
    from tccodec.api import Codec, Compressed
    from tccodec.picture import Picture


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
@click.option(
    "--lossy", is_flag=True, help="No lossless files for drawings, even where they are smaller."
)
@click.option("--verify", is_flag=True, help="Decode each file before it is written.")
@options.network
@options.limits
@options.talk
@click.pass_context
def command(
    ctx: click.Context,
    inputs: tuple[str, ...],
    output: str | None,
    recursive: bool,
    force: bool,
    preserve_times: bool,
    quality: float | None,
    bpp: float | None,
    size: float | None,
    psnr: float | None,
    effort: int,
    tune: Tune,
    lossy: bool,
    verify: bool,
    model: str | None,
    device: str,
    threads: int | None,
    limits: Limits,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Compress pictures, any that Pillow reads, to .tcz files.

    The output stands beside its input, with the suffix .tcz; -o names another file or, for
    several inputs, a folder that mirrors theirs. IN may be - for stdin; then the file goes to
    stdout. Without -q, --bpp, --size or --psnr the quality is 50.

    \b
    tccodec compress photo.jpg -q 70
    tccodec compress photo.jpg --size 20KB -o small.tcz
    tccodec compress holiday/ -r -o small/
    cat photo.jpg | tccodec compress - > photo.tcz
    """
    target = Target.of(quality=quality, bpp=bpp, size=size, psnr=psnr)
    card = find_model(model or DEFAULT_MODEL)
    jobs = plan(inputs, output, suffix=".tcz", recursive=recursive, accepts=_is_picture)
    if as_json and any(j.target is None and not j.problem for j in jobs):
        raise BadOption("--json and the compressed file both want stdout; name a file with -o")
    loaded: list[Codec] = []

    def codec() -> Codec:
        """Loaded when the first picture is ready: a wrong path must not cost torch's import."""
        if not loaded:
            from tccodec.api import Codec

            loaded.append(Codec.from_pretrained(card.folder, device=device, threads=threads))
        return loaded[0]

    def work(job: Job, progress: Callable[[float], None]) -> tuple[Done, str]:
        from tccodec.picture import read_picture

        check_output(job, force=force)
        data = read_input(job)
        picture = read_picture(data, limits=limits)
        network = codec()
        watch = Stopwatch()
        result = network.compress_picture(
            picture, target, effort=effort, tune=tune, lossy=lossy, progress=progress
        )
        seconds = watch.seconds
        more: dict[str, Any] = {
            "width": result.width,
            "height": result.height,
            "quality": from_setting(result.quality),
            "lossless": result.exact,
            "remark": result.remark,
        }
        if result.part:
            more["part"] = result.part
        if verify:
            more["psnr"] = _verified(network, picture, result)
        write_output(job, result.data, preserve_times=preserve_times)
        done = Done(
            job=job,
            before=len(data),
            after=len(result.data),
            coded=len(result.data),
            pixels=result.width * result.height,
            seconds=seconds,
            notes=result.notes,
            losses=result.losses,
            more=more,
            stopped=result.stopped,
        )
        return done, _line(done)

    ctx.exit(run_jobs(jobs, work, as_json=as_json, quiet=quiet, verbose=verbose))


def _line(done: Done) -> str:
    """`photo.jpg -> photo.tcz: 487 kB -> 31.2 kB, 0.229 bpp, 1.8 MP/s, quality 50`."""
    where = "stdout" if done.job.target is None else str(done.job.target)
    text = (
        f"{done.job.name} -> {where}: {size_text(done.before)} -> {size_text(done.after)},"
        f" {rate_text(done.coded, done.pixels, done.seconds)}, "
    )
    text += "lossless" if done.more["lossless"] else f"quality {done.more['quality']:g}"
    text += ", stopped early" if done.stopped else ""
    part = f" ({done.more['part']})" if "part" in done.more else ""
    return text + (f", {done.more['psnr']:.2f} dB, verified{part}" if "psnr" in done.more else "")


def _verified(codec: Codec, picture: Picture, result: Compressed) -> float:
    """PSNR in dB of what the new file decodes to; `TccodecError` unless all of it came back."""
    from tccodec.api import psnr
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
    return round(min(psnr(picture, decoded), 100.0), 3)


def _empty(name: str) -> str | None:
    """What a field is that a file does not hold."""
    return "" if name == "source" else None


def _is_picture(path: Path) -> bool:
    """Whether a file found in a folder has a suffix that Pillow opens."""
    from PIL import Image

    Image.init()
    return Image.registered_extensions().get(path.suffix.lower(), "") in Image.OPEN
