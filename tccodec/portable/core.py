"""What `tccodec.coding.neural.NeuralCodec` does for a decoder, without torch.

Symbols are the same, pixels within one grey level. The synthesis runs in 32 bits, by onnxruntime
where that is installed, which takes less time, or by numpy.
"""

from __future__ import annotations

import functools
import itertools
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tccodec.coding.coded import CodedPicture
from tccodec.coding.requests import Progress
from tccodec.coding.surroundings import require_device
from tccodec.coding.threads import processors
from tccodec.container import TILE_SIDE
from tccodec.picture.region import Region, reduced
from tccodec.portable.entropy import Entropy, Ints
from tccodec.portable.evaluate import Evaluator
from tccodec.portable.folder import read_model, read_realism
from tccodec.portable.graph import Graph
from tccodec.portable.synthesis import synthesis, with_realism
from tccodec.transform.blank import unfolded
from tccodec.transform.reach import Span, latents_for, window_period
from tccodec.transform.reference import Synthesis

TILE_LATENTS = TILE_SIDE // 32  # latents per side of a tile group
STRIP_PIXELS = 6 << 20  # pixels that go through the synthesis together, margins included


Run = Callable[[dict[str, NDArray[np.float32]]], NDArray[np.uint8]]


@dataclass(frozen=True)
class Device:
    """Where it runs, as far as callers ask."""

    library: str
    type: str = "cpu"

    def __str__(self) -> str:
        return f"{self.type}, {self.library}"


class PortableCodec:
    """A loaded model that decodes."""

    precision = "fp32"

    def __init__(self, folder: Path, *, device: str = "auto", threads: int | None = None) -> None:
        """`UnknownModel` if the folder is no model, `BadModel` if it is damaged, `BadOption` for
        a device that needs torch. `threads` are those of onnxruntime; the environment sets numpy's
        (`OMP_NUM_THREADS`)."""
        require_device(device)
        self.device = Device("onnxruntime" if find_spec("onnxruntime") else "numpy")
        self.folder = folder
        self.config, self.cfg, self.tensors = read_model(folder)
        self.model_id = bytes.fromhex(self.config["model_id"])
        self._threads = threads or processors()
        self.entropy = Entropy(self.cfg, self.tensors)
        # A proxy, for without it the cache would keep this object alive until a garbage collection.
        new_synthesis = functools.partial(PortableCodec._new_synthesis, weakref.proxy(self))
        self._synthesis = functools.lru_cache(maxsize=2)(new_synthesis)

    def require_realism(self, realism: float) -> None:
        """`BadOption` if the model cannot decode with this realism, 0..1."""
        if realism:
            read_realism(self.folder, self.config)

    def _new_synthesis(self, realism: float, factor: int) -> Run:
        tensors = self.tensors
        if realism:
            tensors = with_realism(tensors, read_realism(self.folder, self.config), realism)
        graph = synthesis(self.cfg, tensors, factor=factor)
        if self.device.library == "numpy":
            return Evaluator(graph).run
        return in_onnxruntime(graph, self._threads)

    def check(self, coded: CodedPicture) -> None:
        """Decode all symbols, but no pixels; `BadFile` if any tile group is damaged."""
        tile = self._tiles(coded, groups=None)
        for y in range(-(-coded.height // TILE_SIDE)):
            for x in range(-(-coded.width // TILE_SIDE)):
                tile(x, y)

    def decode_latents(self, coded: CodedPicture) -> tuple[Ints, Ints]:
        """Latents of the whole picture in sixteenths, `(h, w, A)` and `(2 h, 2 w, E)`."""
        tile = self._tiles(coded, groups=None)
        return self._gathered(tile, (0, -(-coded.width // 32)), (0, -(-coded.height // 32)))

    def groups_for(self, setting: int, scale: int) -> int:
        """How many latent groups a picture reduced by `scale` needs; all at full size."""
        if scale == 1:
            return len(self.cfg.groups)
        return Synthesis(self.config["model"], self.tensors, setting=setting).groups_for(scale)

    def decode_rows(
        self,
        coded: CodedPicture,
        *,
        region: Region | None = None,
        scale: int = 1,
        realism: float = 0.0,
        progress: Progress | None = None,
    ) -> Iterator[NDArray[np.uint8]]:
        """Strips of the picture; all is as in `NeuralCodec.decode_rows`."""
        width, height, setting = coded.width, coded.height, coded.setting
        region = region or (0, 0, width, height)
        left, top, right, bottom = reduced(region, scale)
        small, down, across = coded.folded(self.cfg)
        if 2 * small.width * small.height <= region[2] * region[3]:
            parts = self.decode_rows(small, scale=scale, realism=realism, progress=progress)
            pixels = np.concatenate(list(parts))
            lines, places = down.at[::scale] // scale, across.at[::scale] // scale
            yield from unfolded(pixels, lines[top:bottom], places[left:right])
            return
        groups = self.groups_for(setting, scale)
        tile = self._tiles(coded, groups=groups)
        run = self._synthesis(realism, scale)
        columns = latents_for((left * scale, right * scale), width, self.cfg)
        ends = self._ends(top * scale, bottom * scale, width=32 * (columns[1] - columns[0]))
        for start, end in zip([top * scale, *ends], [*ends, bottom * scale], strict=True):
            rows = latents_for((start, end), height, self.cfg)
            coarse, fine = (m.astype(np.float32) for m in self._gathered(tile, columns, rows))
            feed = {"coarse": coarse, "fine": fine, "setting": np.array([setting], np.float32)}
            pixels = run(feed)
            y, x = 32 * rows[0] // scale, 32 * columns[0] // scale  # of the first pixel
            part: NDArray[np.uint8] = pixels[
                start // scale - y : end // scale - y, left - x : right - x
            ]
            yield part
            if progress:
                progress((end - top * scale) / ((bottom - top) * scale))

    def _ends(self, top: int, bottom: int, *, width: int) -> list[int]:
        """Rows of pixels, between `top` and `bottom`, that end a strip which fits in memory."""
        unit = 32 * window_period(self.cfg)
        wide = latents_for((1 << 14, (1 << 14) + unit), 1 << 16, self.cfg)
        margin = 32 * (wide[1] - wide[0]) - unit
        strip = max(unit, (STRIP_PIXELS // width - margin) // unit * unit)
        return list(range(top // unit * unit + strip, bottom, strip))

    def _tiles(
        self, coded: CodedPicture, *, groups: int | None
    ) -> Callable[[int, int], tuple[Ints, Ints]]:
        """Function: column and row of a tile group -> its latents; the last two rows are kept.

        `BadFile` at once if any tile group names groups that the model does not have.
        """
        payloads = coded.tile_rows()
        for payload in itertools.chain(*payloads):
            self.entropy.present(payload)
        h, w = -(-coded.height // 32), -(-coded.width // 32)

        def tile(x: int, y: int) -> tuple[Ints, Ints]:
            return self.entropy.decode(
                payloads[y][x],
                coded.setting,
                h=min(TILE_LATENTS, h - TILE_LATENTS * y),
                w=min(TILE_LATENTS, w - TILE_LATENTS * x),
                groups=groups,
            )

        return functools.lru_cache(maxsize=2 * len(payloads[0]) + 1)(tile)

    def _gathered(
        self, tile: Callable[[int, int], tuple[Ints, Ints]], columns: Span, rows: Span
    ) -> tuple[Ints, Ints]:
        """The latents of a rectangle, from the tile groups that it touches."""
        a = sum(self.cfg.groups[: self.cfg.coarse])
        h, w = rows[1] - rows[0], columns[1] - columns[0]
        whole = (
            np.zeros((h, w, a), np.int32),
            np.zeros((2 * h, 2 * w, self.cfg.channels - a), np.int32),
        )
        for y in range(rows[0] // TILE_LATENTS, -(-rows[1] // TILE_LATENTS)):
            for x in range(columns[0] // TILE_LATENTS, -(-columns[1] // TILE_LATENTS)):
                top, bottom = max(rows[0], y * TILE_LATENTS), min(rows[1], (y + 1) * TILE_LATENTS)
                left, right = (
                    max(columns[0], x * TILE_LATENTS),
                    min(columns[1], (x + 1) * TILE_LATENTS),
                )
                for scale, out, part in zip((1, 2), whole, tile(x, y), strict=True):
                    source = (
                        slice(
                            scale * (top - y * TILE_LATENTS), scale * (bottom - y * TILE_LATENTS)
                        ),
                        slice(
                            scale * (left - x * TILE_LATENTS), scale * (right - x * TILE_LATENTS)
                        ),
                    )
                    target = (
                        slice(scale * (top - rows[0]), scale * (bottom - rows[0])),
                        slice(scale * (left - columns[0]), scale * (right - columns[0])),
                    )
                    out[target] = part[source]
        return whole


def in_onnxruntime(graph: Graph, threads: int) -> Run:
    """A function that runs a graph in onnxruntime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session: Any = onnxruntime.InferenceSession(
        graph.to_bytes("synthesis"), options, providers=["CPUExecutionProvider"]
    )
    return lambda inputs: session.run(None, inputs)[0]
