"""`tccodec train` and `export` as a person runs them: what they say, refuse and leave alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tccodec.cli.program import main, program
from tccodec.training.config import find_config, shipped_configs
from tccodec.training.folder import training_in
from tccodec.training.progress import TrainingDisplay
from tests.support.models import write_tiny_config
from tests.support.paths import ROOT
from tests.support.pictures import picture


def tccodec(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tccodec", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with pictures in photos/ and the configuration tiny.toml."""
    write_tiny_config(tmp_path / "tiny.toml")
    (tmp_path / "photos").mkdir()
    for i in range(5):
        picture(i, size=(160, 160)).save(tmp_path / f"photos/{i}.png")
    return tmp_path


def test_training_into_a_pipe_says_what_it_does(place: Path, tiny_model_dir: Path) -> None:
    done = tccodec(
        *("train", "tiny.toml", "--data", "photos", "-o", "run", "--minutes", "0.02"),
        *("--init", tiny_model_dir),
        cwd=place,
    )
    assert done.returncode == 0 and done.stdout == ""
    assert re.match(r"training on 4 pictures, .*\nstep 1  \d\.\d of 0\.02 min  loss ", done.stderr)
    assert re.search(r"\nrun: \d+ steps in \d\.\d minutes\n$", done.stderr)
    again = tccodec(*("train", "tiny.toml", "--data", "photos", "--output", "run"), cwd=place)
    assert again.returncode != 0 and "already holds a run" in again.stderr
    (place / "run" / "metrics.jsonl").unlink(missing_ok=True)  # it comes later than the state
    again = tccodec(*("train", "tiny.toml", "--data", "photos", "--output", "run"), cwd=place)
    assert again.returncode != 0 and "already holds a run" in again.stderr
    toml = (place / "tiny.toml").read_text("utf-8")
    changed = toml.replace("log_steps = 1\n", "log_steps = 7\n")
    (place / "tiny.toml").write_text(changed, "utf-8")
    line = ("train", "tiny.toml", "--data", "photos", "--minutes", "0.03")
    more = tccodec(*line, "-o", "run", "--resume", cwd=place)
    assert "\ngoing on with changes: log_steps 1 -> 7\n" in more.stderr, more.stderr
    assert more.returncode == 0
    fine = tccodec(*line, "-o", "second", "--init", "run", cwd=place)
    assert fine.returncode == 0 and "second: " in fine.stderr
    wrong = tccodec(*line, "-o", "third", "--init", "photos", cwd=place)
    assert wrong.stderr == "tccodec: photos holds neither a training run nor a model\n"
    assert wrong.returncode == 2 and not (place / "third").exists()


def test_one_run_at_a_time_trains_in_a_folder(place: Path) -> None:
    words = ("--data", "photos", "-o", "run", "--minutes", "0.02")
    with training_in(place / "run"):
        second = tccodec("train", "tiny.toml", *words, cwd=place)
        (place / "generator.toml").write_text("[generator]\n")
        generator = tccodec("generate", "train", "generator.toml", "-o", "run", cwd=place)
    for refused in (second, generator):
        assert (refused.returncode, refused.stderr) == (
            1,
            "tccodec: run/metrics.jsonl: another run is training in this folder;"
            " start again when that has ended\n",
        )
    assert not (place / "run").exists()
    (place / "run").mkdir()
    (place / "run" / "metrics.jsonl").touch()  # of one that was killed before its first step
    assert tccodec("train", "tiny.toml", *words, cwd=place).returncode == 0


def rows(reporter: TrainingDisplay, steps_per_minute: int, minutes: float) -> None:
    for step in range(10, int(minutes * steps_per_minute) + 1, 10):
        now = round(step / steps_per_minute, 2)
        reporter({"step": step, "minutes": now, "loss": 1.0, "bpp": 0.5, "psnr": 30.0})


def test_lines_come_now_and_then_with_the_rate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with TrainingDisplay(tmp_path, minutes=5, pixels_per_step=1_000_000, quiet=False) as reporter:
        reporter.say("compiling")
        rows(reporter, 600, 5)
    first, *lines = capsys.readouterr().err.splitlines()
    assert first == "compiling" and 8 <= len(lines) <= 11
    assert lines[0] == "step 10  0.0 of 5 min  loss 1.000  0.500 bpp  30.00 dB"
    rates = [float(line.split()[-2]) for line in lines[1:] if line.endswith(" Mpx/s")]
    assert len(rates) == len(lines) - 1 and rates == pytest.approx([10] * len(rates), rel=0.03)
    with TrainingDisplay(tmp_path, minutes=5, pixels_per_step=1_000_000, quiet=True) as reporter:
        reporter.say("compiling")
        rows(reporter, 600, 1)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("value", ["nan", "inf", "0", "-1"])
def test_minutes_that_never_end_or_never_begin_are_refused(place: Path, value: str) -> None:
    line = ["train", str(place / "tiny.toml"), "--data", "x", "-o", "y", "--minutes", value]
    result = CliRunner().invoke(program, line)
    assert result.exit_code == 2 and "--minutes" in result.output


def test_a_decoder_is_not_trained_behind_an_untrained_encoder(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["train", "tcae-s-realism", "--data", str(place / "photos"), "-o", str(place / "r")])
    assert end.value.code == 2 and "--init" in capsys.readouterr().err
    assert not (place / "r").exists()


def test_wrong_data_leaves_no_run_behind(place: Path) -> None:
    done = tccodec("train", "tiny.toml", "--data", "nowhere", "-o", "runs/mine", cwd=place)
    assert done.returncode == 1 and done.stderr.startswith("tccodec: nowhere ")
    assert not (place / "runs").exists()


@pytest.mark.parametrize("resume", [True, False])
def test_a_run_that_saved_nothing_leads_to_another_folder(
    place: Path, capsys: pytest.CaptureFixture[str], resume: bool
) -> None:
    (place / "run").mkdir()
    (place / "run" / "metrics.jsonl").write_text('{"step": 50}\n')
    line = ["train", str(place / "tiny.toml"), "--data", str(place / "photos")]
    with pytest.raises(SystemExit) as end:
        main([*line, "-o", str(place / "run"), *["--resume"] * resume])
    said = capsys.readouterr().err
    assert end.value.code == 1 and "saved no state to go on from: name another folder" in said


def test_an_output_that_cannot_be_a_folder_is_found_before_the_pictures_are_read(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "run").touch()
    with pytest.raises(SystemExit) as end:
        main(["train", str(place / "tiny.toml"), "--data", "nowhere", "-o", str(place / "run")])
    assert end.value.code == 2 and "is a file" in capsys.readouterr().err


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None  # importing it fails
from tccodec.cli import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize("resume", [True, False])
def test_whether_there_is_a_run_is_found_without_torch(place: Path, resume: bool) -> None:
    if not resume:  # a process was killed between the two names
        (place / "run" / "last.old").mkdir(parents=True)
        (place / "run" / "last.old" / "state.json").touch()
    line = ["train", "tiny.toml", "--data", "photos", "-o", "run", *["--resume"] * resume]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *line],
        capture_output=True,
        text=True,
        check=False,
        cwd=place,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    said = "holds no run to resume" if resume else "already holds a run"
    assert done.returncode == 1 and done.stderr.startswith(f"tccodec: run {said}")


def test_one_module_knows_the_name_of_a_state() -> None:
    files = (ROOT / "tccodec").rglob("*.py")
    assert [f.name for f in files if '"state.json"' in f.read_text("utf-8")] == ["folder.py"]


def test_shipped_configurations_are_known_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert {"tcae-s", "tcae-s-realism"} <= set(shipped_configs())
    for name, path in shipped_configs().items():
        assert find_config(name) == path
        with pytest.raises(SystemExit) as end:
            main(["train", "--print-config", name])
        assert end.value.code == 0 and capsys.readouterr().out == path.read_text("utf-8")
    named = ["--data", "x", "-o", "y"]
    for line in (["nope", *named], ["", *named], ["--print-config", "nope"]):
        with pytest.raises(SystemExit) as end:
            main(["train", *line])
        assert end.value.code != 0 and "tcae-s-realism" in capsys.readouterr().err


def test_export_says_why_notes_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.md").write_bytes(b"\xff")
    for name, text in {
        "notes.md": " is not text in UTF-8",
        "": ": Is a directory",
        "nothing.md": ": No such file or directory",
    }.items():
        notes = tmp_path / name
        with pytest.raises(SystemExit):
            main(["export", str(tmp_path), "-o", str(tmp_path / "out"), "--notes", str(notes)])
        assert capsys.readouterr().err == f"tccodec: {notes}{text}\n"


def test_export_replaces_nothing_unasked(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine", "utf-8")
    with pytest.raises(SystemExit) as end:
        main(["export", str(tmp_path / "run"), "-o", str(tmp_path)])
    assert end.value.code != 0
    assert (tmp_path / "README.md").read_text("utf-8") == "mine"
    assert [p.name for p in tmp_path.iterdir()] == ["README.md"]
