"""report.html: the whole report in one file."""

from __future__ import annotations

from tccodec.report.page.build import build_page

__all__ = ["build_page"]
