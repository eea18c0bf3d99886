"""Rate-distortion reports on folders of pictures.

    from tccodec.report import run
    report = run("photos", "out", codecs=["tcae-s", "jpeg", "avif"])
    pandas.DataFrame(report.records)

Importing this package does not import torch. Workers do, when a metric or a model needs it.
"""

from __future__ import annotations

from tccodec.errors import (
    BadExternal,
    BadFolder,
    NoPictures,
    NotAvailable,
    ReportError,
    UnknownCodec,
    UnknownMetric,
)
from tccodec.report.progress import ReportProgress
from tccodec.report.result import Report
from tccodec.report.run import run

__all__ = [
    "BadExternal",
    "BadFolder",
    "NoPictures",
    "NotAvailable",
    "Report",
    "ReportError",
    "ReportProgress",
    "UnknownCodec",
    "UnknownMetric",
    "run",
]
