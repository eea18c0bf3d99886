"""--dry-run: nothing is written, and the estimate is near what is written later."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tccodec.cli.compress_work import CompressWork
from tccodec.cli.dry_run import Estimate, drawn
from tests.support.paths import files_in
from tests.support.pictures import picture
from tests.support.program import TINY, Run


def photos(count: int) -> int:
    """A folder "in" of pictures of many sizes; the bytes of their files."""
    Path("in").mkdir()
    for i in range(count):
        size = (40 + 3 * (i % 11), 30 + 5 * (i % 7))
        picture(i, size=size, noise=4 + i % 5).save(f"in/{i:02}.png")
    return sum(p.stat().st_size for p in Path("in").iterdir())


def test_a_few_pictures_are_all_coded_so_the_estimate_is_exact(run: Run) -> None:
    total = photos(3)
    Path("in/notes.txt").write_text("text")
    result = run("compress", "in", "-r", "-o", "out", "--dry-run", "--json", *TINY)
    assert result.code == 0 and not Path("out").exists()
    lines = result.err.splitlines()
    assert lines[0].startswith("would code 3 pictures, ")
    assert lines[1].startswith("estimate from 3 of them: ") and "give or take" not in lines[1]
    assert lines[2] == "passed over: 1 file, not a picture: in/notes.txt"
    *jobs, estimate, skipped = result.json()
    assert [j["output"] for j in jobs] == [f"out/{i:02}.tcz" for i in range(3)]
    assert all(j["dry_run"] for j in jobs) and skipped["skipped"] == "not a picture"
    run("compress", "in", "-r", "-o", "out", *TINY)
    written = sum(p.stat().st_size for p in Path("out").iterdir())
    assert estimate["estimate"]["output_bytes"] == written
    assert (estimate["estimate"]["input_bytes"], estimate["estimate"]["sample"]) == (total, 3)


def test_many_pictures_are_estimated_from_some(run: Run) -> None:
    photos(60)
    result = run("compress", "in", "-r", "-o", "out", "--dry-run", "--json", *TINY)
    found = result.json()[-1]["estimate"]
    assert found["pictures"] == 60 and 10 <= found["sample"] <= 16
    run("compress", "in", "-r", "-o", "out", *TINY)
    written = sum(p.stat().st_size for p in Path("out").iterdir())
    assert abs(found["output_bytes"] - written) < 3 * found["standard_error"] < 0.5 * written


def test_what_would_fail_or_be_passed_over_is_said(run: Run, tmp_path: Path) -> None:
    photos(3)
    Path("in/03.png").write_bytes(Path("in/00.png").read_bytes()[:99])
    assert run("compress", "in/00.png", "-o", "out/", *TINY).code == 0
    line = ("compress", "in", "-r", "-o", "out", "--dry-run", *TINY)
    result = run(*line)
    assert result.code == 1 and "in/00.png: out/00.tcz exists" in result.err
    assert "in/03.png: the picture is damaged" in result.err
    result = run(*line, "--skip-existing", "-v")
    assert "1 file, the output exists: in/00.png" in result.err
    assert "would code in/01.png -> out/01.tcz" in result.err
    assert files_in(tmp_path / "out") == ["00.tcz"]
    assert run("compress", "-", "--dry-run", "-o", "x.tcz", *TINY, stdin=b"x").code == 2


@pytest.mark.parametrize("moment", ["look_at", "compressed"])
def test_an_unforeseen_fault_ends_one_picture_only(
    run: Run, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    real = getattr(CompressWork, moment)

    def broken(self: CompressWork, *arguments: object) -> object:
        if getattr(arguments[0], "name", arguments[0]) in ("in/01.png", bad):
            raise MemoryError
        return real(self, *arguments)

    photos(3)
    bad = Path("in/01.png").read_bytes()
    monkeypatch.setattr(CompressWork, moment, broken)
    for line in (("compress", "-r", "--dry-run", "-o"), ("archive",)):
        result = run(line[0], "in", *line[1:], "out", *TINY)
        assert result.code == 1 and "tccodec: in/01.png: not enough memory\n" in result.err
        assert "estimate from 2 of them" in result.err


def test_a_file_that_grew_meanwhile_is_not_read_whole(run: Run, tmp_path: Path) -> None:
    photos(1)
    with open("in/00.png", "r+b") as file:
        file.truncate(1 << 40)  # without blocks
    result = run("compress", "in", "-r", "-o", "out", "--dry-run", *TINY)
    assert result.code == 1 and "that it could need at most" in result.err


def test_a_pipe_is_read_once(run: Run) -> None:
    photos(1)
    data = Path("in/00.png").read_bytes()
    assert run("compress", "in/00.png", "-o", "out.tcz", *TINY).code == 0
    reading, writing = os.pipe()
    with open(reading, "rb"):
        with open(writing, "wb") as file:
            file.write(data)
        pipe = f"/dev/fd/{reading}"
        result = run("compress", pipe, "-o", "piped.tcz", "--dry-run", "--json", *TINY)
    assert result.code == 0, result.err
    estimate = result.json()[-1]["estimate"]
    written = os.path.getsize("out.tcz")
    assert (estimate["input_bytes"], estimate["output_bytes"]) == (len(data), written)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 seconds"), (1.2, "1 second"), (89, "89 seconds"), (90, "2 minutes"), (5400, "1.5 h")],
)
def test_times_are_for_people(seconds: float, text: str) -> None:
    found = Estimate(1, 10, 1, 5, 0, seconds).text()
    assert f", in {text}" in found and found.endswith((text, "ours"))


@pytest.mark.parametrize("seed", range(5))
def test_the_sample_is_drawn_by_weight(seed: int) -> None:
    sizes = np.random.default_rng(seed).integers(1, 10**6, 300).tolist()
    sizes[17] = sum(sizes)  # half of all bytes
    found = drawn(sizes, 16)
    assert sum(found.values()) == 16 and found[17] == 8
    total = sum(sizes)
    assert all(times <= size * 16 / total + 1 for i, times in found.items() for size in [sizes[i]])
