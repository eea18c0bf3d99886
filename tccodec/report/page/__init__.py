"""report.html: one file with everything in it."""

from __future__ import annotations

from tccodec.report.page.build import build_page

__all__ = ["build_page"]
