"""Damaged files in the page: refused for the reasons that the codec gives."""

from __future__ import annotations

import base64
import shutil
import threading
from pathlib import Path

import pytest

import tccodec
from tccodec.browser.page import find_pictures
from tccodec.browser.server import Server, contents
from tests.golden.make import HERE as GOLDEN
from tests.support.browser import chromium, what_is_missing
from tests.support.damage import HEADERS, SECTIONS, damaged, resealed, with_section

REASONS = """async (files) => {
  const { decode } = await import(`${location.pathname}tccodec.js`);
  const reasons = [];
  for (const file of files) {
    try {
      await decode(Uint8Array.from(atob(file), (c) => c.charCodeAt(0)));
      reasons.push("");
    } catch (e) {
      reasons.push(`${e.kind}: ${e.message}`);
    }
  }
  return reasons;
}"""


def reason(data: bytes) -> str:
    """Why the codec refuses a file; empty if it does not."""
    try:
        tccodec.decompress(data)
    except tccodec.TccodecError as e:
        return f"{type(e).__name__}: {e}".partition("; name its folder")[0]
    return ""


@pytest.mark.slow
@pytest.mark.filterwarnings("default::ResourceWarning")
@pytest.mark.skipif(bool(what_is_missing()), reason=str(what_is_missing()))
def test_the_same_reasons(tmp_path: Path) -> None:
    shutil.copy(GOLDEN / "small-10.tcz", tmp_path)
    cases = [data for data, _ in HEADERS]
    cases += [with_section(tag, stored) for tag, stored, _ in SECTIONS]
    cases += damaged((GOLDEN / "alpha-60.tcz").read_bytes())
    for name in ("small-10", "alpha-60", "grey-40", "patches-50", "text-30"):
        cases += resealed((GOLDEN / f"{name}.tcz").read_bytes(), count=40)
    files = [base64.b64encode(data).decode() for data in cases]
    with Server(contents(find_pictures(tmp_path))) as server, chromium() as browser:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = browser.new_page()
        page.goto(server.url)
        found = page.evaluate(REASONS, files)
        server.shutdown()
    wanted = list(map(reason, cases))
    assert sum(map(bool, wanted)) > 4500
    assert len(set(wanted)) > 30
    # Browsers show some AV1 with damaged symbols (docs/security.md). Its headers are right.
    lenient = "BadFile: the blocks section cannot be decoded"
    differ = {(w, f) for w, f in zip(wanted, found, strict=True) if w != f}
    assert differ <= {(lenient, "")}
