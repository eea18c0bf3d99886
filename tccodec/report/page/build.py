"""The page as a whole. Python writes the static parts, the scripts in this folder the live ones.

Without scripts, and on paper, the page still shows its findings, curves and tables.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import TYPE_CHECKING, Any

from tccodec.report.page import parts
from tccodec.report.page.charts import metric_svg
from tccodec.report.page.payload import Media, payload

if TYPE_CHECKING:
    from tccodec.report.result import Report

_SCRIPTS = ("base.js", "savings.js", "curves.js", "viewer.js", "table.js")
# The page loads nothing from anywhere; the browser enforces that.
_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'"
)


def build_page(report: Report, *, page_mb: float) -> str:
    """report.html as text; the viewer's pictures take at most about `page_mb` megabytes."""
    media = Media(budget=page_mb * 1e6)
    data = payload(report, media)
    figures = "\n".join(
        f"<figure>{metric_svg(report, info)}</figure>"
        for info in report.metrics
        if any(info.name in p.axis for c in report.summary.curves.values() for p in c)
    )
    body = [
        parts.header(report),
        "<main>",
        parts.notices(report),
        parts.findings(report),
        parts.savings(report, data),
        parts.curves(figures),
        parts.comparison(report),
        parts.viewer(report, len(data["shown"])),
        parts.pictures(report),
        parts.method(report),
        parts.footer(report),
        "</main>",
    ]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="generator" content="tccodec report">',
            f"<title>{parts.text(report.folder)}: rates and pictures</title>",
            '<link rel="icon" href="data:,">',
            f"<style>\n{_file('page.css')}</style>",
            "</head>",
            "<body>",
            *body,
            f'<script type="application/json" id="data">{_json(data)}</script>',
            *(
                f'<script type="text/plain" id="{name}" data-type="{kind}">{text}</script>'
                for name, (kind, text) in media.parts.items()
            ),
            "<script>",
            *(_file(name) for name in _SCRIPTS),
            "</script>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _file(name: str) -> str:
    return resources.files("tccodec.report.page").joinpath(name).read_text("utf-8")


def _json(data: Any) -> str:
    """JSON that cannot end its script element, whatever file names contain."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
