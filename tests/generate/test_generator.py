"""Generators: classes, exact resumption, pictures by seed, and what the command refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tccodec.errors import BadConfig, BadModel, BadOption, TccodecError
from tccodec.files.lines import read_lines
from tccodec.generate.config import GeneratorConfig, load_generator_config
from tccodec.generate.flow import FlowTransformer
from tccodec.generate.latents import Autoencoder, cluster, nearest
from tccodec.generate.sample import Generator, sheet
from tccodec.generate.train import GeneratorTrainer, prepare
from tccodec.picture.save import LARGEST_SIDES
from tests.support.backbones import needs_backbones
from tests.support.paths import ROOT
from tests.support.pictures import photo
from tests.support.program import Run
from tests.support.training import pictures

CFG = GeneratorConfig(
    dim=16, blocks=2, head_dim=8, crops=24, batch=8, steps=6, held_out=1, warmup_steps=2,
    log_steps=2, save_minutes=1e-9,
)  # fmt: skip
TEXT = """[generator]
dim = 16
blocks = 1
head_dim = 8
crops = 16
batch = 4
steps = 2
held_out = 1"""


def nothing(*_: Any) -> None:
    pass


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for i, pixels in enumerate(pictures()):
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return folder


@pytest.fixture(scope="module")
def run_folder(
    tmp_path_factory: pytest.TempPathFactory, photos: Path, tiny_model_dir: Path
) -> Path:
    """A generator trained for some steps on the latents of the smallest model."""
    out = tmp_path_factory.mktemp("runs") / "generator"
    prepare(CFG, Autoencoder.from_training(tiny_model_dir, 500.0), [photos], out, done=nothing)
    GeneratorTrainer(CFG, out).run(report=nothing)
    return out


def test_latents_are_normalised_and_decode_to_the_pictures(
    photos: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    counts: list[tuple[int, int]] = []
    autoencoder = Autoencoder.from_training(tiny_model_dir, 500.0)
    prepare(
        CFG,
        autoencoder,
        [photos],
        tmp_path / "g",
        done=lambda done, total: counts.append((done, total)),
    )
    assert counts[-1] == (24 + 1024, 24 + 1024)
    latents = GeneratorTrainer(CFG, tmp_path / "g").latents.float().flatten(0, 2)
    assert float(latents.mean(0).abs().max()) < 0.01
    assert float((latents.std(0) - 1).abs().max()) < 0.01
    again = Autoencoder.load(tmp_path / "g" / "autoencoder")
    x = torch.from_numpy(photo(128, 128, noise=0)).permute(2, 0, 1)[None].float() - 128
    y = again.encode(x)
    assert torch.equal(y, autoencoder.encode(x))
    with torch.no_grad():
        knots = again.tcae.knot_weights(torch.tensor([500.0]))
        wanted = again.tcae.synthesise(again.tcae.analyse(x, knots), knots).clamp(-128, 127)
    assert float((again.decode(y) - wanted).abs().mean()) < 1.5


def test_a_run_that_was_cut_off_continues_exactly(
    photos: Path, tiny_model_dir: Path, tmp_path: Path, run_folder: Path
) -> None:
    straight = GeneratorTrainer(CFG, run_folder)
    straight.load()
    assert straight.step == 6
    out = tmp_path / "g"
    prepare(CFG, Autoencoder.from_training(tiny_model_dir, 500.0), [photos], out, done=nothing)

    def cut(row: dict[str, Any]) -> None:
        if row["step"] == 4:
            raise KeyboardInterrupt

    half = GeneratorTrainer(CFG, out)
    with pytest.raises(KeyboardInterrupt):
        half.run(report=cut)
    with (out / "metrics.jsonl").open("a") as log:
        log.write('{"step": 4, "mi')  # as a killed run leaves it
    resumed = GeneratorTrainer(CFG, out)
    resumed.load()
    assert resumed.step == 3
    resumed.run(report=nothing)
    assert [row["step"] for row in read_lines(out / "metrics.jsonl")] == [2, 4, 4, 6]
    for name, value in straight.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name
        assert torch.equal(straight.average.state[name], resumed.average.state[name]), name
    assert straight.held_out_loss() == resumed.held_out_loss()


def test_training_lowers_the_held_out_loss(run_folder: Path) -> None:
    run = GeneratorTrainer(replace(CFG, lr=5e-3, ema=0.5, log_steps=1000), run_folder)
    before = run.held_out_loss()
    for run.step in range(40):
        run._step()
        run.average.update(run.step)
    assert run.held_out_loss() < 0.9 * before


def test_pictures_follow_from_their_seed_alone(run_folder: Path) -> None:
    generator = Generator.load(run_folder)
    done: list[int] = []
    a = generator.pictures(17, seed=3, steps=2, done=done.append)
    assert a.shape == (17, 128, 128, 3) and done == [16, 17]
    assert np.array_equal(a, Generator.load(run_folder).pictures(17, seed=3, steps=2))
    assert np.array_equal(a[:16], generator.pictures(16, seed=3, steps=2))
    b = generator.pictures(17, seed=4, steps=2)
    assert all(not np.array_equal(p, q) for p, q in zip(a, b, strict=True))
    assert len({p.tobytes() for p in a}) == 17
    with pytest.raises(BadOption, match="no classes"):
        generator.pictures(1, label=0)
    with pytest.raises(BadOption, match="guidance"):
        generator.pictures(1, guidance=2.0)


def test_classes_are_clusters_of_what_pictures_look_like() -> None:
    torch.manual_seed(0)
    centres = 20 * torch.randn(4, 1280)
    true = torch.arange(200) % 4
    features = centres[true] + torch.randn(200, 1280)
    found = nearest(features, cluster(features, 4, seed=2))
    pairs = {(int(a), int(b)) for a, b in zip(true, found, strict=True)}
    assert len(pairs) == 4
    assert not nearest(features, cluster(features, 0, seed=2)).any()
    with pytest.raises(TccodecError, match="200 crops"):
        cluster(features, 201, seed=2)


@needs_backbones
@pytest.mark.slow
def test_a_generator_with_classes_makes_pictures_of_one(
    photos: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    cfg = replace(CFG, classes=3)
    out = tmp_path / "g"
    prepare(cfg, Autoencoder.from_training(tiny_model_dir, 500.0), [photos], out, done=nothing)
    trainer = GeneratorTrainer(cfg, out)
    assert set(trainer.labels.tolist()) == {0, 1, 2}
    assert Autoencoder.load(out / "autoencoder").centres.shape == (3, 1280)
    with torch.no_grad():
        trainer.model.out.weight.normal_(std=0.3)
        trainer.model.modulate.weight.normal_(std=0.3)
    trainer.average.restart()
    trainer.save()
    generator = Generator.load(out)
    first, second = (generator.pictures(2, label=n, steps=3) for n in (0, 1))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, generator.pictures(2, label=0, steps=3, guidance=4.0))
    with pytest.raises(BadOption, match="classes from 0 to 2"):
        generator.pictures(1, label=3)


def test_the_paper_s_generator_has_two_to_six_million_parameters() -> None:
    cfg = load_generator_config(ROOT / "configs" / "paper" / "generator.toml")
    count = sum(p.numel() for p in FlowTransformer(cfg, 128).parameters())
    assert 2e6 < count < 6e6


def test_a_sheet_has_rows() -> None:
    made = sheet(np.stack([np.full((2, 3, 3), n, np.uint8) for n in range(5)]))
    assert made.shape == (2 + 4 + 2, 3 * 3 + 2 * 4, 3)
    assert made[0, 0, 0] == 0 and made[6, 0, 0] == 3 and made[0, 7, 0] == 1
    assert (made[2:6] == 255).all() and (made[6:, 14:] == 255).all()


def test_the_commands_train_resume_and_sample(
    photos: Path, tiny_model_dir: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("g.toml").write_text(TEXT + "\nlog_steps = 1\n", "utf-8")
    training = ("generate", "train", "g.toml", "-o", "g")
    done = run(*training, "--autoencoder", tiny_model_dir, "--data", photos, "--device", "cpu")
    assert done.code == 0 and done.out == b"", done.err
    assert "step 1 of 2  " in done.err and "g: 2 steps in" in done.err
    rows = [json.loads(line) for line in Path("g/metrics.jsonl").read_text("utf-8").splitlines()]
    assert [row["step"] for row in rows] == [1, 2]
    assert run(*training, "--autoencoder", tiny_model_dir, "--data", photos).code == 1
    Path("g.toml").write_text(TEXT.replace("steps = 2", "steps = 3"), "utf-8")
    more = run(*training, "--resume")
    assert more.code == 0 and "going on with changes: steps 2 -> 3; log_steps 1 -> " in more.err
    sampling = ("generate", "--model", "g", "-n", "3", "--steps", "2", "--device", "cpu")
    assert run(*sampling, "-o", "a.png", "--seed", "5").code == 0
    assert run(*sampling, "-o", "b.png", "--seed", "5").code == 0
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()
    with Image.open("a.png") as picture:
        assert picture.size == (2 * 128 + 4, 2 * 128 + 4)
    monkeypatch.setitem(LARGEST_SIDES, "WEBP", 259)
    refused = run(*sampling, "-o", "a.webp")
    assert refused.code == 2 and "3 pictures are 260 pixels wide" in refused.err


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("generate", 2, "--model"),
        ("generate --model none -o a.png", 1, "none holds no trained generator"),
        ("generate --model . -o a.gif", 2, "a.gif must end in"),
        ("generate --model . -o there.png", 1, "there.png exists"),
        ("generate --model . -o there.png/a.png", 1, "there.png is not a folder"),
        ("generate --model . -o folder.png -f", 1, "folder.png is a folder"),
        ("generate --model . train g.toml -o g", 2, "before train there are no options"),
        ("generate -n 3 train g.toml -o g", 2, "no options, such as --count"),
        ("generate --seed 0 train g.toml -o g", 2, "no options, such as --seed"),
        ("generate --device cpu train g.toml -o g", 2, "no options, such as --device"),
        ("generate --model . -o a.png -n 0", 2, "-n"),
        ("generate train none.toml -o g", 1, "none.toml"),
        ("generate train g.toml -o g", 2, "--autoencoder"),
        ("generate train g.toml -o g --resume", 1, "g holds no run to resume"),
        ("generate train g.toml -o g --autoencoder none --data .", 1, "neither a training run"),
        ("generate train g.toml -o begun --autoencoder none --data .", 1, "already holds a run"),
        ("generate train bad.toml -o g --resume", 1, "dim must be"),
        ("generate train odd.toml -o g --resume", 1, "multiple of head_dim"),
        ("generate train other.toml -o g --resume", 1, "only section"),
        ("generate train huge.toml -o g --resume", 1, "lr is too large"),
    ],
)
def test_bad_input_is_one_sentence(line: str, code: int, words: str, run: Run) -> None:
    texts = {
        "g": TEXT,
        "bad": "[generator]\ndim = 0",
        "odd": "[generator]\ndim = 20",
        "other": "[train]\nlr = 1",
        "huge": f"[generator]\nlr = {10**400}",
    }
    for name, text in texts.items():
        Path(f"{name}.toml").write_text(text, "utf-8")
    Path("there.png").write_bytes(b"")
    Path("folder.png").mkdir()
    Path("begun/last").mkdir(parents=True)
    Path("begun/last/state.json").touch()
    done = run(*line.split())
    assert done.code == code and words in done.err
    assert done.err.strip().count("\n") <= 3 and "Traceback" not in done.err
    assert not Path("g").exists()


def test_a_file_that_appears_meanwhile_is_kept(
    run_folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(*_: Any, **options: Any) -> np.ndarray:
        Path("a.png").write_bytes(b"other")
        return np.zeros((1, 128, 128, 3), np.uint8)

    monkeypatch.setattr(Generator, "pictures", other)
    done = run("generate", "--model", run_folder, "-o", "a.png", "--device", "cpu")
    assert (done.code, done.err) == (1, "tccodec: a.png exists; -f replaces it\n")
    assert Path("a.png").read_bytes() == b"other"


def test_what_was_prepared_otherwise_is_not_continued(run_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TccodecError, match="prepared with crops = 24"):
        GeneratorTrainer(replace(CFG, crops=32), run_folder)
    other = GeneratorTrainer(replace(CFG, blocks=3), run_folder)
    with pytest.raises(TccodecError, match="trained with blocks = 2"):
        other.load()
    with pytest.raises(BadModel, match="holds no trained generator"):
        Generator.load(tmp_path)
    (tmp_path / "g.toml").write_text("[generator]\nstepz = 3", "utf-8")
    with pytest.raises(BadConfig, match="stepz"):
        load_generator_config(tmp_path / "g.toml")
