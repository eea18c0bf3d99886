"""The neural codec: pixels <-> payloads of tile groups, with one released model.

Pictures pass through in strips: of everything but the 8-bit pixels and the payloads only a few
rows are held at a time, whatever the height.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from tccodec.coding.devices import best_precision, choose_device
from tccodec.coding.requests import Progress
from tccodec.coding.surroundings import set_threads, undisturbed
from tccodec.config import ModelConfig
from tccodec.container import Setting
from tccodec.entropy.hyper import HyperAnalysis
from tccodec.entropy.integer import CodedPasses, IntegerEntropy
from tccodec.errors import BadFile, BadModel, BadOption
from tccodec.model.folder import read_model, read_realism
from tccodec.model.weights import DECODER, part_of
from tccodec.picture.region import Box, Region, reduced
from tccodec.transform.blank import folded, unfolded
from tccodec.transform.reach import latents_for
from tccodec.transform.rows import Rows, join_rows, pieces, regrouped
from tccodec.transform.tcae import TCAE, Decoder

TILE = 32  # latents per side of a tile group: 1024 pixels
STRIP = 1 << 20  # pixels that go through the transforms together, about
Tile = tuple[int, int, int, int]  # y, x, h, w of a tile group in latents


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
        realism: Callable[[], dict[str, Tensor]],
    ) -> None:
        """`realism` gives the decoder's parameters for realism 1, or says why it cannot."""
        self.cfg, self.model_id, self.rdoq = cfg, identity, rdoq
        self.device, self.precision = device, precision
        self.tensors = tensors
        with torch.random.fork_rng(devices=[]):  # first values are drawn, in vain
            self.tcae, self.hyper = TCAE(cfg).float(), HyperAnalysis(cfg).float()
        self.tcae.load_state_dict(part_of(tensors, "tcae"))
        self.hyper.load_state_dict(part_of(tensors, "hyper"))
        self._ready(self.tcae, device)
        self._ready(self.hyper, torch.device("cpu"))
        self._read_realism = realism
        self.decoder = functools.lru_cache(maxsize=2)(self._decoder)
        self.entropy = IntegerEntropy(cfg, part_of(tensors, "int"))

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

        `precision` is `auto`, `fp32` or `bf16`. `UnknownModel` if the folder is no model,
        `BadModel` if a damaged one.
        """
        if threads:
            set_threads(threads)
        config, cfg, tensors = read_model(folder)
        where = choose_device(device)
        dtypes = {"fp32": torch.float32, "bf16": torch.bfloat16}
        dtype = best_precision(where) if precision == "auto" else dtypes[precision]
        return cls(
            cfg,
            tensors,
            bytes.fromhex(config["model_id"]),
            rdoq=float(config.get("rdoq", 0.0)),
            device=where,
            precision=dtype,
            realism=functools.partial(read_realism, folder, config),
        )

    def _ready(self, module: nn.Module, device: torch.device) -> None:
        """Put a part of the model where it runs, in the precision in which it runs."""
        try:
            module.eval().requires_grad_(False).to(device)
        except RuntimeError as e:  # its memory is full, or a parent process has used it
            reason = str(e).partition("\n")[0]
            raise BadOption(f"the model cannot be put on the device {device}: {reason}") from None
        for layer in module.modules():
            if isinstance(layer, (nn.Linear, nn.Conv2d)):
                layer.to(self.precision)

    def _decoder(self, realism: float) -> Decoder:
        """The decoder for a realism 0..1: parameters linear between the two sets (as in Wang
        et al., "Deep Network Interpolation", CVPR 2019).

        `BadOption` if the model has only one set and `realism` is not 0.
        """
        if not realism:
            return self.tcae.decoder
        values = {name: v.float() for name, v in part_of(self.tensors, DECODER).items()}
        for name, value in self._read_realism().items():
            values[name] = torch.lerp(values[name], value.float(), realism)
        with torch.random.fork_rng(devices=[]):
            decoder = Decoder(self.cfg).float()
        decoder.load_state_dict(values)
        self._ready(decoder, self.device)
        return decoder

    def tiles(self, width: int, height: int) -> list[Tile]:
        """Tile groups in raster order."""
        h, w = -(-height // 32), -(-width // 32)
        return [
            (y, x, min(TILE, h - y), min(TILE, w - x))
            for y in range(0, h, TILE)
            for x in range(0, w, TILE)
        ]

    def _knot_weights(self, setting: Setting) -> Tensor:
        return self.tcae.knot_weights(self._tensor(setting))

    def _tensor(self, setting: Setting) -> Tensor:
        return torch.tensor([float(setting)], dtype=torch.float32, device=self.device)

    def _strip(self, width: int) -> int:
        """Rows of latents in a strip of a picture `width` pixels wide: whole windows."""
        return max(4, STRIP // (32 * width) // 4 * 4)

    def _pixel_rows(self, rgb: NDArray[np.uint8]) -> Rows:
        """uint8 `(H, W, 3)` -> uint8 `(1, 3, r, W)`, continued to multiples of 32."""
        height, width = rgb.shape[:2]
        step = 32 * self._strip(width)
        for top in range(0, height, step):
            x = torch.from_numpy(np.array(rgb[top : top + step])).to(self.device)
            x = x.permute(2, 0, 1)[None].contiguous()
            below = -height % 32 if top + step >= height else 0
            if below or width % 32:
                x = F.pad(x.float(), (0, -width % 32, 0, below), mode="replicate").byte()
            yield x, top + step >= height

    @torch.inference_mode()
    def latent_rows(self, rgb: NDArray[np.uint8], setting: Setting) -> Rows:
        """uint8 `(H, W, 3)` -> latents in steps, fp32 `(1, r, w, C)` on the CPU, in pieces."""
        knot_weights = self._knot_weights(setting)
        steps = self.tcae.steps(knot_weights)
        for y, last in self.tcae.analyse_stream(self._pixel_rows(rgb), knot_weights):
            yield (y / steps).cpu(), last

    def latents(self, rgb: NDArray[np.uint8], setting: Setting) -> Tensor:
        """uint8 `(H, W, 3)` -> latents in steps, fp32 `(h, w, C)` on the CPU."""
        return join_rows(self.latent_rows(rgb, setting))[0]

    @torch.inference_mode()
    def _hyper_analysis(self, v: Tensor, knot_weights: Tensor) -> Tensor:
        z: Tensor = self.hyper(v[None], knot_weights)[0]
        return z

    def _weight(self, setting: Setting) -> Tensor | None:
        """Bits that a squared error of one step is worth, per channel `(C,)`."""
        if not self.rdoq:
            return None
        steps = self.tcae.steps(self._knot_weights(setting))[0].cpu()
        return steps.square() * self.cfg.rdoq_weight(float(setting), self.rdoq)

    def _encode_rows(
        self, rows: Rows, setting: Setting, *, optimise: bool = True
    ) -> Iterator[tuple[bytes, CodedPasses]]:
        """Latents in steps `(1, r, w, C)` in pieces -> payload and passes of each tile group."""
        knot_weights = self._knot_weights(setting).cpu()
        weight = self._weight(setting) if optimise else None
        whole = (row for x, _ in regrouped(rows, TILE) for row in torch.split(x[0], TILE))
        for row in whole:
            for tile in torch.split(row, TILE, 1):
                z = self._hyper_analysis(tile, knot_weights)
                if not (tile.isfinite().all() and z.isfinite().all()):
                    raise BadModel("the model's weights lead to numbers that are not finite")
                yield self.entropy.encode(tile.contiguous(), z, setting, weight=weight)

    def encode_latents(self, v: Tensor, setting: Setting) -> tuple[list[bytes], list[CodedPasses]]:
        """Latents in steps `(h, w, C)` -> payloads and passes, one of each per tile group."""
        coded = list(self._encode_rows(pieces(v[None], TILE), setting))
        return [payload for payload, _ in coded], [passes for _, passes in coded]

    def encode(
        self,
        rgb: NDArray[np.uint8],
        setting: Setting,
        *,
        optimise: bool = True,
        progress: Progress | None = None,
    ) -> list[bytes]:
        """uint8 `(H, W, 3)`, setting 0..1000 -> one payload per tile group, raster order.

        `optimise`: weigh bits against error at every symbol rather than round to the nearest.
        """
        payloads: list[bytes] = []
        count = len(self.tiles(rgb.shape[1], rgb.shape[0]))
        for payload, _ in self._encode_rows(
            self.latent_rows(rgb, setting), setting, optimise=optimise
        ):
            payloads.append(payload)
            if progress:
                progress(len(payloads) / count)
        return payloads

    def _latent_rows(
        self,
        payloads: Sequence[bytes],
        width: int,
        height: int,
        setting: Setting,
        *,
        box: Box | None = None,
        groups: int | None = None,
        progress: Progress | None = None,
    ) -> Rows:
        """Payloads -> latents in sixteenths of a step, int32 `(1, r, w, c)`, by tile groups.

        Only those inside `box`, in latents, and only the first `groups`. c covers the groups up
        to the last one present in any tile group of the file (0 if none is).
        """
        tiles = self.tiles(width, height)
        if len(payloads) != len(tiles):
            raise BadFile(f"{len(payloads)} tile groups where {len(tiles)} are needed")
        present = max(self.entropy.present(p)[0].bit_length() for p in payloads)
        count = min(present, groups or present)
        channels = sum(self.cfg.groups[:count])
        x0, y0, x1, y1 = box or (0, 0, -(-width // 32), -(-height // 32))
        wanted = [
            (y, x, h, w, payload)
            for (y, x, h, w), payload in zip(tiles, payloads, strict=True)
            if y < y1 and y + h > y0 and x < x1 and x + w > x0
        ]
        done = 0
        for y, row in itertools.groupby(wanted, key=lambda t: t[0]):
            parts = []
            for _, x, h, w, payload in row:
                found = self.entropy.decode(payload, setting, h=h, w=w, groups=groups)
                part = torch.cat(found, -1)[:, :channels].view(1, h, w, channels)
                parts.append(part[:, max(y0 - y, 0) : y1 - y, max(x0 - x, 0) : x1 - x])
                done += 1
                if progress:
                    progress(done / len(wanted))
            yield torch.cat(parts, 2), done == len(wanted)

    def decode_latents(
        self, payloads: Sequence[bytes], width: int, height: int, setting: Setting
    ) -> Tensor:
        """Payloads -> latents in sixteenths of a step, int32 `(h, w, c)`.

        c covers the groups up to the last one present in any tile group (0 if none is).
        """
        with undisturbed(self.device.type):
            return join_rows(self._latent_rows(payloads, width, height, setting))[0]

    def check(self, payloads: Sequence[bytes], width: int, height: int, setting: Setting) -> None:
        """Decode all symbols, no pixels; `BadFile` if any tile group is damaged."""
        for _ in self._latent_rows(payloads, width, height, setting):
            pass

    def groups_for(self, setting: Setting, scale: int) -> int:
        """How many latent groups a picture reduced by `scale` needs; all at full size."""
        if scale == 1:
            return len(self.cfg.groups)
        return self.tcae.groups_for(self._tensor(setting), scale)

    @torch.inference_mode()
    def _synthesis(
        self, rows: Rows, setting: Setting, *, scale: int = 1, realism: float = 0.0
    ) -> Iterator[NDArray[np.uint8]]:
        """Latents as `_latent_rows` gives them -> uint8 `(r, W, 3)` of whole blocks."""
        knot_weights = self._knot_weights(setting)
        steps = self.tcae.steps(knot_weights) / 16
        # Averages of many pixels forgive the shortcut's rounding to bf16, single pixels do not; and
        # without pixels the shortcut costs little.
        exact = scale == 1 or self.tcae.skips_full_size(scale)
        dtype = torch.float32 if exact else self.precision

        def scaled(rows: Rows) -> Rows:
            for v16, last in rows:
                strips = pieces(v16, self._strip(32 * v16.shape[2]))
                for strip, end in strips:
                    y = strip.to(self.device).float().mul_(steps[:, : strip.shape[-1]])
                    yield y.to(dtype), last and end

        stream = self.tcae.synthesise_stream(
            scaled(rows), knot_weights, scale=scale, decoder=self.decoder(realism)
        )
        for x, _ in stream:
            x = x[0].add_(128.0).clamp_(0, 255).round_().to(torch.uint8)
            yield x.permute(1, 2, 0).contiguous().cpu().numpy()

    def pixels(self, v16: Tensor, width: int, height: int, setting: Setting) -> NDArray[np.uint8]:
        """Latents as `decode_latents` returns them -> uint8 `(H, W, 3)`."""
        rows = self._synthesis(pieces(v16[None], TILE), setting)
        return np.concatenate(list(rows))[:height, :width]

    def decode_rows(
        self,
        payloads: Sequence[bytes],
        width: int,
        height: int,
        setting: Setting,
        *,
        region: Region | None = None,
        scale: int = 1,
        realism: float = 0.0,
        progress: Progress | None = None,
    ) -> Iterator[NDArray[np.uint8]]:
        """Payloads -> strips of the picture from above to below, uint8 `(r, W, 3)`.

        `region` is `(left, top, width, height)` in pixels inside the picture: its rows only,
        from the tile groups that they depend on. `scale` 1, 2, 4 or 8: averages of
        `scale x scale` pixels, from the latents that matter to them; those that the region
        touches. `realism` 0..1: from least error to most natural texture. `BadFile` if a tile
        group in use is damaged.
        """
        region = region or (0, 0, width, height)
        left, top, right, bottom = reduced(region, scale)
        (w, across), (h, down) = folded(width, self.cfg), folded(height, self.cfg)
        if not any(payloads) and w * h < region[2] * region[3]:
            blank = [b""] * len(self.tiles(w, h))
            small = self.decode(
                blank, w, h, setting, scale=scale, realism=realism, progress=progress
            )
            lines, places = down[::scale] // scale, across[::scale] // scale
            yield from unfolded(small, lines[top:bottom], places[left:right])
            return
        y0, y1 = latents_for((top * scale, bottom * scale), height, self.cfg)
        x0, x1 = latents_for((left * scale, right * scale), width, self.cfg)
        rows = self._latent_rows(
            payloads,
            width,
            height,
            setting,
            box=(x0, y0, x1, y1),
            groups=self.groups_for(setting, scale),
            progress=progress,
        )
        columns = slice(left - 32 * x0 // scale, right - 32 * x0 // scale)
        skip, due = top - 32 * y0 // scale, bottom - top
        for strip in self._synthesis(rows, setting, scale=scale, realism=realism):
            part = strip[skip : skip + due, columns]
            skip = max(0, skip - len(strip))
            due -= len(part)
            if len(part):
                yield part

    def decode(
        self,
        payloads: Sequence[bytes],
        width: int,
        height: int,
        setting: Setting,
        *,
        region: Region | None = None,
        scale: int = 1,
        realism: float = 0.0,
        progress: Progress | None = None,
    ) -> NDArray[np.uint8]:
        """Payloads -> uint8 `(H, W, 3)`; the options are those of `decode_rows`."""
        rows = self.decode_rows(
            payloads,
            width,
            height,
            setting,
            region=region,
            scale=scale,
            realism=realism,
            progress=progress,
        )
        return np.concatenate(list(rows))
