"""The files of a report."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from tccodec.report.charts import curves_png, curves_svg
from tccodec.report.names import cell
from tccodec.report.page import build_page
from tccodec.report.result import Report
from tccodec.report.store import write_atomically


def write_report(report: Report, out: Path, *, page_mb: float) -> None:
    """Write results.csv, results.json, curves.svg, curves.png and report.html, each atomically."""
    _write(out / "results.csv", to_csv(report))
    _write(out / "results.json", to_json(report))
    _write(out / "curves.svg", curves_svg(report))
    write_atomically(out / "curves.png", curves_png(report))
    _write(out / "report.html", build_page(report, page_mb=page_mb))


def _write(path: Path, text: str) -> None:
    # hours of work end here: words of others that are no UTF-8 must not stop it
    write_atomically(path, text.encode(errors="backslashreplace"))


def to_json(report: Report) -> str:
    """results.json; the schema is in docs/report.md."""
    return json.dumps(report.as_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def to_csv(report: Report) -> str:
    """One line per point; an undefined score is an empty field, no name is a formula."""
    file = io.StringIO()
    columns = list(report.field_descriptions())
    writer = csv.DictWriter(file, fieldnames=columns, lineterminator="\n")
    writer.writeheader()
    for record in report.records:
        writer.writerow(record | {"picture": cell(record["picture"])})
    return file.getvalue()
