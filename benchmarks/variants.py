"""What `ablations.py` compares: settings, and changes to the code that the product does not have.

A change is a function that rebinds names of the package; each run has a process of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tccodec.entropy import model as entropy
from tccodec.entropy.board import checkerboard, ring
from tccodec.entropy.quant import IntLinear, activation, ste_round
from tccodec.training import loop
from tccodec.transform.blocks import Block


@dataclass(frozen=True)
class Variant:
    """One run: what differs from the first one."""

    says: str
    model: dict[str, Any] = field(default_factory=dict)
    train: dict[str, Any] = field(default_factory=dict)
    change: Callable[[], None] | None = None  # before the model is made
    # Makes what takes the place of Muon.
    optimiser: Callable[[list[nn.Parameter]], torch.optim.Optimizer] | None = None


def first_group_on_a_checkerboard() -> None:
    """Two passes with one network, as the other groups have."""

    def order(self: Any, g: int, h: int, w: int, device: torch.device) -> Any:
        return [(f"groups.{g}", 1, at) for at in checkerboard(h, w, device)]

    entropy.EntropyModel._order = order  # type: ignore[method-assign]


def four_passes_in_all_groups() -> None:
    """Every second site both ways, those between by the diagonal, then the rest in two passes;
    eight neighbours instead of four."""
    known = entropy.EntropyModel._order

    def order(self: Any, g: int, h: int, w: int, device: torch.device) -> Any:
        if g == 0:
            return known(self, g, h, w, device)
        at = torch.arange(h * w, device=device).view(h, w)
        return [
            (f"groups.{g}", 1, at[i::2, j::2].flatten())
            for i, j in ((0, 0), (1, 1), (0, 1), (1, 0))
        ]

    def own(self: Any, decoded: Tensor, g: int, h: int, w: int, distance: int) -> Tensor:
        feats = self._features(decoded, g).view(len(decoded), h, w, -1)
        return ring(feats, distance).flatten(1, 2)

    def own_inputs(cfg: Any, group: int) -> int:
        return 8 * entropy.context_widths(cfg)[group]

    entropy.own_inputs = own_inputs
    entropy.EntropyModel._order = order  # type: ignore[method-assign]
    entropy.EntropyModel._own = own  # type: ignore[method-assign]


def quadrants_without_coarse_context() -> None:
    """The quadrants' networks learn of the hyper-latents only, not of the coarse groups."""
    lift = entropy.EntropyModel.lift

    def blind(self: Any, hyper: Tensor, coarse: list[Tensor], *rest: Any) -> Tensor:
        return lift(self, hyper, [torch.zeros_like(c) for c in coarse], *rest)

    entropy.EntropyModel.lift = blind  # type: ignore[method-assign]


def no_hyper_latents() -> None:
    """Hyper-latents that are always zero, and cost nothing."""
    analysis = entropy.HyperAnalysis.forward

    def silent(self: Any, v: Tensor, hat: Tensor) -> Tensor:
        return 0.0 * analysis(self, v, hat)

    entropy.HyperAnalysis.forward = silent  # type: ignore[method-assign]


def latent_residual_prediction() -> None:
    """Minnen and Singh 2020: the networks predict what rounding has taken away, from the context
    and the symbol's sign; at most half a step."""
    predicted: list[tuple[Tensor, Tensor]] = []
    make, forward = entropy.GroupNet.__init__, entropy.EntropyModel.forward
    bits = entropy.EntropyModel._bits

    def init(self: Any, cfg: Any, group: int) -> None:
        make(self, cfg, group)
        self.out = IntLinear(self.out.weight.shape[1], 4 * cfg.sizes[group], zero=True)

    def network(self: Any, x: Tensor, hat: Tensor) -> tuple[Tensor, Tensor]:
        t = activation(self.fc2(activation(self.fc1(x, hat))))
        with torch.autocast(x.device.type, enabled=False):
            mean, index, a, b = self.out(t.float()).chunk(4, -1)
        predicted.append((a, b))
        mean = mean + (torch.round(mean * 16) / 16 - mean).detach()
        return mean, index * entropy.INDEX_GAIN

    def rounding(r: Tensor) -> Tensor:
        a, b = predicted.pop()
        s = ste_round(r)
        return s + 0.5 * torch.tanh(a + b * s.detach().sign())

    def corrected(self: Any, v: Tensor, hat: Tensor, **_: Any) -> Any:
        return forward(self, v, hat, rounding=rounding)

    def of_symbols(self: Any, residual: Tensor, index: Tensor) -> Tensor:
        return bits(self, residual if self.training else residual.round(), index)

    entropy.GroupNet.__init__ = init  # type: ignore[method-assign]
    entropy.GroupNet.forward = network  # type: ignore[method-assign]
    entropy.EntropyModel.forward = corrected  # type: ignore[method-assign]
    entropy.EntropyModel._bits = of_symbols  # type: ignore[method-assign]


def noise_for_the_decoder() -> None:
    """The decoder, too, learns from latents with uniform noise instead of rounded ones."""
    forward = entropy.EntropyModel.forward

    def noisy(self: Any, v: Tensor, hat: Tensor, **_: Any) -> Any:
        if not self.training:
            return forward(self, v, hat)
        return forward(self, v, hat, rounding=lambda r: r + torch.rand_like(r) - 0.5)

    entropy.EntropyModel.forward = noisy  # type: ignore[method-assign]


def rounded_for_the_rate() -> None:
    """The rate, too, is that of rounded symbols, with the gradient straight through."""
    entropy.EntropyModel.train = lambda self, mode=True: nn.Module.train(self, False)  # type: ignore


def gated_mlp() -> None:
    """Two thirds of the width, and a gate (Shazeer 2020); needs an even `mlp_ratio`."""
    make = Block.__init__

    def init(self: Any, dim: int, **kw: Any) -> None:
        make(self, dim, **kw)
        self.fc2 = nn.Linear(kw["mlp_ratio"] * dim // 2, dim)
        nn.init.zeros_(self.fc2.weight)
        nn.init.zeros_(self.fc2.bias)

    def mlp(self: Any, x: Tensor, hat: Tensor) -> Tensor:
        a, b = self.fc1(self.norm2(x, hat)).chunk(2, -1)
        y: Tensor = x + self.fc2(a * F.hardswish(b))
        return y

    Block.__init__ = init  # type: ignore[method-assign]
    Block.mlp = mlp  # type: ignore[method-assign]


def no_attention() -> None:
    """Depthwise convolution and MLP only."""

    def mix(self: Any, x: Tensor, hat: Tensor, **_: Any) -> Tensor:
        y: Tensor = self.mlp(x, hat)
        return y

    Block.mix = mix  # type: ignore[method-assign]


def luma_counts_most() -> None:
    """Squared error of Y, Cb and Cr, six to one to one (as in DCVC), in the place of SSIM's."""
    to_ycc = torch.tensor([[0.299, 0.587, 0.114], [-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]])
    weight = torch.tensor([6.0, 1.0, 1.0]) / 8

    def error(y: Tensor, x: Tensor) -> Tensor:
        ycc = torch.einsum("ij,bjhw->bihw", to_ycc, y.float() - x.float())
        return (ycc.square().mean((2, 3)) * weight).sum(1)

    loop.structural_error = error


def adamw(lr: float) -> Callable[[list[nn.Parameter]], torch.optim.Optimizer]:
    """AdamW for the hidden matrices."""
    return lambda p: torch.optim.AdamW(p, lr=lr, betas=(0.9, 0.98), weight_decay=0.02)


class Soap(torch.optim.Optimizer):
    """Adam in the eigenbases of Shampoo's preconditioners (Vyas et al. 2024); sides above 1024
    keep their own axes."""

    def __init__(self, params: list[nn.Parameter], lr: float) -> None:
        super().__init__(params, {"lr": lr})
        self.count = 0

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One update; the bases follow every tenth."""
        self.count += 1
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self._update(p, group["lr"])

    def _update(self, p: nn.Parameter, lr: float) -> None:
        s, g, n = self.state[p], p.grad, self.count
        assert g is not None
        grams = (g @ g.t() if len(g) <= 1024 else None, g.t() @ g if g.shape[1] <= 1024 else None)
        if not s:
            s["m"], s["v"] = torch.zeros_like(g), torch.zeros_like(g)
            s["grams"] = list(grams)
            s["bases"] = [None if k is None else torch.linalg.eigh(k)[1] for k in grams]
            return
        for side, gram in enumerate(grams):
            if gram is not None:
                s["grams"][side].lerp_(gram, 0.05)

        def turned(t: Tensor, back: bool) -> Tensor:
            left, right = s["bases"]
            t = t if left is None else (left if back else left.t()) @ t
            return t if right is None else t @ (right.t() if back else right)

        s["m"].lerp_(g, 0.05)
        s["v"].lerp_(turned(g, False).square(), 0.05)
        m = turned(s["m"], False) / (1 - 0.95**n)
        update = turned(m / ((s["v"] / (1 - 0.95**n)).sqrt() + 1e-10), True)
        p.mul_(1 - 0.02 * lr).sub_(lr * update)
        if n % 10 == 0:
            for side, basis in enumerate(s["bases"]):
                if basis is not None:
                    s["bases"][side] = torch.linalg.qr(s["grams"][side] @ basis)[0]


VARIANTS = {
    "base": Variant("as released"),
    "start": Variant(
        "no training", train={"lr_muon": 0.0, "lr": 0.0, "lr_basis": 0.0, "lr_scale_tables": 0.0}
    ),
    "seed": Variant("another seed: what chance does", train={"seed": 2}),
    # Entropy model
    "checkerboard": Variant("first group in two passes", change=first_group_on_a_checkerboard),
    "four": Variant("all other groups in four passes", change=four_passes_in_all_groups),
    "blind": Variant("quadrants blind to coarse groups", change=quadrants_without_coarse_context),
    "no-hyper": Variant("no hyper-latents", change=no_hyper_latents),
    "lrp": Variant("latent residual prediction", change=latent_residual_prediction),
    "unsigned": Variant("magnitudes only as context", model={"signed_groups": 0}),
    # Blocks
    "gated": Variant("gated MLP", model={"mlp_ratio": 4}, change=gated_mlp),
    "no-attention": Variant("MLP instead of attention", {"mlp_ratio": 5}, change=no_attention),
    "no-depthwise": Variant("no depthwise convolution", model={"dw_kernel": 1}),
    "kernel-5": Variant("depthwise 5x5", model={"dw_kernel": 5}),
    "window-4": Variant("windows of 4x4 tokens", model={"window": 4}),
    # Shapes
    "deep": Variant("deeper, narrower", model={"dim2": 192, "enc_blocks2": 4, "dec_blocks2": 5}),
    "wide": Variant("wider, shallower", model={"dim2": 352, "enc_blocks2": 1, "dec_blocks2": 2}),
    "swapped": Variant(
        "encoder heavier than decoder",
        model={"enc_blocks1": 2, "enc_blocks2": 3, "dec_blocks1": 1, "dec_blocks2": 2},
    ),
    # Loss
    "ssim": Variant("structure 0.3", train={"structure": 0.3}),
    "luma": Variant(
        "half of the error in YCbCr", train={"structure": 0.5}, change=luma_counts_most
    ),
    "power-0.3": Variant("loss_power 0.3", train={"loss_power": 0.3}),
    "power-0.6": Variant("loss_power 0.6", train={"loss_power": 0.6}),
    # Rounding
    "noise": Variant("noise for the decoder too", change=noise_for_the_decoder),
    "rounded": Variant("rounded symbols for the rate too", change=rounded_for_the_rate),
    # Optimisation
    "muon-1e-3": Variant("Muon, 1e-3", train={"lr_muon": 1e-3}),
    "muon-1e-2": Variant("Muon, 1e-2", train={"lr_muon": 1e-2}),
    "adamw-1e-4": Variant("AdamW, 1e-4, not Muon", optimiser=adamw(1e-4)),
    "adamw-3e-4": Variant("AdamW, 3e-4, not Muon", optimiser=adamw(3e-4)),
    "adamw-1e-3": Variant("AdamW, 1e-3, not Muon", optimiser=adamw(1e-3)),
    "adamw-3e-3": Variant("AdamW, 3e-3, not Muon", optimiser=adamw(3e-3)),
    "soap": Variant("SOAP, 3e-3, not Muon", optimiser=lambda p: Soap(p, 3e-3)),
    "no-ema": Variant("weights not averaged", train={"ema": 0.0}),
    "crop-128": Variant("32 crops of 128", train={"crop": 128, "batch": 32}),
    "crop-512": Variant("2 crops of 512", train={"crop": 512, "batch": 2}),
}
