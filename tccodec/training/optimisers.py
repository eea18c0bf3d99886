"""The optimiser and the learning rate of each parameter.

AdamW for all, or Muon (Jordan et al. 2024) for the hidden matrices; EMA of the weights.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tccodec.training.config import TrainConfig
from tccodec.training.muon import Muon

# Parts of the names of matrices that are not hidden layers.
NOT_HIDDEN = ("embed", "out.", "basis", "table", "base", "bias", "norm", "gain", "centroid")
EMA_EVERY = 2  # steps


def split_parameters(model: nn.Module) -> dict[str, list[nn.Parameter]]:
    """Parameters by group: `matrices` (hidden ones), `others`, `basis`, `scales`, `steps`."""
    names = ("matrices", "others", "basis", "scales", "steps")
    groups: dict[str, list[nn.Parameter]] = {name: [] for name in names}
    for name, p in model.named_parameters():
        if name.endswith(("basis", "shortcut.merge")):
            groups["basis"].append(p)
        elif name.endswith(("base", "hyper_gain")):
            groups["scales"].append(p)
        elif name.endswith("log_step"):
            groups["steps"].append(p)
        elif p.ndim == 2 and min(p.shape) >= 32 and not any(k in name for k in NOT_HIDDEN):
            groups["matrices"].append(p)
        else:
            groups["others"].append(p)
    return groups


def schedule(done: float, step: int, cfg: TrainConfig) -> float:
    """Factor on all learning rates: linear warm-up, one, linear decay to zero.

    `done`: the completed share of the run, 0 to 1.
    """
    warm = min(1.0, (step + 1) / max(1, cfg.warmup_steps))
    return warm * max(0.0, min(1.0, (1.0 - done) / max(1e-9, cfg.decay_fraction)))


class Optimisers:
    """All optimisers of a run as one.

    A step whose gradients are not finite changes nothing; `skipped` counts them, on the device,
    so that no step waits for it.
    """

    def __init__(self, model: nn.Module, cfg: TrainConfig) -> None:
        groups = split_parameters(model)
        self.device = next(model.parameters()).device
        decayed = {"lr": cfg.lr, "weight_decay": cfg.weight_decay}
        adam = [
            {"params": groups["others"], "lr": cfg.lr},
            {"params": groups["basis"], "lr": cfg.lr_basis},
            {"params": groups["scales"], "lr": cfg.lr_scale_tables},
            {"params": groups["steps"], "lr": cfg.lr_steps},
        ]
        self.muon: torch.optim.Optimizer | None = None
        if cfg.lr_muon:
            self.muon = Muon(groups["matrices"], lr=cfg.lr_muon, weight_decay=cfg.weight_decay)
            clipped = groups["others"]
        else:
            adam.append({"params": groups["matrices"], **decayed})
            clipped = groups["others"] + groups["matrices"]
        self.adam = torch.optim.AdamW(
            adam,
            betas=(0.9, 0.98),
            eps=1e-10,
            weight_decay=0.0,
            fused=True,
            capturable=self.device.type == "cuda",
        )
        self.clip = cfg.clip
        # The second decoder's gradients are of another size: each set has a norm of its own.
        second = {id(p) for n, p in model.named_parameters() if n.startswith("second.")}
        sets = ([p for p in clipped if (id(p) in second) == own] for own in (False, True))
        self.clipped = [s for s in sets if s]
        self.skipped = torch.zeros((), device=self.device)
        self.rates = [g["lr"] for g in self._groups()]
        if self.device.type == "cuda":  # a recorded step reads its rates from the device
            for group in self.adam.param_groups:
                group["lr"] = torch.tensor(group["lr"], device=self.device)

    def named(self) -> dict[str, torch.optim.Optimizer]:
        """By the names that they have in a saved state."""
        return {"adam": self.adam} | ({"muon": self.muon} if self.muon else {})

    def _groups(self) -> list[dict[str, Any]]:
        return [g for o in self.named().values() for g in o.param_groups]

    def set_rates(self, factor: float) -> None:
        """Set all learning rates to `factor` of the configured ones."""
        for group, rate in zip(self._groups(), self.rates, strict=True):
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate * factor)
            else:
                group["lr"] = rate * factor

    def step(self) -> None:
        """Take a step and clear the gradients."""
        norms = [nn.utils.clip_grad_norm_(s, self.clip, foreach=True) for s in self.clipped]
        bad = (~torch.isfinite(torch.stack(norms)).all()).float()
        self.skipped += bad
        self.adam.found_inf = bad  # type: ignore[attr-defined]  # as GradScaler sets it
        self.adam.step()
        if self.muon and not bool(bad):
            self.muon.step()
        for optimiser in self.named().values():
            optimiser.zero_grad(set_to_none=True)


class Average:
    """Exponential moving average of a model's floating-point state."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model, self.decay = model, decay
        self.state: dict[str, Tensor] = {}
        self.live: list[Tensor] = []
        self.mean: list[Tensor] = []
        self.restart()

    def restart(self) -> None:
        """Start again from the current weights."""
        self.take({k: v.clone() for k, v in self.model.state_dict().items()})

    def take(self, state: dict[str, Tensor]) -> None:
        """Continue from these means."""
        live = {k: v for k, v in self.model.state_dict().items() if v.is_floating_point()}
        self.state, self.live = state, [*live.values()]
        self.mean = [state[k] for k in live]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Add the weights after `step` steps. Only every second step counts."""
        if step % EMA_EVERY:
            return
        decay = min(self.decay, (1 + step) / (10 + step)) ** EMA_EVERY
        torch._foreach_lerp_(self.mean, self.live, 1 - decay)
