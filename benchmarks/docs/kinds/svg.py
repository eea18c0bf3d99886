"""SVG as a page that fills the window, and its elements."""

from __future__ import annotations


def element(name: str, content: object = "", **attributes: object) -> str:
    """An element; underscores in the names of attributes stand for hyphens."""
    words = [f'{key.replace("_", "-")}="{value}"' for key, value in attributes.items()]
    return f"<{name} {' '.join(words)}>{content}</{name}>"


def text(x: float, y: float, content: object, **attributes: object) -> str:
    """A line of text."""
    return element("text", content, x=f"{x:.1f}", y=f"{y:.1f}", **attributes)


def path(steps: str, **attributes: object) -> str:
    """A path."""
    return element("path", d=steps, **attributes)


def rect(x: float, y: float, w: float, h: float, **attributes: object) -> str:
    """A rectangle."""
    sides = {"x": f"{x:.1f}", "y": f"{y:.1f}", "width": f"{w:.1f}", "height": f"{h:.1f}"}
    return element("rect", **sides, **attributes)


def circle(x: float, y: float, r: float, **attributes: object) -> str:
    """A circle."""
    return element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=f"{r:.1f}", **attributes)


def svg(
    width: int, height: int, body: str, *, font: str = "14px sans-serif", back: str = "#fff"
) -> str:
    """HTML with one SVG of that size."""
    return (
        '<!DOCTYPE html><meta charset="utf-8"><style>body { margin: 0 } '
        f"svg {{ display: block; font: {font}; background: {back} }}</style>"
        f'<svg width="{width}" height="{height}" viewBox="0 0 {width} {height}">{body}</svg>'
    )
