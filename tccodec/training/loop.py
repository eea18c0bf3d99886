"""The training loop: warm-up, hold, decay over *time*; resumable to the step.

The state before the decay is kept as `stable/`, so that a later budget goes on from there.
"""

from __future__ import annotations

import dataclasses
import math
import os
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tccodec.config import ModelConfig
from tccodec.errors import TccodecError
from tccodec.files.lines import append_line, drop_unfinished_line
from tccodec.files.text import counted
from tccodec.model.weights import part_of
from tccodec.training.config import TrainConfig
from tccodec.training.data import Crops, lapped_pca, load_held_out_named, load_weights
from tccodec.training.drawn import drawn, drawn_pictures
from tccodec.training.folder import LOG, has_state, start_of
from tccodec.training.model import CodecModel, ModelOutput
from tccodec.training.objective import Objective, RunningMeans
from tccodec.training.optimisers import Average, Optimisers, schedule
from tccodec.training.perceptual import PerceptualDistance
from tccodec.training.prefetch import Batch, Prefetcher
from tccodec.training.recorded import RecordedStep
from tccodec.training.sampling import SettingSampler
from tccodec.training.selfsup import COLLAPSED, teacher_momentum
from tccodec.training.state import (
    changed_settings,
    load_optimiser,
    load_shards,
    optimiser_tensors,
    save_shards,
    using_state,
    write_json,
)

CLOCK_STEPS = 10  # between two looks of all processes at the clock of the first
DRAWN_PICTURES, DRAWN_SIDE = 2048, 512  # from which a GPU takes its drawn crops
VALIDATED = (150, 300, 450, 600, 900)  # settings


def _has_compiler() -> bool:
    return any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "clang++"))


class Trainer:
    """One run in one folder."""

    def __init__(
        self,
        model_cfg: ModelConfig,
        cfg: TrainConfig,
        out: Path,
        *,
        device: str = "cpu",
        rank: int = 0,
        world: int = 1,
        backbones: Path | None = None,
    ) -> None:
        self.model_cfg, self.cfg, self.out = model_cfg, cfg, out
        self.device = torch.device(device)
        self.rank, self.world = rank, world
        self.step, self.elapsed = 0, 0.0
        self.clock = 0.0  # elapsed seconds of this process
        self.earlier_runs: list[dict[str, Any]] = []  # those that this one started from
        self.data_note = ""
        torch.manual_seed(cfg.seed)
        self.model = CodecModel(model_cfg).to(self.device)
        self.model.rdoq = cfg.rdoq
        if cfg.second_look:
            self.model.add_second_decoder()
            count = round(cfg.batch * cfg.second_look)
            # The settings of a batch fall, so these crops are from its lower half.
            self.model.second_crops = slice(cfg.batch - 2 * count, None, 2)
            self.model.shared_gradient = cfg.shared_gradient
        if not cfg.shortcut:
            self.model.drop_shortcut()
        if cfg.selfsup:
            self.model.add_self_supervision(cfg.prototypes)
            self.model.to(self.device)
        self.optimisers = Optimisers(self.model, cfg)
        if not cfg.rate:
            self.model.become_autoencoder()
        if cfg.needs_model:
            self.model.freeze_all_but_decoder()
        elif cfg.rate_only:
            self.model.freeze_transforms()
        self.average = Average(self.model, cfg.ema)
        self.settings = SettingSampler(model_cfg, cfg)
        self.compiled = cfg.compile
        if self.compiled and self.device.type == "cpu" and not _has_compiler():
            raise TccodecError("compile = true needs a C++ compiler (g++, or the one CXX names)")
        # One process on one GPU launches its steps as graphs, which cannot hold the search for the
        # symbols of a trellis, on the CPU.
        cuda = self.device.type == "cuda"
        unrecorded = cfg.lr_muon or cfg.selfsup or model_cfg.trellis
        self.records = cuda and cfg.recorded and world == 1 and not unrecorded
        distance = None
        if cfg.perceptual:
            distance = PerceptualDistance(
                backbones, self.device, compiled=self.compiled, vgg=cfg.perceptual_vgg
            )
        self.objective = Objective(self.model, cfg, distance=distance)

    def load_data(self, sources: list[Path]) -> None:
        """Read all pictures. The last `held_out` of each source are for validation only."""
        named, named_held_out = load_held_out_named(sources, self.cfg.crop, self.cfg.held_out)
        weights = None
        if self.cfg.difficulty:
            weights = load_weights(Path(self.cfg.difficulty), [name for name, _ in named])
            named = [item for item, weight in zip(named, weights, strict=True) if weight]
            weights = weights[weights > 0]
        pictures, held_out = [p for _, p in named], [p for _, p in named_held_out]
        megapixels = sum(p.shape[0] * p.shape[1] for p in pictures) / 1e6
        self.data_note = f"{counted(len(pictures), 'picture')}, {megapixels:.1f} megapixels"
        make = {"crop": self.cfg.crop, "device": self.device}
        self.data = Crops(pictures, seed=self.cfg.seed, weights=weights, **make)  # type: ignore[arg-type]
        self.held_out = Crops(held_out, seed=7, **make)  # type: ignore[arg-type]
        if self.cfg.drawn and self.device.type == "cuda":
            side = max(DRAWN_SIDE, self.cfg.crop)
            drawings = drawn_pictures(
                DRAWN_PICTURES, side=side, photos=pictures, seed=self.cfg.seed
            )
            self.drawings = Crops(drawings, seed=self.cfg.seed, **make)  # type: ignore[arg-type]

    def initialise(self, *, blocks: int = 100_000) -> None:
        """Start the linear shortcut as the PCA of `blocks` blocks of the training pictures."""
        if self.cfg.shortcut:
            self.model.start_from(*lapped_pca(self.data, self.model_cfg, blocks=blocks))
        self.average.restart()

    def start_from(self, source: Path) -> None:
        """Start from the EMA weights of a run or of one of its states, or from a released model.

        `source` is the folder. Its shapes may be smaller (`ModelConfig.can_start_from`).
        """
        source = start_of(source)
        if has_state(source):
            tensors, meta = load_shards(source)
            with using_state(source):
                saved = ModelConfig.from_dict(meta["model"])
            weights = part_of(tensors, "ema")
            self.earlier_runs = meta.get("runs", [])
        else:
            from tccodec.model.folder import read_model, read_realism
            from tccodec.training.export import load_released

            config, saved, tensors = read_model(source)
            self.earlier_runs = config.get("runs", [])
            weights = load_released(saved, tensors).state_dict()
            if self.model.second is not None and "realism" in config:
                second = read_realism(source, config)
                weights |= {f"second.{name}": value for name, value in second.items()}
        if not self.model_cfg.can_start_from(saved):
            raise TccodecError(f"{source} has shapes that the [model] section does not extend")
        if saved.groups != self.model_cfg.groups:
            self.initialise()
        with using_state(source):
            self.model.grow_from(weights)
        self.average.restart()

    def compile(self) -> None:
        """Compile the functions of a training step. The first step does the work."""
        self.model.compile_parts()
        self.objective.compile()

    def batch(self, step: int) -> Batch:
        """The batch of a step: settings `(B,)`, crops `(B, 3, crop, crop)`, weights `(B,)`."""
        cfg = self.cfg
        rng = np.random.default_rng([cfg.seed, step, self.rank, 1])
        setting = self.settings.draw(rng)
        x = self.data.batch(step, cfg.batch, rescale=cfg.rescale, rank=self.rank)
        weights = torch.ones(len(x))
        if cfg.drawn:
            chosen = rng.permutation(len(x))[: rng.binomial(len(x), cfg.drawn)]
            if len(chosen):
                x[torch.from_numpy(chosen)] = self._drawn(rng, x, chosen)
            weights[torch.from_numpy(chosen)] = cfg.drawn_weight
        return setting.to(self.device), x, weights.to(self.device)

    def _drawn(self, rng: np.random.Generator, x: Tensor, chosen: NDArray[np.int64]) -> Tensor:
        """Drawn crops for the `chosen` ones of `x`, which may appear in parts of them."""
        if self.device.type == "cuda":
            return self.drawings.cut(rng, len(chosen))
        crops = []
        for i in chosen:
            photo = (x[i] + 128).round().byte().permute(1, 2, 0).cpu().numpy()
            crops.append(torch.from_numpy(drawn(rng, self.cfg.crop, photo)))
        return torch.stack(crops).permute(0, 3, 1, 2).float().to(x.device) - 128

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Rate, PSNR and cost of the EMA weights on crops of held-out pictures, by setting."""
        live = {k: v.clone() for k, v in self.model.state_dict().items()}
        self.model.load_state_dict(self.average.state)
        self.model.eval()
        out: dict[str, float] = {}
        for setting in VALIDATED if self.cfg.rate else (round(self.cfg.setting_low),):
            values: dict[str, list[Tensor]] = {}
            for i in range(4):
                x = self.held_out.batch(i, 8, rescale=0.5)
                settings = torch.full((8,), float(setting), device=x.device)
                _, parts = self.objective(self.model, x, settings)
                parts["psnr"] = 10 * torch.log10(255**2 / parts["mse"])
                for name, value in parts.items():
                    values.setdefault(name, []).append(value)
            means = {name: float(torch.cat(v).mean()) for name, v in values.items()}
            cost = means["bpp"] + self.model_cfg.lam(float(setting)) * means["mse"]
            out[f"bpp{setting}"] = round(means["bpp"], 4)
            out[f"psnr{setting}"] = round(means["psnr"], 3)
            out[f"cost{setting}"] = round(cost, 4)
            if "lpips" in means:
                out[f"lpips{setting}"] = round(means["lpips"], 4)
        self.model.train()
        self.model.load_state_dict(live)
        return out

    def summary(self) -> dict[str, Any]:
        """This run in plain values, for the model card."""
        pixels = self.step * self.cfg.batch * self.world * self.cfg.crop**2
        device = "CPU"
        if self.device.type == "cuda":
            device = torch.cuda.get_device_name(self.device)
        return {
            "minutes": round(self.elapsed / 60, 1),
            "steps": self.step,
            "gigapixels": round(pixels / 1e9, 2),
            "data": self.data_note,
            "device": f"{self.world} x {device}, {torch.get_num_threads()} threads",
            "settings": dataclasses.asdict(self.cfg),
        }

    def save(self, name: str) -> None:
        """Write weights, EMA and optimiser state to `out/name/`."""
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        tensors |= {f"ema.{k}": v for k, v in self.average.state.items()}
        for label, opt in self.optimisers.named().items():
            tensors |= optimiser_tensors(label, opt)
        meta = {
            "step": self.step,
            "elapsed": self.elapsed,
            "model": self.model_cfg.to_dict(),
            "runs": [*self.earlier_runs, self.summary()],
        }
        save_shards(self.out / name, tensors, meta)

    def load(self, folder: Path) -> str:
        """Read what `save` wrote, to continue the run exactly.

        Returns which settings and data are not those of the run, "" if none differ.
        """
        tensors, meta = load_shards(folder)
        with using_state(folder):
            if ModelConfig.from_dict(meta["model"]) != self.model_cfg:
                raise TccodecError(f"{folder} was trained with another [model] section")
            weights = part_of(tensors, "model")
            if set(weights) != set(self.model.state_dict()):
                raise TccodecError(f"{folder} was trained with another second_look or selfsup")
            self.model.load_state_dict(weights)
            self.average.take({k: v.to(self.device) for k, v in part_of(tensors, "ema").items()})
            *self.earlier_runs, this = meta.get("runs") or [{}]
            changes = changed_settings(this.get("settings", {}), self.cfg)
            if self.data_note and this.get("data", self.data_note) != self.data_note:
                changes.append(f"data {this['data']} -> {self.data_note}")
            for label, opt in self.optimisers.named().items():
                load_optimiser(label, opt, tensors)
            self.step, self.elapsed = meta["step"], meta["elapsed"]
        self.clock = self.elapsed
        return "; ".join(changes)

    def _add_elapsed(self, seconds: float) -> None:
        """Add to `elapsed`.

        Several processes use the clock of the first, which it broadcasts every `CLOCK_STEPS` steps:
        they must all end, and change their rates, at the same step.
        """
        if self.world == 1:
            self.elapsed += seconds
            return
        self.clock += seconds
        if self.step % CLOCK_STEPS == 0:
            shared = torch.tensor(self.clock, dtype=torch.float64, device=self.device)
            torch.distributed.broadcast(shared, 0)
            self.elapsed = self.clock = float(shared)

    def _done(self, seconds: float, steps: int | None) -> float:
        """The completed share of the run: of its time, or of its steps if that has no end."""
        return self.elapsed / seconds if seconds < math.inf else self.step / (steps or math.inf)

    def _log(self, row: dict[str, Any]) -> None:
        append_line(self.out / LOG, row)

    def run(
        self,
        minutes: float = math.inf,
        *,
        report: Callable[[dict[str, Any]], None],
        steps: int | None = None,
    ) -> None:
        """Train for `minutes`, all parts of this run together, or until `steps` are done.

        The learning rates follow the time, or the steps if no minutes are given. `report` gets each
        row of the log.
        """
        cfg, total = self.cfg, minutes * 60
        model: Any = self.model
        if self.compiled:
            self.compile()
        if self.world > 1:
            model = nn.parallel.DistributedDataParallel(model)
        if self.rank == 0:
            drop_unfinished_line(self.out / LOG)
        if self.rank == 0 and self.step == 0 and self.earlier_runs:
            self._log({"step": 0, "minutes": 0.0} | self.validate())
        self.model.train()
        last_save = last_time = time.monotonic()
        done = self._done(total, steps)
        stable_saved = done > 1 - cfg.decay_fraction
        means = RunningMeans(self.device)
        step = self.recorded_step() if self.records else partial(self._step, model)
        # On a CPU a thread that makes batches costs a fifth of the speed: with more OpenMP threads
        # than processors, libgomp's threads sleep at every barrier.
        depth = 2 if self.device.type == "cuda" else 0
        with Prefetcher(self.batch, self.step, self.device, depth=depth) as batches:
            while self.elapsed < total and (steps is None or self.step < steps):
                batch = batches.next()
                done = self._done(total, steps)
                factor = schedule(done, self.step, cfg)
                torch.manual_seed(cfg.seed + 1_000_003 * self.step + 7919 * self.rank)
                self.optimisers.set_rates(factor)
                loss, parts = step(batch)
                self.step += 1
                self.average.update(self.step)
                if (selfsup := self.model.selfsup) is not None:
                    momentum = teacher_momentum(done, cfg.teacher_momentum)
                    selfsup.update(self.model.tcae.encoder, momentum)
                means.add(loss, parts)
                now = time.monotonic()
                self._add_elapsed(now - last_time)
                last_time = now
                if self.rank:
                    continue
                if self.step % cfg.log_steps == 0:
                    row = {"step": self.step, "minutes": round(self.elapsed / 60, 2)}
                    row |= means.take() | {"lr": round(factor, 4)}
                    if skipped := int(self.optimisers.skipped):
                        row["skipped"] = skipped  # steps whose gradients were not finite
                    if self.step > cfg.warmup_steps and row.get("information", 1) < COLLAPSED:
                        row["collapsed"] = 1  # self-supervision teaches nothing
                    if self.step % (cfg.log_steps * 10) == 0:
                        row |= self.validate()
                    self._log(row)
                    report(row)
                if not stable_saved and done > 1 - cfg.decay_fraction:
                    self.save("stable")
                    stable_saved = True
                if now - last_save > cfg.save_minutes * 60:
                    self.save("last")
                    last_save = now
        if self.rank == 0:
            self.save("last")
            write_json(self.out / "done.json", {"step": self.step, "minutes": self.elapsed / 60})

    def _step(
        self, model: Callable[..., ModelOutput], batch: Batch
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Forward, backward and optimiser; returns what `Objective` does."""
        setting, x, weights = batch
        loss, parts = self.objective(
            model, x, setting, weights=weights, counts=self.settings.counts
        )
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimisers.step()
        return loss.detach(), {name: value.detach() for name, value in parts.items()}

    def recorded_step(self) -> RecordedStep[tuple[Tensor, dict[str, Tensor]]]:
        """`_step` as one graph. At rates of zero its recording changes no weight."""
        self.optimisers.set_rates(0.0)
        return RecordedStep(partial(self._step, self.model), self.batch(self.step))
