"""One row: an autoencoder or a codec is trained, measured, and a generator learns its latents."""

from __future__ import annotations

import dataclasses
import json
import resource
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from benchmarks.common import ROOT, save_sheet
from benchmarks.research.ablations import curve
from benchmarks.research.paper.probes import probes
from benchmarks.research.paper.scores import PictureScores, photographs, reconstruction
from tccodec.coding.devices import best_precision
from tccodec.generate.config import load_generator_config
from tccodec.generate.latents import Autoencoder
from tccodec.generate.sample import Generator, sheet
from tccodec.generate.train import GeneratorTrainer, prepare
from tccodec.model.complexity import complexity
from tccodec.training.config import load_config
from tccodec.training.folder import has_state
from tccodec.training.loop import Trainer
from tccodec.training.progress import TrainingDisplay

FOLDER = ROOT / "configs" / "paper"
GENERATOR = FOLDER / "generator.toml"
ROWS = {path.stem: path for path in sorted(FOLDER.glob("*.toml")) if path != GENERATOR}
#: Where results are kept, so that the tables can be made without any training.
RESULTS = Path(__file__).parent / "results"
PARTS = ("training", "quality", "probes", "generation")
SETTING = 500.0  # of all measurements but the curve
#: When a generator is sampled: after its steps divided by these.
POINTS = (8, 4, 2, 1)
SAMPLING_STEPS = 12  # Heun's
SHEET, SHEET_SIDE = 36, 394  # pictures; pixels


@dataclass(frozen=True)
class Size:
    """How much is trained and measured. Zero steps: those of the configuration."""

    steps: int
    crops: int  # held-out ones that are measured
    probed: int  # training crops that a probe learns from
    generator: dict[str, int]  # settings that differ from the configuration


FULL = Size(steps=0, crops=2048, probed=4096, generator={})
SMALL = Size(
    steps=4, crops=32, probed=64, generator={"steps": 16, "crops": 64, "batch": 8, "log_steps": 1}
)


@dataclass(frozen=True)
class Row:
    """A configuration with a seed, and where its results are."""

    name: str
    seed: int
    data: Sequence[Path]
    out: Path
    size: Size
    backbones: Path | None = None

    @property
    def label(self) -> str:
        """What its files are called."""
        return f"{self.name}-{self.seed}"

    @property
    def folder(self) -> Path:
        """Its runs."""
        return self.out / "runs" / self.label

    @property
    def result(self) -> Path:
        """Its figures."""
        return self.out / f"{self.label}.json"


def trainer_of(row: Row) -> Trainer:
    """The row's training run, with its data."""
    model, cfg = load_config(ROWS[row.name])
    cfg = dataclasses.replace(cfg, seed=row.seed, steps=row.size.steps or cfg.steps)
    if row.size.steps:
        cfg = dataclasses.replace(cfg, log_steps=1, batch=8)
    trainer = Trainer(model, cfg, row.folder)
    trainer.load_data(list(row.data))
    return trainer


def train(row: Row) -> dict[str, Any]:
    """Train, or go on with the training."""
    trainer = trainer_of(row)
    row.folder.mkdir(parents=True, exist_ok=True)
    resumed = has_state(row.folder / "last")
    if resumed:
        trainer.load(row.folder / "last")
    else:
        (row.folder / "metrics.jsonl").unlink(missing_ok=True)
        trainer.initialise()
    cfg = trainer.cfg
    logged: list[dict[str, Any]] = []
    with TrainingDisplay(
        row.folder, minutes=1, pixels_per_step=cfg.batch * cfg.crop**2, quiet=False, steps=cfg.steps
    ) as display:

        def report(line: dict[str, Any]) -> None:
            logged.append(line)
            display(line)

        trainer.run(report=report, steps=cfg.steps)
    lines = (row.folder / "metrics.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    cost = complexity(trainer.model_cfg)
    return {
        "steps": trainer.step,
        "minutes": round(trainer.elapsed / 60, 1),
        "gigapixels": round(trainer.step * cfg.batch * cfg.crop**2 / 1e9, 3),
        "precision": str(best_precision(trainer.device)).removeprefix("torch."),
        "data": trainer.data_note,
        "kmac": round(cost.encoder_kmac + cost.decoder_kmac, 2),
        "parameters": cost.parameters,
        "collapsed": sum("collapsed" in line for line in rows),
        "resumed": resumed,
    }


def quality(row: Row) -> dict[str, Any]:
    """PSNR, LPIPS and Frechet distance of reconstructions, or the curve of a codec."""
    trainer = trainer_of(row)
    trainer.load(row.folder / "last")
    if trainer.cfg.rate:
        return {"curve": curve(trainer)}
    autoencoder = Autoencoder.from_training(row.folder, SETTING)
    scores = PictureScores(row.backbones)
    return reconstruction(autoencoder, trainer.held_out, row.size.crops, scores)


def probe(row: Row) -> dict[str, Any]:
    """What a linear map reads from tokens and from latents."""
    trainer = trainer_of(row)
    autoencoder = Autoencoder.from_training(row.folder, SETTING)
    scores = PictureScores(row.backbones)
    data = (trainer.data, trainer.held_out)
    count = (row.size.probed, row.size.crops // 2)
    return probes(autoencoder, data, count, scores, backbones=row.backbones)


def generation(row: Row) -> dict[str, Any]:
    """A generator on the row's latents: its held-out loss and Frechet distance by steps."""
    folder = row.folder / "generator"
    cfg = load_generator_config(GENERATOR)
    changed: dict[str, Any] = {"seed": row.seed, **row.size.generator}
    cfg = dataclasses.replace(cfg, **changed)
    if not has_state(folder / "latents"):
        autoencoder = Autoencoder.from_training(row.folder, cfg.setting)
        prepare(cfg, autoencoder, list(row.data), folder, done=lambda done, total: None)
    trainer = GeneratorTrainer(cfg, folder)
    points_file = folder / "points.json"
    points: list[dict[str, float]] = []
    resumed = has_state(folder / "last")
    if resumed:
        trainer.load()
    if points_file.is_file():
        points = json.loads(points_file.read_text("utf-8"))
    scores = PictureScores(row.backbones)
    crops = photographs(row.data, cfg.held_out, cfg.crop, row.size.crops)
    known, wanted = map(scores.features, crops)
    pixels = cfg.batch * cfg.crop**2
    with TrainingDisplay(
        folder, minutes=1, pixels_per_step=pixels, quiet=False, steps=cfg.steps
    ) as display:
        for part in POINTS[len(points) :]:
            trainer.run(report=display, steps=cfg.steps // part)
            made = Generator.load(folder).pictures(
                row.size.crops, seed=row.seed, steps=SAMPLING_STEPS
            )
            tensors = torch.from_numpy(made).permute(0, 3, 1, 2).float() - 128
            points.append(
                {
                    "step": trainer.step,
                    "loss": trainer.held_out_loss(),
                    "frechet": scores.distance(wanted, scores.features(tensors)),
                }
            )
            points_file.write_text(json.dumps(points), "utf-8")
    samples = sheet(Generator.load(folder).pictures(SHEET, seed=row.seed))
    small = Image.fromarray(samples).resize((SHEET_SIDE, SHEET_SIDE), Image.Resampling.LANCZOS)
    save_sheet(small, row.out / f"{row.label}.jpg")
    return {
        "points": points,
        "photographs": scores.distance(wanted, known),
        "minutes": round(trainer.elapsed / 60, 1),
        "resumed": resumed,
    }


WORK: dict[str, Callable[[Row], dict[str, Any]]] = {
    "training": train,
    "quality": quality,
    "probes": probe,
    "generation": generation,
}


def run(row: Row, parts: Sequence[str]) -> None:
    """Do the parts that the row's file has not, and store each when it is done."""
    torch.set_num_threads(1)
    row.out.mkdir(parents=True, exist_ok=True)
    if "training" not in parts and not (row.folder / "done.json").is_file():
        sys.exit(f"{row.label} is not trained yet")
    _, cfg = load_config(ROWS[row.name])
    for part in PARTS:
        stored = json.loads(row.result.read_text("utf-8")) if row.result.is_file() else {}
        if part not in parts or part in stored or (part == "generation" and cfg.rate):
            continue
        print(f"{row.label}: {part}", file=sys.stderr, flush=True)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        figures = WORK[part](row)
        seconds = resource.getrusage(resource.RUSAGE_SELF).ru_utime - before
        if not figures.pop("resumed", False):  # else another process took a part of it
            figures["cpu_minutes"] = round(seconds / 60, 1)
        stored |= {"row": row.name, "seed": row.seed, "small": row.size == SMALL, part: figures}
        temporary = row.result.with_suffix(".tmp")
        temporary.write_text(json.dumps(stored, indent=1) + "\n", "utf-8")
        shutil.move(temporary, row.result)
