"""What the page's templates show: figures as text, and the rows of its tables."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tccodec.files.text import counted, rounded
from tccodec.report.codecs.base import plain_number
from tccodec.report.curves import TINY_PIXELS
from tccodec.report.page.charts import colour_order
from tccodec.report.page.payload import data_address
from tccodec.report.sentences import (
    duration,
    footnotes,
    headline_metric,
    mark,
    sentences,
    signed,
)
from tccodec.report.summary import DRAWS

if TYPE_CHECKING:
    from tccodec.metrics import MetricInfo
    from tccodec.metrics.bd import Delta
    from tccodec.report.result import Report

_SHOWN_FAILURES = 20


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A BD-rate: its text in per cent, CSS class, signs of footnotes, and interval (or "")."""

    text: str
    kind: str
    marks: list[str]
    interval: str


@dataclass(frozen=True)
class CodecView:
    """A codec's row in a table; `colour` is an index into the palette."""

    name: str
    label: str
    colour: int


def view(report: Report, data: dict[str, Any]) -> dict[str, Any]:
    """The variables of the templates, but for the scripts, styles, charts and pictures.

    `data` is the payload of the page's scripts.
    """
    summary = report.summary
    headline = headline_metric(report)
    colours = colour_order(report)
    codecs = [CodecView(c.name, c.label, colours[c.name]) for c in report.codecs]
    codecs.sort(key=lambda codec: codec.colour)
    bd_metrics = [m for m in report.metrics if summary.bd.get(m.name)]
    window = f"{report.window[0]:g} to {report.window[1]:g}" if report.window else ""
    libraries = report.environment.get("libraries", {})
    savings = _savings(report, data, headline) if headline else []
    return {
        "anchor": report.label(summary.anchor),
        "focus": report.label(summary.focus) if summary.focus else "",
        "headline": report.metric(headline).label if headline else "",
        "window": window,
        "codecs": codecs,
        "day": str(report.environment.get("time", ""))[:10],
        "links": _links(report, savings=bool(savings)),
        "notices": _notices(report),
        "tiles": _tiles(report),
        "notes": footnotes(report),
        "sentences": sentences(report),
        "savings": savings,
        "bd_metrics": [m.label for m in bd_metrics],
        "bd_rows": {c.name: [_bd_cell(report, c.name, m) for m in bd_metrics] for c in codecs},
        "speed": _speed(report, codecs),
        "columns": _columns(report, codecs),
        "rows": _picture_rows(report, codecs, headline) if headline else [],
        "tiny_pixels": TINY_PIXELS,
        "draws": DRAWS,
        "libraries": ", ".join(f"{name} {version}" for name, version in libraries.items()),
        "took": duration(report.elapsed_s),
        "missing": _missing(report),
    }


def _links(report: Report, *, savings: bool) -> list[tuple[str, str]]:
    """Id and title of each section."""
    coded = bool(report.codecs)
    links = [
        ("findings", "Findings", True),
        ("savings", "Savings", savings),
        ("chart", "Curves", True),
        ("numbers", "Numbers", coded),
        ("viewer", "Viewer", bool(report.shown)),
        ("pictures", "Pictures", coded),
        ("method", "Method", True),
    ]
    return [(anchor, title) for anchor, title, there in links if there]


def _notices(report: Report) -> list[str]:
    """What a reader must know first: an interrupted run, missing pictures and codecs."""
    lines = []
    if not report.complete:
        lines.append(
            "This report is unfinished: it was interrupted. Run the same command again and it "
            "goes on where it stopped."
        )
    lines += report.summary.notes
    if report.left_out:
        lines.append(
            f"{counted(len(report.left_out), 'picture')} left out as decoded by tccodec: an "
            "original is measured, not its copy. See the list at the end."
        )
    if report.unreadable:
        lines.append(
            f"{counted(len(report.unreadable), 'file')} could not be read; they are listed below."
        )
    if report.failures:
        lines.append(f"{counted(len(report.failures), 'point')} failed; they are listed below.")
    for skip in report.skipped:
        lines.append(f"Without {skip['what']}: {skip['reason']}; {skip['hint']}.")
    return lines


def _figure(rate: Delta) -> Figure:
    interval = ""
    if rate.interval is not None:
        interval = f"{signed(rate.interval[0], 1)} to {signed(rate.interval[1], 1)}"
    marks = [mark(warning) for warning in rate.warnings]
    return Figure(
        text=signed(rate.value, 1),
        kind=_kind(rate.value, rate.interval),
        marks=marks,
        interval=interval,
    )


def _kind(change: float, interval: tuple[float, float] | None = None) -> str:
    """The CSS class of a change of bytes: good, bad, or neither if it may be chance."""
    unsure = interval is not None and interval[0] <= 0 <= interval[1]
    return "" if unsure or round(abs(change), 1) == 0 else "good" if change < 0 else "bad"


def _tiles(report: Report) -> list[dict[str, Any]]:
    """The BD-rates of the report's subject."""
    tiles = []
    for info in report.metrics if report.summary.focus else []:
        deltas = report.summary.bd.get(info.name, {}).get(report.summary.focus or "")
        if deltas and math.isfinite(deltas["rate"].value):
            low, high = deltas["rate"].anchor_bpp
            tiles.append(
                {
                    "figure": _figure(deltas["rate"]),
                    "label": info.label,
                    "rates": f"{rounded(low, 2)} to {rounded(high, 2)}",
                }
            )
    return tiles


def _savings(report: Report, data: dict[str, Any], metric: str) -> list[dict[str, Any]]:
    """Bars for the example setting of the anchor, the smallest first."""
    anchor, example = report.summary.anchor, data["example"]
    by_codec = dict(data["savings"].get(metric, {}).get(anchor, [])).get(example, {})
    if not by_codec:
        return []
    colours = colour_order(report)
    whole = by_codec[anchor][0]
    amounts = sorted((whole * s[1] / s[0], codec) for codec, s in by_codec.items())
    largest = amounts[-1][0]
    return [
        {
            "label": report.label(codec),
            "colour": colours[codec],
            "width": f"{max(0.5, 62 * amount / largest):.1f}",
            "bytes": amount,
            "change": "" if codec == anchor else f"{signed((amount / whole - 1) * 100, 1)} %",
        }
        for amount, codec in amounts
    ]


def _bd_cell(report: Report, codec: str, info: MetricInfo) -> dict[str, Any]:
    """BD-rate, BD-quality and their range; or the reason why there is none."""
    deltas = report.summary.bd[info.name].get(codec)
    if codec == report.summary.anchor or deltas is None:
        return {"figure": None, "reason": "no points"}
    rate = deltas["rate"]
    if not math.isfinite(rate.value):
        return {"figure": None, "reason": "; ".join(rate.warnings)}
    return {
        "figure": _figure(rate),
        "range": _range(rate, info),
        "gain": _gain(deltas["quality"], info),
    }


def _range(delta: Delta, info: MetricInfo) -> str:
    """The qualities and rates that a BD-rate is taken over."""
    low, high = delta.low, delta.high
    if info.axis == "negative":
        low, high = -high, -low
    digits = 1 if info.axis == "db" else info.digits
    return (
        f"over {low:.{digits}f} to {high:.{digits}f}{_unit(info)} of {info.label}, "
        f"{rounded(delta.anchor_bpp[0], 2)} to {rounded(delta.anchor_bpp[1], 2)} bits per pixel "
        "of the anchor, "
        f"{100 * delta.overlap:.0f} % of the range"
    )


def _gain(delta: Delta, info: MetricInfo) -> str:
    """BD-quality in the direction of the metric."""
    if not math.isfinite(delta.value):
        return ""
    value = -delta.value if info.axis == "negative" else delta.value
    return signed(value, 2 if info.axis == "db" else info.digits) + _unit(info)


def _unit(info: MetricInfo) -> str:
    return " dB" if info.axis == "db" else f" {info.unit}" if info.unit else ""


def _speed(report: Report, codecs: list[CodecView]) -> list[dict[str, Any]]:
    """Seconds, and the range of measured rates."""
    rows = []
    for codec in codecs:
        curve = report.summary.curves.get(codec.name, [])
        if not curve:
            continue
        encode, decode = report.summary.speed[codec.name]
        low, high = min(curve, key=lambda p: p.bpp), max(curve, key=lambda p: p.bpp)
        rows.append(
            {
                "codec": codec,
                "encode": _seconds(encode),
                "decode": _seconds(decode),
                "rates": f"{rounded(low.bpp, 3)} to {rounded(high.bpp, 3)}",
                "low_bytes": low.total_bytes,
                "high_bytes": high.total_bytes,
            }
        )
    return rows


def _seconds(value: float) -> str:
    return rounded(value, 2) if math.isfinite(value) else "\N{EN DASH}"


def _columns(report: Report, codecs: list[CodecView]) -> list[tuple[str, str]]:
    """Heads of the table of pictures, and which way the first click sorts."""
    fixed = [("Picture", "up"), ("MP", "down"), ("File", "down")]
    return fixed + [(c.label, "up") for c in codecs if c.name != report.summary.anchor]


def _picture_rows(report: Report, codecs: list[CodecView], metric: str) -> list[dict[str, Any]]:
    names = [c.name for c in codecs if c.name != report.summary.anchor]
    ratios = report.summary.ratios.get(metric, {})
    return [
        {
            "picture": picture,
            "thumb": data_address(picture.thumb, "image/webp"),
            "cells": [_ratio_cell(name, ratios.get(picture.name, {}).get(name)) for name in names],
        }
        for picture in report.pictures
    ]


def _ratio_cell(codec: str, ratio: float | None) -> dict[str, str]:
    """The change of bytes in one picture; `ratio` is what the table sorts by."""
    if ratio is None:
        return {"codec": codec, "kind": "self", "ratio": "", "text": "\N{EN DASH}"}
    change = (ratio - 1) * 100
    text = f"{signed(change, 1 if abs(change) < 9.95 else 0)} %"
    return {"codec": codec, "kind": _kind(change), "ratio": f"{ratio:.4f}", "text": text}


def _missing(report: Report) -> list[dict[str, Any]]:
    """Lists of what was not measured, each line with its reason."""
    failures = [
        f"{f['picture']}, {f['codec']} {plain_number(f['quality'])}: {f['reason']}"
        for f in report.failures[:_SHOWN_FAILURES]
    ]
    more = len(report.failures) - _SHOWN_FAILURES
    if more > 0:
        failures.append(f"and {more:,} more, in results.json")
    parts = [
        (len(report.left_out), "picture", "left out", [e["reason"] for e in report.left_out]),
        (
            len(report.unreadable),
            "file",
            "that could not be read",
            [e["reason"] for e in report.unreadable],
        ),
        (len(report.failures), "point", "that failed", failures),
    ]
    return [
        {"title": f"{counted(number, noun)} {what}", "lines": lines}
        for number, noun, what, lines in parts
        if number
    ]
