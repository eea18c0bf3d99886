"""The library: `compress`, `decompress` and `Codec`.

    picture file --picture--> Picture --core--> payloads --container--> .tcz bytes, and back

torch is imported when a `Codec` is made, not when this module is.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tccodec.attempts import Attempts, psnr
from tccodec.container import DEFAULT_LIMITS, Limits, Tag, TczFile, read, read_header
from tccodec.container.layout import Region, checked_region, reduced, reduction
from tccodec.effort import DEFAULT_EFFORT, DEFAULT_TUNE, MAX_EFFORT, TUNES, Tune
from tccodec.errors import BadModel, BadOption, BadPicture, LimitExceeded, UnknownModel
from tccodec.picture import (
    Loss,
    Picture,
    Pixels,
    Strips,
    averaged,
    from_image,
    read_picture,
    stored_about,
    to_image,
    unpack_alpha,
    unpack_exact,
)
from tccodec.registry import DEFAULT_MODEL, ModelCard, find_by_id, find_model
from tccodec.search import DEFAULT_QUALITY, Target

if TYPE_CHECKING:
    from tccodec.core import NeuralCodec

__all__ = ["Codec", "Compressed", "compress", "decompress", "psnr"]

Progress = Callable[[float], None]
Source = Image.Image | str | os.PathLike[str] | bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Compressed:
    """A finished `.tcz` file and how it came about.

    data: the file. quality: its setting, 0 .. 1000. width, height: pixels. notes: what was
    converted. encodes: how often the network's output was coded to meet the target.
    exact: the pixels are stored lossless, which took fewer bytes. losses: what the file does not
    hold of the picture's (`tccodec.picture.types.Loss`). part: see `Picture`. remark: what was
    reached where the target was out of reach, else "".
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


def compress(
    image: Source,
    *,
    quality: float = DEFAULT_QUALITY,
    effort: int = DEFAULT_EFFORT,
    model: str | os.PathLike[str] = DEFAULT_MODEL,
    device: str = "auto",
) -> bytes:
    """Compress a picture to the bytes of a `.tcz` file.

    `image` is a Pillow image, the path of a picture file, or such a file's bytes; `quality`
    goes from 0 (smallest) to 100 (best); `effort` from 1 (fast) to 9; `model` is a name or a
    folder. The loaded model is kept for the next call. For a size or bit rate, or many
    pictures, see `Codec`.
    """
    return _cached(os.fspath(find_model(model).folder), device).compress(
        image, quality=quality, effort=effort
    )


def decompress(
    data: bytes,
    *,
    region: Region | None = None,
    scale: float = 1,
    realism: float = 0.0,
    model: str | os.PathLike[str] | None = None,
    device: str = "auto",
) -> Image.Image:
    """The picture in the bytes of a `.tcz` file, as a Pillow image (L, LA, RGB or RGBA).

    The file names its model, which is looked up; `model` overrides that with a name or a
    folder. ICC profile, EXIF and XMP are in the image's `info`. `region` and `scale` give a
    part of it or a smaller one for less work, `realism` natural texture instead of the least
    error: see `Codec.decompress`.
    """
    header = read_header(data)
    card = find_by_id(header.model_id) if model is None else find_model(model)
    codec = _cached(os.fspath(card.folder), device)
    return codec.decompress(data, region=region, scale=scale, realism=realism)


@functools.lru_cache(maxsize=2)
def _cached(folder: str, device: str) -> Codec:
    """A loaded codec; two are kept."""
    return Codec.from_pretrained(folder, device=device)


class Codec:
    """A loaded model that turns pictures into `.tcz` files and back.

    Made by `from_pretrained`. May be used from several threads, one call at a time each.
    """

    def __init__(self, core: NeuralCodec, card: ModelCard) -> None:
        self._core = core
        self.card = card

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | os.PathLike[str] = DEFAULT_MODEL,
        *,
        device: str = "auto",
        threads: int | None = None,
        precision: str = "auto",
    ) -> Codec:
        """Load a model by name or from a folder.

        device: auto, cpu, cuda or mps. threads: of torch, for the whole process; None leaves
        them. precision of the transforms: auto, fp32 or bf16 (the file decodes under both).
        Raises `UnknownModel` or `BadModel`.
        """
        card = find_model(name_or_path)
        from tccodec.core import NeuralCodec

        core = NeuralCodec.load(card.folder, device=device, threads=threads, precision=precision)
        if core.model_id != card.model_id:
            raise BadModel(f"{card.folder}: config.json names another model than its weights")
        return cls(core, card)

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.card.name

    @property
    def has_realism(self) -> bool:
        """Whether `decompress` takes a `realism` above 0."""
        return self.card.has_realism

    @property
    def model_id(self) -> bytes:
        """Content hash of weights and tables; a file stores its first five bytes."""
        return self.card.model_id

    def compress(
        self,
        image: Source,
        *,
        quality: float | None = None,
        bpp: float | None = None,
        size: float | None = None,
        psnr: float | None = None,
        effort: int = DEFAULT_EFFORT,
        tune: Tune = DEFAULT_TUNE,
        lossy: bool = False,
        limits: Limits = DEFAULT_LIMITS,
        progress: Progress | None = None,
    ) -> bytes:
        """Compress a picture (Pillow image, path or a picture file's bytes) to a `.tcz` file.

        At most one of `quality` (0 .. 100, 50 if nothing is given), `bpp` (bits per pixel of
        the whole file, not exceeded), `size` (bytes, never exceeded) and `psnr` (dB, at least).
        A picture that cannot have that `bpp` or `psnr` gets the nearest that it can, and
        `Compressed.remark` of `compress_picture` says so. `effort` 1 .. 9: how
        long to look for better latents, from 3 on for less of what `tune` names: squared error
        (psnr), structure (ssim) or a mix (visual). A drawn picture that takes no more bytes
        lossless is stored so, unless `lossy`. Raises `BadPicture`, `LimitExceeded`,
        `BadOption`, and `BadTarget` if no file of the picture is as small as `size`.
        """
        target = Target.of(quality=quality, bpp=bpp, size=size, psnr=psnr)
        if isinstance(image, Image.Image):
            picture = from_image(image, limits=limits)
        else:
            picture = read_picture(image, limits=limits)
        done = self.compress_picture(
            picture, target, effort=effort, tune=tune, lossy=lossy, progress=progress
        )
        if done.stopped:
            raise KeyboardInterrupt
        return done.data

    def compress_picture(
        self,
        picture: Picture,
        target: Target,
        *,
        effort: int = DEFAULT_EFFORT,
        tune: Tune = DEFAULT_TUNE,
        lossy: bool = False,
        progress: Progress | None = None,
    ) -> Compressed:
        """Compress a `Picture` to a target; as `compress`. `progress` is called with 0 .. 1.

        Ctrl-C during a long effort ends the search, and the best that was found is returned
        with `stopped` set; on the way to a size, rate or PSNR it is raised as usual.
        """
        if picture.width < 1 or picture.height < 1:
            raise BadPicture("the picture has no pixels")
        if effort not in range(1, MAX_EFFORT + 1):
            raise BadOption(f"effort must be a whole number from 1 to {MAX_EFFORT}, not {effort}")
        if tune not in TUNES:
            raise BadOption(f"tune must be one of {', '.join(TUNES)}, not {tune}")
        attempt = Attempts(self, picture, effort, tune, progress)
        attempt.keeps = target.kind == "quality"
        with _memory(picture.width, picture.height):
            met = attempt.meet(target, lossy=lossy)
        return Compressed(
            data=met.data,
            quality=met.setting,
            exact=met.exact,
            remark=met.remark,
            width=picture.width,
            height=picture.height,
            notes=picture.notes,
            losses=picture.losses,
            part=picture.part,
            encodes=len(attempt.sizes),
            stopped=attempt.stopped,
        )

    def decompress(
        self,
        data: bytes,
        *,
        region: Region | None = None,
        scale: float = 1,
        realism: float = 0.0,
        limits: Limits = DEFAULT_LIMITS,
        progress: Progress | None = None,
    ) -> Image.Image:
        """The picture in the bytes of a `.tcz` file, as a Pillow image with metadata in `info`.

        region: `(left, top, width, height)` in pixels of the whole picture; only what it
        depends on is decoded. scale: 1, 1/2, 1/4 or 1/8, for less work. realism: 0 is the
        picture of least error, 1 that of most natural texture, from the same bytes. Raises
        `BadFile` for damaged bytes, `UnknownModel` if another model made them, `BadOption` for
        a region outside the picture, another scale, or a realism that the model has not.
        """
        file = read(data, limits=limits)
        strips = self.decompress_strips(
            file, region=region, scale=scale, realism=realism, progress=progress
        )
        return to_image(strips)

    def decompress_strips(
        self,
        file: TczFile,
        *,
        region: Region | None = None,
        scale: float = 1,
        realism: float = 0.0,
        progress: Progress | None = None,
    ) -> Strips:
        """The picture in a file that was read already, strip by strip as it is decoded.

        As `decompress`, but damaged tile groups are found out while the strips are read.
        """
        self._same_model(file)
        factor = reduction(scale)
        if not 0 <= realism <= 1:
            raise BadOption(f"realism goes from 0 to 1, not {realism:g}")
        self._core.decoder(realism)  # a model without it says so before anything is decoded
        region = checked_region(region, file.width, file.height)
        left, top, right, bottom = reduced(region, factor)

        def stored(tag: Tag, unpack: Callable[..., Pixels]) -> Pixels | None:
            """The part of a lossless section that is asked for."""
            body = file.section(tag)
            if body is None:
                return None
            plane = unpack(body, width=file.width, height=file.height)
            return averaged(plane, factor)[top:bottom, left:right]

        # Before the network runs: a bad section is found out at once.
        about = stored_about(file)
        alpha, exact = stored(Tag.ALPHA, unpack_alpha), stored(Tag.EXACT, unpack_exact)
        if exact is not None:
            rows = iter([exact])
        else:
            rows = self._core.decode_rows(
                file.tiles,
                file.width,
                file.height,
                file.quality,
                region=region,
                scale=factor,
                realism=realism,
                progress=progress,
            )
        return Strips(
            width=right - left,
            height=bottom - top,
            rows=_within_memory(rows, file.width, file.height),
            grey=file.grey,
            alpha=alpha,
            **about,
        )

    def decompress_file(self, file: TczFile, *, progress: Progress | None = None) -> Picture:
        """The `Picture` in a file that was read already."""
        return self.decompress_strips(file, progress=progress).picture()

    def encode(self, rgb: Pixels, quality: float = DEFAULT_QUALITY) -> bytes:
        """Pixels, uint8 `(H, W, 3)` or grey `(H, W)`, to a `.tcz` file without metadata."""
        pixels = np.asarray(rgb)
        if pixels.dtype != np.uint8 or not (
            pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
        ):
            raise BadPicture(
                "pixels must be uint8 of shape (H, W, 3) or (H, W),"
                f" not {pixels.dtype} {pixels.shape}"
            )
        DEFAULT_LIMITS.check_picture(pixels.shape[1], pixels.shape[0])
        grey = pixels.ndim == 2
        if grey:
            pixels = np.repeat(pixels[:, :, None], 3, axis=2)
        return self.compress_picture(
            Picture(rgb=pixels, grey=grey), Target.of(quality=quality)
        ).data

    def decode(self, data: bytes) -> Pixels:
        """Pixels of a `.tcz` file, uint8 `(H, W, 3)`, or `(H, W)` if it is grey."""
        picture = self.decompress_file(read(data))
        if not picture.grey:
            return picture.rgb
        return np.asarray(to_image(replace(picture, alpha=None)))

    def verify(self, data: bytes, *, limits: Limits = DEFAULT_LIMITS) -> TczFile:
        """Check all of a file but its pixels: checksums, sections, every symbol.

        Returns its content; raises `BadFile`, `LimitExceeded` or `UnknownModel`.
        """
        file = read(data, limits=limits)
        self._same_model(file)
        stored_about(file)
        for tag, unpack in ((Tag.ALPHA, unpack_alpha), (Tag.EXACT, unpack_exact)):
            body = file.section(tag)
            if body is not None:
                unpack(body, width=file.width, height=file.height)
        with _memory(file.width, file.height):
            self._core.check(file.tiles, file.width, file.height, file.quality)
        return file

    def _same_model(self, file: TczFile) -> None:
        if not self.model_id.startswith(file.model_id):
            raise UnknownModel(
                f"the file was made with model {file.model_id.hex()},"
                f" not with {self.name} ({self.card.file_id.hex()})"
            )


def _within_memory(rows: Iterator[Pixels], width: int, height: int) -> Iterator[Pixels]:
    with _memory(width, height):
        yield from rows


@contextmanager
def _memory(width: int, height: int) -> Iterator[None]:
    """Turn the many ways of running out of memory into `LimitExceeded`."""
    try:
        yield
    except (MemoryError, RuntimeError) as e:
        text = str(e).lower()
        if isinstance(e, MemoryError) or "out of memory" in text or "can't allocate" in text:
            raise LimitExceeded(
                f"not enough memory for a picture of {width} x {height} pixels"
            ) from None
        raise
