"""Training of a generator: latents of many crops first, then steps on them; resumable exactly.

RUN/autoencoder/   the transforms and the scale of their latents
RUN/latents/       what is learnt, and what is held out
RUN/last/          weights, their moving average, optimiser
RUN/metrics.jsonl  figures
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tccodec.errors import TccodecError
from tccodec.files.lines import append_line, drop_unfinished_line
from tccodec.generate.config import GeneratorConfig
from tccodec.generate.flow import FlowTransformer, flow_loss
from tccodec.generate.latents import (
    HELD_OUT,
    Autoencoder,
    Classes,
    Counted,
    cluster,
    encode_crops,
    nearest,
    normalise,
)
from tccodec.model.weights import part_of
from tccodec.training.data import Crops, load_held_out
from tccodec.training.folder import LOG
from tccodec.training.optimisers import Average
from tccodec.training.state import (
    changed_settings,
    load_optimiser,
    load_shards,
    optimiser_tensors,
    save_shards,
    using_state,
    write_json,
)

TIMES = 1024  # samples of the held-out loss, each at a time of its own
AT_ONCE = 256  # of them


def prepare(
    cfg: GeneratorConfig,
    autoencoder: Autoencoder,
    sources: list[Path],
    out: Path,
    *,
    backbones: Path | None = None,
    done: Counted,
) -> None:
    """Write the autoencoder and the latents of crops of all `sources` into the run's folder.

    The last `cfg.held_out` pictures of each source are held out. `done` is called with
    the number of crops that are encoded, and that of all.
    """
    device = autoencoder.mean.device
    classes = Classes(backbones) if cfg.classes else None
    training, held_out = load_held_out(sources, cfg.crop, cfg.held_out)
    encoded = []
    total = cfg.crops + HELD_OUT
    for pictures, count, seed, first in (
        (training, cfg.crops, cfg.seed, 0),
        (held_out, HELD_OUT, 7, cfg.crops),
    ):
        crops = Crops(pictures, crop=cfg.crop, device=device, seed=seed)

        def counted(number: int, _: int, first: int = first) -> None:
            done(first + number, total)

        encoded.append(
            encode_crops(
                autoencoder, crops, count, rescale=cfg.rescale, classes=classes, done=counted
            )
        )
    (latents, features), (other, other_features) = encoded
    autoencoder.to(torch.device("cpu"))
    latents = normalise(autoencoder, latents)
    other = (other - autoencoder.mean) / autoencoder.deviation
    autoencoder.centres = cluster(features, cfg.classes, seed=cfg.seed)
    autoencoder.save(out / "autoencoder")
    tensors = {"latents": latents.half(), "held_out": other.half()}
    tensors["labels"] = nearest(features, autoencoder.centres)
    tensors["held_out_labels"] = nearest(other_features, autoencoder.centres)
    save_shards(out / "latents", tensors, dataclasses.asdict(cfg))


class GeneratorTrainer:
    """One run in a folder that `prepare` has filled."""

    def __init__(self, cfg: GeneratorConfig, out: Path, *, device: str = "cpu") -> None:
        self.cfg, self.out, self.device = cfg, out, torch.device(device)
        self.step, self.elapsed = 0, 0.0
        tensors, meta = load_shards(out / "latents")
        wanted = dataclasses.asdict(cfg)
        with using_state(out / "latents"):
            for name in ("classes", "crop", "crops", "rescale", "setting", "seed", "held_out"):
                if meta[name] != wanted[name]:
                    raise TccodecError(f"{out} was prepared with {name} = {meta[name]}")
            self.latents = tensors["latents"].to(self.device)
            self.labels = tensors["labels"].to(self.device)
            self.unseen, self.unseen_labels = tensors["held_out"], tensors["held_out_labels"]
        torch.manual_seed(cfg.seed)
        self.model = FlowTransformer(cfg, self.latents.shape[-1]).to(self.device)
        self.adam = torch.optim.AdamW(
            self.model.parameters(),
            lr=cfg.lr,
            betas=(0.9, 0.99),
            weight_decay=cfg.weight_decay,
            fused=True,
        )
        self.average = Average(self.model, cfg.ema)

    def _step(self) -> Tensor:
        """One step; its loss. All that is random follows from seed and number of the step."""
        cfg = self.cfg
        torch.manual_seed(cfg.seed + 1_000_003 * self.step)
        chosen = torch.randint(len(self.latents), (cfg.batch,), device=self.device)
        latents = self.latents[chosen].float()
        dropped = torch.rand(cfg.batch, device=self.device) < cfg.drop
        label = torch.where(dropped, cfg.classes, self.labels[chosen])
        # Logit-normal times (Esser et al. 2024): those in the middle are the hardest.
        t = torch.randn(cfg.batch, device=self.device).sigmoid()
        loss = flow_loss(
            self.model, latents, noise=torch.randn_like(latents), t=t, label=label
        ).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), cfg.clip)
        for group in self.adam.param_groups:
            group["lr"] = cfg.lr * min(1.0, (self.step + 1) / max(1, cfg.warmup_steps))
        self.adam.step()
        self.adam.zero_grad(set_to_none=True)
        return loss.detach()

    @torch.no_grad()
    def held_out_loss(self) -> float:
        """The averaged weights' loss on held-out latents, over times spread evenly from 0 to 1."""
        generator = torch.Generator().manual_seed(7)
        at = torch.arange(TIMES) % len(self.unseen)
        latents, label = self.unseen[at].float(), self.unseen_labels[at]
        noise = torch.randn(latents.shape, generator=generator)
        t = (torch.randperm(TIMES, generator=generator) + 0.5) / TIMES
        model = FlowTransformer(self.cfg, latents.shape[-1]).to(self.device)
        model.load_state_dict(self.average.state)
        total = 0.0
        for i in range(0, TIMES, AT_ONCE):
            part = slice(i, i + AT_ONCE)
            losses = flow_loss(
                model,
                latents[part].to(self.device),
                noise=noise[part].to(self.device),
                t=t[part].to(self.device),
                label=label[part].to(self.device),
            )
            total += float(losses.sum())
        return total / TIMES

    def run(self, *, report: Callable[[dict[str, Any]], None], steps: int | None = None) -> None:
        """Train until `steps`, by default the configuration's, are done; saves the state."""
        cfg = self.cfg
        drop_unfinished_line(self.out / LOG)
        last_save = last_time = time.monotonic()
        losses: list[Tensor] = []
        while self.step < (steps or cfg.steps):
            losses.append(self._step())
            self.step += 1
            self.average.update(self.step)
            now = time.monotonic()
            self.elapsed += now - last_time
            last_time = now
            if self.step % cfg.log_steps == 0:
                row: dict[str, Any] = {"step": self.step, "minutes": round(self.elapsed / 60, 2)}
                row["loss"] = round(float(torch.stack(losses).mean()), 4)
                losses = []
                if self.step % (10 * cfg.log_steps) == 0:
                    row["held_out"] = round(self.held_out_loss(), 4)
                append_line(self.out / LOG, row)
                report(row)
            if now - last_save > cfg.save_minutes * 60:
                self.save()
                last_save = now
        self.save()
        write_json(self.out / "done.json", {"step": self.step, "minutes": self.elapsed / 60})

    def save(self) -> None:
        """Write weights, their average and the optimiser's state to `last/`."""
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        tensors |= {f"ema.{k}": v for k, v in self.average.state.items()}
        tensors |= optimiser_tensors("adam", self.adam)
        meta = {
            "step": self.step,
            "elapsed": self.elapsed,
            "channels": self.latents.shape[-1],
            "generator": dataclasses.asdict(self.cfg),
        }
        save_shards(self.out / "last", tensors, meta)

    def load(self) -> str:
        """Read what `save` wrote, to continue exactly.

        Returns which settings are not those of the run, "" if none differ.
        """
        tensors, meta = load_shards(self.out / "last")
        with using_state(self.out / "last"):
            saved = meta["generator"]
            for name in ("dim", "blocks", "head_dim", "mlp_ratio"):
                if saved[name] != getattr(self.cfg, name):
                    raise TccodecError(f"{self.out} was trained with {name} = {saved[name]}")
            self.model.load_state_dict(part_of(tensors, "model"))
            self.average.take({k: v.to(self.device) for k, v in part_of(tensors, "ema").items()})
            load_optimiser("adam", self.adam, tensors)
            self.step, self.elapsed = meta["step"], meta["elapsed"]
            return "; ".join(changed_settings(saved, self.cfg))
