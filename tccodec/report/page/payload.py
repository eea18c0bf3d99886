"""The data for the page's scripts, and the pictures of the viewer."""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tccodec.report.codecs.base import plain_number
from tccodec.report.curves import Curve, Record, axis_points
from tccodec.report.page.charts import colour_order, smooth
from tccodec.report.sentences import headline_metric, reference_quality
from tccodec.report.summary import without_nan

if TYPE_CHECKING:
    from tccodec.metrics import MetricInfo
    from tccodec.report.result import Report, ShownPicture, ShownVariant

# Steps between two points of a single picture's curve; mean curves have more.
_PICTURE_STEPS = 4
# With more numbers than this (about 7 bytes each), curves of single pictures are left out.
_MAX_NUMBERS = 1_500_000


@dataclass
class Media:
    """The pictures of the page, each stored once, up to a number of bytes."""

    budget: float
    parts: dict[str, tuple[str, str]] = field(default_factory=dict)
    used: int = 0

    def cost(self, items: list[bytes]) -> int:
        """Bytes that `items` would add to the page."""
        new = {_name(data): data for data in items}
        return sum(_length(data) for name, data in new.items() if name not in self.parts)

    def add(self, data: bytes, media_type: str) -> str:
        """Store a picture and return its id in the page."""
        name = _name(data)
        if name not in self.parts:
            self.parts[name] = (media_type, base64.b64encode(data).decode())
            self.used += _length(data)
        return name


def _name(data: bytes) -> str:
    return "m" + hashlib.sha256(data).hexdigest()[:16]


def _length(data: bytes) -> int:
    return -(-len(data) // 3) * 4 + 80


def payload(report: Report, media: Media) -> dict[str, Any]:
    """Plain data for the page; the pictures of the viewer go to `media`."""
    colours = colour_order(report)
    headline = headline_metric(report)
    example = (
        reference_quality(report, report.summary.anchor, metric=headline) if headline else None
    )
    codecs = sorted(report.codecs, key=lambda c: colours[c.name])
    data = {
        "headline": headline or (report.metrics[0].name if report.metrics else ""),
        "example": plain_number(example) if example is not None else None,
        "anchor": report.summary.anchor,
        "window": report.window,
        "focus": report.summary.focus,
        "metrics": [
            {
                "name": m.name,
                "label": m.label,
                "unit": m.unit,
                "axis": m.axis,
                "digits": m.digits,
                "axis_label": m.axis_label(),
            }
            for m in report.metrics
        ],
        "codecs": [
            {
                "name": c.name,
                "label": c.label,
                "knob": c.knob,
                "colour": colours[c.name],
                "half": c.name.endswith("-half"),
            }
            for c in codecs
        ],
        "curves": _curves(report),
        "savings": _savings(report),
        "pictures": _pictures(report),
        "ratios": _ratios(report),
        "rates": report.rates,
        "shown": _shown(report, media),
    }
    cleaned: dict[str, Any] = without_nan(data)
    return cleaned


def _curves(report: Report) -> dict[str, dict[str, Curve]]:
    """codec -> metric -> the mean curve, with the samples of curves.svg."""
    return {
        codec: {
            m.name: _curve(*axis_points(curve, m.name), digits=4)
            for m in report.metrics
            if any(m.name in p.axis for p in curve)
        }
        for codec, curve in report.summary.curves.items()
    }


def _curve(
    rates: Sequence[float], values: Sequence[float], *, digits: int, steps: int = 8
) -> Curve:
    """Rates of the points, and axis values at `steps` equal steps of log rate between each two."""
    samples = smooth([float(f"{r:.6g}") for r in rates], values, steps)
    return [r for r, _ in samples[::steps]], [round(v, digits) for _, v in samples]


def _savings(report: Report) -> dict[str, Any]:
    """metric -> reference -> list of [quality, codec -> [its bytes, codec's bytes, pictures]]."""
    return {
        metric: {
            ref: [
                [
                    plain_number(quality),
                    {c: [s.reference_bytes, s.bytes, s.pictures] for c, s in by_codec.items()},
                ]
                for quality, by_codec in by_quality.items()
            ]
            for ref, by_quality in by_ref.items()
        }
        for metric, by_ref in report.summary.savings.items()
    }


def _pictures(report: Report) -> list[dict[str, Any]]:
    """Names, and curves of single pictures (codec -> metric -> curve) if they are not too many."""
    infos = [m for m in report.metrics if m.per_picture]
    points: dict[str, dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    if len(report.records) * len(infos) * (_PICTURE_STEPS + 1) <= _MAX_NUMBERS:
        for r in report.records:
            points[r["picture"]][r["codec"]].append(r)
    return [
        {
            "name": p.name,
            "curves": {
                codec: {m.name: curve for m in infos if (curve := _picture_curve(records, m))[0]}
                for codec, records in points[p.name].items()
            },
        }
        for p in report.pictures
    ]


def _picture_curve(records: Sequence[Record], info: MetricInfo) -> Curve:
    """The curve of one picture in one codec."""
    scored = [r for r in records if r.get(info.name) is not None]
    return _curve(
        [r["bpp"] for r in scored],
        [info.axis_value(r[info.name]) for r in scored],
        digits=3 if info.axis == "db" else info.digits + 1,
        steps=_PICTURE_STEPS,
    )


def _ratios(report: Report) -> dict[str, list[dict[str, float]]]:
    """metric -> per picture (in the order of `pictures`) -> codec -> ratio."""
    anchor = report.summary.anchor
    return {
        metric: [
            {c: round(v, 6) for c, v in by_picture.get(p.name, {}).items() if c != anchor}
            for p in report.pictures
        ]
        for metric, by_picture in report.summary.ratios.items()
    }


def _shown(report: Report, media: Media) -> list[dict[str, Any]]:
    """Pictures of the viewer, worst and best in turn, while there is space; at least one."""
    index = {p.name: i for i, p in enumerate(report.pictures)}
    entries: list[dict[str, Any]] = []
    for shown in report.shown:
        items = [shown.original.media]
        items += [v.shown.media for variants in shown.variants.values() for v in variants]
        if entries and media.used + media.cost(items) > media.budget:
            break
        entries.append(_entry(report, shown, index=index[shown.name], media=media))
    return entries


def _entry(report: Report, shown: ShownPicture, *, index: int, media: Media) -> dict[str, Any]:
    info = report.pictures[index]
    left, top, right, bottom = shown.original.crop
    variants = {
        codec: _variants(report, entries, media) for codec, entries in shown.variants.items()
    }
    original = media.add(shown.original.media, shown.original.media_type)
    return {
        "index": index,
        "name": shown.name,
        "reason": shown.reason,
        "w": right - left,
        "h": bottom - top,
        "full": [info.width, info.height],
        "part": (right - left, bottom - top) != (info.width, info.height),
        "bytes": info.file_bytes,
        "thumb": data_address(info.thumb, "image/webp"),
        "original": {"media": original, "exact": shown.original.exact},
        "variants": variants,
    }


def _variants(
    report: Report, variants: Sequence[ShownVariant], media: Media
) -> list[dict[str, Any] | None]:
    """One codec's variants of a picture, in the order of `report.rates`; None for missing ones.

    A codec may fail at some rates, and an interrupted run has prepared only some.
    """
    at = {v.wanted_bpp: v for v in variants}
    names = [m.name for m in report.metrics if m.per_picture]
    return [
        {
            "media": media.add(v.shown.media, v.shown.media_type),
            "quality": v.shown.quality,
            "bytes": v.shown.file_bytes,
            "bpp": round(v.bpp, 4),
            "wanted": v.wanted_bpp,
            "exact": v.shown.exact,
            "scores": {name: v.shown.scores.get(name) for name in names},
        }
        if (v := at.get(rate))
        else None
        for rate in report.rates
    ]


def data_address(data: bytes, media_type: str) -> str:
    """A data: URL."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"
