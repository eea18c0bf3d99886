"""The training loop: warm-up, hold, decay over *time*; resumable to the step.

The state before the decay is kept as `stable/`, so that a later budget goes on from there.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from tccodec.config import ModelConfig
from tccodec.errors import BadConfig, TccodecError
from tccodec.training.ahead import Ahead, Batch
from tccodec.training.config import TrainConfig
from tccodec.training.data import Crops, lapped_pca, load_held_out
from tccodec.training.drawn import drawn, drawn_pictures
from tccodec.training.losses import distortion
from tccodec.training.model import CodecModel, Coded
from tccodec.training.optimisers import Average, Optimisers, schedule
from tccodec.training.perceptual import PerceptualDistance
from tccodec.training.recorded import RecordedStep
from tccodec.training.sampling import Qualities
from tccodec.training.state import load_shards, save_shards, write_json
from tccodec.transform.renderer import CELL
from tccodec.transform.tcae import SMALL

# Of the error of the picture reduced by four, which trains nothing but the way out that makes it.
SMALL_WEIGHT = 0.05
CLOCK_STEPS = 10
DRAWN_PICTURES, DRAWN_SIDE = 2048, 512  # that a GPU takes its drawn crops from


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
        self.clock = 0.0  # of this process
        self.before: list[dict[str, Any]] = []  # the runs that this one started from
        self.data_note = ""
        torch.manual_seed(cfg.seed)
        self.model = CodecModel(model_cfg).to(self.device)
        self.model.rdoq = cfg.rdoq
        if cfg.second_look:
            if not model_cfg.renderer:
                raise BadConfig("second_look needs a model with a renderer")
            self.model.add_second()
            some = round(cfg.batch * cfg.second_look)
            self.model.looked_at = slice(cfg.batch - 2 * some, None, 2)  # of falling qualities
            self.model.shared_gradient = cfg.shared_gradient
        self.optimisers = Optimisers(self.model, cfg)
        if cfg.needs_model:
            self.model.freeze_all_but_decoder()
        elif cfg.rate_only:
            self.model.freeze_transforms()
        self.average = Average(self.model, cfg.ema)
        self.qualities = Qualities(model_cfg, cfg)
        self.autocast = torch.bfloat16
        self.distortion: Callable[..., tuple[Tensor, Tensor]] = distortion
        self.compiled = cfg.compile
        if self.compiled and self.device.type == "cpu" and not _has_compiler():
            raise TccodecError("compile = true needs a C++ compiler (g++, or the one CXX names)")
        # One process on one GPU gives out its steps as graphs.
        cuda = self.device.type == "cuda"
        self.records = cuda and cfg.recorded and world == 1 and not cfg.lr_muon
        self.distance: PerceptualDistance | None = None
        if cfg.perceptual:
            self.distance = PerceptualDistance(backbones, self.device, compiled=self.compiled)

    def load_data(self, sources: list[Path]) -> None:
        """Read all pictures; the last `held_out` of each source are for validation only."""
        pictures, held = load_held_out(sources, self.cfg.crop, self.cfg.held_out)
        megapixels = sum(p.shape[0] * p.shape[1] for p in pictures) / 1e6
        self.data_note = f"{len(pictures)} pictures, {megapixels:.0f} megapixels"
        make = {"crop": self.cfg.crop, "device": self.device}
        self.data = Crops(pictures, seed=self.cfg.seed, **make)  # type: ignore[arg-type]
        self.held = Crops(held, seed=7, **make)  # type: ignore[arg-type]
        if self.cfg.drawn and self.device.type == "cuda":
            side = max(DRAWN_SIDE, self.cfg.crop)
            drawings = drawn_pictures(DRAWN_PICTURES, side, pictures, self.cfg.seed)
            self.drawings = Crops(drawings, seed=self.cfg.seed, **make)  # type: ignore[arg-type]

    def initialise(self, *, blocks: int = 100_000) -> None:
        """Start the shortcut as the PCA of `blocks` blocks of the training pictures."""
        self.model.start_from(*lapped_pca(self.data, self.model_cfg, blocks=blocks))
        self.average.restart()

    def start_from(self, source: Path) -> None:
        """Start from the EMA weights of another run's state folder, or from a released model's
        folder; its shapes may be smaller (`ModelConfig.extends`)."""
        if (source / "state.json").is_file():
            tensors, meta = load_shards(source)
            saved = ModelConfig.from_dict(meta["model"])
            weights = {k[4:]: v for k, v in tensors.items() if k.startswith("ema.")}
            self.before = meta.get("runs", [])
        else:
            from tccodec.model.folder import read_model
            from tccodec.training.export import load_released

            config, saved, tensors = read_model(source)
            self.before = config.get("runs", [])
            weights = load_released(saved, tensors).state_dict()
        if not self.model_cfg.can_start_from(saved):
            raise TccodecError(f"{source} has shapes that the [model] section does not extend")
        if saved.groups != self.model_cfg.groups:
            self.initialise()
        self.model.grow_from(weights)
        self.average.restart()

    def compile(self) -> None:
        """Compile what a training step runs; the first step does the work."""
        self.model.compile_parts()
        self.distortion = torch.compile(distortion, dynamic=False)

    def batch(self, step: int) -> Batch:
        """What a step trains on: qualities `(B,)`, crops `(B, 3, crop, crop)`, weights `(B,)`."""
        cfg = self.cfg
        rng = np.random.default_rng([cfg.seed, step, self.rank, 1])
        quality = self.qualities.draw(rng)
        x = self.data.batch(step, cfg.batch, rescale=cfg.rescale, rank=self.rank)
        weights = torch.ones(len(x))
        if cfg.drawn:
            chosen = rng.permutation(len(x))[: rng.binomial(len(x), cfg.drawn)]
            if len(chosen):
                x[torch.from_numpy(chosen)] = self._drawn(rng, x, chosen)
            weights[torch.from_numpy(chosen)] = cfg.drawn_weight
        return quality.to(self.device), x, weights.to(self.device)

    def _drawn(self, rng: np.random.Generator, x: Tensor, chosen: NDArray[np.int64]) -> Tensor:
        """Drawn crops in the place of those `chosen` of `x`, which may show in parts of them."""
        if self.device.type == "cuda":
            return self.drawings.cut(rng, len(chosen))
        made = []
        for i in chosen:
            photo = (x[i] + 128).round().byte().permute(1, 2, 0).cpu().numpy()
            made.append(torch.from_numpy(drawn(rng, self.cfg.crop, photo)))
        return torch.stack(made).permute(0, 3, 1, 2).float().to(x.device) - 128

    def loss(
        self,
        model: Callable[..., Coded],
        x: Tensor,
        quality: Tensor,
        weights: Tensor | None = None,
        counts: tuple[int, ...] | None = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Weighted Lagrangian; and per sample bits per pixel, squared error, LPIPS if it counts."""
        cfg, lam = self.cfg, self.model_cfg.lam(quality)
        with torch.autocast(self.device.type, self.autocast):
            y, bits, small, second = model(x, quality, counts)
        first = replace(cfg, grid=0.0) if cfg.second_look else cfg
        error, mse = self._error(y, x, small, first)
        parts = {"bpp": bits.sum(1) / (x.shape[2] * x.shape[3]), "mse": mse}
        if self.distance is not None and not cfg.second_look:
            parts["lpips"] = self.distance(x, y)
            error = error + cfg.perceptual * parts["lpips"]
        loss = (parts["bpp"] + lam * error) / lam**cfg.loss_power
        total = (loss if weights is None else loss * weights).mean()
        if second is not None and self.distance is not None:
            some = self.model.looked_at
            error, _ = self._error(second[0], x[some], second[1], cfg)
            parts["lpips"] = self.distance(x[some], second[0])
            loss = (error + cfg.perceptual * parts["lpips"]) * lam[some] ** (1 - cfg.loss_power)
            total = total + (loss if weights is None else loss * weights[some]).sum() / len(x)
        return total, parts

    def _error(
        self, y: Tensor, x: Tensor, small: Tensor | None, cfg: TrainConfig
    ) -> tuple[Tensor, Tensor]:
        """Distortion and squared error `(B,)`; the first with a share of that of `small`."""
        c = self.model_cfg
        measure = self.distortion if self.model.training else distortion
        patch, token = (CELL, c.stage_patch) if c.renderer else (c.patch, c.patch)
        error, mse = measure(y, x, cfg, patch, token)
        if small is not None:
            wanted = F.avg_pool2d(x, SMALL)
            error = error + SMALL_WEIGHT * (small - wanted).square().mean((1, 2, 3))
        return error, mse

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Rate, PSNR and cost of the EMA weights on crops of held-out pictures."""
        live = {k: v.clone() for k, v in self.model.state_dict().items()}
        self.model.load_state_dict(self.average.state)
        self.model.eval()
        out: dict[str, float] = {}
        for q in (150, 300, 450, 600, 900):
            found: dict[str, list[Tensor]] = {}
            for i in range(4):
                x = self.held.batch(i, 8, rescale=0.5)
                quality = torch.full((8,), float(q), device=x.device)
                _, parts = self.loss(self.model, x, quality)
                parts["psnr"] = 10 * torch.log10(255**2 / parts["mse"])
                for name, value in parts.items():
                    found.setdefault(name, []).append(value)
            means = {name: float(torch.cat(v).mean()) for name, v in found.items()}
            out[f"bpp{q}"], out[f"psnr{q}"] = round(means["bpp"], 4), round(means["psnr"], 3)
            out[f"cost{q}"] = round(means["bpp"] + self.model_cfg.lam(q) * means["mse"], 4)
            if "lpips" in means:
                out[f"lpips{q}"] = round(means["lpips"], 4)
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
            for i, s in opt.state_dict()["state"].items():
                tensors |= {f"{label}.{i}.{k}": torch.as_tensor(v) for k, v in s.items()}
        meta = {
            "step": self.step,
            "elapsed": self.elapsed,
            "model": self.model_cfg.to_dict(),
            "runs": [*self.before, self.summary()],
        }
        save_shards(self.out / name, tensors, meta)

    def load(self, folder: Path) -> None:
        """Read what `save` wrote, to go on exactly."""
        tensors, meta = load_shards(folder)
        if ModelConfig.from_dict(meta["model"]) != self.model_cfg:
            raise TccodecError(f"{folder} was trained with another [model] section")
        weights = {k[6:]: v for k, v in tensors.items() if k.startswith("model.")}
        self.model.load_state_dict(weights)
        averaged = {k[4:]: v for k, v in tensors.items() if k.startswith("ema.")}
        self.average.take({k: v.to(self.device) for k, v in averaged.items()})
        self.before = meta.get("runs", [])[:-1]
        for label, opt in self.optimisers.named().items():
            state: dict[int, dict[str, Any]] = {}
            for k, v in tensors.items():
                if k.startswith(label + "."):
                    _, i, key = k.split(".", 2)
                    state.setdefault(int(i), {})[key] = v
            sd = opt.state_dict()
            sd["state"] = state
            opt.load_state_dict(sd)
        self.step, self.elapsed = meta["step"], meta["elapsed"]
        self.clock = self.elapsed

    def _pass_time(self, seconds: float) -> None:
        """Add to `elapsed`. Several processes go by the clock of the first, which all of them learn
        every `CLOCK_STEPS` steps: they must end, and change their rates, at the same step."""
        if self.world == 1:
            self.elapsed += seconds
            return
        self.clock += seconds
        if self.step % CLOCK_STEPS == 0:
            shared = torch.tensor(self.clock, dtype=torch.float64, device=self.device)
            torch.distributed.broadcast(shared, 0)
            self.elapsed = self.clock = float(shared)

    def _log(self, row: dict[str, Any]) -> None:
        with (self.out / "metrics.jsonl").open("a") as log:
            log.write(json.dumps(row) + "\n")

    def run(
        self,
        minutes: float = math.inf,
        *,
        report: Callable[[dict[str, Any]], None],
        steps: int | None = None,
        states: bool = True,
    ) -> None:
        """Train until `minutes` (all parts of this run together) are used up, or `steps` done.

        The learning rates follow the time, or the steps if no minutes are given. Without
        `states` nothing is written but the log.
        """
        cfg, total = self.cfg, minutes * 60
        model: Any = self.model
        if self.compiled:
            self.compile()
        if self.world > 1:
            model = nn.parallel.DistributedDataParallel(model)
        if self.rank == 0 and self.step == 0 and self.before:
            self._log({"step": 0, "minutes": 0.0} | self.validate())
        self.model.train()
        last_save = before = time.monotonic()
        done = self.elapsed / total
        stable_saved = done > 1 - cfg.decay_fraction or not states
        figures = Figures(self.device)
        step = self.recorded_step() if self.records else partial(self._step, model)
        depth = {"cpu": 1, "cuda": 2}.get(self.device.type, 0)
        with Ahead(self.batch, self.step, self.device, depth=depth) as batches:
            while self.elapsed < total and (steps is None or self.step < steps):
                batch = batches.next()
                done = self.elapsed / total if total < math.inf else self.step / (steps or math.inf)
                factor = schedule(done, self.step, cfg)
                torch.manual_seed(cfg.seed + 1_000_003 * self.step + 7919 * self.rank)
                self.optimisers.set_rates(factor)
                loss, parts = step(batch)
                self.step += 1
                self.average.update(self.step)
                figures.add(loss, parts)
                now = time.monotonic()
                self._pass_time(now - before)
                before = now
                if self.rank:
                    continue
                if self.step % cfg.log_steps == 0:
                    row = {"step": self.step, "minutes": round(self.elapsed / 60, 2)}
                    row |= figures.take() | {"lr": round(factor, 4)}
                    if skipped := int(self.optimisers.skipped):
                        row["skipped"] = skipped  # steps whose gradients were not finite
                    if self.step % (cfg.log_steps * 10) == 0:
                        row |= self.validate()
                    self._log(row)
                    report(row)
                if not stable_saved and done > 1 - cfg.decay_fraction:
                    self.save("stable")
                    stable_saved = True
                if states and now - last_save > cfg.save_minutes * 60:
                    self.save("last")
                    last_save = now
        if self.rank == 0 and states:
            self.save("last")
            write_json(self.out / "done.json", {"step": self.step, "minutes": self.elapsed / 60})

    def _step(self, model: Callable[..., Coded], batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Forward, backward and optimiser; what `loss` returns."""
        quality, x, weights = batch
        loss, parts = self.loss(model, x, quality, weights, self.qualities.counts)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimisers.step()
        return loss.detach(), {name: value.detach() for name, value in parts.items()}

    def recorded_step(self) -> RecordedStep[tuple[Tensor, dict[str, Tensor]]]:
        """`_step` as one graph; at rates of zero its recording moves no weight."""
        self.optimisers.set_rates(0.0)
        return RecordedStep(partial(self._step, self.model), self.batch(self.step))


class Figures:
    """Means over the steps since the last look, summed where the model runs."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.sums, self.count = device, dict[str, Tensor](), 0

    def add(self, loss: Tensor, parts: dict[str, Tensor]) -> None:
        """Take in a step's loss, and what `Trainer.loss` tells of its crops."""
        values = {name: value.detach().mean() for name, value in parts.items()}
        values["psnr"] = (10 * torch.log10(255**2 / parts["mse"].detach())).mean()
        values["loss"] = loss.detach()
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, torch.zeros((), device=self.device)) + value
        self.count += 1

    def take(self) -> dict[str, float]:
        """The means, rounded; and begin anew."""
        shown: list[str] = [n for n in ("loss", "bpp", "psnr", "lpips") if n in self.sums]
        row = {name: round(float(self.sums[name]) / self.count, 4) for name in shown}
        self.sums, self.count = {}, 0
        return row
