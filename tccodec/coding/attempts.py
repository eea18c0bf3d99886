"""One picture coded at several qualities, until a target is met."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tccodec.coding.effort import DEFAULT_EFFORT, Tune
from tccodec.coding.requests import Progress
from tccodec.coding.search import Target, above_bpp, find_bpp, find_psnr, find_size
from tccodec.container import Limits, Section, Tag, TczFile, make_section, read, write
from tccodec.container.layout import MAX_QUALITY, MODEL_ID_BYTES, tile_grid
from tccodec.picture import Loss, Picture, looks_drawn, pack_exact, sections_of, to_image

if TYPE_CHECKING:
    from tccodec.coding.neural import NeuralCodec


@dataclass(frozen=True, slots=True, kw_only=True)
class Compressed:
    """A finished `.tcz` file and how it came about.

    data: the bytes of the file. quality: its setting, 0 .. 1000. width, height: pixels.
    notes: what of the picture was converted. losses: what of the picture the file does not hold.
    part: see `Picture`. encodes: how often the picture was encoded to meet the target.
    stopped: Ctrl-C ended the search for better latents. exact: the pixels are stored lossless,
    which took fewer bytes. remark: what was reached if the target could not be met, else "".
    """

    data: bytes
    quality: int
    width: int
    height: int
    notes: tuple[str, ...]
    encodes: int
    stopped: bool = False
    exact: bool = False
    losses: tuple[Loss, ...] = ()
    part: str = ""
    remark: str = ""

    @property
    def bpp(self) -> float:
        """Bits per pixel of the whole file."""
        return len(self.data) * 8 / (self.width * self.height)


class Attempts:
    """One picture at several qualities; nothing is computed twice."""

    def __init__(
        self,
        core: NeuralCodec,
        picture: Picture,
        *,
        decode: Callable[[TczFile], Picture],
        effort: int,
        tune: Tune,
        progress: Progress | None,
    ) -> None:
        """`decode`: what a file gives back, for a target of kind psnr."""
        self.core, self.picture, self.decode = core, picture, decode
        self.effort, self.tune, self.progress = effort, tune, progress
        self.stopped, self.keep_best = False, False
        self.sizes: dict[int, int] = {}
        self.psnrs: dict[int, float] = {}
        self._files: dict[int, bytes] = {}
        self._sections = tuple(sections_of(picture))
        self._exact: bytes | None = None

    def find(self, target: Target, *, start: int | None = None) -> tuple[int, str]:
        """The setting that meets `target` best, and a remark if it does not meet it.

        The first guess is `start`. `BadTarget` for a size that no file has.
        """
        if target.kind == "quality":
            return target.setting, ""
        if target.kind == "psnr":
            return find_psnr(self.psnr_at, target.value, start=start)
        if target.kind == "size":
            return find_size(self.bytes_at, target.value, start=start), ""
        pixels = self.picture.width * self.picture.height
        return find_bpp(self.bytes_at, target.value, pixels=pixels, start=start)

    def meet(self, target: Target, *, lossy: bool, keep_best: bool) -> Compressed:
        """The file that meets `target` best: the exact one if that takes no more bytes.

        `lossy`: no exact file, whatever it takes. `keep_best`: Ctrl-C during the refinement for a
        target of kind quality ends it, and the best file so far is returned.
        """
        self.keep_best = keep_best and target.kind == "quality"
        pixels = self.picture.width * self.picture.height
        room = target.room(pixels)
        if room and not lossy and (exact := self.exact(room)):
            return self._done(MAX_QUALITY, exact, exact=True)
        quick = self
        if self.effort > DEFAULT_EFFORT:
            quick = Attempts(
                self.core,
                self.picture,
                decode=self.decode,
                effort=DEFAULT_EFFORT,
                tune=self.tune,
                progress=None,
            )
        drawn = not lossy and looks_drawn(self.picture.rgb)
        start = None
        if drawn or quick is not self:  # long searches start where a quick one ends
            start, _ = quick.find(target)
        if drawn and start is not None:
            exact = self.exact(quick.bytes_at(start), quality=start)
            if exact:
                remark = above_bpp(target.value, len(exact) * 8 / pixels) if room else ""
                return self._done(start, exact, exact=True, remark=remark)
        setting, remark = self.find(target, start=start)
        return self._done(setting, self.file_at(setting), remark=remark)

    def _done(
        self, setting: int, data: bytes, *, exact: bool = False, remark: str = ""
    ) -> Compressed:
        return Compressed(
            data=data,
            quality=setting,
            width=self.picture.width,
            height=self.picture.height,
            notes=self.picture.notes,
            losses=self.picture.losses,
            part=self.picture.part,
            encodes=len(self.sizes),
            stopped=self.stopped,
            exact=exact,
            remark=remark,
        )

    def _tiles(self, quality: int) -> list[bytes]:
        core, rgb = self.core, self.picture.rgb
        if self.effort <= DEFAULT_EFFORT:
            optimise = self.effort > 1
            return core.encode(rgb, quality, optimise=optimise, progress=self.progress)
        from tccodec.coding.refine import Refiner

        refiner = Refiner(core, rgb, quality, tune=self.tune)
        tiles = refiner.run(self.effort, progress=self.progress, keep_best=self.keep_best)
        self.stopped = refiner.interrupted
        return tiles

    def file_at(self, quality: int) -> bytes:
        """The `.tcz` file at a setting."""
        if quality not in self._files:
            self._files[quality] = write(self._file(quality, self._tiles(quality), self._sections))
            self.sizes[quality] = len(self._files[quality])
        return self._files[quality]

    def exact(self, at_most: float, *, quality: int = MAX_QUALITY) -> bytes | None:
        """The `.tcz` file with all pixels lossless; None if it has more than `at_most` bytes."""
        if self._exact is None:
            self._exact = pack_exact(self.picture.rgb, at_most=at_most)
        if self._exact is None:
            return None
        exact = make_section(Tag.EXACT, self._exact)
        sections = sorted([*self._sections, exact], key=lambda s: s.number)
        columns, rows = tile_grid(self.picture.width, self.picture.height)
        data = write(self._file(quality, [b""] * (columns * rows), sections))
        return data if len(data) <= at_most else None

    def _file(self, quality: int, tiles: Sequence[bytes], sections: Sequence[Section]) -> TczFile:
        return TczFile(
            width=self.picture.width,
            height=self.picture.height,
            quality=quality,
            model_id=self.core.model_id[:MODEL_ID_BYTES],
            tiles=tuple(tiles),
            grey=self.picture.grey,
            sections=tuple(sections),
        )

    def bytes_at(self, quality: int) -> int:
        """Bytes of the whole file at `quality`."""
        if quality not in self.sizes:
            self.file_at(quality)
        return self.sizes[quality]

    def psnr_at(self, quality: int) -> float:
        """PSNR in dB, over the channels that the picture gives back, at `quality`."""
        if quality not in self.psnrs:
            decoded = self.decode(read(self.file_at(quality), limits=_ANY))
            self.psnrs[quality] = psnr(self.picture, decoded)
        return self.psnrs[quality]


# Our own output needs no protection, and the input passed the caller's limits.
_ANY = Limits(max_pixels=1 << 32, max_section=1 << 32)


def psnr(one: Picture, other: Picture) -> float:
    """PSNR in dB between two pictures of one size; grey ones in their one channel.

    Mean squared error over all samples, peak 255, as reports of codecs give it; infinite if
    they are equal.
    """
    a, b = one.rgb, other.rgb
    if one.grey:
        a = np.asarray(to_image(replace(one, alpha=None)))
        b = np.asarray(to_image(replace(other, grey=True, alpha=None)))
    total = 0
    for top in range(0, len(a), 256):  # by strips: integers, exact, and little memory
        difference = a[top : top + 256].astype(np.int32) - b[top : top + 256]
        total += int(np.square(difference).sum(dtype=np.int64))
    return math.inf if total == 0 else 10 * math.log10(255**2 * a.size / total)
