"""Options that several commands share, and the types of their values."""

from __future__ import annotations

import errno
import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from tccodec.cli.engine import Engine
from tccodec.cli.ranges import NumberType, WholeNumberType
from tccodec.cli.reporter import Messages
from tccodec.coding.effort import DEFAULT_EFFORT, MAX_EFFORT
from tccodec.coding.search import RANGES
from tccodec.container.limits import MAX_PIXELS, MAX_SIDE, Limits
from tccodec.files.remote import is_url, path_of
from tccodec.files.text import shown
from tccodec.model.registry import models

F = TypeVar("F", bound=Callable[..., Any])

if TYPE_CHECKING:
    _BytesType = click.ParamType[float]
    _RegionType = click.ParamType[tuple[int, int, int, int]]
    _NamesType = click.ParamType[frozenset[str]]
    _DeviceType = click.ParamType[str]
    _LocalPathType = click.Path[Path]
else:  # click makes it generic from 8.4 on
    _BytesType = _RegionType = _NamesType = _DeviceType = click.ParamType
    _LocalPathType = click.Path

# Section of --help -> the options in it, by the names of their parameters.
_SECTIONS = {
    "Outputs": "output added full_names recursive force skip_existing preserve_times strict"
    " overwrite_originals format_name keep_if_smaller resume dry_run yes check restore",
    "Target, at most one": "quality bpp size psnr ssimulacra2 ms_ssim lpips lossless like",
    "Coding": "effort tune lossy screen no_preview strip verify region scale realism preview",
    "Running": "count engine address model device threads limits",
    "Messages": "as_json quiet verbose help",
}
_SECTION_OF = {name: title for title, names in _SECTIONS.items() for name in names.split()}
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "KI": 2**10, "MI": 2**20, "GI": 2**30}


class SectionedCommand(click.Command):
    """A command whose options are listed in sections."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write all options, with a heading above each section."""
        sections: dict[str, list[tuple[str, str]]] = {title: [] for title in _SECTIONS}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            # From click 8.5 on, arguments have records, too; the help's text explains them.
            if record is not None and isinstance(parameter, click.Option):
                name = "help" if "--help" in parameter.opts else parameter.name or ""
                sections[_SECTION_OF[name]].append(record)
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


class ByteSize(_BytesType):
    """A number of bytes: `20000`, `20KB` (thousands), `20KiB` (1024s), `1.5MB`."""

    name = "SIZE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The size in bytes; click's usage error for an invalid one."""
        low, high, words = RANGES["size"]
        match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([KMG]I?|)B?\s*", str(value).upper())
        if not match:
            self.fail(f"{value!r} is not a size: write 20000, 20KB or 20KiB", param, ctx)
        size = float(match[1]) * _UNITS[match[2]]
        if not low <= size <= high:
            self.fail(f"{value!r} is not a size {words}", param, ctx)
        return size


class RegionType(_RegionType):
    """A rectangle in pixels, `X,Y,W,H`: left, top, width, height."""

    name = "X,Y,W,H"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int, int, int]:
        """The four numbers; click's usage error for anything else."""
        match = re.fullmatch(r"\s*(\d{1,9}),\s*(\d{1,9}),\s*(\d{1,9}),\s*(\d{1,9})\s*", str(value))
        if not match:
            self.fail(
                f"{value!r} is not a region: write left,top,width,height in pixels", param, ctx
            )
        left, top, width, height = map(int, match.groups())
        return left, top, width, height


class NamesType(_NamesType):
    """Names with commas between, out of a set of names; "all" stands for all of them."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.name = ",".join(("all", *names))

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> frozenset[str]:
        """The names; click's usage error for an unknown one."""
        given = frozenset(name.strip().lower() for name in str(value).split(","))
        if unknown := given - {"all", *self.names}:
            self.fail(
                f"{min(unknown)!r} is not one of {', '.join(('all', *self.names))}", param, ctx
            )
        return frozenset(self.names) if "all" in given else given


class LocalPath(_LocalPathType):
    """A file or folder of this machine, as a `pathlib.Path`.

    Click's usage error for a URL, for an empty name, which would be the working folder, and for a
    link that leads in a circle, which `Path.resolve` of Python before 3.13 does not bear.
    """

    def __init__(self, *, file_okay: bool = True, dir_okay: bool = True) -> None:
        super().__init__(file_okay=file_okay, dir_okay=dir_okay, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path."""
        if value == "":
            self.fail("a file or folder needs a name", param, ctx)
        if isinstance(value, str) and is_url(value):
            self.fail(
                f"{shown(path_of(value))} is a URL; here only files of this machine will do",
                param,
                ctx,
            )
        path = Path(super().convert(value, param, ctx))
        try:
            path.stat()
        except OSError as e:
            if e.errno == errno.ELOOP:
                self.fail(f"{shown(path)} is a link that leads in a circle", param, ctx)
        return path


# A file or folder as a string. Shells complete it; whether it exists is not checked.
PATH = click.Path(readable=False)


def _model_names(_ctx: click.Context, _param: click.Parameter, start: str) -> list[CompletionItem]:
    """The names of models that begin with `start`, for completion by a shell."""
    return [CompletionItem(card.name) for card in models() if card.name.startswith(start)]


def _all_of(*options: Callable[[F], F]) -> Callable[[F], F]:
    """One decorator for several options, in the order of `--help`."""

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def given(ctx: click.Context) -> dict[str, str]:
    """The options on the command line, by the names of their parameters, as in `--quality`."""
    return {
        parameter.name: max(parameter.opts, key=len)
        for parameter in ctx.command.params
        if isinstance(parameter, click.Option)
        and parameter.name
        and ctx.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    }


class DeviceType(_DeviceType):
    """Where a network runs: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.

    Whether this machine has the device is not checked here, because that needs torch.
    """

    name = "auto|cpu|cuda|cuda:N|mps"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name; click's usage error for another one."""
        if not re.fullmatch(r"auto|cpu|mps|cuda(:\d{1,3})?", str(value)):
            self.fail(
                f"{value!r} is not one of auto, cpu, cuda, cuda:1 (and so on), mps", param, ctx
            )
        return str(value)


def device(text: str) -> Callable[[F], F]:
    """Add --device, with its help text."""
    return click.option("--device", type=DeviceType(), default="auto", show_default=True, help=text)


def network(function: F) -> F:
    """Add --model, --device and --threads."""
    return _all_of(
        click.option(
            "--model",
            metavar="NAME|DIR",
            shell_complete=_model_names,
            help="A model's name or folder.  [default: tcae-s; to decode, the one the file names]",
        ),
        device("Where the network runs."),
        click.option(
            "--threads",
            type=WholeNumberType(1, 1024),
            help="CPU threads of the network, with --jobs of each process.  [default: all cores]",
        ),
    )(function)


def target_type(kind: str) -> NumberType:
    """The type of an option that names a target of this kind."""
    low, high, _ = RANGES[kind]
    return NumberType(low, high)


def quality(function: F) -> F:
    """Add --quality."""
    return click.option(
        "-q",
        "--quality",
        type=target_type("quality"),
        help="Quality, in steps of a tenth.  [default: 50]",
    )(function)


def ssimulacra2(function: F) -> F:
    """Add --ssimulacra2."""
    return click.option(
        "--ssimulacra2",
        type=target_type("ssimulacra2"),
        help="Aim at a SSIMULACRA2, never below it; 70 is good.",
    )(function)


def effort(function: F) -> F:
    """Add --effort."""
    return click.option(
        "--effort",
        type=WholeNumberType(1, MAX_EFFORT),
        default=DEFAULT_EFFORT,
        show_default=True,
        help="How long to look for a smaller file: about 3 seconds per megapixel at 3, 30 at 5,"
        " several minutes at 9.",
    )(function)


def cluster(function: F) -> F:
    """Add --engine and --address."""
    return _all_of(
        click.option(
            "--engine",
            type=click.Choice(["local", "ray"]),
            default="local",
            show_default=True,
            help="Where the work is done: on this machine, or on a Ray cluster.",
        ),
        click.option(
            "--address",
            metavar="HOST:PORT",
            help="Address of the Ray cluster.  [default: the one that this machine belongs to]",
        ),
    )(function)


def jobs(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --jobs, --engine and --address; the command gets them as `engine`, an `Engine`."""

    @functools.wraps(function)
    def command(
        *args: Any, count: int | None, engine: str, address: str | None, **rest: Any
    ) -> Any:
        return function(*args, engine=Engine(count, engine, address), **rest)

    return _all_of(
        click.option(
            "--jobs",
            "count",
            type=WholeNumberType(1, 100_000),
            help="Files to work on at a time, in processes that share the processors.  [default: 1;"
            " with --engine ray, what the cluster has room for]",
        ),
        cluster,
    )(command)


def outputs(function: F) -> F:
    """Add the options about outputs, from --output to --strict."""
    return _all_of(
        click.option(
            "-o",
            "--output",
            type=PATH,
            metavar="OUT|DIR",
            help="Output file, folder or URL, or - for stdout.  [default: beside the input]",
        ),
        click.option(
            "--suffix",
            "added",
            default="",
            metavar="TEXT",
            help="Text at the end of derived names, before the dot.",
        ),
        click.option(
            "--full-names",
            is_flag=True,
            help="Keep the suffix of the input in derived names, as in photo.jpg.tcz.",
        ),
        click.option("-r", "--recursive", is_flag=True, help="Walk folders and all below them."),
        click.option("-f", "--force", is_flag=True, help="Replace outputs that exist."),
        click.option("--skip-existing", is_flag=True, help="Leave out inputs whose output exists."),
        click.option("--preserve-times", is_flag=True, help="Give outputs the inputs' file times."),
        click.option(
            "--strict",
            is_flag=True,
            help="Write no file that loses something of its picture, such as further pages.",
        ),
    )(function)


def messages(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --json, --quiet and --verbose; the command gets them as `messages`, a `Messages`."""

    @functools.wraps(function)
    def command(*args: Any, as_json: bool, quiet: bool, verbose: bool, **rest: Any) -> Any:
        if quiet and verbose:
            raise click.UsageError("--quiet and --verbose exclude each other")
        return function(*args, messages=Messages(as_json, quiet, verbose), **rest)

    return _all_of(
        click.option("--json", "as_json", is_flag=True, help="One JSON object per file on stdout."),
        click.option("-Q", "--quiet", is_flag=True, help="Say nothing but errors."),
        click.option(
            "-v",
            "--verbose",
            is_flag=True,
            help="Say what was converted, file by file, and name all files.",
        ),
    )(command)


class _Limits(Limits):
    """What --max-megapixels gives."""

    __slots__ = ()
    hint = "; --max-megapixels raises it"


def limits(function: F) -> F:
    """Add --max-megapixels; the command gets it as `limits`, a `container.Limits`."""
    return click.option(
        "--max-megapixels",
        "limits",
        type=NumberType(0, above=True),
        default=MAX_PIXELS / 1e6,
        show_default=True,
        callback=lambda _ctx, _param, value: _Limits(max_pixels=int(min(value * 1e6, MAX_SIDE**2))),
        help="Refuse larger pictures; inf: none that the format can hold.",
    )(function)
