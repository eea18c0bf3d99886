"""Terminals and desktop programs, drawn as HTML; one terminal has a font without grey edges."""

from __future__ import annotations

import argparse
import difflib
import heapq
import html
import json.decoder
import json.encoder
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from benchmarks.docs.kinds.browser import Renderer, View
from benchmarks.docs.kinds.templates import ICON_PACKAGE, ICONS, filled, icon, prose, source_of

DEJAVU = "'DejaVu Sans Mono', monospace"
LIBERATION = "'Liberation Mono', monospace"
FONT_FILE = "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf"
DARK = {
    "desk": "#24292f",
    "bar": "#303030",
    "bar_text": "#ddd",
    "back": "#1e1e1e",
    "ink": "#d4d4d4",
}
TANGO = DARK | {"back": "#300a24", "ink": "#eeeeec", "desk": "#77216f", "bar": "#2c2c2c"}
LIGHT = {
    "desk": "#cfd8dc",
    "bar": "#e0e0e0",
    "bar_text": "#333",
    "back": "#fdf6e3",
    "ink": "#586e75",
}
PLAIN = LIGHT | {"back": "#ffffff", "ink": "#111111"}


def coloured(code: str, style: str) -> tuple[str, str]:
    """Source code as HTML, and the style sheet of its colours."""
    formatter = HtmlFormatter(style=style, nowrap=True)
    return highlight(code, PythonLexer(), formatter), formatter.get_style_defs("pre")


def terminal(body: str, colours: dict[str, str], **more: Any) -> str:
    """A terminal window."""
    usual = {"margin": 18, "title": "Terminal", "size": 14, "line": 1.25, "font": DEJAVU, "css": ""}
    return filled("terminal", **usual | colours | more, body=body)


def editor_terminal() -> str:
    """Source in an editor that fills a terminal: line numbers and a status line."""
    code = "\n".join(source_of(heapq).splitlines()[176:226])
    body, css = coloured(code, "monokai")
    lines = [f'<i class="n">{i + 177:4} </i>{line}' for i, line in enumerate(body.splitlines())]
    lines.insert(
        34, '<b class="s"> NORMAL  heapq.py [+]            python  utf-8   31%   190:17 </b>'
    )
    return terminal(
        "\n".join(lines),
        DARK | {"back": "#272822"},
        title="heapq.py - vim",
        css=css
        + ".n { color: #90908a; font-style: normal } .s { background: #a6e22e; color: #272822 }",
    )


def listing() -> str:
    """A long listing of Python's standard library, in the colours of `ls`."""
    folder = Path(os.__file__).parent
    names = sorted(p.name for p in folder.iterdir() if not p.name.startswith("_"))
    rows = ["<b>user@host</b>:<i>~/lib</i>$ ls -l --color | head -60", "total 7404"]
    for i, name in enumerate(names[:60]):
        path = folder / name
        shown = f"<i>{name}</i>" if path.is_dir() else html.escape(name)
        mode, size = ("drwxr-xr-x", 4096) if path.is_dir() else ("-rw-r--r--", path.stat().st_size)
        rows.append(
            f"{mode} {1 + i % 4:2} root root {size:7} Apr {1 + i % 28:2} 09:{i % 60:02} {shown}"
        )
    css = "pre b { color: #8ae234 } pre i { color: #729fcf; font-style: normal; font-weight: bold }"
    return terminal("\n".join(rows), TANGO, title="user@host: ~/lib", font=LIBERATION, css=css)


def manual() -> str:
    """A manual page as `man` shows it, bold and underlined."""
    done = subprocess.run(
        ["man", "-P", "cat", "tar"],
        env=os.environ | {"MAN_KEEP_FORMATTING": "1", "MANWIDTH": "88", "GROFF_NO_SGR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit("the manual page of tar is missing; on Debian: apt install man-db")
    lines = html.escape(done.stdout).splitlines()[60:120]
    bold = [re.sub(r"((?:(.)\x08\2)+)", lambda m: f"<b>{m[1][::3]}</b>", line) for line in lines]
    text = [re.sub(r"((?:_\x08.)+)", lambda m: f"<u>{m[1][2::3]}</u>", line) for line in bold]
    return terminal("\n".join(text), PLAIN, title="man tar", size=13)


def monitor() -> str:
    """A list of processes with meters, as htop draws it."""
    rng = np.random.default_rng(11)
    rows = []
    for cpu in range(4):
        load = int(rng.integers(6, 38))
        bar = f"<b class=g>{'|' * (load - 4)}</b><b class=r>||||</b>{' ' * (40 - load)}"
        rows.append(
            f"  {cpu} [{bar}<b class=k>{load * 2.4:5.1f}%</b>]   Tasks: <b>{90 + cpu}</b>, 312 thr"
        )
    rows += [
        "",
        "<span class=h>    PID USER      PRI  NI  VIRT   RES   SHR S  CPU% MEM%   TIME+  Command"
        + " " * 24
        + "</span>",
    ]
    names = [
        "firefox",
        "python -m tccodec report",
        "Xorg :0",
        "gnome-shell",
        "sshd: user",
        "bash",
        "postgres: writer",
        "nginx: worker",
        "dockerd",
        "kworker/u8:2",
        "systemd",
        "vim notes",
    ]
    for i in range(44):
        pid, busy = int(rng.integers(300, 99999)), rng.exponential(6)
        mark = " class=at" if i == 6 else ""
        rows.append(
            f"<span{mark}>{pid:7} <b class=c>{'user' if i % 3 else 'root':8}</b>   20   0 "
            f"{rng.integers(90, 4800):4}M  {rng.integers(2, 900):3}M {rng.integers(1, 99):3}M "
            f"{'R' if busy > 12 else 'S'} {busy:5.1f} {rng.exponential(2):4.1f} "
            f"{rng.integers(0, 60):2}:{rng.integers(0, 60):02}.{rng.integers(0, 99):02} "
            f" <b class=g>{names[i % 12]}</b></span>"
        )
    css = (
        ".g { color: #4e9a06 } .r { color: #ef2929 } .k { color: #888 } .c { color: #06989a }"
        ".h { background: #4e9a06; color: #000 } .at { background: #06989a }"
        "pre b { font-weight: 400 }"
    )
    return terminal("\n".join(rows), DARK | {"back": "#000"}, title="", margin=0, size=15, css=css)


def difference() -> str:
    """A coloured diff of two modules."""
    before, after = (source_of(m).splitlines() for m in (json.encoder, json.decoder))
    lines = difflib.unified_diff(before, after, "a/json/encoder.py", "b/json/decoder.py")
    colour = {"+": "#859900", "-": "#dc322f", "@": "#268bd2"}
    rows = []
    for line in list(lines)[:120]:
        text = html.escape(line.rstrip("\n")[:96])
        rows.append(f'<span style="color: {colour.get(line[:1], "inherit")}">{text}</span>')
    return terminal("\n".join(rows), LIGHT, title="git diff", size=13, line=1.3, margin=0)


def bitmap(out: Path) -> None:
    """A terminal whose letters have no grey edges, as xterm draws them."""
    image = Image.new("RGB", (840, 620), "black")
    draw = ImageDraw.Draw(image)
    draw.fontmode = "1"
    font = ImageFont.truetype(FONT_FILE, 12)
    text = argparse.__doc__ or ""
    rows = ["$ python -c 'import argparse; help(argparse)' | head -40", *text.splitlines()]
    rows += source_of(textwrap).splitlines()
    for i, row in enumerate(rows[:43]):
        ink = "#00cd00" if row.startswith("$") else "#cdcd00" if "#" in row else "#e5e5e5"
        draw.text((4, 3 + 14 * i), row[:116], ink, font)
    image.save(out)


def editor(
    module: ModuleType, *, first: int, style: str, colours: dict[str, str], size: int
) -> str:
    """A programmer's editor with a tree of files and a small map of the file."""
    code = source_of(module)
    body, css = coloured("\n".join(code.splitlines()[first - 1 :]), style)
    everything, _ = coloured(code, style)
    tree = sorted(p.name for p in Path(json.encoder.__file__).parents[1].glob("[a-h]*.py"))[:48]
    return filled(
        "editor",
        **colours,
        tree=tree,
        tabs=[f"{module.__name__}.py", "encoder.py", "README.md"],
        first=first,
        body=body,
        all=everything,
        css=css.replace("pre ", ".source "),
        size=size,
        font=DEJAVU,
    )


DARK_EDITOR = {
    "back": "#1e1e1e",
    "ink": "#cccccc",
    "chrome": "#2d2d2d",
    "rail": "#333333",
    "side": "#252526",
    "select": "#37373d",
    "line": "#444444",
}
LIGHT_EDITOR = {
    "back": "#ffffff",
    "ink": "#333333",
    "chrome": "#ececec",
    "rail": "#2c2c2c",
    "side": "#f3f3f3",
    "select": "#cfe3f7",
    "line": "#dddddd",
}


def files() -> str:
    """A file manager on a desktop."""
    folder = ICONS / "48x48" / "legacy"
    names = [p.stem for p in sorted(folder.glob("*.png")) if "symbolic" not in p.stem][::3]
    if not names:
        sys.exit(f"{folder} is missing; on Debian: apt install {ICON_PACKAGE}")
    places = ["folder", "user-home", "user-desktop", "folder-documents", "folder-download"]
    return filled(
        "files",
        icons=[(icon(n), n) for n in names[:42]],
        places=[(icon(n, 16), n.split("-")[-1].title()) for n in places],
    )


def spreadsheet() -> str:
    """A spreadsheet with a chart."""
    rng = np.random.default_rng(5)
    months = "January February March April May June July August September October November December"
    heads = "Month Sales Services Rent Wages Energy Travel Tax Net"
    rows = [{"kind": "head", "cells": [*heads.split(), "", "", ""]}]
    for month in months.split():
        values = rng.normal(2400, 1900, 8)
        rows.append({"kind": "", "cells": [month, *(f"{v:,.2f}" for v in values), "", "", ""]})
    rows.append(
        {
            "kind": "sum",
            "cells": ["Total", *(f"{v:,.2f}" for v in rng.normal(3e4, 5e3, 8)), "", "", ""],
        }
    )
    rows += [{"kind": "", "cells": [""] * 12}] * 20
    tools = (
        "document-new document-open document-save document-print edit-copy edit-paste edit-undo "
        "edit-redo system-search help-faq"
    )
    return filled(
        "sheet",
        rows=rows,
        bars=[int(v) for v in rng.integers(20, 125, 12)],
        tools=[icon(n, 24) for n in tools.split()],
    )


def mail() -> str:
    """A mail program with three columns."""
    people = [
        "Ada Byron",
        "Grace Hopper",
        "Karen Sparck Jones",
        "Edsger Dijkstra",
        "Barbara Liskov",
        "Tony Hoare",
        "Frances Allen",
        "John Backus",
        "Adele Goldberg",
        "Donald Knuth",
    ]
    text = prose()
    letters = [
        (
            who,
            f"{9 + i}:{(i * 17) % 60:02}",
            text[i % len(text)][:44],
            text[(i + 1) % len(text)][:60],
        )
        for i, who in enumerate(people)
    ]
    boxes = [
        ("Inbox", 12),
        ("Starred", 0),
        ("Sent", 0),
        ("Drafts", 3),
        ("Archive", 0),
        ("Spam", 41),
        ("Bin", 0),
    ]
    return filled("mail", boxes=boxes, letters=letters, text=text[:5])


def settings(*, dark: bool) -> str:
    """A settings program in the look of GNOME."""
    colours = (
        {
            "back": "#242424",
            "ink": "#ffffff",
            "side": "#303030",
            "select": "#4a4a4a",
            "card": "#383838",
            "line": "#4a4a4a",
        }
        if dark
        else {
            "back": "#fafafa",
            "ink": "#2e2e2e",
            "side": "#ebebeb",
            "select": "#d6d6d6",
            "card": "#ffffff",
            "line": "#e0e0e0",
        }
    )
    panels = (
        "network-wireless network-wired preferences-desktop-wallpaper computer audio-speakers "
        "battery audio-headset media-removable printer-network camera-photo "
        "preferences-desktop-locale preferences-desktop-accessibility"
    )
    cards = [
        [
            ("Orientation", "", "Landscape &#9662;"),
            ("Resolution", "", "2560 &times; 1440 (16:9) &#9662;"),
            ("Refresh rate", "Hertz", "144.00 &#9662;"),
        ],
        [
            ("Night light", "Warmer colours after sunset", "on"),
            ("Colour temperature", "", "slide"),
            ("Fractional scaling", "May lower performance", "off"),
        ],
        [
            ("Brightness", "", "slide"),
            ("Adapt to surroundings", "", "on"),
            ("Screen off after", "", "5 minutes &#9662;"),
        ],
    ]
    names = [(icon(n, 24), n.split("-")[-1].title()) for n in panels.split()]
    return filled("settings", **colours, panels=names, cards=cards, dialog=dark)


def pages() -> dict[str, tuple[str, View]]:
    """The HTML of each, and how it is looked at."""
    return {
        "terminal-editor": (editor_terminal(), View(880, 680)),
        "terminal-listing-lcd": (listing(), View(820, 640, lcd=True)),
        "terminal-manual-2x": (manual(), View(600, 400, 2)),
        "terminal-monitor": (monitor(), View(800, 700)),
        "terminal-diff-1.25x": (difference(), View(760, 560, 1.25)),
        "editor-light-lcd": (
            editor(argparse, first=88, style="default", colours=LIGHT_EDITOR, size=13),
            View(1120, 720, lcd=True),
        ),
        "editor-dark-2x": (
            editor(heapq, first=250, style="monokai", colours=DARK_EDITOR, size=13),
            View(620, 400, 2),
        ),
        "file-manager": (files(), View(1040, 720)),
        "spreadsheet-lcd": (spreadsheet(), View(1080, 640, lcd=True)),
        "mail-1.5x": (mail(), View(760, 460, 1.5)),
        "settings-light": (settings(dark=False), View(900, 640)),
        "settings-dark": (settings(dark=True), View(900, 640)),
    }


def make(renderer: Renderer, folder: Path) -> dict[str, str]:
    """Render all; the source of each."""
    drawn = pages()
    for name, (text, view) in drawn.items():
        renderer.html(text, folder / f"{name}.png", view)
    bitmap(folder / "terminal-bitmap.png")
    sources = "drawn here; Python's standard library, Debian man-db and " + ICON_PACKAGE
    return dict.fromkeys([*drawn, "terminal-bitmap"], sources)
