"""The page's tables."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

from tccodec.files.text import size_text
from tccodec.report.page.charts import colour_order
from tccodec.report.page.payload import data_address
from tccodec.report.sentences import mark, signed

if TYPE_CHECKING:
    from tccodec.metrics import MetricInfo
    from tccodec.metrics.bd import Delta
    from tccodec.report.result import Report


def _ordered(report: Report) -> list[str]:
    colours = colour_order(report)
    return sorted((c.name for c in report.codecs), key=lambda name: colours[name])


def _name(report: Report, codec: str) -> str:
    index = colour_order(report)[codec]
    label = escape(report.label(codec))
    return f'<span class="dot" style="--c:var(--k{index})"></span>&nbsp; {label}'


def bd_table(report: Report) -> str:
    """One row per codec, one column per metric: BD-rate, BD-quality, warnings."""
    infos = [i for i in report.metrics if report.summary.bd.get(i.name)]
    head = "".join(f"<th>{escape(i.label)}</th>" for i in infos)
    rows = []
    for codec in _ordered(report):
        cells = "".join(_bd_cell(report, codec, i) for i in infos)
        rows.append(f'<tr><td class="name">{_name(report, codec)}</td>{cells}</tr>')
    return (
        f'<table class="data bd"><thead><tr><th>Codec</th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _bd_cell(report: Report, codec: str, info: MetricInfo) -> str:
    deltas = report.summary.bd[info.name].get(codec)
    if codec == report.summary.anchor:
        return '<td class="self">anchor</td>'
    if deltas is None or not math.isfinite(deltas["rate"].value):
        reason = escape("; ".join(deltas["rate"].warnings)) if deltas else "no points"
        return f'<td class="self">&ndash;<small class="why">{reason}</small></td>'
    rate, quality = deltas["rate"], deltas["quality"]
    marks = "".join(f"<sup>{mark(w)}</sup>" for w in rate.warnings)
    return (
        f'<td title="{_interval(rate, info)}"><b class="{kind(rate.value, rate.interval)}">'
        f"{signed(rate.value, 1)} %</b>{marks}{spread(rate)}"
        f"<small>{_gain(quality, info)}</small></td>"
    )


def kind(change: float, interval: tuple[float, float] | None = None) -> str:
    """The CSS class of a change of bytes: good, bad, or neither if it may be chance."""
    unsure = interval is not None and interval[0] <= 0 <= interval[1]
    return "" if unsure or round(abs(change), 1) == 0 else "good" if change < 0 else "bad"


def spread(delta: Delta) -> str:
    """The interval of a BD-rate on a line of its own, or ""."""
    if delta.interval is None:
        return ""
    low, high = delta.interval
    return f'<small class="spread">{signed(low, 1)} to {signed(high, 1)}</small>'


def _interval(delta: Delta, info: MetricInfo) -> str:
    low, high = delta.low, delta.high
    if info.axis == "negative":
        low, high = -high, -low
    unit = " dB" if info.axis == "db" else f" {info.unit}" if info.unit else ""
    digits = 1 if info.axis == "db" else info.digits
    return (
        f"over {low:.{digits}f} to {high:.{digits}f}{unit} of {escape(info.label)}, "
        f"{delta.anchor_bpp[0]:.2g} to {delta.anchor_bpp[1]:.2g} bits per pixel of the anchor, "
        f"{100 * delta.overlap:.0f} % of the range"
    )


def _gain(delta: Delta, info: MetricInfo) -> str:
    """BD-quality in the direction of the metric."""
    if not math.isfinite(delta.value):
        return ""
    value = -delta.value if info.axis == "negative" else delta.value
    unit = " dB" if info.axis == "db" else f" {info.unit}" if info.unit else ""
    digits = 2 if info.axis == "db" else info.digits
    return f"{signed(value, digits)}{unit}"


def codec_table(report: Report) -> str:
    """The table of speed and of the range of measured rates."""
    rows = []
    for codec in _ordered(report):
        curve = report.summary.curves.get(codec, [])
        if not curve:
            continue
        encode, decode = report.summary.speed[codec]
        low, high = min(curve, key=lambda p: p.bpp), max(curve, key=lambda p: p.bpp)
        rows.append(
            f'<tr><td class="name">{_name(report, codec)}</td><td>{_seconds(encode)}</td>'
            f"<td>{_seconds(decode)}</td><td>{low.bpp:.3g} to {high.bpp:.3g}</td>"
            f"<td>{size_text(low.total_bytes)} to {size_text(high.total_bytes)}</td></tr>"
        )
    return (
        '<table class="data"><thead><tr><th>Codec</th><th>Encode, CPU s/MP</th>'
        "<th>Decode, CPU s/MP</th>"
        f"<th>Bits per pixel</th><th>Folder</th></tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _seconds(value: float) -> str:
    return f"{value:.2g}" if math.isfinite(value) else "&ndash;"


def picture_table(report: Report, metric: str) -> str:
    """One row per picture; `data-v` holds the values for sorting."""
    codecs = [c for c in _ordered(report) if c != report.summary.anchor]
    ratios = report.summary.ratios.get(metric, {})
    heads = [("Picture", "up"), ("MP", "down"), ("File", "down")]
    heads += [(report.label(c), "up") for c in codecs]
    head = "".join(
        f'<th data-sort="{way}" aria-sort="none"><button type="button">{escape(label)}</button>'
        "</th>"
        for label, way in heads
    )
    rows = []
    for i, picture in enumerate(report.pictures):
        by_codec = ratios.get(picture.name, {})
        cells = "".join(_ratio_cell(codec, by_codec.get(codec)) for codec in codecs)
        thumb = data_address(picture.thumb, "image/webp")
        name = escape(picture.name)
        flag = ' <small class="tiny">tiny</small>' if picture.tiny else ""
        rows.append(
            f'<tr data-i="{i}"><td><span class="who"><img src="{thumb}" alt="" loading="lazy">'
            f'<a href="#viewer" data-open="{i}">{name}</a>{flag}</span></td>'
            f'<td data-v="{picture.megapixels:.6g}" title="{picture.width} x {picture.height}">'
            f"{picture.megapixels:.2f}</td>"
            f'<td data-v="{picture.file_bytes}">{size_text(picture.file_bytes)}</td>{cells}</tr>'
        )
    return (
        f'<table class="data"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    )


def _ratio_cell(codec: str, ratio: float | None) -> str:
    name = escape(codec, quote=True)
    if ratio is None:
        return f'<td class="self" data-codec="{name}" data-v="">&ndash;</td>'
    value = (ratio - 1) * 100
    shown = signed(value, 1 if abs(value) < 9.95 else 0)
    return f'<td class="{kind(value)}" data-codec="{name}" data-v="{ratio:.4f}">{shown} %</td>'
