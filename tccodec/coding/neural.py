"""The neural codec: pixels <-> payloads of tile groups, with one released model.

Pictures pass through the networks in strips. Only the 8-bit pixels and the payloads are held whole;
of everything else a few rows are in memory at a time, whatever the height.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from tccodec.coding.coded import CodedPicture
from tccodec.coding.devices import best_precision, choose_device
from tccodec.coding.requests import Progress
from tccodec.coding.surroundings import set_threads, undisturbed
from tccodec.config import ModelConfig
from tccodec.container import TILE_SIDE, Setting
from tccodec.entropy.hyper import HyperAnalysis
from tccodec.entropy.integer import CodedPasses, IntegerEntropy
from tccodec.errors import BadFile, BadModel, BadOption
from tccodec.model.folder import read_model, read_realism
from tccodec.model.weights import DECODER, part_of
from tccodec.picture.region import Region, reduced
from tccodec.transform.blank import folded, unfolded
from tccodec.transform.reach import latents_for
from tccodec.transform.rows import Rows, join_rows, pieces, regrouped
from tccodec.transform.tcae import TCAE, Decoder

TILE_LATENTS = TILE_SIDE // 32  # latents per side of a tile group
STRIP_PIXELS = 1 << 20  # pixels, about, that pass through the transforms together


class Tile(NamedTuple):
    """The place of a tile group in its picture, in latents."""

    y: int
    x: int
    h: int
    w: int


Span = tuple[int, int]  # from, to (exclusive), in latents


class NeuralCodec:
    """A loaded model. The transforms run in `precision`, the entropy path in integers."""

    def __init__(
        self,
        cfg: ModelConfig,
        tensors: dict[str, Tensor],
        *,
        model_id: bytes,
        rdoq: float,
        device: torch.device,
        precision: torch.dtype,
        realism: Callable[[], dict[str, Tensor]],
    ) -> None:
        """`realism` reads the decoder's parameters for realism 1, or raises if there are none."""
        self.cfg, self.model_id, self.rdoq = cfg, model_id, rdoq
        self.device, self.precision = device, precision
        self.tensors = tensors
        with torch.random.fork_rng(devices=[]):  # initial values are drawn
            self.tcae, self.hyper = TCAE(cfg).float(), HyperAnalysis(cfg).float()
        self.tcae.load_state_dict(part_of(tensors, "tcae"))
        self.hyper.load_state_dict(part_of(tensors, "hyper"))
        self._place(self.tcae, device)
        self._place(self.hyper, torch.device("cpu"))
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
            model_id=bytes.fromhex(config["model_id"]),
            rdoq=float(config.get("rdoq", 0.0)),
            device=where,
            precision=dtype,
            realism=functools.partial(read_realism, folder, config),
        )

    def _place(self, module: nn.Module, device: torch.device) -> None:
        """Move a part of the model to its device, and its layers to their precision."""
        try:
            module.eval().requires_grad_(False).to(device)
        except RuntimeError as e:  # its memory is full, or a parent process has used it
            reason = str(e).partition("\n")[0]
            raise BadOption(f"the model cannot be put on the device {device}: {reason}") from None
        for layer in module.modules():
            if isinstance(layer, (nn.Linear, nn.Conv2d)):
                layer.to(self.precision)

    def _decoder(self, realism: float) -> Decoder:
        """The decoder for a realism 0..1: its parameters lie between those of 0 and those of 1.

        They are interpolated linearly (Wang et al., "Deep Network Interpolation", CVPR 2019).
        `BadOption` if `realism` is not 0 and the model has no parameters for 1.
        """
        if not realism:
            return self.tcae.decoder
        values = {name: v.float() for name, v in part_of(self.tensors, DECODER).items()}
        for name, value in self._read_realism().items():
            values[name] = torch.lerp(values[name], value.float(), realism)
        with torch.random.fork_rng(devices=[]):
            decoder = Decoder(self.cfg).float()
        decoder.load_state_dict(values)
        self._place(decoder, self.device)
        return decoder

    def tiles(self, width: int, height: int) -> list[Tile]:
        """Tile groups in raster order."""
        h, w = -(-height // 32), -(-width // 32)
        return [
            Tile(y, x, min(TILE_LATENTS, h - y), min(TILE_LATENTS, w - x))
            for y in range(0, h, TILE_LATENTS)
            for x in range(0, w, TILE_LATENTS)
        ]

    def knot_weights(self, setting: Setting) -> Tensor:
        """Weights `(1, knots)` that interpolate a table of knots at `setting`, on the device."""
        return self.tcae.knot_weights(self._setting_tensor(setting))

    def steps(self, setting: Setting) -> Tensor:
        """Quantisation steps `(C,)` at `setting`, on the CPU."""
        return self.tcae.steps(self.knot_weights(setting))[0].cpu()

    def _setting_tensor(self, setting: Setting) -> Tensor:
        return torch.tensor([float(setting)], dtype=torch.float32, device=self.device)

    def _strip_rows(self, width: int) -> int:
        """Rows of latents in a strip of a picture `width` pixels wide: whole windows."""
        return max(4, STRIP_PIXELS // (32 * width) // 4 * 4)

    def _pixel_rows(self, rgb: NDArray[np.uint8]) -> Rows:
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

    @torch.inference_mode()
    def latent_rows(self, rgb: NDArray[np.uint8], setting: Setting) -> Rows:
        """uint8 `(H, W, 3)` -> latents in steps, fp32 `(1, r, w, C)` on the CPU, in pieces."""
        knot_weights = self.knot_weights(setting)
        steps = self.tcae.steps(knot_weights)
        for y, last in self.tcae.analyse_stream(self._pixel_rows(rgb), knot_weights):
            yield (y / steps).cpu(), last

    def latents(self, rgb: NDArray[np.uint8], setting: Setting) -> Tensor:
        """uint8 `(H, W, 3)` -> latents in steps, fp32 `(h, w, C)` on the CPU."""
        return join_rows(self.latent_rows(rgb, setting))[0]

    @torch.inference_mode()
    def hyper_analysis(self, v: Tensor, knot_weights: Tensor) -> Tensor:
        """Latents in steps `(h, w, C)` -> hyper-latents `(zh, zw, hyper)`, on the CPU."""
        z: Tensor = self.hyper(v[None], knot_weights)[0]
        return z

    def rdoq_weights(self, setting: Setting) -> Tensor | None:
        """The bits that a squared error of one step costs, per channel `(C,)`.

        None if the model was made without rate-distortion optimised quantisation.
        """
        if not self.rdoq:
            return None
        weight = self.cfg.rdoq_weight(float(setting), self.rdoq)
        return self.steps(setting).square() * weight

    def _encode_rows(
        self, rows: Rows, setting: Setting, *, optimise: bool = True
    ) -> Iterator[tuple[bytes, CodedPasses]]:
        """Latents in steps `(1, r, w, C)` in pieces -> payload and passes of each tile group."""
        knot_weights = self.knot_weights(setting).cpu()
        weight = self.rdoq_weights(setting) if optimise else None
        regular = regrouped(rows, TILE_LATENTS)
        tile_rows = (row for x, _ in regular for row in torch.split(x[0], TILE_LATENTS))
        for row in tile_rows:
            for tile in torch.split(row, TILE_LATENTS, 1):
                z = self.hyper_analysis(tile, knot_weights)
                if not (tile.isfinite().all() and z.isfinite().all()):
                    raise BadModel("the model's weights lead to numbers that are not finite")
                yield self.entropy.encode(tile.contiguous(), z, setting, weight=weight)

    def encode_latents(self, v: Tensor, setting: Setting) -> tuple[list[bytes], list[CodedPasses]]:
        """Latents in steps `(h, w, C)` -> payloads and passes, one of each per tile group."""
        coded = list(self._encode_rows(pieces(v[None], TILE_LATENTS), setting))
        return [payload for payload, _ in coded], [passes for _, passes in coded]

    def encode(
        self,
        rgb: NDArray[np.uint8],
        setting: Setting,
        *,
        optimise: bool = True,
        progress: Progress | None = None,
    ) -> CodedPicture:
        """Encode pixels, uint8 `(H, W, 3)`, at a setting 0..1000.

        `optimise`: weigh bits against error at every symbol rather than round to the nearest.
        """
        payloads: list[bytes] = []
        height, width = rgb.shape[:2]
        count = len(self.tiles(width, height))
        for payload, _ in self._encode_rows(
            self.latent_rows(rgb, setting), setting, optimise=optimise
        ):
            payloads.append(payload)
            if progress:
                progress(len(payloads) / count)
        return CodedPicture(width=width, height=height, setting=setting, payloads=payloads)

    def _decode_latent_rows(
        self,
        coded: CodedPicture,
        *,
        rows: Span | None = None,
        columns: Span | None = None,
        groups: int | None = None,
        progress: Progress | None = None,
    ) -> Rows:
        """Decode latents in sixteenths of a step, int32 `(1, r, w, c)`, a row of tile groups each.

        Only `rows` and `columns` of latents, and only the first `groups`, all by default. c covers
        the groups up to the last one present in any tile group of the file (0 if none is).
        """
        tiles = self.tiles(coded.width, coded.height)
        if len(coded.payloads) != len(tiles):
            raise BadFile(f"{len(coded.payloads)} tile groups where {len(tiles)} are needed")
        present = max(self.entropy.present(p)[0].bit_length() for p in coded.payloads)
        count = min(present, groups or present)
        channels = sum(self.cfg.groups[:count])
        y0, y1 = rows or (0, -(-coded.height // 32))
        x0, x1 = columns or (0, -(-coded.width // 32))
        wanted = [
            (*tile, payload)
            for tile, payload in zip(tiles, coded.payloads, strict=True)
            if tile.y < y1 and tile.y + tile.h > y0 and tile.x < x1 and tile.x + tile.w > x0
        ]
        done = 0
        for y, row in itertools.groupby(wanted, key=lambda t: t[0]):
            parts = []
            for _, x, h, w, payload in row:
                decoded = self.entropy.decode(payload, coded.setting, h=h, w=w, groups=groups)
                part = torch.cat(decoded, -1)[:, :channels].view(1, h, w, channels)
                parts.append(part[:, max(y0 - y, 0) : y1 - y, max(x0 - x, 0) : x1 - x])
                done += 1
                if progress:
                    progress(done / len(wanted))
            yield torch.cat(parts, 2), done == len(wanted)

    def decode_latents(self, coded: CodedPicture) -> Tensor:
        """The latents in sixteenths of a step, int32 `(h, w, c)`.

        c covers the groups up to the last one present in any tile group (0 if none is).
        """
        with undisturbed(self.device.type):
            return join_rows(self._decode_latent_rows(coded))[0]

    def check(self, coded: CodedPicture) -> None:
        """Decode all symbols, but no pixels; `BadFile` if any tile group is damaged."""
        for _ in self._decode_latent_rows(coded):
            pass

    def groups_for(self, setting: Setting, scale: int) -> int:
        """How many latent groups a picture reduced by `scale` needs; all at full size."""
        if scale == 1:
            return len(self.cfg.groups)
        return self.tcae.groups_for(self._setting_tensor(setting), scale)

    @torch.inference_mode()
    def _synthesis(
        self, rows: Rows, setting: Setting, *, scale: int = 1, realism: float = 0.0
    ) -> Iterator[NDArray[np.uint8]]:
        """Latents as `_decode_latent_rows` yields them -> uint8 `(r, W, 3)` of whole blocks."""
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

    def pixels(self, v16: Tensor, coded: CodedPicture) -> NDArray[np.uint8]:
        """Latents as `decode_latents` returns them -> uint8 `(H, W, 3)`."""
        rows = self._synthesis(pieces(v16[None], TILE_LATENTS), coded.setting)
        return np.concatenate(list(rows))[: coded.height, : coded.width]

    def decode_rows(
        self,
        coded: CodedPicture,
        *,
        region: Region | None = None,
        scale: int = 1,
        realism: float = 0.0,
        progress: Progress | None = None,
    ) -> Iterator[NDArray[np.uint8]]:
        """Strips of the picture from top to bottom, uint8 `(r, W, 3)`.

        region: `(left, top, width, height)` in pixels inside the picture; only the tile groups that
        it depends on are decoded. scale: 1, 2, 4 or 8; pixels are then averages of `scale x scale`
        ones, all those that the region touches, and latents that hardly matter to them are not
        decoded. realism: 0..1, from least error to most natural texture. `BadFile` if a tile group
        in use is damaged.
        """
        region = region or (0, 0, coded.width, coded.height)
        left, top, right, bottom = reduced(region, scale)
        width, across = folded(coded.width, self.cfg)
        height, down = folded(coded.height, self.cfg)
        if not any(coded.payloads) and width * height < region[2] * region[3]:
            blank = [b""] * len(self.tiles(width, height))
            small = CodedPicture(width=width, height=height, setting=coded.setting, payloads=blank)
            pixels = self.decode(small, scale=scale, realism=realism, progress=progress)
            rows, columns = down[::scale] // scale, across[::scale] // scale
            yield from unfolded(pixels, rows[top:bottom], columns[left:right])
            return
        y = latents_for((top * scale, bottom * scale), coded.height, self.cfg)
        x = latents_for((left * scale, right * scale), coded.width, self.cfg)
        latents = self._decode_latent_rows(
            coded,
            rows=y,
            columns=x,
            groups=self.groups_for(coded.setting, scale),
            progress=progress,
        )
        inside = slice(left - 32 * x[0] // scale, right - 32 * x[0] // scale)
        skip, due = top - 32 * y[0] // scale, bottom - top
        for strip in self._synthesis(latents, coded.setting, scale=scale, realism=realism):
            part = strip[skip : skip + due, inside]
            skip = max(0, skip - len(strip))
            due -= len(part)
            if len(part):
                yield part

    def decode(
        self,
        coded: CodedPicture,
        *,
        region: Region | None = None,
        scale: int = 1,
        realism: float = 0.0,
        progress: Progress | None = None,
    ) -> NDArray[np.uint8]:
        """The picture, uint8 `(H, W, 3)`; the options are those of `decode_rows`."""
        rows = self.decode_rows(
            coded, region=region, scale=scale, realism=realism, progress=progress
        )
        return np.concatenate(list(rows))
