"""The program `tccodec`: its commands by name, and its exit status."""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import importlib.util
import os
import sys
import warnings
from typing import Any

import click

from tccodec import __version__
from tccodec.cli.streams import (
    StdoutError,
    ended_by_signals,
    message,
    open_streams,
    silence_stdout,
)
from tccodec.coding.threads import share_cores
from tccodec.errors import (
    BadExternal,
    BadOption,
    TccodecError,
    UnknownCodec,
    UnknownMetric,
    UnknownModel,
)
from tccodec.files.text import escaped

# Name -> short help, so that `--help` imports no command. A test compares the texts.
COMMANDS = {
    "compress": "Turn pictures into .tcz files.",
    "decompress": "Turn .tcz files back into pictures.",
    "archive": "Code a library of pictures; check and restore it.",
    "info": "Say what .tcz files hold.",
    "view": "Show .tcz pictures in a browser.",
    "gallery": "Make a web page of .tcz pictures.",
    "verify": "Check .tcz files: checksums and every symbol.",
    "models": "List the models, or show one.",
    "train": "Train a model from a configuration.",
    "export": "Turn a training run into a model folder.",
    "generate": "Pictures from noise; train a generator.",
    "report": "Compare codecs on pictures.",
}
SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class LazyGroup(click.Group):
    """A group whose commands are in `tccodec.cli.NAME`, each with the name `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands whose module exists; none is imported."""
        return [n for n in COMMANDS if importlib.util.find_spec(f"tccodec.cli.{n}")]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; this imports its module."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"tccodec.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. A broken pipe that is not stdout becomes a `TccodecError`."""
        try:
            os.getcwd()
        except OSError as e:  # libraries fail on it, some with messages of their own
            text = "the current folder is not there any more; change to another one"
            raise TccodecError(text) from e
        try:
            return super().invoke(ctx)
        except BrokenPipeError as e:  # click would end without a word
            raise TccodecError(_text(e)) from e

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands in `--help`, from the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(n, COMMANDS[n]) for n in self.list_commands(ctx)])


@click.group(cls=LazyGroup, context_settings=SETTINGS)
@click.version_option(__version__, "-V", "--version", message="tccodec %(version)s")
def program() -> None:
    """A learned image codec: from pictures to small .tcz files, and back.

    \b
    tccodec compress photo.jpg               writes photo.tcz
    tccodec decompress photo.tcz             writes photo.png
    tccodec compress holiday/ -r -o small/   a whole folder

    `tccodec COMMAND --help` says more about each command.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the program and exit. An error from bad input becomes one line on stderr."""
    # Warnings about odd metadata (Pillow) and machines (torch) are of no use to users.
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    # Else the interpreter looks through all of torch for garbage before it ends: half a second.
    atexit.register(gc.freeze)
    share_cores()
    open_streams()
    with ended_by_signals():
        sys.exit(_status(arguments))


def _status(arguments: list[str] | None) -> int:
    """Run one command line; its exit status."""
    try:
        code = program.main(args=arguments, prog_name="tccodec", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.ClickException as e:
        vars(e)["message"] = escaped(e.message)  # final only for type checkers
        with contextlib.suppress(OSError):
            e.show()
        return e.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _failed("interrupted", 130)
    except (BadOption, UnknownModel, UnknownCodec, UnknownMetric, BadExternal) as e:
        return _failed(str(e), 2)
    except TccodecError as e:
        return _failed(str(e))
    except ModuleNotFoundError as e:
        if e.name not in ("torch", "jinja2"):  # torch brings jinja2
            raise
        return _failed("this needs torch, which is not installed: pip install torch")
    except StdoutError as e:
        silence_stdout()  # Python must not try again to flush at exit
        return 1 if e.reader_gone else _failed(_text(e))  # `tccodec info ... | head`
    except OSError as e:
        return _failed(_text(e))
    except MemoryError:
        return _failed("not enough memory")


def _text(error: OSError) -> str:
    """What is wrong, after the name of the file or address if the error has one."""
    text = error.strerror or str(error)
    return text if error.filename is None else f"{error.filename}: {text}"


def _failed(text: str, status: int = 1) -> int:
    message(f"tccodec: {text}")
    return status
