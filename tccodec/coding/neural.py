"""The neural codec: pixels <-> payloads of tile groups, with one released model."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tccodec.coding.coded import CodedPicture
from tccodec.coding.devices import best_precision, choose_device
from tccodec.coding.effort import DEFAULT_TUNE, Tune
from tccodec.coding.requests import Progress
from tccodec.coding.surroundings import set_threads, undisturbed
from tccodec.coding.tiles import TILE_LATENTS, TileCoder
from tccodec.coding.transforms import Transforms
from tccodec.coding.visibility import VISIBILITY, ErrorWeights
from tccodec.config import ModelConfig
from tccodec.container import Setting, tile_grid
from tccodec.entropy.integer import CodedPasses
from tccodec.model.folder import read_model, read_realism
from tccodec.picture.region import Region, reduced
from tccodec.transform.blank import unfolded
from tccodec.transform.reach import latents_for
from tccodec.transform.rows import Rows, join_rows, pieces


class NeuralCodec:
    """A loaded model. `transforms` runs in `precision`, `coder` in integers.

    rdoq: strength of the rate-distortion optimised quantisation, 0 for none. visibility: how
    visible errors are, for it.
    """

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
        self.visibility = VISIBILITY
        self.device, self.precision = device, precision
        self.tensors = tensors
        self.transforms = Transforms(
            cfg, tensors, device=device, precision=precision, realism=realism
        )
        self.coder = TileCoder(cfg, tensors, precision=precision)
        self.entropy = self.coder.entropy

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

    def require_realism(self, realism: float) -> None:
        """`BadOption` if the model cannot decode with this realism, 0..1."""
        self.transforms.decoder(realism)

    def error_weights(self, setting: Setting, tune: Tune) -> ErrorWeights | None:
        """What errors cost when symbols are chosen.

        None without rate-distortion optimised quantisation.
        """
        if not self.rdoq:
            return None
        per_error = self.cfg.rdoq_weight(float(setting), self.rdoq)
        steps = self.transforms.steps(setting)
        return ErrorWeights.of(
            self.cfg, steps, per_error=per_error, tune=tune, visibility=self.visibility
        )

    def latents(self, rgb: NDArray[np.uint8], setting: Setting) -> Tensor:
        """uint8 `(H, W, 3)` -> latents in steps, fp32 `(h, w, C)` on the CPU."""
        return join_rows(self.transforms.latent_rows(rgb, setting))[0]

    def _encode_rows(
        self, rows: Rows, setting: Setting, *, optimise: bool = True, tune: Tune
    ) -> Iterator[tuple[bytes, CodedPasses]]:
        """Latents in steps `(1, r, w, C)` in pieces -> payload and passes of each tile group."""
        return self.coder.encode_rows(
            rows,
            setting,
            knot_weights=self.transforms.knot_weights(setting).cpu(),
            weights=self.error_weights(setting, tune) if optimise else None,
        )

    def encode_latents(
        self, v: Tensor, setting: Setting, *, tune: Tune = DEFAULT_TUNE
    ) -> tuple[list[bytes], list[CodedPasses]]:
        """Latents in steps `(h, w, C)` -> payloads and passes, one of each per tile group."""
        coded = list(self._encode_rows(pieces(v[None], TILE_LATENTS), setting, tune=tune))
        return [payload for payload, _ in coded], [passes for _, passes in coded]

    def encode(
        self,
        rgb: NDArray[np.uint8],
        setting: Setting,
        *,
        optimise: bool = True,
        tune: Tune = DEFAULT_TUNE,
        progress: Progress | None = None,
    ) -> CodedPicture:
        """Encode pixels, uint8 `(H, W, 3)`, at a setting 0..1000.

        `optimise`: weigh bits against error at every symbol rather than round to the nearest; by
        `tune`, all errors count alike or by their visibility.
        """
        height, width = rgb.shape[:2]
        columns, lines = tile_grid(width, height)
        payloads: list[bytes] = []
        rows = self.transforms.latent_rows(rgb, setting)
        for payload, _ in self._encode_rows(rows, setting, optimise=optimise, tune=tune):
            payloads.append(payload)
            if progress:
                progress(len(payloads) / (columns * lines))
        return CodedPicture(width=width, height=height, setting=setting, payloads=payloads)

    def decode_latents(self, coded: CodedPicture) -> Tensor:
        """The latents in sixteenths of a step, int32 `(h, w, c)`.

        c covers the groups up to the last one present in any tile group (0 if none is).
        """
        with undisturbed(self.device.type):
            return join_rows(self.coder.decode_rows(coded))[0]

    def check(self, coded: CodedPicture) -> None:
        """Decode all symbols, but no pixels; `BadFile` if any tile group is damaged."""
        for _ in self.coder.decode_rows(coded):
            pass

    def pixels(self, v16: Tensor, coded: CodedPicture) -> NDArray[np.uint8]:
        """Latents as `decode_latents` returns them -> uint8 `(H, W, 3)`."""
        rows = self.transforms.pixel_rows(pieces(v16[None], TILE_LATENTS), coded.setting)
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
        small, down, across = coded.folded(self.cfg)
        if 2 * small.width * small.height <= region[2] * region[3]:
            pixels = self.decode(small, scale=scale, realism=realism, progress=progress)
            rows, columns = down.at[::scale] // scale, across.at[::scale] // scale
            yield from unfolded(pixels, rows[top:bottom], columns[left:right])
            return
        y = latents_for((top * scale, bottom * scale), coded.height, self.cfg)
        x = latents_for((left * scale, right * scale), coded.width, self.cfg)
        latents = self.coder.decode_rows(
            coded,
            rows=y,
            columns=x,
            groups=self.transforms.groups_for(coded.setting, scale),
            progress=progress,
        )
        inside = slice(left - 32 * x[0] // scale, right - 32 * x[0] // scale)
        skip, due = top - 32 * y[0] // scale, bottom - top
        strips = self.transforms.pixel_rows(latents, coded.setting, scale=scale, realism=realism)
        for strip in strips:
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
