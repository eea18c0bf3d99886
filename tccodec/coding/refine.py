"""The search for better latents of one picture, by efforts from 3 on.

One pass of the encoder network gives latents that are good on average. For a single picture the
cost bits + lambda * distortion can still be lowered. The decoder does not change. Two methods:

- closed loop: decode, take the gradient of the distortion with respect to the latents, and move
  the encoder's aim against it by a Newton step (the transform is close to orthonormal, so the
  curvature is known), then quantise again with the real integer model; half as far if that cost
  more;
- annealing: gradient descent on the whole cost through decoder and entropy model, with rounding
  replaced by a random choice between the two neighbours that hardens as the temperature falls
  (stochastic Gumbel annealing: Yang, Bamler and Mandt, "Improving inference for neural image
  compression", NeurIPS 2020).

Tile groups are refined one after the other, each with its surroundings held fixed, so memory is
bounded. Every candidate is coded and decoded. The best one is kept, and the next search starts from
it.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tccodec.coding.coded import CodedPicture
from tccodec.coding.distortion import Distortion, squared_error
from tccodec.coding.effort import DEFAULT_TUNE, Tune
from tccodec.coding.requests import Progress
from tccodec.coding.tiles import Tile, tiles
from tccodec.container import Setting
from tccodec.entropy.groups import may_be_present
from tccodec.entropy.networks import EntropyModel
from tccodec.model.weights import float_entropy

if TYPE_CHECKING:
    from tccodec.coding.neural import NeuralCodec

# Closed-loop steps, and lengths of the annealings, of each effort from 3 on. Each list starts
# with the one before: more effort can only find something better.
CLOSED_LOOP = {3: 2, 4: 6, 5: 6, 6: 6, 7: 6, 8: 6, 9: 6}
ANNEALINGS = {5: 1, 6: 2, 7: 3, 8: 4, 9: 5}
LENGTHS = (25, 50, 100, 200, 400)

HALO = 4  # latents around a tile group: a whole window of the wide stage
ERROR_MARGIN = 64  # pixels around a tile group whose error counts
# Of the closed loop's Newton step. Structure is steeper than the curvature of squared error says.
DAMPING: dict[Tune, float] = {"balanced": 0.3, "psnr": 0.4, "ssim": 0.15, "visual": 0.15}
RATE = 0.006  # Adam's, in quantisation steps
HOT, COLD = 0.3, 0.08  # temperatures of an annealing


@dataclass(kw_only=True)
class _Candidate:
    """One way to code a tile group: `aim` before and `latents` after quantisation, in steps."""

    cost: float
    payload: bytes
    aim: Tensor
    latents: Tensor


class Refiner:
    """Lowers the cost of one picture at one setting."""

    def __init__(
        self,
        core: NeuralCodec,
        rgb: NDArray[np.uint8],
        setting: Setting,
        *,
        tune: Tune = DEFAULT_TUNE,
    ) -> None:
        self.core, self.rgb, self.setting = core, rgb, setting
        self.distortion = Distortion(tune)
        self.interrupted = False
        self._lam = core.cfg.lam(setting) / 3
        self._knot_weights = core.transforms.knot_weights(setting).cpu().clone()
        self._steps = core.transforms.steps(setting).clone()
        self._curvature = 2 * self._lam * self._steps.square()
        self._tiles = tiles(rgb.shape[1], rgb.shape[0])
        self._entropy: EntropyModel | None = None
        self._done, self._total = 0, 1
        self._progress: Progress | None = None

    def run(
        self, effort: int, *, progress: Progress | None = None, keep_best: bool = False
    ) -> CodedPicture:
        """The picture, coded after the search of an effort 3 .. 9.

        keep_best: Ctrl-C ends the search and sets `interrupted`, and the best found so far is
        returned. Otherwise it raises `KeyboardInterrupt` as usual.
        """
        count = CLOSED_LOOP[effort] + sum(LENGTHS[: ANNEALINGS.get(effort, 0)])
        self._total, self._progress = count * len(self._tiles), progress
        aim = self.core.latents(self.rgb, self.setting).clone()
        best: list[_Candidate] = []
        for y, x, h, w in self._tiles:
            best.append(self._code(aim[y : y + h, x : x + w], optimise=True))
            aim[y : y + h, x : x + w] = best[-1].latents
        self._latents = aim  # the picture's latents as decoded so far, in steps
        try:
            if self.distortion.tune != "psnr":
                self._calibrate()
            for i, tile in enumerate(self._tiles):
                best[i].cost += self._error(tile, best[i].latents)
                self._keep(best, i, self._try(tile, best[i].aim, optimise=False))
                self._closed_loop(best, i, CLOSED_LOOP[effort])
            for stage in range(ANNEALINGS.get(effort, 0)):
                for i in range(len(self._tiles)):
                    self._refresh(best, i)
                    self._anneal(best, i, stage)
        except KeyboardInterrupt:
            if not keep_best:
                raise
            self.interrupted = True
        height, width = self.rgb.shape[:2]
        payloads = [b.payload for b in best]
        return CodedPicture(width=width, height=height, setting=self.setting, payloads=payloads)

    def _closed_loop(self, best: list[_Candidate], i: int, steps: int) -> None:
        tile, now, damping = self._tiles[i], best[i], DAMPING[self.distortion.tune]
        slope: Tensor | None = None
        for _ in range(steps):
            if slope is None:
                latents = now.latents.clone().requires_grad_()
                error = self._lam * self.distortion(*self._decoded(tile, latents))
                (slope,) = torch.autograd.grad(error, latents)
            target = now.latents - slope / self._curvature
            new = self._try(tile, now.aim + damping * (target - now.aim), optimise=True)
            if new.cost < now.cost:
                now, slope = new, None
            else:  # too far
                damping /= 2
            self._keep(best, i, new)
            self._tick()

    def _anneal(self, best: list[_Candidate], i: int, stage: int) -> None:
        tile, length = self._tiles[i], LENGTHS[stage]
        if self._entropy is None:
            model = float_entropy(self.core.cfg, self.core.tensors)
            self._entropy = model.requires_grad_(False)
        aim = best[i].aim.clone().requires_grad_()
        adam = torch.optim.Adam([aim], lr=RATE)
        random = torch.Generator().manual_seed(1000 * i + stage)
        fast = self.core.precision == torch.bfloat16
        allowed = may_be_present(self.core.cfg, self.setting)
        counts = tuple(allowed >> g & 1 for g in range(len(self.core.cfg.groups)))
        for n in range(length):
            done = n / length
            heat = HOT * (COLD / HOT) ** done
            for group in adam.param_groups:
                group["lr"] = RATE * min(1.0, (n + 1) / 5) * math.sqrt(1 - done)
            with torch.autocast("cpu", torch.bfloat16, enabled=fast):
                choose = functools.partial(_choose, heat=heat, random=random)
                bits, latents = self._entropy(
                    aim[None], self._knot_weights, rounding=choose, counts=counts
                )
            cost = bits.sum() + self._lam * self.distortion(*self._decoded(tile, latents[0]))
            adam.zero_grad()
            cost.backward()
            adam.step()
            self._tick()
        for optimise in (False, True):
            self._keep(best, i, self._try(tile, aim.detach(), optimise=optimise))

    def _code(self, aim: Tensor, *, optimise: bool) -> _Candidate:
        core, (h, w, channels) = self.core, aim.shape
        aim = aim.contiguous().clone()
        weights = core.error_weights(self.setting, self.distortion.tune) if optimise else None
        payload, _ = core.coder.encode(
            aim, self.setting, knot_weights=self._knot_weights, weights=weights
        )
        groups = core.entropy.decode(payload, self.setting, h=h, w=w)
        latents = torch.cat(groups, -1).view(h, w, channels).float() / 16
        return _Candidate(cost=8.0 * len(payload), payload=payload, aim=aim, latents=latents)

    def _try(self, tile: Tile, aim: Tensor, *, optimise: bool) -> _Candidate:
        candidate = self._code(aim, optimise=optimise)
        candidate.cost += self._error(tile, candidate.latents)
        return candidate

    def _keep(self, best: list[_Candidate], i: int, candidate: _Candidate) -> None:
        if candidate.cost < best[i].cost:
            best[i] = candidate
            y, x, h, w = self._tiles[i]
            self._latents[y : y + h, x : x + w] = candidate.latents

    def _refresh(self, best: list[_Candidate], i: int) -> None:
        """Compute the cost of the best candidate again, since its neighbours have changed."""
        error = self._error(self._tiles[i], best[i].latents)
        best[i].cost = 8.0 * len(best[i].payload) + error

    def _decoded(self, tile: Tile, latents: Tensor) -> tuple[Tensor, Tensor]:
        """A tile group with its margin, decoded and original, `(1, 3, H, W)` in -128..127 each."""
        y, x, h, w = tile
        top, left = max(0, y - HALO), max(0, x - HALO)
        around = self._latents[top : y + h + HALO, left : x + w + HALO]
        inside = torch.zeros(around.shape[:2], dtype=torch.bool)
        inside[y - top : y - top + h, x - left : x - left + w] = True
        around = around.masked_scatter(inside[..., None], latents.float())
        knot_weights, device = self._knot_weights, self.core.device
        out = self.core.transforms.tcae.synthesise(
            (around * self._steps)[None].to(device), knot_weights.to(device)
        )
        height, width = self.rgb.shape[:2]
        y0, x0 = max(0, 32 * y - ERROR_MARGIN), max(0, 32 * x - ERROR_MARGIN)
        y1, x1 = min(height, 32 * (y + h) + ERROR_MARGIN), min(width, 32 * (x + w) + ERROR_MARGIN)
        out = out[..., y0 - 32 * top : y1 - 32 * top, x0 - 32 * left : x1 - 32 * left]
        original = torch.from_numpy(np.array(self.rgb[y0:y1, x0:x1])).to(device)
        return out.float().clamp(-128, 127), original.permute(2, 0, 1)[None].float() - 128

    @torch.no_grad()
    def _error(self, tile: Tile, latents: Tensor) -> float:
        return self._lam * float(self.distortion(*self._decoded(tile, latents)))

    @torch.no_grad()
    def _calibrate(self) -> None:
        squared = structural = 0.0
        for tile in self._tiles:
            y, x, h, w = tile
            pair = self._decoded(tile, self._latents[y : y + h, x : x + w])
            squared += float(squared_error(*pair))
            structural += float(self.distortion.structure(*pair))
        self.distortion.calibrate(squared, structural)

    def _tick(self) -> None:
        self._done += 1
        if self._progress:
            self._progress(self._done / self._total)


def _choose(r: Tensor, *, heat: float, random: torch.Generator) -> Tensor:
    """Relaxed random choice between the integers around `r`, the nearer one more likely."""
    low = torch.floor(r.detach())
    part = (r - low).clamp(1e-4, 1 - 1e-4)
    logits = (torch.atanh(part) - torch.atanh(1 - part)) / heat
    u = torch.rand(r.shape, generator=random, dtype=torch.float32).clamp(1e-6, 1 - 1e-6)
    noise = torch.log(u) - torch.log1p(-u)  # the difference of two Gumbel variables
    return low + torch.sigmoid((logits + noise) / heat)
