"""Maps of places that do not exist: streets, heights, an underground, regions."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

from benchmarks.docs.kinds.svg import circle, element, path, rect, svg, text

Random = np.random.Generator
FIRST = ("Mill", "Church", "Station", "King", "Rose", "Abbey", "Bridge", "Harbour", "North", "Oak")
LAST = ("Street", "Lane", "Road", "Avenue", "Row", "Hill", "Square", "Walk")
LIGHT = {"ground": "#f2efe9", "park": "#c8e6b4", "water": "#a9d3de", "house": "#d9d0c9",
         "edge": "#bfb3a8", "main": "#f7c56b", "casing": "#d8953a", "street": "#ffffff",
         "border": "#c9c2b8", "name": "#444444"}  # fmt: skip
DARK = {"ground": "#1d2330", "park": "#22382f", "water": "#16304a", "house": "#2a3242",
        "edge": "#323c4f", "main": "#8a6a3a", "casing": "#1a1a1a", "street": "#3a4458",
        "border": "#222936", "name": "#b8c0cc"}  # fmt: skip


def streets(rng: Random, colours: dict[str, str] = LIGHT) -> str:
    """A town: a bent grid of streets with names, houses, parks, a river."""
    columns, rows = 14, 10
    x, y = np.meshgrid(np.linspace(-40, 1000, columns), np.linspace(-40, 720, rows))
    x = x + rng.normal(0, 9, x.shape) + 22 * np.sin(y / 130)
    y = y + rng.normal(0, 9, y.shape) + 18 * np.sin(x / 150)
    parts = [rect(-50, -50, 1100, 800, fill=colours["ground"])]
    for i in range(rows - 1):
        for j in range(columns - 1):
            corners = np.array([(x[a, b], y[a, b]) for a, b in
                                ((i, j), (i, j + 1), (i + 1, j + 1), (i + 1, j))])  # fmt: skip
            if rng.random() < 0.12:
                parts += [polygon(corners, fill=colours["park"])]
            else:
                parts += houses(rng, corners, colours)
    river = "M-20 520C180 430 260 640 460 560S760 420 1020 500"
    parts += [path(river, fill="none", stroke=colours["water"], stroke_width=46)]
    ways: list[tuple[str, bool]] = []
    for i in range(rows):
        ways.append((line(x[i], y[i]), i % 4 == 1))
    for j in range(columns):
        ways.append((line(x[:, j], y[:, j]), j % 5 == 2))
    for border in (True, False):
        for steps, main in sorted(ways, key=lambda way: way[1]):
            ink = ("casing" if main else "border") if border else ("main" if main else "street")
            width = (15 if main else 9) - (0 if border else 3)
            parts += [path(steps, fill="none", stroke=colours[ink], stroke_width=width)]
    for k, (steps, main) in enumerate(ways):
        name = f"{FIRST[(k * 7) % len(FIRST)]} {LAST[(k * 5) % len(LAST)]}"
        along = element("textPath", name, href=f"#w{k}", startOffset=f"{20 + 9 * (k % 6)}%")
        parts += [path(steps, id=f"w{k}", fill="none")]
        parts += [
            element("text", along, dy=3.5, font_size=12 if main else 9.5, fill=colours["name"])
        ]
    for k in range(24):
        at = float(rng.uniform(20, 930)), float(rng.uniform(20, 650))
        parts += [circle(*at, 6, fill=("#c0392b", "#2471a3", "#7d3c98")[k % 3], stroke="#fff")]
        name = f"{FIRST[k % 10]} {('Café', 'School', 'Museum')[k % 3]}"
        halo = {"paint_order": "stroke", "stroke": colours["ground"], "stroke_width": 2.5}
        parts += [text(at[0] + 9, at[1] + 4, name, fill=colours["name"], **halo)]
    return svg(960, 680, "".join(parts), font="10px 'DejaVu Sans'")


def streets_dark(rng: Random) -> str:
    """The same sort of town at night."""
    return streets(rng, DARK)


def houses(rng: Random, corners: NDArray[np.float64], colours: dict[str, str]) -> list[str]:
    """A block's houses, along its two long sides."""
    out = []
    for k in range(6):
        u, v = (0.14 + 0.27 * (k % 3), 0.16 if k < 3 else 0.58)
        w, h = float(rng.uniform(0.14, 0.24)), float(rng.uniform(0.16, 0.28))
        spots = [inside(corners, a, b) for a, b in ((u, v), (u + w, v), (u + w, v + h), (u, v + h))]
        out.append(polygon(np.array(spots), fill=colours["house"], stroke=colours["edge"]))
    return out


def inside(corners: NDArray[np.float64], u: float, v: float) -> NDArray[np.float64]:
    """A point of a four-sided block; u and v run from 0 to 1."""
    top, bottom = (corners[a] * (1 - u) + corners[b] * u for a, b in ((0, 1), (3, 2)))
    return np.asarray(top * (1 - v) + bottom * v)


def line(x: NDArray[np.float64], y: NDArray[np.float64]) -> str:
    """A path through points."""
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True))


def polygon(corners: NDArray[np.float64], **attributes: object) -> str:
    """A closed shape."""
    return path(line(corners[:, 0], corners[:, 1]) + "z", **attributes)


def smooth(rng: Random, height: int, width: int) -> NDArray[np.float64]:
    """Hills: noise of several widths."""
    total = np.zeros((height, width))
    y, x = np.mgrid[:height, :width]
    for octave in range(1, 6):
        for _ in range(5):
            angle, phase = rng.uniform(0, 2 * np.pi, 2)
            wave = 2.0**octave / 1000
            total += (
                np.sin(2 * np.pi * wave * (x * np.cos(angle) + y * np.sin(angle)) + phase)
                / 1.9**octave
            )
    return np.asarray(total)


def heights(rng: Random) -> str:
    """A walker's map: contour lines, woods, paths, spot heights."""
    land = smooth(rng, 68, 90)
    land = (land - land.min()) / np.ptp(land) * 900
    parts = []
    figure, axes = plt.subplots()
    shades = axes.contourf(land, np.arange(0, 960, 120))
    greens = (
        "#cfe3b4",
        "#dcebc0",
        "#eef2cf",
        "#f6efcc",
        "#efdfb4",
        "#e6cd9c",
        "#dcbb86",
        "#cda873",
    )
    for colour, shape in zip(greens, shades.get_paths(), strict=False):
        rings = [line(r[:, 0] * 10, r[:, 1] * 10) + "z" for r in shape.to_polygons()]
        parts += [path("".join(rings), fill=colour, fill_rule="evenodd")]
    levels = axes.contour(land, np.arange(20, 900, 20))
    for k, shape in enumerate(levels.get_paths()):
        wide = 1.6 if k % 5 == 4 else 0.7
        for ring in shape.to_polygons(closed_only=False):
            parts += [path(line(ring[:, 0] * 10, ring[:, 1] * 10), fill="none", stroke="#b5763a",
                           stroke_width=wide)]  # fmt: skip
            if k % 5 == 4 and len(ring) > 20:
                at = ring[len(ring) // 3] * 10
                parts += [text(at[0], at[1], 20 + 20 * k, font_size=9, fill="#8a5423")]
    plt.close(figure)
    for _ in range(3):
        ends = rng.uniform(0, 900, 8)
        way = "M{:.0f} {:.0f}C{:.0f} {:.0f} {:.0f} {:.0f} {:.0f} {:.0f}".format(*ends)
        parts += [path(way, fill="none", stroke="#c0392b", stroke_width=2, stroke_dasharray="7 4")]
    for k in range(14):
        x, y = float(rng.uniform(30, 860)), float(rng.uniform(30, 650))
        parts += [path(f"M{x:.0f} {y:.0f}l5 9h-10z", fill="#222")]
        name = f"{FIRST[k % 10]} Top {int(land[int(y / 10), int(x / 10)])}"
        parts += [text(x + 8, y + 9, name, font_style="italic")]
    return svg(900, 680, "".join(parts), font="12px 'Liberation Serif'")


def underground(rng: Random) -> str:
    """Lines in bright colours with stations and names."""
    parts = [path("M0 430C200 380 320 500 500 450S760 380 900 430", fill="none", stroke="#cfe8f5",
                  stroke_width=40)]  # fmt: skip
    colours = ("#e32017", "#ffd300", "#00782a", "#003688", "#9b0056", "#ee7c0e", "#0098d4")
    for k, colour in enumerate(colours):
        y, x = 70 + 75 * k, 40 + 30 * k
        turn = 60 if k % 2 else -60
        steps = f"M{x} {y}h240l{abs(turn)} {turn}h220l{abs(turn)} {-turn}h{200 - 20 * (k % 3)}"
        parts += [path(steps, fill="none", stroke=colour, stroke_width=8, stroke_linejoin="round")]
        for i in range(9):
            across = 20 + 85 * i
            level = y if across <= 240 or across > 560 else y + turn
            if 240 < across < 300 or 520 < across < 585:
                continue
            parts += [circle(x + across, level, 6, fill="#fff", stroke="#111", stroke_width=2.5)]
            name = f"{FIRST[(i * 3 + k) % 10]} {LAST[(i + k) % 8]}"
            turned = f"rotate(-32 {x + across + 5} {level - 10})"
            parts += [text(x + across + 5, level - 10, name, font_size=10.5, transform=turned)]
    parts += [rect(690, 560, 190, 60, fill="#fff", stroke="#113892")]
    parts += [text(700, 595, "Zones 1 to 6", font_size=22, fill="#113892")]
    return svg(900, 640, "".join(parts), font="11px 'Liberation Sans'")


def regions(rng: Random) -> str:
    """Regions in shades of one colour, with borders, names and a legend."""
    points = rng.uniform((30, 30), (700, 610), (46, 2))
    y, x = np.mgrid[0:640:4, 0:730:4]
    wobble = 16 * smooth(rng, 160, 183)
    spot = np.stack([x + wobble, y + wobble[::-1]], -1)
    nearest = ((spot[:, :, None] - points) ** 2).sum(-1).argmin(-1)
    sea = np.hypot((x - 365) / 345, (y - 320) / 300) + wobble / 140 > 1
    blues = ("#deebf7", "#c6dbef", "#9ecae1", "#6baed6", "#4292c6", "#2171b5", "#084594")
    parts = []
    figure, axes = plt.subplots()
    for k in range(len(points)):
        land = ((nearest == k) & ~sea).astype(float)
        if land.sum() < 40:
            continue
        for ring in axes.contourf(land, [0.5, 1.5]).get_paths()[0].to_polygons():
            parts += [
                polygon(
                    ring * 4, fill=blues[int(rng.integers(0, 7))], stroke="#fff", stroke_width=1.5
                )
            ]
        middle = np.argwhere(land)[:, ::-1].mean(0) * 4
        halo = {"paint_order": "stroke", "stroke": "#fff", "stroke_width": 2, "font_size": 10.5}
        name = FIRST[k % 10] + "shire"
        parts += [text(middle[0], middle[1], name, text_anchor="middle", **halo)]
    plt.close(figure)
    for k, colour in enumerate(blues):
        parts += [rect(745, 60 + 26 * k, 22, 20, fill=colour)]
        parts += [text(775, 75 + 26 * k, f"{6 * k} to {6 * k + 6} %", font_size=13)]
    parts += [text(745, 40, "Unemployed", font_weight="bold", font_size=15)]
    return svg(860, 640, "".join(parts), font="11px 'DejaVu Sans'", back="#f7fbff")
