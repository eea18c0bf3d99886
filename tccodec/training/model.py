"""The whole codec as one differentiable module."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tccodec.entropy.model import EntropyModel
from tccodec.entropy.tables import SCALE_LOG_RATIO, SCALE_MIN
from tccodec.transform.config import ModelConfig
from tccodec.transform.tcae import TCAE, by_realism

# Weights whose inputs are the fine latents: those of new groups count for nothing at first.
_FROM_FINE = ("decoder.fine1.weight", "ha.fine.weight")


class CodecModel(nn.Module):
    """Transform and entropy model; what `train` optimises and `export` writes out."""

    def __init__(self, cfg: ModelConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.tcae = TCAE(cfg)
        self.entropy = EntropyModel(cfg)
        self.decoder_only = False
        #: Strength of the rate-distortion optimised quantisation, as in `NeuralCodec`; 0: none.
        self.rdoq = 0.0

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
            p.requires_grad_(layer != name and by_realism(layer))

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

    def forward(self, x: Tensor, quality: Tensor) -> tuple[Tensor, Tensor]:
        """Pixels `(B, 3, H, W)` in -128..127, quality `(B,)`.

        Returns the unclipped reconstruction and bits `(B, groups + 1)`.
        """
        hat = self.tcae.hat(quality)
        if self.decoder_only:
            with torch.no_grad():
                y, bits = self._coded(x, quality, hat)
        else:
            y, bits = self._coded(x, quality, hat)
        return self.tcae.synthesise(y, hat), bits

    def _coded(self, x: Tensor, quality: Tensor, hat: Tensor) -> tuple[Tensor, Tensor]:
        """Pixels -> the latents that the decoder has, and bits."""
        steps = self.tcae.steps(hat)
        weight = None
        if self.rdoq:
            weight = (steps.square() * self.cfg.worth(quality, self.rdoq)[:, None]).detach()
        steps = steps[:, None, None]
        bits, v_hat = self.entropy(self.tcae.analyse(x, hat) / steps, hat, weight=weight)
        return v_hat * steps, bits
