"""The neural codec: pixels <-> payloads of tile groups, with one released model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from tccodec.entropy.integer import IntegerEntropy, Passes
from tccodec.errors import BadFile, TccodecError
from tccodec.modelfile import model_id, read_config, read_tensors
from tccodec.transform.config import ModelConfig
from tccodec.transform.tcae import TCAE, unshuffle

TILE = 32  # latents per side of a tile group: 1024 pixels
Progress = Callable[[float], None] | None


def best_precision(device: torch.device) -> torch.dtype:
    """bf16 where the chip multiplies it natively, else fp32."""
    if device.type == "cuda":
        return torch.bfloat16
    cpu: Any = torch.cpu
    fast = cpu._is_avx512_bf16_supported() or cpu._is_amx_tile_supported()
    return torch.bfloat16 if device.type == "cpu" and fast else torch.float32


def choose_device(name: str) -> torch.device:
    """`auto` is CUDA, then MPS, then the CPU; `TccodecError` if a named one is missing."""
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    if name not in ("cpu", "cuda", "mps"):
        raise TccodecError(f"unknown device {name!r}: use auto, cpu, cuda or mps")
    if (name == "cuda" and not cuda) or (name == "mps" and not mps):
        raise TccodecError(f"this machine or this build of torch has no {name} device")
    return torch.device(name)


class NeuralCodec:
    """A loaded model. The transforms run in `precision`, the entropy path in integers."""

    def __init__(
        self,
        cfg: ModelConfig,
        tensors: dict[str, Tensor],
        identity: bytes,
        *,
        rdoq: float,
        device: torch.device,
        precision: torch.dtype,
    ) -> None:
        self.cfg, self.model_id, self.rdoq = cfg, identity, rdoq
        self.device, self.precision = device, precision
        tcae = {k[5:]: v.float() for k, v in tensors.items() if k.startswith("tcae.")}
        self.tcae = TCAE(cfg)
        try:
            self.tcae.load_state_dict(tcae)
        except RuntimeError:
            raise TccodecError("the model's weights do not fit its config.json") from None
        self.tcae.eval().requires_grad_(False).to(device)
        for module in self.tcae.modules():
            if isinstance(module, (nn.Linear, nn.Conv2d)):
                module.to(precision)
        ints = {k[4:]: v for k, v in tensors.items() if k.startswith("int.")}
        self.entropy = IntegerEntropy(cfg, ints)
        self.hyper = {k[6:]: v.float() for k, v in tensors.items() if k.startswith("hyper.")}

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        device: str = "auto",
        threads: int | None = None,
        precision: str = "auto",
    ) -> NeuralCodec:
        """Read a model folder and check its content against its id.

        `precision` is `auto`, `fp32` or `bf16`. `UnknownModel` or `TccodecError` in one
        sentence if the folder is no model, or a damaged one.
        """
        if threads:
            torch.set_num_threads(threads)
        config = read_config(folder)
        tensors = read_tensors(folder)
        identity = bytes.fromhex(config["model_id"])
        if model_id(tensors, config["model"]) != identity:
            raise TccodecError(f"{folder}: the weights are not those that its config.json names")
        where = choose_device(device)
        dtypes = {"fp32": torch.float32, "bf16": torch.bfloat16}
        dtype = best_precision(where) if precision == "auto" else dtypes[precision]
        return cls(
            ModelConfig.from_dict(config["model"]),
            tensors,
            identity,
            rdoq=float(config.get("rdoq", 0.0)),
            device=where,
            precision=dtype,
        )

    def tiles(self, width: int, height: int) -> list[tuple[int, int, int, int]]:
        """Tile groups in raster order as `(y, x, h, w)` in latents."""
        h, w = -(-height // 32), -(-width // 32)
        return [
            (y, x, min(TILE, h - y), min(TILE, w - x))
            for y in range(0, h, TILE)
            for x in range(0, w, TILE)
        ]

    def _hat(self, quality: int) -> Tensor:
        return self.tcae.hat(torch.tensor([float(quality)], device=self.device))

    @torch.inference_mode()
    def latents(self, rgb: NDArray[np.uint8], quality: int) -> Tensor:
        """uint8 `(H, W, 3)` -> latents in steps, fp32 `(h, w, C)` on the CPU."""
        height, width = rgb.shape[:2]
        x = torch.from_numpy(np.array(rgb)).to(self.device)
        x = x.permute(2, 0, 1)[None].float().sub_(128.0)
        x = F.pad(x, (0, -width % 32, 0, -height % 32), mode="replicate")
        hat = self._hat(quality)
        y = self.tcae.analyse(x, hat)[0]
        return y.div_(self.tcae.steps(hat)).cpu()

    @torch.inference_mode()
    def _hyper_analysis(self, v: Tensor, hat: Tensor) -> Tensor:
        t = 0.75 * torch.asinh(2.0 * v)[None]
        t = F.hardswish(F.linear(t, self.hyper["ha1.weight"], self.hyper["ha1.bias"]))
        h, w = v.shape[:2]
        t = F.pad(t, (0, 0, 0, w % 2, 0, h % 2))
        z = F.linear(unshuffle(t, 2), self.hyper["ha2.weight"], self.hyper["ha2.bias"])[0]
        return z * torch.exp2(hat @ self.hyper["gain"])

    def _weight(self, quality: int) -> Tensor | None:
        """Bits that a squared error of one step is worth, per channel `(C,)`.

        The cost per 32x32 block is bits + 1024 * lambda * squared error per sample, and the
        transform is close to orthonormal over the block's 3 * 1024 samples. `rdoq` scales the
        bits: below 1 where a zero now costs context later.
        """
        if not self.rdoq:
            return None
        steps = self.tcae.steps(self._hat(quality))[0].cpu()
        return steps.square() * (self.cfg.lam(quality) / (3 * self.rdoq))

    def encode_latents(
        self, v: Tensor, quality: int, *, progress: Progress = None
    ) -> tuple[list[bytes], list[Passes]]:
        """Latents in steps `(h, w, C)` -> payloads and passes, one of each per tile group."""
        payloads, all_passes = [], []
        hat = self._hat(quality).cpu()
        weight = self._weight(quality)
        tiles = self.tiles(v.shape[1] * 32, v.shape[0] * 32)
        for i, (y, x, h, w) in enumerate(tiles):
            tile = v[y : y + h, x : x + w].contiguous()
            z = self._hyper_analysis(tile, hat)
            payload, passes = self.entropy.encode(tile, z, quality, weight=weight)
            payloads.append(payload)
            all_passes.append(passes)
            if progress:
                progress((i + 1) / len(tiles))
        return payloads, all_passes

    def encode(
        self, rgb: NDArray[np.uint8], quality: int, *, progress: Progress = None
    ) -> list[bytes]:
        """uint8 `(H, W, 3)`, quality 0..1000 -> one payload per tile group, raster order."""
        return self.encode_latents(self.latents(rgb, quality), quality, progress=progress)[0]

    def decode_latents(
        self,
        payloads: Sequence[bytes],
        width: int,
        height: int,
        quality: int,
        *,
        progress: Progress = None,
    ) -> Tensor:
        """Payloads -> latents in sixteenths of a step, int32 `(h, w, c)`.

        c covers the groups up to the last one present in any tile group (0 if none is).
        """
        tiles = self.tiles(width, height)
        if len(payloads) != len(tiles):
            raise BadFile(f"{len(payloads)} tile groups where {len(tiles)} are needed")
        present = max((p[0].bit_length() if p else 0) for p in payloads)
        channels = sum(self.cfg.groups[:present])
        h, w = -(-height // 32), -(-width // 32)
        out = torch.zeros(h, w, channels, dtype=torch.int32)
        for i, ((y, x, th, tw), payload) in enumerate(zip(tiles, payloads, strict=True)):
            groups = self.entropy.decode(payload, quality, th, tw)
            tile = torch.cat(groups, -1)[:, :channels].view(th, tw, channels)
            out[y : y + th, x : x + tw] = tile
            if progress:
                progress((i + 1) / len(tiles))
        return out

    def check(self, payloads: Sequence[bytes], width: int, height: int, quality: int) -> None:
        """Decode all symbols, no pixels; `BadFile` if any tile group is damaged."""
        self.decode_latents(payloads, width, height, quality)

    @torch.inference_mode()
    def pixels(self, v16: Tensor, width: int, height: int, quality: int) -> NDArray[np.uint8]:
        """Latents as `decode_latents` returns them -> uint8 `(H, W, 3)`."""
        hat = self._hat(quality)
        steps = self.tcae.steps(hat)[:, : v16.shape[-1]]
        y = v16[None].to(self.device).float().mul_(steps / 16)
        x = self.tcae.synthesise(y, hat)[0, :, :height, :width]
        x = x.add_(128.0).clamp_(0, 255).round_().to(torch.uint8)
        return x.permute(1, 2, 0).contiguous().cpu().numpy()

    def decode(
        self,
        payloads: Sequence[bytes],
        width: int,
        height: int,
        quality: int,
        *,
        progress: Progress = None,
    ) -> NDArray[np.uint8]:
        """Payloads -> uint8 `(H, W, 3)`; `BadFile` if a payload is damaged."""
        v16 = self.decode_latents(payloads, width, height, quality, progress=progress)
        return self.pixels(v16, width, height, quality)
