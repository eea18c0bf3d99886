"""The training loop: warm-up, hold, decay over *time*; resumable to the step.

Muon (Jordan et al. 2024) for the hidden matrices, AdamW for the rest, EMA of the weights.
The state before the decay is kept as `stable/`, so that a later budget goes on from there.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tccodec.distortion import VISIBLE, ssim
from tccodec.errors import TccodecError
from tccodec.training.config import TrainConfig
from tccodec.training.data import Crops, lapped_pca, load_pictures
from tccodec.training.drawn import drawn
from tccodec.training.model import CodecModel
from tccodec.training.perceptual import PerceptualDistance
from tccodec.training.state import load_shards, save_shards, write_json
from tccodec.transform.config import ModelConfig

ADAM_ONLY = ("embed", "out.", "basis", "table", "base", "bias", "norm", "gain")


def split_parameters(model: nn.Module) -> dict[str, list[nn.Parameter]]:
    """Parameters by optimiser group: `muon`, `adam`, `basis`, `scales`, `steps`."""
    names = ("muon", "adam", "basis", "scales", "steps")
    groups: dict[str, list[nn.Parameter]] = {name: [] for name in names}
    for name, p in model.named_parameters():
        if name.endswith(("basis", "shortcut.merge")):
            groups["basis"].append(p)
        elif name.endswith(("base", "hyper_gain")):
            groups["scales"].append(p)
        elif name.endswith("log_step"):
            groups["steps"].append(p)
        elif p.ndim == 2 and min(p.shape) >= 32 and not any(k in name for k in ADAM_ONLY):
            groups["muon"].append(p)
        else:
            groups["adam"].append(p)
    return groups


def schedule(elapsed: float, total: float, step: int, cfg: TrainConfig) -> float:
    """Factor on all learning rates: linear warm-up, one, linear decay to zero."""
    warm = min(1.0, (step + 1) / max(1, cfg.warmup_steps))
    left = 1.0 - elapsed / total
    return warm * max(0.0, min(1.0, left / max(1e-9, cfg.decay_fraction)))


def seams(error: Tensor, patch: int) -> Tensor:
    """Mean squared jump of the error `(B, 3, H, W)` across the borders of patches, `(B,)`."""
    rows = error[:, :, patch::patch] - error[:, :, patch - 1 : -1 : patch]
    columns = error[..., patch::patch] - error[..., patch - 1 : -1 : patch]
    return 0.5 * (rows.square().mean((1, 2, 3)) + columns.square().mean((1, 2, 3)))


def grid(error: Tensor, patch: int) -> Tensor:
    """Mean square of what the error `(B, 3, H, W)` repeats from patch to patch, `(B,)`.

    Means over 4 x 4 neighbouring patches, less each one's own mean: texture that is tied to the
    patches stays, other texture loses fifteen sixteenths of its energy, flat error does not count.
    """
    b, c, h, w = error.shape
    t = error.view(b, c, h // patch, patch, w // patch, patch).permute(0, 1, 3, 5, 2, 4)
    t = F.avg_pool2d(t.reshape(b, -1, h // patch, w // patch), 4, 2)
    t = t.view(b, c, patch * patch, -1)
    return (t - t.mean(2, keepdim=True)).square().mean((1, 2, 3))


def structural_error(y: Tensor, x: Tensor) -> Tensor:
    """1 - SSIM of the luma of `(B, 3, H, W)` in steps of 1/255, `(B,)`: the mean over sizes,
    weighted by `VISIBLE`.

    SSIM as Wang et al. 2004 define it, in flat windows of 5 x 5 pixels (as wide as a Gaussian of
    deviation 1.4), 2 apart: a fraction of the work of Gaussian ones at every pixel.
    """
    luma = torch.tensor((0.299, 0.587, 0.114), device=x.device)[:, None, None]
    a, b = (128 + (t.float() * luma).sum(1, keepdim=True) for t in (y, x))
    error = torch.zeros(len(x), device=x.device)
    for scale, weight in enumerate(VISIBLE):
        if scale:
            a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
        if weight:
            similar = ssim(a, b, lambda t: F.avg_pool2d(t, 5, 2))
            error = error + weight * (1 - similar.mean((1, 2, 3)))
    return error


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
        self.before: list[dict[str, Any]] = []  # the runs that this one started from
        self.data_note = ""
        torch.manual_seed(cfg.seed)
        self.model = CodecModel(model_cfg).to(self.device)
        self.model.rdoq = cfg.rdoq
        groups = split_parameters(self.model)
        fused = self.device.type == "cuda"
        self.adam = torch.optim.AdamW(
            [
                {"params": groups["adam"], "lr": cfg.lr},
                {"params": groups["basis"], "lr": cfg.lr_basis},
                {"params": groups["scales"], "lr": cfg.lr_scale_tables},
                {"params": groups["steps"], "lr": cfg.lr_steps},
            ],
            betas=(0.9, 0.98),
            eps=1e-10,
            weight_decay=0.0,
            fused=fused,
        )
        self.muon = torch.optim.Muon(
            groups["muon"], lr=cfg.lr_muon, weight_decay=cfg.weight_decay, momentum=0.95
        )
        self.base_lr = [g["lr"] for o in (self.adam, self.muon) for g in o.param_groups]
        if cfg.decoder_only or cfg.perceptual:
            self.model.freeze_all_but_decoder()
        elif cfg.rate_only:
            self.model.freeze_transforms()
        self.ema = {k: v.clone() for k, v in self.model.state_dict().items()}
        self.clipped = groups["adam"]
        self.autocast = torch.bfloat16
        self.compiled = self.device.type == "cuda" or bool(cfg.compile)
        if self.compiled and self.device.type == "cpu" and not _has_compiler():
            raise TccodecError("compile = 1 needs a C++ compiler (g++, or the one CXX names)")
        self.distance: PerceptualDistance | None = None
        if cfg.perceptual:
            self.distance = PerceptualDistance(backbones, self.device, compiled=self.compiled)

    def load_data(self, sources: list[Path]) -> None:
        """Read all pictures; the last `held_out` of them are for validation only."""
        pictures = load_pictures(sources, self.cfg.crop)
        keep = self.cfg.held_out if len(pictures) > 4 * self.cfg.held_out else len(pictures) // 5
        split = len(pictures) - keep
        megapixels = sum(p.shape[0] * p.shape[1] for p in pictures[:split]) / 1e6
        self.data_note = f"{split} pictures, {megapixels:.0f} megapixels"
        make = {"crop": self.cfg.crop, "device": self.device}
        self.data = Crops(pictures[:split], seed=self.cfg.seed, **make)  # type: ignore[arg-type]
        held = pictures[split:] or pictures
        self.held = Crops(held, seed=7, **make)  # type: ignore[arg-type]

    def initialise(self, *, blocks: int = 100_000) -> None:
        """Start the shortcut as the PCA of `blocks` blocks of the training pictures."""
        self.model.start_from(*lapped_pca(self.data, self.model_cfg, blocks=blocks))
        self.ema = {k: v.clone() for k, v in self.model.state_dict().items()}

    def start_from(self, source: Path) -> None:
        """Start from the EMA weights of another run's state folder, or from a released model's
        folder; its shapes may be smaller (`ModelConfig.extends`)."""
        if (source / "state.json").is_file():
            tensors, meta = load_shards(source)
            saved = ModelConfig.from_dict(meta["model"])
            weights = {k[4:]: v for k, v in tensors.items() if k.startswith("ema.")}
            self.before = meta.get("runs", [])
        else:
            from tccodec.modelfile import read_model
            from tccodec.training.export import load_released

            config, saved, tensors = read_model(source)
            self.before = config.get("runs", [])
            weights = load_released(saved, tensors).state_dict()
        if not self.model_cfg.extends(saved):
            raise TccodecError(f"{source} has shapes that the [model] section does not extend")
        if saved.groups != self.model_cfg.groups:
            self.initialise()
        self.model.grow_from(weights)
        self.ema = {k: v.clone() for k, v in self.model.state_dict().items()}

    def qualities(self, rng: np.random.Generator, count: int) -> Tensor:
        """Random qualities `(count,)`."""
        wide = rng.uniform(0, 1000, count)
        used = rng.uniform(self.cfg.quality_low, self.cfg.quality_high, count)
        q = np.where(rng.random(count) < self.cfg.quality_wide, wide, used)
        return torch.from_numpy(q.astype(np.float32)).to(self.device)

    def batch(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """The crops of this step `(B, 3, crop, crop)`, and what each counts `(B,)`."""
        cfg = self.cfg
        x = self.data.batch(self.step, cfg.batch, rescale=cfg.rescale, rank=self.rank)
        weights = torch.ones(len(x), device=x.device)
        if cfg.drawn:
            for i in range(rng.binomial(len(x), cfg.drawn)):
                photo = (x[i] + 128).round().byte().permute(1, 2, 0).cpu().numpy()
                picture = torch.from_numpy(drawn(rng, cfg.crop, photo)).to(x.device)
                x[i] = picture.permute(2, 0, 1).float() - 128
                weights[i] = cfg.drawn_weight
        return x, weights

    def loss(
        self,
        model: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
        x: Tensor,
        quality: Tensor,
        weights: Tensor | None = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Weighted Lagrangian; and per sample bits per pixel, squared error, LPIPS if it counts."""
        c = self.model_cfg
        with torch.autocast(self.device.type, self.autocast):
            y, bits = model(x, quality)
        error = y - x
        mse = error.square().mean((1, 2, 3))
        distortion = mse
        parts = {"bpp": bits.sum(1) / (x.shape[2] * x.shape[3]), "mse": mse}
        if share := self.cfg.structure:
            structure = structural_error(y, x)
            scale = (mse / structure.clamp_min(1e-4)).detach()
            distortion = (1 - share) * mse + share * scale * structure
        if self.cfg.seam:
            distortion = distortion + self.cfg.seam * seams(error, c.patch)
        if self.cfg.grid:
            distortion = distortion + self.cfg.grid * grid(error, c.patch)
        if self.distance is not None:
            parts["lpips"] = self.distance(x, y)
            distortion = distortion + self.cfg.perceptual * parts["lpips"]
        lam = c.lam(quality)
        loss = (parts["bpp"] + lam * distortion) / lam**self.cfg.loss_power
        return (loss if weights is None else loss * weights).mean(), parts

    @torch.no_grad()
    def update_ema(self) -> None:
        """Exponential moving average of all floating-point state."""
        d = min(self.cfg.ema, (1 + self.step) / (10 + self.step))
        state = self.model.state_dict()
        keys = [k for k, v in state.items() if v.is_floating_point()]
        torch._foreach_lerp_([self.ema[k] for k in keys], [state[k] for k in keys], 1 - d)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Rate, PSNR and cost of the EMA weights on crops of held-out pictures."""
        live = {k: v.clone() for k, v in self.model.state_dict().items()}
        self.model.load_state_dict(self.ema)
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
        tensors |= {f"ema.{k}": v for k, v in self.ema.items()}
        for label, opt in (("adam", self.adam), ("muon", self.muon)):
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
        self.ema = {k[4:]: v.to(self.device) for k, v in tensors.items() if k.startswith("ema.")}
        self.before = meta.get("runs", [])[:-1]
        for label, opt in (("adam", self.adam), ("muon", self.muon)):
            state: dict[int, dict[str, Any]] = {}
            for k, v in tensors.items():
                if k.startswith(label + "."):
                    _, i, key = k.split(".", 2)
                    state.setdefault(int(i), {})[key] = v
            sd = opt.state_dict()
            sd["state"] = state
            opt.load_state_dict(sd)
        self.step, self.elapsed = meta["step"], meta["elapsed"]

    def _log(self, row: dict[str, Any]) -> None:
        with (self.out / "metrics.jsonl").open("a") as log:
            log.write(json.dumps(row) + "\n")

    def run(
        self,
        minutes: float,
        *,
        report: Callable[[dict[str, Any]], None],
        steps: int | None = None,
    ) -> None:
        """Train until `minutes` (all parts of this run together) are used up, or `steps` done."""
        cfg, total = self.cfg, minutes * 60
        model: Any = self.model
        if self.compiled:
            model = torch.compile(model, dynamic=False)
        if self.world > 1:
            model = nn.parallel.DistributedDataParallel(model)
        if self.rank == 0 and self.step == 0 and self.before:
            self._log({"step": 0, "minutes": 0.0} | self.validate())
        self.model.train()
        last_save = last_step_time = time.monotonic()
        stable_saved = self.elapsed / total > 1 - cfg.decay_fraction
        sums = np.zeros(5)
        while self.elapsed < total and (steps is None or self.step < steps):
            f = schedule(self.elapsed, total, self.step, cfg)
            groups = [g for o in (self.adam, self.muon) for g in o.param_groups]
            for g, lr in zip(groups, self.base_lr, strict=True):
                g["lr"] = lr * f
            rng = np.random.default_rng([cfg.seed, self.step, self.rank, 1])
            torch.manual_seed(int(rng.integers(2**31)))
            quality = self.qualities(rng, cfg.batch)
            x, weights = self.batch(rng)
            loss, parts = self.loss(model, x, quality, weights)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.clipped, cfg.clip)
            if torch.isfinite(loss):
                self.adam.step()
                self.muon.step()  # type: ignore[no-untyped-call]
            self.model.zero_grad(set_to_none=True)
            self.step += 1
            self.update_ema()
            now = time.monotonic()
            self.elapsed += now - last_step_time
            last_step_time = now
            parts = {name: value.detach() for name, value in parts.items()}
            psnr = (10 * torch.log10(255**2 / parts["mse"])).mean()
            lpips = parts.get("lpips", torch.zeros(())).mean()
            sums += [float(loss.detach()), float(parts["bpp"].mean()), float(psnr), float(lpips), 1]
            if self.step % cfg.log_steps == 0 and self.rank == 0:
                row: dict[str, Any] = {
                    "step": self.step,
                    "minutes": round(self.elapsed / 60, 2),
                    "loss": round(float(sums[0] / sums[4]), 4),
                    "bpp": round(float(sums[1] / sums[4]), 4),
                    "psnr": round(float(sums[2] / sums[4]), 3),
                    "lr": round(f, 4),
                }
                if self.distance is not None:
                    row["lpips"] = round(float(sums[3] / sums[4]), 4)
                sums[:] = 0
                if self.step % (cfg.log_steps * 10) == 0:
                    row |= self.validate()
                self._log(row)
                report(row)
            starts_decay = self.elapsed / total > 1 - cfg.decay_fraction
            if self.rank == 0 and not stable_saved and starts_decay:
                self.save("stable")
                stable_saved = True
            if self.rank == 0 and now - last_save > cfg.save_minutes * 60:
                self.save("last")
                last_save = now
        if self.rank == 0:
            self.save("last")
            write_json(self.out / "done.json", {"step": self.step, "minutes": self.elapsed / 60})
