"""Both transforms of a model on its device: pixels <-> latents, strip by strip.

Only the 8-bit pixels of a picture are held whole. Of everything else a few rows are in memory at a
time, whatever the height.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from tccodec.coding.devices import place
from tccodec.config import ModelConfig
from tccodec.container import Setting
from tccodec.model.weights import DECODER, part_of
from tccodec.transform.decoder import Decoder
from tccodec.transform.rows import Rows, pieces
from tccodec.transform.tcae import TCAE

STRIP_PIXELS = 1 << 20  # pixels, about, that pass through the transforms together


class Transforms:
    """The networks between pixels and latents, and the decoder for each realism."""

    def __init__(
        self,
        cfg: ModelConfig,
        tensors: dict[str, Tensor],
        *,
        device: torch.device,
        precision: torch.dtype,
        realism: Callable[[], dict[str, Tensor]],
    ) -> None:
        """`realism` reads the decoder's parameters for realism 1, or raises if there are none."""
        self.cfg, self.device, self.precision = cfg, device, precision
        self._tensors, self._read_realism = tensors, realism
        with torch.random.fork_rng(devices=[]):  # initial values are drawn
            self.tcae = TCAE(cfg).float()
        self.tcae.load_state_dict(part_of(tensors, "tcae"))
        place(self.tcae, device, precision)
        # A proxy, for without it the cache would keep this object alive until a garbage collection.
        interpolate = functools.partial(Transforms._interpolated, weakref.proxy(self))
        self._decoders = functools.lru_cache(maxsize=2)(interpolate)

    def decoder(self, realism: float) -> Decoder:
        """The decoder for a realism 0..1: its parameters lie between those of 0 and those of 1.

        They are interpolated linearly (Wang et al., "Deep Network Interpolation", CVPR 2019).
        `BadOption` if `realism` is not 0 and the model has no parameters for 1.
        """
        return self._decoders(realism) if realism else self.tcae.decoder

    def _interpolated(self, realism: float) -> Decoder:
        values = {name: v.float() for name, v in part_of(self._tensors, DECODER).items()}
        for name, value in self._read_realism().items():
            values[name] = torch.lerp(values[name], value.float(), realism)
        with torch.random.fork_rng(devices=[]):
            decoder = Decoder(self.cfg).float()
        decoder.load_state_dict(values)
        place(decoder, self.device, self.precision)
        return decoder

    def knot_weights(self, setting: Setting) -> Tensor:
        """Weights `(1, knots)` that interpolate a table of knots at `setting`, on the device."""
        return self.tcae.knot_weights(self._setting_tensor(setting))

    def steps(self, setting: Setting) -> Tensor:
        """Quantisation steps `(C,)` at `setting`, on the CPU."""
        return self.tcae.steps(self.knot_weights(setting))[0].cpu()

    def groups_for(self, setting: Setting, scale: int) -> int:
        """How many latent groups a picture reduced by `scale` needs; all at full size."""
        if scale == 1:
            return len(self.cfg.groups)
        return self.tcae.groups_for(self._setting_tensor(setting), scale)

    @torch.inference_mode()
    def latent_rows(self, rgb: NDArray[np.uint8], setting: Setting) -> Rows:
        """uint8 `(H, W, 3)` -> latents in steps, fp32 `(1, r, w, C)` on the CPU, in pieces."""
        knot_weights = self.knot_weights(setting)
        steps = self.tcae.steps(knot_weights)
        for y, last in self.tcae.analyse_stream(self._input_rows(rgb), knot_weights):
            yield (y / steps).cpu(), last

    @torch.inference_mode()
    def pixel_rows(
        self, rows: Rows, setting: Setting, *, scale: int = 1, realism: float = 0.0
    ) -> Iterator[NDArray[np.uint8]]:
        """Latents in sixteenths of a step, int32 `(1, r, w, c)` in pieces -> uint8 `(r, W, 3)`.

        The pixels are those of whole latents, W = 32 w / scale. For `scale` and `realism` see
        `NeuralCodec.decode_rows`.
        """
        knot_weights = self.knot_weights(setting)
        steps = self.tcae.steps(knot_weights) / 16
        # Rounding the shortcut to bf16 is visible in single pixels, not in averages of many. Where
        # no full-size pixels are computed, fp32 costs little.
        exact = scale == 1 or self.tcae.skips_full_size(scale)
        dtype = torch.float32 if exact else self.precision

        def scaled(rows: Rows) -> Rows:
            for v16, last in rows:
                strips = pieces(v16, self._strip_rows(32 * v16.shape[2]))
                for strip, end in strips:
                    y = strip.to(self.device).float().mul_(steps[:, : strip.shape[-1]])
                    yield y.to(dtype), last and end

        stream = self.tcae.synthesise_stream(
            scaled(rows), knot_weights, scale=scale, decoder=self.decoder(realism)
        )
        for x, _ in stream:
            x = x[0].add_(128.0).clamp_(0, 255).round_().to(torch.uint8)
            yield x.permute(1, 2, 0).contiguous().cpu().numpy()

    def _setting_tensor(self, setting: Setting) -> Tensor:
        return torch.tensor([float(setting)], dtype=torch.float32, device=self.device)

    def _strip_rows(self, width: int) -> int:
        """Rows of latents in a strip of a picture `width` pixels wide: whole windows."""
        return max(4, STRIP_PIXELS // (32 * width) // 4 * 4)

    def _input_rows(self, rgb: NDArray[np.uint8]) -> Rows:
        """uint8 `(H, W, 3)` -> uint8 `(1, 3, r, W)`, edges repeated up to multiples of 32."""
        height, width = rgb.shape[:2]
        step = 32 * self._strip_rows(width)
        for top in range(0, height, step):
            x = torch.from_numpy(np.array(rgb[top : top + step])).to(self.device)
            x = x.permute(2, 0, 1)[None].contiguous()
            below = -height % 32 if top + step >= height else 0
            if below or width % 32:
                x = F.pad(x.float(), (0, -width % 32, 0, below), mode="replicate").byte()
            yield x, top + step >= height
