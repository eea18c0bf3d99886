"""The files of a report."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from tccodec.report.charts import curves_png, curves_svg
from tccodec.report.page import build_page
from tccodec.report.result import Report
from tccodec.report.store import write_atomically


def write_report(report: Report, out: Path, *, page_mb: float) -> None:
    """Write results.csv, results.json, curves.svg, curves.png and report.html, each atomically."""
    write_atomically(out / "results.csv", to_csv(report).encode())
    write_atomically(out / "results.json", to_json(report).encode())
    write_atomically(out / "curves.svg", curves_svg(report).encode())
    write_atomically(out / "curves.png", curves_png(report))
    write_atomically(out / "report.html", build_page(report, page_mb=page_mb).encode())


def to_json(report: Report) -> str:
    """results.json; the schema is in docs/report.md."""
    return json.dumps(report.as_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def to_csv(report: Report) -> str:
    """One line per point; an undefined score is an empty field."""
    file = io.StringIO()
    columns = list(report.field_descriptions())
    writer = csv.DictWriter(file, fieldnames=columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(report.records)
    return file.getvalue()
