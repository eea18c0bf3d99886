"""Every error that tccodec raises on purpose.

    TccodecError
      BadFile              a .tcz file is damaged, cut short, or not a .tcz file at all
      UnknownModel         no model of that name, or none with the id that a file names
      BadModel             a model folder is there but cannot be used
      LimitExceeded        a picture or a file asks for more than the limits allow
      BadPicture           an input picture cannot be read, or an output picture not be written
      BadTarget            a size was asked for that this picture cannot reach
      BadOption            a setting is out of its range, or two contradict each other; a ValueError
        WrongType          an argument has an unsupported type; a TypeError, too
      UnreadableFile       a file cannot be opened or read; an OSError, too
        MissingFile        there is no such file; a FileNotFoundError, too
      OutputExists         an output file is there already and was not to be replaced
      BadConfig            a training configuration cannot be used
      BadData              training pictures are missing or cannot be read
      ReportError          a report cannot be made
        UnknownCodec       a codec was named that is neither a known one nor a tccodec model
        UnknownMetric      a metric was named that the report does not know
        NotAvailable       a codec or a metric is known, but its library or its weights are missing
        NoPictures         a folder holds no picture that can be read
        BadFolder          the folder of the pictures or of the report cannot be used
        BadExternal        the description of an external codec cannot be understood
        UnreadablePicture  a picture of the folder cannot be read; the report goes on without it
        PeerFailed         a codec could not code one picture; the report goes on without that point

The text of each is one sentence for the person at the keyboard: what is wrong and, where it
can be said, what to do. The command line prints it after "tccodec: " and exits with 1, or with
2 for wrong usage.
`except TccodecError` catches everything that bad input can cause; anything else is a bug.
"""

from __future__ import annotations

__all__ = [
    "BadConfig",
    "BadData",
    "BadExternal",
    "BadFile",
    "BadFolder",
    "BadModel",
    "BadOption",
    "BadPicture",
    "BadTarget",
    "LimitExceeded",
    "MissingFile",
    "NoPictures",
    "NotAvailable",
    "OutputExists",
    "PeerFailed",
    "ReportError",
    "TccodecError",
    "UnknownCodec",
    "UnknownMetric",
    "UnknownModel",
    "UnreadableFile",
    "UnreadablePicture",
    "WrongType",
]


def reason_of(error: BaseException) -> str:
    """The text of an exception in one line, or its type if it has none."""
    text = " ".join(str(error).split())
    return text[:200] or type(error).__name__


class TccodecError(Exception):
    """Base of all errors that tccodec raises on purpose."""


class BadFile(TccodecError):
    """Raised when bytes are not a valid `.tcz` file: wrong magic, checksum, length or symbols."""


class UnknownModel(TccodecError):
    """Raised when no model is installed with the name or the model id that is asked for."""


class BadModel(TccodecError):
    """Raised when a model folder lacks a file or holds a bad one; the text names it."""


class LimitExceeded(TccodecError):
    """Raised, before anything is allocated, when sizes are above the limits in force."""


class BadPicture(TccodecError):
    """Raised when a picture cannot be read, or cannot be written in the format asked for."""


class BadTarget(TccodecError):
    """Raised when even the smallest file of a picture is larger than was asked."""


class BadOption(TccodecError, ValueError):
    """Raised when a setting is out of range or contradicts another one."""


class WrongType(BadOption, TypeError):
    """Raised when an argument has an unsupported type."""


class UnreadableFile(TccodecError, OSError):
    """Raised when a file cannot be opened or read, whatever an open one raises."""


class MissingFile(UnreadableFile, FileNotFoundError):
    """Raised when a file that was named does not exist."""


class OutputExists(TccodecError):
    """Raised when an output exists and replacing it was not asked for (`-f`)."""


class BadConfig(TccodecError):
    """Raised when the TOML file of a training run, or one of its settings, cannot be used."""


class BadData(TccodecError):
    """Raised when the pictures of a training run are missing, too small, or cannot be read."""


class ReportError(TccodecError):
    """Raised when a report cannot be made."""


class UnknownCodec(ReportError):
    """Raised for a name that is neither a known codec nor a tccodec model nor an `--external`."""


class UnknownMetric(ReportError):
    """Raised for a metric's name that the report does not know."""


class NotAvailable(ReportError):
    """Raised when the library or the weights of a known codec or metric are missing.

    `hint` is the command or option that provides them.
    """

    def __init__(self, name: str, reason: str, hint: str) -> None:
        super().__init__(f"{name} is not available: {reason}; {hint}")
        self.name = name
        self.reason = reason
        self.hint = hint

    def __reduce__(self) -> tuple[type[NotAvailable], tuple[str, str, str]]:
        return type(self), (self.name, self.reason, self.hint)  # a pool of processes sends it


class NoPictures(ReportError):
    """Raised when a folder holds no picture that can be read."""


class BadFolder(ReportError):
    """Raised when the folder of pictures does not exist or that of the report is not writable."""


class BadExternal(ReportError):
    """Raised for an `--external` line that is not of the form `name=encode ; decode`."""


class UnreadablePicture(ReportError):
    """Raised when a file of the folder looks like a picture but cannot be read as one."""


class PeerFailed(ReportError):
    """Raised when a codec cannot code one picture at one quality."""
