"""The page as a whole. Templates make the static parts, the scripts in this folder the live ones.

Without scripts, and on paper, the page still shows its findings, curves and tables. Templates
escape every value: names of files and codecs may contain anything.
"""

from __future__ import annotations

import functools
from importlib import resources
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from tccodec.files.text import counted, rounded, size_text
from tccodec.report.codecs.base import plain_number
from tccodec.report.page.charts import metric_svg
from tccodec.report.page.payload import Media, payload
from tccodec.report.page.view import view

if TYPE_CHECKING:
    from tccodec.report.result import Report

_SCRIPTS = ("base.js", "savings.js", "curves.js", "viewer.js", "table.js")


def build_page(report: Report, *, page_mb: float) -> str:
    """report.html as text; the viewer's pictures take at most about `page_mb` megabytes."""
    media = Media(budget=page_mb * 1e6)
    data = payload(report, media)
    figures = [
        metric_svg(report, info)
        for info in report.metrics
        if any(info.name in p.axis for c in report.summary.curves.values() for p in c)
    ]
    return (
        _templates()
        .get_template("page.html")
        .render(
            view(report, data),
            report=report,
            data=data,
            media=media.parts,
            figures=figures,
            style=_file("page.css"),
            scripts="".join(map(_file, _SCRIPTS)),
        )
    )


@functools.cache
def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader("tccodec.report.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters |= {
        "counted": counted,
        "size": size_text,
        "plain_number": plain_number,
        "rounded": rounded,
    }
    templates.policies["json.dumps_kwargs"] = {
        "separators": (",", ":"),
        "ensure_ascii": False,
        "allow_nan": False,
    }
    return templates


def _file(name: str) -> str:
    return resources.files("tccodec.report.page").joinpath(name).read_text("utf-8")
