"""The page's sections as HTML, complete without any script."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Any

from tccodec.files.text import size_text
from tccodec.report.codecs.base import as_setting
from tccodec.report.curves import TINY_PIXELS
from tccodec.report.page.charts import colour_order
from tccodec.report.page.tables import bd_table, codec_table, kind, picture_table, spread
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
    from tccodec.report.result import Report

_SHOWN_FAILURES = 20


def text(value: object) -> str:
    """Text as HTML, escaped: names of files and codecs may contain anything."""
    return escape(str(value), quote=True)


def count(number: int, noun: str) -> str:
    """'1 picture', '24 pictures'."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def header(report: Report) -> str:
    """Title, facts, links to the sections."""
    links = [("findings", "Findings"), ("chart", "Curves")]
    links[1:1] = [("savings", "Savings")] if report.summary.savings else []
    links += [("numbers", "Numbers")] if report.codecs else []
    links += [("viewer", "Viewer")] if report.shown else []
    links += [("pictures", "Pictures")] if report.codecs else []
    links += [("method", "Method")]
    nav = "".join(f'<a href="#{anchor}">{name}</a>' for anchor, name in links)
    day = str(report.environment.get("time", ""))[:10]
    return f"""<header class="top">
<p class="eyebrow">tccodec report</p>
<h1>{text(report.folder)}</h1>
<p class="facts"><span>{count(len(report.pictures), "picture")}</span>
<span>{report.megapixels:.3g} megapixels</span>
<span>{size_text(report.file_bytes)} as they are</span>
<span>{count(len(report.codecs), "codec")}</span>
<span>{count(len(report.records), "point")}</span>
<span>{text(day)}</span></p>
<button id="theme" class="live noprint" type="button" aria-label="light or dark"
 title="light or dark">&#9680;</button>
<nav aria-label="sections">{nav}</nav>
</header>"""


def notices(report: Report) -> str:
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
            f"{count(len(report.left_out), 'picture')} left out as decoded by tccodec: an original "
            "is measured, not its copy. See the list at the end."
        )
    if report.unreadable:
        lines.append(
            f"{count(len(report.unreadable), 'file')} could not be read; they are listed below."
        )
    if report.failures:
        lines.append(f"{count(len(report.failures), 'point')} failed; they are listed below.")
    for skip in report.skipped:
        lines.append(f"Without {skip['what']}: {skip['reason']}; {skip['hint']}.")
    if not lines:
        return ""
    body = "".join(f"<p>{text(line)}</p>" for line in lines)
    return f'<div class="notice small">{body}</div>'


def findings(report: Report) -> str:
    """The main figures of the report's subject, and the sentences."""
    summary = report.summary
    tiles = []
    if summary.focus:
        pair = f"{name(report, summary.focus)} against {name(report, summary.anchor)}"
        for info in report.metrics:
            deltas = summary.bd.get(info.name, {}).get(summary.focus)
            if deltas is None or not math.isfinite(deltas["rate"].value):
                continue
            rate = deltas["rate"]
            marks = "".join(f"<sup>{mark(w)}</sup>" for w in rate.warnings)
            low, high = rate.anchor_bpp
            tiles.append(
                f'<div class="card tile"><b class="{kind(rate.value, rate.interval)}">'
                f"{signed(rate.value, 1)}<small> %{marks}</small></b>{spread(rate)}"
                f'<span>bytes at equal <em class="whole">{text(info.label)}</em>, {pair}, '
                f"{low:.2g} to {high:.2g} bits per pixel</span></div>"
            )
    said = "".join(f"<li>{text(line)}</li>" for line in sentences(report))
    return f"""<section id="findings"><h2>Findings</h2>
<div class="tiles">{"".join(tiles)}</div>{foot(report) if tiles else ""}
<ul class="said">{said}</ul></section>"""


def name(report: Report, codec: str) -> str:
    """A codec's label, without line breaks."""
    return f'<em class="whole">{text(report.label(codec))}</em>'


def foot(report: Report) -> str:
    """Explanations of the signs at BD-rates, visible on screens and on paper."""
    lines = "".join(f"<li>{text(line)}</li>" for line in footnotes(report))
    return f'<ul class="foot muted small">{lines}</ul>' if lines else ""


def savings(report: Report, data: dict[str, Any]) -> str:
    """'If you now use ...': bars for an example; a script lets the reader choose."""
    metric, anchor = headline_metric(report), report.summary.anchor
    example = data["example"]
    if metric is None or example is None:
        return ""
    entries = dict(data["savings"].get(metric, {}).get(anchor, []))
    by_codec = entries.get(example, {})
    if not by_codec:
        return ""
    colours = colour_order(report)
    whole = by_codec[anchor][0]
    rows = sorted((whole * s[1] / s[0], codec) for codec, s in by_codec.items())
    most = rows[-1][0]
    bars = "".join(
        f'<div class="row"><span>{text(report.label(codec))}</span><div class="track">'
        f'<i style="--c:var(--k{colours[codec]});width:{max(0.5, 62 * amount / most):.1f}%"></i>'
        f'<span class="amount"><b>{size_text(amount)}</b> '
        f"{'' if codec == anchor else signed((amount / whole - 1) * 100, 1) + ' %'}</span>"
        "</div></div>"
        for amount, codec in rows
    )
    label = report.metric(metric).label
    return f"""<section id="savings"><h2>What would it save?</h2>
<p class="lead">At one setting: the bytes of {count(report.summary.pictures, "picture")}, each
at the same <span class="static">{text(label)} as {text(report.label(anchor))} at {example}</span>
<span class="live">quality as what you use now</span>.</p>
<div class="card"><div class="bar live">
<label>You now use <select id="now"></select></label>
<label>at <select id="setting"></select></label>
<label>and want the same <select id="same"></select></label></div>
<p class="paper chosen"></p>
<div class="bars">{bars}</div><p class="note muted small"></p></div></section>"""


def curves(figures: str) -> str:
    """Static curves, one figure per metric, and the frame of the interactive chart."""
    return f"""<section id="chart" class="long"><h2>Curves</h2>
<p class="lead">Higher and further left is better. Rates are whole files; points are settings that
were really coded, the line between them is a guide.</p>
<div class="card live">
<div class="bar"><span class="group" id="metrics" role="group" aria-label="metric"></span>
<label>of <select id="source"></select></label>
<span class="group" id="scale" role="group" aria-label="scale of the rate"></span></div>
<div class="chips" role="group" aria-label="codecs shown"></div>
<div class="chart"></div></div>
<div class="static">{figures}</div></section>"""


def comparison(report: Report) -> str:
    """BD figures and speed."""
    if not report.codecs:
        return ""
    anchor = text(report.label(report.summary.anchor))
    window = ""
    if report.window:
        low, high = report.window
        window = f" They are taken over the rates that {anchor} has from {low:g} to {high:g} bits "
        window += "per pixel, from whole curves."
    return f"""<section id="numbers" class="long"><div class="together">
<h2>Numbers against {anchor}</h2>
<p class="lead">Bjontegaard deltas of the mean curves: bytes at equal quality, negative is fewer;
under them the interval over pictures, and quality at equal rate.{window}</p>
<div class="card"><div class="scroll">{bd_table(report)}</div>{foot(report)}</div></div>
<div class="together"><h3 style="margin-top:26px">Time and size</h3>
<div class="card"><div class="scroll">{codec_table(report)}</div>
<p class="muted small">CPU seconds: the time that processors worked, all threads of a codec
together, totals over all points; external commands include their start. That
{count(report.environment.get("jobs", 1), "worker")} and other programs shared the machine hardly
changes them.</p></div></div></section>"""


def viewer(report: Report, shown: int) -> str:
    """The frame of the viewer, which needs scripts."""
    if not shown:
        return ""
    focus = report.summary.focus
    order = ""
    if focus and report.shown[0].reason:
        order = (
            f" Worst and best pictures for {text(report.label(focus))} come first, by bytes "
            "at equal quality."
        )
    return f"""<section id="viewer"><h2>Viewer</h2>
<p class="lead">Two codecs on one picture, at the rate you choose.{order}</p>
<noscript><p class="notice">The viewer needs scripts; the tables and curves do not.</p></noscript>
<div class="card viewer live">
<div class="strip" role="group" aria-label="pictures"></div>
<div class="bar"><label>left <select id="left"></select></label>
<button id="swap" type="button" title="swap sides (x)" aria-label="swap sides">&#8646;</button>
<label>right <select id="right"></select></label>
<label>bits per pixel <span class="group" id="rates" role="group" aria-label="rate"></span></label>
<span class="group" id="zoom" role="group" aria-label="zoom"></span></div>
<div class="holder"><div class="stage" tabindex="0" role="slider" aria-label="divider between the
 two pictures" aria-valuemin="0" aria-valuemax="100" aria-valuenow="50">
<div class="side left-side"><img alt=""></div><div class="side right-side"><img alt=""></div>
<div class="divider"></div><span class="tag left"></span><span class="tag right"></span>
</div></div>
<p class="caption muted small" style="margin:8px 0 0"></p>
<div class="pair paper"><img alt=""><img alt=""></div>
<div class="read"><div class="left"></div><div class="right"></div></div>
<table class="scores" aria-label="scores of both sides"><tbody></tbody></table>
<p class="keys"><kbd>&larr;</kbd> <kbd>&rarr;</kbd> divider &nbsp; <kbd>&uarr;</kbd>
<kbd>&darr;</kbd> or <kbd>1</kbd>&ndash;<kbd>{len(report.rates)}</kbd> rate &nbsp;
<kbd>n</kbd> <kbd>p</kbd> picture
&nbsp; <kbd>+</kbd> <kbd>&minus;</kbd> <kbd>0</kbd> zoom &nbsp; <kbd>Shift</kbd>+arrows move &nbsp;
<kbd>x</kbd> swap &nbsp; hold <kbd>Space</kbd> flip &nbsp; (click the picture first)</p>
</div></section>"""


def pictures(report: Report) -> str:
    """The table per picture."""
    metric = headline_metric(report)
    if metric is None or not report.codecs:
        return ""
    label = text(report.metric(metric).label)
    anchor = text(report.label(report.summary.anchor))
    return f"""<section id="pictures" class="long"><h2>Pictures</h2>
<p class="lead">Bytes against {anchor} at equal <span class="static">{label}</span><span
class="live">quality</span>: the BD-rate of each picture for itself.</p>
<div class="card"><div class="bar live"><label>equal <select id="by"></select></label>
<label><input type="search" id="filter" placeholder="find a name" aria-label="find a name"></label>
<span class="muted small" id="count">{len(report.pictures)}</span></div>
<p class="paper chosen"></p>
<div class="scroll pictures" tabindex="0" role="region" aria-label="table of pictures">
{picture_table(report, metric)}</div></div></section>"""


def method(report: Report) -> str:
    """Definitions, settings, machine, and everything that was left out."""
    metrics = "".join(
        f"<dt>{text(m.label)}</dt><dd>{text(m.definition)} <span class='muted'>"
        f"[{text(m.version)}]</span></dd>"
        for m in report.metrics
    )
    codecs = "".join(
        f"<dt>{text(c.label)}</dt><dd>{text(c.version)}; "
        f"{text(', '.join(f'{k}: {v}' for k, v in c.settings.items()))}; {text(c.knob)} "
        f"{text(', '.join(str(as_setting(q)) for q in c.qualities))}<br>"
        f"<code>{text(c.encoding_cmd)}</code><br><code>{text(c.decoding_cmd)}</code></dd>"
        for c in report.codecs
    )
    machine = report.environment
    libraries = ", ".join(f"{k} {v}" for k, v in machine.get("libraries", {}).items())
    command = machine.get("command")
    ran = f"<dt>Command</dt><dd><code>{text(command)}</code></dd>" if command else ""
    left_out = _left_out(report)
    window = ""
    if report.window:
        low, high = report.window
        window = f" that the anchor has from {low:g} to {high:g} bits per pixel"
    return f"""<section id="method" class="long"><h2>Method</h2>
<div class="card"><h3>Rates and means</h3>
<p class="small">Bits per pixel are 8 times the bytes of the whole coded file, headers included,
over the pixels of the picture; every point was encoded to a real file and decoded from it. The
folder counts as one large picture: at each setting, rates are total bytes over total pixels, and
scores are means over pictures, weighed by their pixels; pictures with fewer than {TINY_PIXELS:,}
pixels are left out unless all are so small. BD-rates: Akima interpolation on the
logarithm of these rates, integrated over the common interval of quality{window}; of single pictures
likewise. Intervals: pictures are drawn with replacement {DRAWS} times, always the same draws; 95 %
of the BD-rates lie between the two figures. The savings at one setting: within each picture,
monotone cubic (PCHIP) interpolation of log bytes at the quality that the other codec has, then
sums. Pictures are read as 8-bit RGB, upright, transparency over white; colour profiles are not
applied.</p>
<h3>Metrics</h3><dl class="defs">{metrics}</dl>
<h3 style="margin-top:22px">Codecs and settings</h3><dl class="defs">{codecs}</dl>
<h3 style="margin-top:22px">Machine and versions</h3><dl class="defs">
<dt>Machine</dt><dd>{text(machine.get("processor"))}, {text(machine.get("processors"))} processors,
{text(machine.get("system"))}</dd>
<dt>Versions</dt><dd>tccodec {text(machine.get("tccodec"))}, Python {text(machine.get("python"))},
{text(libraries)}</dd>
<dt>Time</dt><dd>{text(machine.get("time"))}; this run took {duration(report.elapsed_s)} by
the clock, computed {count(report.computed, "point")} and had {report.reused:,}
already</dd>{ran}</dl>
{left_out}</div></section>"""


def _left_out(report: Report) -> str:
    parts = []
    if report.left_out:
        rows = "".join(f"<li>{text(entry['reason'])}</li>" for entry in report.left_out)
        parts.append(
            f"<details open><summary>{count(len(report.left_out), 'picture')} left out</summary>"
            f"<ul class='small'>{rows}</ul></details>"
        )
    if report.unreadable:
        rows = "".join(f"<li>{text(u['reason'])}</li>" for u in report.unreadable)
        parts.append(
            f"<details open><summary>{count(len(report.unreadable), 'file')} that could not be "
            f"read</summary><ul class='small'>{rows}</ul></details>"
        )
    if report.failures:
        rows = "".join(
            f"<li>{text(f['picture'])}, {text(f['codec'])} {as_setting(f['quality'])}: "
            f"{text(f['reason'])}</li>"
            for f in report.failures[:_SHOWN_FAILURES]
        )
        more = len(report.failures) - _SHOWN_FAILURES
        rest = f"<li>and {more:,} more, in results.json</li>" if more > 0 else ""
        parts.append(
            f"<details open><summary>{count(len(report.failures), 'point')} that failed</summary>"
            f"<ul class='small'>{rows}{rest}</ul></details>"
        )
    return f'<div style="margin-top:18px">{"".join(parts)}</div>' if parts else ""


def footer(report: Report) -> str:
    """The footer: what the file is, and how figures are computed."""
    return (
        "<footer>Made by tccodec "
        f"{text(report.environment.get('tccodec'))}. Rates are total bytes over total "
        "pixels, seconds per megapixel are CPU seconds. This page is one file and loads nothing; "
        "the numbers are in results.csv, summary.csv and results.json beside it.</footer>"
    )
