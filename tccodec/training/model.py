"""The whole codec as one differentiable module."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from tccodec.config import ModelConfig
from tccodec.entropy.networks import EntropyModel
from tccodec.entropy.tables import SCALE_LOG_RATIO, SCALE_MIN
from tccodec.transform.tcae import TCAE, Decoder, depends_on_realism

# Weights whose inputs are the fine latents: those of new groups count for nothing at first.
_FROM_FINE = ("decoder.fine1.weight", "ha.fine.weight")


class Coded(NamedTuple):
    """What the model makes of a batch of B crops."""

    pixels: Tensor  # (B, 3, H, W), unclipped
    bits: Tensor  # (B, groups + 1)
    #: In training, where the decoder has a way out for smaller pictures: (B, 3, H / 4, W / 4).
    small: Tensor | None
    #: The crops `CodecModel.looked_at` by the decoder for realism 1, and their small pictures.
    second: tuple[Tensor, Tensor] | None


class CodecModel(nn.Module):
    """Transform and entropy model; what `train` optimises and `export` writes out."""

    def __init__(self, cfg: ModelConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.tcae = TCAE(cfg)
        self.entropy = EntropyModel(cfg)
        self.second: Decoder | None = None
        #: Which crops of a batch the second decoder decodes too, and how much of its gradient
        #: reaches what both looks share.
        self.looked_at, self.shared_gradient = slice(0), 0.0
        self.decoder_only = False
        #: Strength of the rate-distortion optimised quantisation, as in `NeuralCodec`; 0: none.
        self.rdoq = 0.0
        self._compiled: dict[str, Callable[..., Any]] = {}

    def compile_parts(self) -> None:
        """Compile both transforms and the entropy model, each as a graph of its own: all in one
        takes the compiler ten times as long. Only training runs what is compiled: validation has
        other shapes, each of which would be compiled for minutes."""
        tcae = self.tcae
        for part in (
            tcae.analyse,
            self.entropy.forward,
            tcae.synthesise,
            tcae.synthesise_both,
            tcae.synthesise_with,
        ):
            self._compiled[part.__qualname__] = torch.compile(part, dynamic=False)

    def _run(self, part: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a part, compiled if it is and the model trains."""
        compiled = self._compiled.get(part.__qualname__) if self.training else None
        return (compiled or part)(*args, **kwargs)

    def add_second(self) -> None:
        """Give the model a decoder for realism 1, which begins as a copy of the other."""
        second = copy.deepcopy(self.tcae.decoder)
        for name, _ in list(second.named_children()):
            if not depends_on_realism(name):
                delattr(second, name)
        self.second = second

    def freeze_transforms(self) -> None:
        """Train nothing but the quantisation steps and the entropy model from now on."""
        for name, p in self.tcae.named_parameters():
            p.requires_grad_(name == "log_step")

    def freeze_all_but_decoder(self) -> None:
        """Train nothing from now on but the decoder's parameters that depend on the realism: files
        stay as they are, and the other set of these parameters fits as before."""
        self.decoder_only = True
        for name, p in self.named_parameters():
            layer = name.removeprefix("tcae.decoder.")
            p.requires_grad_(layer != name and depends_on_realism(layer))

    @torch.no_grad()
    def start_from(self, basis: Tensor, merge: Tensor, std: Tensor) -> None:
        """Start as a transform coder: what `lapped_pca` returns.

        At high rate D = step**2 / 12 and R falls by one bit per doubling of the step, so
        D + R / lambda is least at step = sqrt(6 / (lambda ln 2)) per coded latent; in units of
        bits per pixel and with the dead zone that low rates want, sqrt(24 / lambda) does better.
        """
        cfg = self.cfg
        self.tcae.shortcut.basis.copy_(basis)
        self.tcae.shortcut.merge.copy_(merge)
        # Flat training pictures leave directions without energy: do not divide by nothing.
        std = std.clamp_min(0.5)
        self.tcae.std.copy_(std)
        for k in range(cfg.knots):
            step = (24.0 / cfg.lam(1000.0 * k / (cfg.knots - 1))) ** 0.5
            self.tcae.log_step[k] = torch.log2(torch.tensor(step))
            # 0.55 turns a deviation into a logistic scale; context halves it
            scale = (0.55 * 0.5 * std / step).clamp_min(SCALE_MIN)
            self.entropy.base[k] = torch.log(scale / SCALE_MIN) / SCALE_LOG_RATIO

    @torch.no_grad()
    def grow_from(self, state: dict[str, Tensor]) -> None:
        """Take over the tensors of a model that this one extends (`ModelConfig.extends`).

        New blocks pass on what they get, and new groups, which `start_from` must have started, add
        their linear part: the new model begins where the old one stands.
        """
        for name, new in self.state_dict().items():
            old = state.get(name)
            if old is None and name.startswith("second."):
                old = state["tcae.decoder." + name.removeprefix("second.")]
            if old is None:
                continue
            if new.shape != old.shape and name.endswith(_FROM_FINE):
                new.zero_()
            new[tuple(slice(n) for n in old.shape)] = old
        basis = self.tcae.shortcut.basis
        count = len(state["tcae.shortcut.basis"])
        if count < len(basis):  # the old atoms have been trained: only what they lack is new
            known, _ = torch.linalg.qr(basis[:count].t())
            rest = basis[count:] - basis[count:] @ known @ known.t()
            basis[count:] = rest / rest.norm(dim=1, keepdim=True)

    def forward(self, x: Tensor, quality: Tensor, counts: tuple[int, ...] | None = None) -> Coded:
        """Pixels `(B, 3, H, W)` in -128..127, quality `(B,)`.

        `counts`: how many of the crops have each latent group, if these are the first ones.
        """
        knot_weights = self.tcae.knot_weights(quality)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.decoder_only):
            y, bits = self._coded(x, quality, knot_weights, counts)
        if not (self.training and self.cfg.renderer):
            return Coded(self._run(self.tcae.synthesise, y, knot_weights), bits, None, None)
        pixels, small = self._run(self.tcae.synthesise_both, y, knot_weights)
        second = None
        if self.second is not None:
            some = self.looked_at
            second = self._run(
                self.tcae.synthesise_with, self.second, y[some], knot_weights[some],
                gradient=self.shared_gradient,
            )  # fmt: skip
        return Coded(pixels, bits, small, second)

    def _coded(
        self, x: Tensor, quality: Tensor, knot_weights: Tensor, counts: tuple[int, ...] | None
    ) -> tuple[Tensor, Tensor]:
        """Pixels -> the latents that the decoder has, and bits."""
        steps = self.tcae.steps(knot_weights)
        weight = None
        if self.rdoq:
            weight = (steps.square() * self.cfg.rdoq_weight(quality, self.rdoq)[:, None]).detach()
        steps = steps[:, None, None]
        v = self._run(self.tcae.analyse, x, knot_weights) / steps
        bits, v_hat = self._run(self.entropy.forward, v, knot_weights, weight=weight, counts=counts)
        return v_hat * steps, bits
