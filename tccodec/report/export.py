"""The files of a report."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path

from tccodec.report.page import build_page
from tccodec.report.page.charts import curves_png, curves_svg
from tccodec.report.result import Report
from tccodec.report.work.store import write_in_report

# A spreadsheet takes a cell that begins so for a formula.
_FORMULA = ("=", "+", "-", "@")


def write_report(report: Report, out: Path, *, page_mb: float) -> None:
    """Write the tables, the curves and the page, each atomically."""
    _write(out / "results.csv", to_csv(report))
    _write(out / "summary.csv", summary_csv(report))
    _write(out / "results.json", to_json(report))
    _write(out / "curves.svg", curves_svg(report))
    write_in_report(out / "curves.png", curves_png(report))
    _write(out / "report.html", build_page(report, page_mb=page_mb))


def _write(path: Path, text: str) -> None:
    # text that is not UTF-8 must not lose hours of work here
    write_in_report(path, text.encode(errors="backslashreplace"))


def to_json(report: Report) -> str:
    """results.json; the schema is docs/reference/schema/results.json."""
    return json.dumps(report.as_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def cell(name: str) -> str:
    """A name for a CSV file: an apostrophe goes before what a spreadsheet would calculate."""
    return f"'{name}" if name.startswith(_FORMULA) else name


def to_csv(report: Report) -> str:
    """One line per point. Undefined scores are empty; no name can act as a formula."""
    file = io.StringIO()
    columns = list(report.field_descriptions())
    writer = csv.DictWriter(file, fieldnames=columns, lineterminator="\n")
    writer.writeheader()
    for record in report.records:
        writer.writerow(record | {"picture": cell(record["picture"])})
    return file.getvalue()


def summary_csv(report: Report) -> str:
    """One line per metric and codec: the BD figures, with their interval and range of rates."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(
        [
            *("metric", "codec", "anchor", "pictures", "bd_rate_percent"),
            *("bd_rate_low95", "bd_rate_high95", "anchor_bpp_low", "anchor_bpp_high"),
            *("quality_low", "quality_high", "overlap", "bd_quality", "warnings"),
        ]
    )
    summary = report.summary
    for metric, by_codec in summary.bd.items():
        for codec, deltas in by_codec.items():
            rate, quality = deltas["rate"], deltas["quality"]
            numbers = [rate.value, *(rate.interval or (math.nan, math.nan)), *rate.anchor_bpp]
            numbers += [rate.low, rate.high, rate.overlap, quality.value]
            cells = ["" if not math.isfinite(n) else f"{n:.6g}" for n in numbers]
            pictures = summary.measured[metric]
            writer.writerow(
                [metric, codec, summary.anchor, pictures, *cells, "; ".join(rate.warnings)]
            )
    return file.getvalue()
