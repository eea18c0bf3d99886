"""`tccodec report`: compare codecs on a folder of pictures."""

from __future__ import annotations

import math
import shlex
import sys
from pathlib import Path

import click

from tccodec.cli import options
from tccodec.cli.ranges import NumberType, WholeNumberType
from tccodec.cli.streams import message


@click.command("report", short_help="Compare codecs on pictures.")
@click.argument("folder", type=options.LocalPath())
@click.option(
    "-o",
    "--output",
    "--out",
    "out",
    metavar="DIR",
    type=options.LocalPath(),
    help="Folder of the report; the same folder again continues it.  [default: NAME-report]",
)
@click.option(
    "--codecs",
    metavar="NAMES",
    help="Names with commas: tccodec models (also with -realism), jpeg, webp, avif, avif-444, jxl,"
    " heic, jp2; all also with -half."
    "  [default: tcae-s, tcae-s-realism, jpeg, webp, avif, jxl, heic]",
)
@click.option(
    "--external",
    multiple=True,
    metavar="LINE",
    help="A command as a codec: 'name=enc -q {q} {in} {out} ; dec {in} {out}'. May be repeated.",
)
@click.option(
    "--points",
    type=WholeNumberType(1, 100),
    default=8,
    help="Qualities of each codec that --qualities does not name.  [default: 8]",
)
@click.option(
    "--qualities",
    metavar="LIST",
    help="Exact qualities, for all codecs or for some: 10,30,50 or 'jpeg=10,30;avif=20,40'.",
)
@click.option(
    "--metrics",
    metavar="NAMES",
    help="psnr, ssim, ms-ssim, lpips, ssimulacra2, dists, frechet-effnet."
    "  [default: all but the last two]",
)
@click.option(
    "--anchor",
    metavar="NAME",
    default="avif",
    help="The codec that others are measured against.  [default: avif]",
)
@click.option(
    "--window",
    metavar="LOW:HIGH",
    help="Limit BD figures to these rates of the anchor, in bits per pixel.  [default: all]",
)
@click.option(
    "--jobs",
    type=WholeNumberType(1, 1024),
    help="Worker processes.  [default: as many as fit]",
)
@options.cluster
@click.option(
    "--limit",
    type=WholeNumberType(1),
    help="Only so many pictures, from the first on.  [default: all]",
)
@click.option("-r", "--recursive", is_flag=True, help="Walk folders below FOLDER, too.")
@click.option(
    "--backbones",
    metavar="DIR",
    type=options.LocalPath(file_okay=False),
    help="Folder with the weights of dists and frechet-effnet.  [default: TCCODEC_BACKBONES]",
)
@click.option(
    "--show",
    type=WholeNumberType(0),
    default=12,
    help="Pictures in the page's viewer.  [default: 12]",
)
@click.option(
    "--page-mb",
    type=NumberType(0),
    default=24.0,
    help="Most megabytes of these pictures.  [default: 24]",
)
@click.option("--json", "as_json", is_flag=True, help="Print results.json instead of the table.")
@click.option("-Q", "--quiet", is_flag=True, help="Print no progress, no remarks and no table.")
@click.pass_context
def command(
    ctx: click.Context,
    folder: Path,
    out: Path | None,
    codecs: str | None,
    external: tuple[str, ...],
    points: int,
    qualities: str | None,
    metrics: str | None,
    anchor: str,
    window: str | None,
    jobs: int | None,
    engine: str,
    address: str | None,
    limit: int | None,
    recursive: bool,
    backbones: Path | None,
    show: int,
    page_mb: float,
    as_json: bool,
    quiet: bool,
) -> None:
    """Compare codecs on the pictures of FOLDER: what would tccodec save, and how does it look?

    Every codec codes every picture at several qualities, to whole files that are decoded again
    and measured. Writes report.html (one file, works offline), curves.svg and curves.png,
    results.csv, summary.csv and results.json. Finished points are kept: Ctrl-C writes the report
    with what there is, and the same command continues from there.
    """
    if "points" in options.given(ctx) and _for_all_codecs(qualities or ""):
        raise click.UsageError("--points has no effect: --qualities gives those of all codecs")
    # heavy imports here, so that --help answers at once
    from tccodec.report.export import to_json
    from tccodec.report.run import run
    from tccodec.report.terminal import TerminalProgress
    from tccodec.report.terminal import show as show_table

    target = out or Path(f"{folder.resolve().name or 'pictures'}-report")
    with TerminalProgress(quiet=quiet) as progress:
        report = run(
            folder,
            target,
            codecs=_names(codecs),
            external=external,
            points=points,
            qualities=qualities,
            metrics=_names(metrics),
            anchor=anchor,
            jobs=jobs,
            engine=engine,
            address=address,
            limit=limit,
            recursive=recursive,
            backbones=backbones,
            window=_window(window),
            show=show,
            page_mb=page_mb,
            command=_own_command(ctx, folder),
            progress=progress,
        )
    if as_json:
        click.echo(to_json(report), nl=False)
    elif not quiet:
        show_table(report)
    if not report.complete:
        message("tccodec: interrupted; the report so far is written, the same command goes on")
        sys.exit(130)
    failed = [f"cannot read {u['reason']}" for u in report.unreadable]
    failed += [f"{f['picture']}, {f['reason']}" for f in report.failures]
    if quiet:  # else each was named when it happened
        for text in dict.fromkeys(failed):  # a codec may fail at every quality of a picture
            message(f"tccodec: {text}")
    if failed:
        sys.exit(1)


def _names(text: str | None) -> list[str] | None:
    if text is None:
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise click.UsageError("a list of names is empty")
    return names


def _for_all_codecs(qualities: str) -> bool:
    """Whether --qualities has a part without the name of a codec."""
    return any(part.strip() and "=" not in part for part in qualities.split(";"))


def _window(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    low, colon, high = text.partition(":")
    try:
        window = float(low), float(high)
    except ValueError:
        window = 0.0, 0.0
    if not colon or not 0 <= window[0] < window[1] < math.inf:
        raise click.UsageError(f"--window {text}: use two rates, low to high, such as 0.08:0.8")
    return window


def _own_command(ctx: click.Context, folder: Path) -> str:
    """The command line, without hosts and folders, which may be private."""
    words = ["tccodec", "report", folder.resolve().name]
    for name, option in options.given(ctx).items():
        value = ctx.params[name]
        if value is True:
            words.append(option)
            continue
        for one in value if isinstance(value, tuple) else [value]:
            words += [option, public_value(name, one)]
    return shlex.join(words)


def public_value(option: str, value: object) -> str:
    """The value of an option as it may be published."""
    from tccodec.report.codecs.external import parse
    from tccodec.report.environment import without_folders

    if option == "address":
        return "HOST:PORT"
    if option == "external":
        name, encode, decode = parse(str(value))
        commands = (" ".join(map(without_folders, words)) for words in (encode, decode))
        return f"{name}={' ; '.join(commands)}"
    if isinstance(value, Path):
        return value.resolve().name
    return ",".join(map(without_folders, str(value).split(",")))
