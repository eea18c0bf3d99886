"""Plots by matplotlib in several of its styles, and diagrams as SVG."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

from benchmarks.docs.kinds.browser import Renderer, View
from benchmarks.docs.kinds.svg import path, rect, svg, text

Figure = Any


def lines(rng: np.random.Generator) -> Figure:
    """Learning curves with a band around each."""
    figure, axes = plt.subplots(figsize=(8, 5.5))
    steps = np.arange(200)
    for name, end in (("baseline", 0.9), ("small", 0.6), ("large", 0.42), ("large, tuned", 0.38)):
        mean = end + 2.2 * np.exp(-steps / 38) + 0.012 * rng.standard_normal(200).cumsum() / 3
        axes.plot(steps, mean, label=name)
        axes.fill_between(steps, mean - 0.08, mean + 0.08, alpha=0.2)
    axes.set(xlabel="epoch", ylabel="loss", title="Validation loss", yscale="log")
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend()
    return figure


def scatter(rng: np.random.Generator) -> Figure:
    """Clusters of many small marks."""
    figure, axes = plt.subplots(figsize=(7, 6))
    for i in range(5):
        x, y = rng.multivariate_normal(rng.uniform(-4, 4, 2), [[1, 0.5], [0.5, 1.4]], 260).T
        axes.scatter(x, y, s=rng.uniform(4, 60, 260), alpha=0.55, label=f"group {i + 1}")
    axes.set(xlabel="first component", ylabel="second component")
    axes.legend(ncols=2)
    return figure


def heat(rng: np.random.Generator) -> Figure:
    """A correlation matrix with its numbers."""
    figure, axes = plt.subplots(figsize=(7.5, 6.5))
    table = np.corrcoef(rng.standard_normal((12, 3)) @ rng.standard_normal((3, 40)))
    shown = axes.imshow(table, cmap="coolwarm", vmin=-1, vmax=1)
    for (i, j), value in np.ndenumerate(table):
        axes.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=7)
    axes.set_xticks(range(12), [f"feature {i}" for i in range(12)], rotation=45, ha="right")
    axes.set_yticks(range(12), [f"feature {i}" for i in range(12)])
    figure.colorbar(shown)
    return figure


def bars(rng: np.random.Generator) -> Figure:
    """Grouped bars with errors and values."""
    figure, axes = plt.subplots(figsize=(9, 5))
    for i, name in enumerate(("2022", "2023", "2024", "2025")):
        values = rng.uniform(20, 95, 7)
        drawn = axes.bar(np.arange(7) + 0.2 * i, values, 0.2, yerr=values / 15, label=name)
        axes.bar_label(drawn, fmt="%.0f", fontsize=7)
    places = ("Berlin", "Lagos", "Lima", "Osaka", "Oslo", "Perth", "Quito")
    axes.set_xticks(np.arange(7) + 0.3, places)
    axes.set(ylabel="share, %", title="Households with a connection")
    axes.legend()
    return figure


def contours(_: np.random.Generator) -> Figure:
    """Filled contours, lines and arrows."""
    figure, axes = plt.subplots(figsize=(8, 6))
    y, x = np.mgrid[-3:3:200j, -3:3:200j]
    z = 3 * (1 - x) ** 2 * np.exp(-(x**2) - (y + 1) ** 2) - np.exp(-((x + 1) ** 2) - y**2) / 3
    z -= 10 * (x / 5 - x**3 - y**5) * np.exp(-(x**2) - y**2)
    figure.colorbar(axes.contourf(x, y, z, 24, cmap="viridis"))
    axes.clabel(axes.contour(x, y, z, 8, colors="black", linewidths=0.7), fontsize=8)
    slope = np.gradient(z)
    axes.quiver(x[::12, ::12], y[::12, ::12], slope[1][::12, ::12], slope[0][::12, ::12])
    return figure


def surface(_: np.random.Generator) -> Figure:
    """A surface in three dimensions."""
    figure, axes = plt.subplots(figsize=(8, 6), subplot_kw={"projection": "3d"})
    y, x = np.mgrid[-5:5:60j, -5:5:60j]
    z = np.sin(np.hypot(x, y)) * np.cos(x / 2)
    axes.plot_surface(x, y, z, cmap="plasma", linewidth=0.2, edgecolor="black")
    axes.contourf(x, y, z, zdir="z", offset=-1.6, cmap="plasma")
    return figure


def grid(rng: np.random.Generator) -> Figure:
    """Twelve small plots of several sorts."""
    figure, axes = plt.subplots(3, 4, figsize=(11, 7), layout="constrained")
    for i, part in enumerate(axes.flat):
        values = rng.standard_normal(400)
        if i % 4 == 0:
            part.hist(values + i / 4, 30, color=f"C{i}")
        elif i % 4 == 1:
            part.boxplot(values.reshape(-1, 5))
        elif i % 4 == 2:
            part.stem(values[:30])
        else:
            part.step(np.arange(60), values[:60].cumsum())
        part.set_title(f"({chr(97 + i)}) sample {i + 1}", fontsize=9)
        part.tick_params(labelsize=7)
    return figure


def spectrogram(rng: np.random.Generator) -> Figure:
    """A noisy image beside a sound's wave."""
    figure, (above, below) = plt.subplots(2, 1, figsize=(9, 6.5), height_ratios=(1, 2))
    t = np.arange(40000) / 8000
    wave = np.sin(2 * np.pi * (300 + 250 * t) * t) + 0.4 * rng.standard_normal(t.size)
    above.plot(t, wave, linewidth=0.3)
    below.specgram(wave, 256, 8000, noverlap=192, cmap="magma")
    below.set(xlabel="time, s", ylabel="frequency, Hz")
    return figure


def polar(rng: np.random.Generator) -> Figure:
    """A wind rose and a pie."""
    figure = plt.figure(figsize=(9, 5))
    axes = figure.add_subplot(121, projection="polar")
    for i in range(4):
        axes.bar(
            np.arange(16) * np.pi / 8, rng.uniform(1, 9, 16) / (i + 1), 0.35, label=f"{5 * i} m/s"
        )
    axes.legend(fontsize=7, loc="lower left")
    shares = [("wind", 31), ("sun", 18), ("water", 9), ("gas", 22), ("coal", 14), ("other", 6)]
    figure.add_subplot(122).pie(
        [s for _, s in shares], labels=[n for n, _ in shares], autopct="%d %%"
    )
    return figure


# name: the drawing, matplotlib's style, dots per inch
PLOTS: dict[str, tuple[Callable[[np.random.Generator], Figure], str, int]] = {
    "lines": (lines, "default", 120),
    "scatter-dark": (scatter, "dark_background", 120),
    "heat": (heat, "default", 110),
    "bars-ggplot": (bars, "ggplot", 110),
    "contours": (contours, "default", 120),
    "surface": (surface, "bmh", 120),
    "grid-small": (grid, "seaborn-v0_8", 90),
    "spectrogram": (spectrogram, "default", 100),
    "polar": (polar, "fivethirtyeight", 100),
}
ARROW = (
    '<defs><marker id="a" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" '
    'orient="auto"><path d="M0 0L8 4L0 8z" fill="#334"/></marker></defs>'
)
PEN = {"stroke": "#334", "stroke_width": 1.5}


def box(x: float, y: float, w: float, h: float, rows: list[str], *, fill: str) -> str:
    """A box with lines of text, the first one bold."""
    parts = [rect(x, y, w, h, rx=6, fill=fill, **PEN)]
    for i, row in enumerate(rows):
        parts.append(text(x + 10, y + 20 + 17 * i, row, font_weight="normal" if i else "bold"))
    return "".join(parts)


def arrow(points: str) -> str:
    """A line with a head."""
    return path(f"M{points}", fill="none", marker_end="url(#a)", **PEN)


def flow() -> str:
    """A flow chart."""
    parts = [ARROW]
    steps = ["read the file", "decode", "is it a photograph?", "transform", "quantise", "write"]
    for i, step in enumerate(steps):
        x, y = 40 + i % 2 * 330, 30 + i // 2 * 170
        if step.endswith("?"):
            diamond = f"M{x + 110} {y - 12}l120 42l-120 42l-120 -42z"
            parts += [path(diamond, fill="#ffe9b0", **PEN)]
            parts += [text(x + 110, y + 35, step, text_anchor="middle")]
        else:
            parts += [
                box(x, y, 220, 60, [f"{i + 1}. {step}", "one strip at a time"], fill="#dcebff")
            ]
    lines = ["260,60 370,60", "480,90 480,140 150,140 150,188", "270,230 370,230"]
    lines += ["480,260 480,320 150,320 150,370", "260,400 370,400"]
    parts += [*map(arrow, lines), text(300, 222, "yes", font_style="italic")]
    return svg(660, 500, "".join(parts), font="14px 'Liberation Sans'")


def classes() -> str:
    """A class diagram."""
    parts = [ARROW]
    names = ["Picture", "Codec", "Model", "Entropy", "Container", "Report", "Store", "Pool", "Page"]
    for i, name in enumerate(names):
        x, y = 20 + i % 3 * 250, 20 + i // 3 * 180
        rows = [
            name,
            "- width: int",
            "- height: int",
            f"+ open(path): {name}",
            "+ save(path): None",
        ]
        parts.append(box(x, y, 190, 110, rows, fill=("#fff4d6", "#e3f4e1", "#f3e1f4")[i % 3]))
        if i % 3 < 2:
            parts.append(arrow(f"{x + 190},{y + 55} {x + 250},{y + 55}"))
        if i < 6:
            parts.append(arrow(f"{x + 95},{y + 110} {x + 95},{y + 180}"))
    return svg(740, 520, "".join(parts), font="13px 'DejaVu Sans Mono'")


def plan() -> str:
    """Bars along a calendar, on dark ground."""
    rng = np.random.default_rng(4)
    parts = []
    for week in range(18):
        x = 170 + 40 * week
        parts += [path(f"M{x} 30V560", stroke="#445"), text(x + 4, 24, f"w{week + 1}", fill="#aab")]
    for i in range(20):
        y, x, weeks = 40 + 26 * i, 170 + 40 * int(rng.integers(0, 12)), float(rng.uniform(1, 6))
        colour = ("#4c9be8", "#e8a33d", "#5cb85c", "#d9534f")[i % 4]
        name = f"{i + 1}. Task {chr(65 + i)} of part {i % 5 + 1}"
        parts += [
            text(12, y + 14, name, fill="#dde"),
            rect(x, y, 40 * weeks, 18, rx=4, fill=colour),
        ]
        parts += [text(x + 6, y + 13, f"{weeks:.1f} weeks", fill="#fff", font_size=11)]
    return svg(900, 570, "".join(parts), font="13px 'Liberation Sans'", back="#1f2430")


def make(renderer: Renderer, folder: Path) -> dict[str, str]:
    """Draw all; the source of each."""
    mpl.use("agg")
    for seed, (name, (draw, style, dpi)) in enumerate(PLOTS.items()):
        with plt.style.context(style):
            figure = draw(np.random.default_rng(seed))
            figure.savefig(folder / f"{name}.png", dpi=dpi)
            plt.close(figure)
    renderer.html(flow(), folder / "flow-chart.png", View(660, 500, 1.5))
    renderer.html(classes(), folder / "class-diagram.png", View(740, 520))
    renderer.html(plan(), folder / "plan-dark.png", View(900, 570))
    return {picture.stem: "drawn here" for picture in folder.glob("*.png")}
