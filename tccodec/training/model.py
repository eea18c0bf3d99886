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
from tccodec.training.selfsup import SelfSupervision
from tccodec.transform.blocks import prepare_to_compile
from tccodec.transform.decoder import Decoder, depends_on_realism
from tccodec.transform.tcae import TCAE

# Weights whose inputs are the fine latents. They start at zero for new groups.
_FROM_FINE = ("decoder.fine1.weight", "ha.fine.weight")


class ModelOutput(NamedTuple):
    """A batch of B crops, coded and decoded."""

    pixels: Tensor  # (B, 3, H, W), unclipped
    bits: Tensor  # (B, groups + 1)
    #: In training, of a decoder with a second output: the reduced pictures (B, 3, H / 4, W / 4).
    small: Tensor | None
    #: The crops `CodecModel.second_crops` by the decoder for realism 1, and their reduced pictures.
    second: tuple[Tensor, Tensor | None] | None


class CodecModel(nn.Module):
    """Transforms and entropy model, as `train` optimises them and `export` writes them."""

    def __init__(self, cfg: ModelConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.tcae = TCAE(cfg)
        self.entropy = EntropyModel(cfg)
        self.second: Decoder | None = None
        self.selfsup: SelfSupervision | None = None
        #: The crops of a batch that the second decoder decodes too, and the share of its gradient
        #: that reaches what both decoders share.
        self.second_crops, self.shared_gradient = slice(0), 0.0
        self.decoder_only = False
        #: Whether latents are quantised and coded; if not, this is an autoencoder.
        self.rate = True
        #: Strength of the rate-distortion optimised quantisation, as in `NeuralCodec`; 0: none.
        self.rdoq = 0.0
        self._compiled: dict[str, Callable[..., Any]] = {}

    def compile_parts(self) -> None:
        """Compile both transforms and the entropy model for training, each as a separate graph.

        One graph of all takes the compiler ten times as long. Validation runs uncompiled: its
        shapes differ, and compiling for each of them would take minutes.
        """
        prepare_to_compile()
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
        """Call a part; while training, its compiled form if there is one."""
        compiled = self._compiled.get(part.__qualname__) if self.training else None
        return (compiled or part)(*args, **kwargs)

    def add_second_decoder(self) -> None:
        """Add a decoder for realism 1, which starts as a copy of the other one."""
        second = copy.deepcopy(self.tcae.decoder)
        for name, _ in list(second.named_children()):
            if not depends_on_realism(name):
                delattr(second, name)
        self.second = second

    def add_self_supervision(self, prototypes: int) -> None:
        """Add the teacher and the heads of self-supervision; the teacher starts as the encoder."""
        self.selfsup = SelfSupervision(self.cfg, self.tcae.encoder, prototypes)

    def become_autoencoder(self) -> None:
        """From now on neither quantise nor code latents: only the transforms are trained."""
        self.rate = False
        self.tcae.log_step.requires_grad_(False)
        self.entropy.requires_grad_(False)

    def drop_shortcut(self) -> None:
        """Set the linear shortcut to zero for good: the networks alone make latents and pixels.

        Their last layers get ordinary initial values, because zero ones would pass no gradient.
        """
        for p in self.tcae.shortcut.parameters():
            nn.init.zeros_(p)
            p.requires_grad_(False)
        encoder, decoder = self.tcae.encoder, self.tcae.decoder
        last = decoder.renderer.out if self.cfg.renderer else decoder.out
        for layer in (encoder.coarse2, encoder.fine2, last):
            layer.reset_parameters()

    def freeze_transforms(self) -> None:
        """From now on train only the quantisation steps and the entropy model."""
        for name, p in self.tcae.named_parameters():
            p.requires_grad_(name == "log_step")

    def freeze_all_but_decoder(self) -> None:
        """From now on train only the decoder's parameters that depend on realism.

        Files do not change then, and the parameters for realism 0 still fit.
        """
        self.decoder_only = True
        for name, p in self.named_parameters():
            layer = name.removeprefix("tcae.decoder.")
            p.requires_grad_(layer != name and depends_on_realism(layer))

    @torch.no_grad()
    def start_from(self, basis: Tensor, merge: Tensor, std: Tensor) -> None:
        """Start as a linear transform coder, with the result of `lapped_pca`.

        At high rate D = step**2 / 12 and R falls by one bit per doubling of the step, so
        D + R / lambda is least at step = sqrt(6 / (lambda ln 2)) per coded latent; in units of
        bits per pixel and with the dead zone that low rates want, sqrt(24 / lambda) does better.
        """
        cfg = self.cfg
        self.tcae.shortcut.basis.copy_(basis)
        self.tcae.shortcut.merge.copy_(merge)
        # Flat training pictures leave directions without energy: do not divide by zero.
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
        """Copy the tensors of a smaller model (`ModelConfig.can_start_from`).

        New blocks pass their input on, and new groups, which `start_from` must have initialised,
        add their linear part. So the new model starts as good as the old one.
        """
        for name, new in self.state_dict().items():
            old = state.get(name)
            if old is None and name.startswith("second."):
                old = state.get("tcae.decoder." + name.removeprefix("second."))
            if old is None:
                continue
            if new.shape != old.shape and name.endswith(_FROM_FINE):
                new.zero_()
            new[tuple(slice(n) for n in old.shape)] = old
        basis = self.tcae.shortcut.basis
        count = len(state["tcae.shortcut.basis"])
        if count < len(basis):  # new rows span what the trained ones leave out
            known, _ = torch.linalg.qr(basis[:count].t())
            rest = basis[count:] - basis[count:] @ known @ known.t()
            basis[count:] = rest / rest.norm(dim=1, keepdim=True)

    def forward(
        self, x: Tensor, setting: Tensor, counts: tuple[int, ...] | None = None
    ) -> ModelOutput:
        """Pixels `(B, 3, H, W)` in -128..127 at settings `(B,)`; `counts`: see `EntropyModel`."""
        knot_weights = self.tcae.knot_weights(setting)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.decoder_only):
            y, bits = self._coded(x, setting, knot_weights, counts)
        small = second = None
        if self.training and self.cfg.renderer:
            pixels, small = self._run(self.tcae.synthesise_both, y, knot_weights)
        else:
            pixels = self._run(self.tcae.synthesise, y, knot_weights)
        if self.training and self.second is not None:
            some = self.second_crops
            second = self._run(
                self.tcae.synthesise_with, self.second, y[some], knot_weights[some],
                gradient=self.shared_gradient,
            )  # fmt: skip
        return ModelOutput(pixels, bits, small, second)

    def _coded(
        self, x: Tensor, setting: Tensor, knot_weights: Tensor, counts: tuple[int, ...] | None
    ) -> tuple[Tensor, Tensor]:
        """Pixels -> the latents as decoded, and bits (zeros from an autoencoder)."""
        if not self.rate:
            y = self._run(self.tcae.analyse, x, knot_weights)
            return y, y.new_zeros(len(x), len(self.cfg.groups) + 1)
        steps = self.tcae.steps(knot_weights)
        weight = None
        if self.rdoq:
            weight = (steps.square() * self.cfg.rdoq_weight(setting, self.rdoq)[:, None]).detach()
        steps = steps[:, None, None]
        v = self._run(self.tcae.analyse, x, knot_weights) / steps
        bits, v_hat = self._run(self.entropy.forward, v, knot_weights, weight=weight, counts=counts)
        return v_hat * steps, bits
