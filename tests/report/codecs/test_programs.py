"""Commands of --external that hang: they end with all that they started."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tccodec.errors import PeerFailed
from tccodec.report.codecs.external import ExternalPeer
from tccodec.report.work.pictures import identify
from tccodec.report.work.pool import Pool
from tccodec.report.work.tasks import MeasurePoint
from tests.support.pictures import picture

pytestmark = pytest.mark.skipif(shutil.which("ps") is None, reason="needs ps and a shell")


class Hanging:
    """An encoder that starts a child, which may live longer than the encoder itself."""

    def __init__(self, folder: Path, end: str) -> None:
        self.child, script = folder / "child", folder / "hang.sh"
        steps = ("sleep 60 &", "echo $! > {0}/new", "mv {0}/new {0}/child", end)
        script.write_text("\n".join(steps).format(f"'{folder}'"))
        self.line = f"x=sh '{script}' {{q}} {{in}} {{out}} ; cat {{in}} {{out}}"

    def wait_for_end(self) -> None:
        """Wait until the child is gone, or only its new parent has not noticed yet."""
        line = ["ps", "-o", "stat=", "-p", self.child.read_text().strip()]
        deadline = time.monotonic() + 10
        while True:
            state = subprocess.run(line, capture_output=True, check=False).stdout
            if not state or state.startswith(b"Z"):
                return
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.mark.parametrize("end", ["wait", "exit"])
def test_a_timeout_ends_a_program_and_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    hanging = Hanging(tmp_path, end)
    monkeypatch.setattr("tccodec.report.codecs.external.TIMEOUT_S", 1)
    with pytest.raises(PeerFailed, match="x: no answer within 1 s"):
        ExternalPeer(hanging.line).encode(picture(0, size=(8, 8)), 5)
    hanging.wait_for_end()


def test_the_end_of_a_report_ends_its_programs(tmp_path: Path) -> None:
    hanging = Hanging(tmp_path, "wait")
    picture(0, size=(8, 8)).save(tmp_path / "a.png")
    source = identify(tmp_path, tmp_path / "a.png")
    task = MeasurePoint(picture=source, key="a", codec="x", quality=50, metrics=[], features=[])
    with Pool(1, externals=[hanging.line], backbones=None) as pool:
        threading.Thread(target=lambda: list(pool.run([task])), daemon=True).start()
        deadline = time.monotonic() + 60
        while not hanging.child.exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
    hanging.wait_for_end()
