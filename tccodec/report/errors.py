"""Errors of the report, all below :class:`tccodec.errors.TccodecError`.

ReportError
|-- UnknownCodec      a name in --codecs that is neither a peer nor a tccodec model
|-- UnknownMetric     a name in --metrics that the report does not know
|-- NotAvailable      known, but a library or a weights file is missing; says how to get it
|-- NoPictures        the folder holds no picture that can be read
|-- BadFolder         the input or the output folder cannot be used
|-- BadExternal       an --external line that cannot be understood
`-- PeerFailed        one picture could not be coded; the report goes on without that point
"""

from __future__ import annotations

from tccodec.errors import TccodecError


class ReportError(TccodecError):
    """Anything that stops a report, in a sentence the user can act on."""


class UnknownCodec(ReportError):
    """A codec name that is neither a peer, a tccodec model, nor an --external name."""


class UnknownMetric(ReportError):
    """A metric name that the report does not know."""


class NotAvailable(ReportError):
    """A known codec or metric whose library or weights are missing.

    ``hint`` is the command or option that provides it.
    """

    def __init__(self, name: str, reason: str, hint: str) -> None:
        super().__init__(f"{name} is not available: {reason}; {hint}")
        self.name = name
        self.reason = reason
        self.hint = hint


class NoPictures(ReportError):
    """The folder holds nothing that Pillow can read."""


class BadFolder(ReportError):
    """The input folder does not exist, or the output folder cannot be written."""


class BadExternal(ReportError):
    """An --external line that does not have the form ``name=encode ; decode``."""


class PeerFailed(ReportError):
    """A codec could not code one picture at one quality."""
