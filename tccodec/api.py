"""The library: `Codec`.

    picture file --picture--> Picture --coding--> payloads --container--> .tcz bytes, and back

torch is imported when a `Codec` is made, not when this module is.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from tccodec.arguments import (
    FileSource,
    check_choice,
    check_integer,
    check_number,
    check_region,
    check_type,
)
from tccodec.coding import requests
from tccodec.coding.attempts import Compressed, PictureEncoder
from tccodec.coding.coded import CodedPicture
from tccodec.coding.effort import DEFAULT_EFFORT, DEFAULT_TUNE, Tune
from tccodec.coding.loaded import loaded_once
from tccodec.coding.options import CodingOptions
from tccodec.coding.requests import PictureSource, Progress
from tccodec.coding.search import DEFAULT_QUALITY, Target
from tccodec.coding.surroundings import enough_memory, require_torch, stepwise, undisturbed
from tccodec.coding.tensors import Latents
from tccodec.container import DEFAULT_LIMITS, Limits, TczFile, read
from tccodec.errors import BadModel, UnknownModel
from tccodec.model.registry import DEFAULT_MODEL, ModelCard, find_model, load_by_id
from tccodec.picture import (
    Picture,
    Pixels,
    Strips,
    stored_about,
    stored_alpha,
    stored_pixels,
    to_image,
)
from tccodec.picture.region import Region, reduced, reduction, region_within
from tccodec.portable.choice import load_core

if TYPE_CHECKING:
    from tccodec.coding.neural import NeuralCodec

__all__ = ["Codec"]


class Codec:
    """A loaded model that turns pictures into `.tcz` files and back.

    Made by `from_pretrained`. May be used from several threads, one call at a time each. A copy,
    or what comes out of a pickle, is loaded anew from the model's folder; where that is gone, from
    a model of the same id.

    Settings of torch in the program around it (default device and dtype, autocast, gradients) make
    no difference and stay as they are. In a process forked from one that used a codec already,
    torch works with one thread, whatever `threads` says, and a codec on a GPU raises
    `TccodecError`: start such processes with the method "spawn" instead.
    """

    def __init__(
        self, core: NeuralCodec, card: ModelCard, *, device: str = "auto", precision: str = "auto"
    ) -> None:
        self._core = core
        self.card = card
        self._load_options = device, precision

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | os.PathLike[str] = DEFAULT_MODEL,
        *,
        device: str = "auto",
        threads: int | None = None,
        precision: str = "auto",
    ) -> Codec:
        """Load a model.

        name_or_path: the model's name, or its folder.
        device: auto, cpu, cuda, cuda:1 and so on, or mps. Where torch is not installed, auto and
            cpu, by onnxruntime or numpy, for decoding only.
        threads: of torch, for the whole process, 1 .. 1024; None leaves them as they are. numpy's
            are those that the environment sets.
        precision: of the transforms: auto, fp32 or bf16. Files decode under both.

        Raises `UnknownModel` if there is no such model, `BadModel` if its folder is damaged, and
        `BadOption` for another device or value.
        """
        card = find_model(name_or_path)
        # What is read later, for realism, must not depend on the working folder of then.
        card = replace(card, folder=Path(os.path.abspath(card.folder)))
        check_type("device", device, str)
        check_choice("precision", precision, ("auto", "fp32", "bf16"))
        if threads is not None:
            threads = check_integer("threads", threads, low=1, high=1024)
        core = load_core(card.folder, device=device, threads=threads, precision=precision)
        if core.model_id != card.model_id:
            raise BadModel(f"{card.folder}: config.json names another model than its weights")
        return cls(core, card, device=device, precision=precision)

    def __repr__(self) -> str:
        return (
            f"<tccodec.Codec {self.name}, model {self.card.file_id.hex()},"
            f" {self._core.device}, {str(self._core.precision).removeprefix('torch.')}>"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _reloaded, (str(self.card.folder), self.model_id, *self._load_options)

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
        image: PictureSource,
        *,
        quality: float | None = None,
        bpp: float | None = None,
        size: float | None = None,
        psnr: float | None = None,
        ms_ssim: float | None = None,
        lpips: float | None = None,
        ssimulacra2: float | None = None,
        lossless: bool = False,
        effort: int = DEFAULT_EFFORT,
        tune: Tune = DEFAULT_TUNE,
        lossy: bool = False,
        screen: bool = False,
        preview: bool = True,
        limits: Limits = DEFAULT_LIMITS,
        progress: Progress | None = None,
    ) -> bytes:
        """Compress a picture to the bytes of a `.tcz` file.

        image: a Pillow image, or a picture file: its path, its bytes, or the file open for reading
            in binary mode.
        quality, bpp, size, psnr, ms_ssim, lpips, ssimulacra2: at most one target. quality:
            0 .. 100, 50 if no target is given. bpp: bits per pixel of the whole file, size: its
            bytes; neither is exceeded. The others are scores, none worse than asked. psnr: dB.
            ms_ssim: 0 .. 1, needs the package pytorch-msssim. lpips: 0 (identical) and up.
            ssimulacra2: up to 100, needs the package ssimulacra2. A picture that cannot have that
            bpp or score gets the nearest that it can, and `Compressed.remark` of
            `compress_picture` says so.
        lossless: a target, too: the pixels are exactly those of the picture, but for the colours of
            fully transparent ones. `BadPicture` if they were converted, from 16 bits for example.
        effort: 1 .. 9, how long to search for better latents.
        tune: what efforts from 2 on reduce: squared error (psnr), loss of structure (ssim) or a mix
            of both (balanced, or visual for more structure). Effort 2 does the same for balanced
            and psnr, and for ssim and visual.
        lossy: latents only. Else blocks that look drawn (screens, text) are coded apart, by a
            palette or AV1, drawn pictures lossless, and photographs with many clean edges by AV1,
            where that costs less.
        screen: no latents at all, whatever it costs.
        preview: add a small picture of at most 1000 bytes and 1 % of the file, for file managers.
            Files below 12 kB have none.
        limits: the largest picture that is accepted.
        progress: called with the part of the work that is done, 0 .. 1.

        Raises `BadPicture` or `UnreadableFile` if the picture cannot be read, `BadPicture` too if
        it is too small for a score, `LimitExceeded` if it is too large, `BadOption` for a value out
        of its range or a score whose package is missing, and `BadTarget` if no file is as small as
        `size`.
        """
        target = Target.of(
            quality=quality,
            bpp=bpp,
            size=size,
            psnr=psnr,
            ms_ssim=ms_ssim,
            lpips=lpips,
            ssimulacra2=ssimulacra2,
            lossless=lossless,
        )
        requests.check(limits, progress)
        # Before a large picture is read.
        coding = CodingOptions(effort, tune, lossy, screen, preview).checked_for(target)
        picture = requests.picture_of(image, limits)
        return self._compressed(picture, target, coding, progress, keep_best=False).data

    def compress_picture(
        self,
        picture: Picture,
        target: Target,
        *,
        effort: int = DEFAULT_EFFORT,
        tune: Tune = DEFAULT_TUNE,
        lossy: bool = False,
        screen: bool = False,
        preview: bool = True,
        progress: Progress | None = None,
    ) -> Compressed:
        """Compress a `Picture` to a target, as `compress` does it, and say how that went.

        Ctrl-C during a long effort with a target of kind quality ends the search: the best file so
        far is returned, with `stopped` set. With other targets, and in `compress`, it raises
        `KeyboardInterrupt` as usual.
        """
        check_type("target", target, Target)
        requests.check(requests.FORMAT_LIMITS, progress)
        coding = CodingOptions(effort, tune, lossy, screen, preview).checked_for(target)
        requests.check_picture(picture)
        return self._compressed(picture, target, coding, progress, keep_best=True)

    def _compressed(
        self,
        picture: Picture,
        target: Target,
        coding: CodingOptions,
        progress: Progress | None,
        *,
        keep_best: bool,
    ) -> Compressed:
        require_torch("compressing")
        with requests.Steps(progress) as steps, self._working(picture.width, picture.height):
            encoder = PictureEncoder(
                self._core, picture, coding, decode=self.decompress_file, progress=steps
            )
            return encoder.encode(target, keep_best=keep_best)

    def decompress(
        self,
        data: FileSource,
        *,
        region: Region | None = None,
        scale: float = 1,
        realism: float = 0.0,
        limits: Limits = DEFAULT_LIMITS,
        progress: Progress | None = None,
    ) -> Image.Image:
        """The picture in a `.tcz` file, as a Pillow image.

        Its mode is L, LA, RGB or RGBA; ICC profile, EXIF and XMP are in its `info`.

        data: the file's path, its bytes, or the file open for reading in binary mode.
        region: `(left, top, width, height)` in pixels of the whole picture; only what it depends
            on is decoded.
        scale: 1, 1/2, 1/4 or 1/8: a smaller picture for less work.
        realism: 0 .. 1; 0 is the picture of least error, 1 that of most natural texture.
        limits: the largest picture and section that are accepted.
        progress: called with the part of the work that is done, 0 .. 1; at the end with 1.

        Raises `BadFile` for damaged bytes, `UnreadableFile` if they cannot be read, `LimitExceeded`
        for a picture that is too large, `UnknownModel` if another model made the file, and
        `BadOption` for a region outside the picture, another scale, or a realism that the model
        does not have.
        """
        requests.check(limits, progress)
        file = read(requests.tcz_of(data), limits=limits)
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
        """The picture in a `file` that was read already, strip by strip as it is decoded.

        The rest is as in `decompress`; a damaged tile group raises `BadFile` while they are read.
        """
        check_type("file", file, TczFile)
        requests.check(requests.FORMAT_LIMITS, progress)
        self._same_model(file)
        factor = reduction(check_number("scale", scale, low=0, high=1, words="1, 1/2, 1/4 or 1/8"))
        realism = check_number("realism", realism, low=0, high=1, words="from 0 to 1")
        if region is not None:
            region = check_region(region)
        with self._working(file.width, file.height):
            self._core.require_realism(realism)  # before anything is decoded
        region = region_within(region, width=file.width, height=file.height)
        left, top, right, bottom = box = reduced(region, factor)
        # Before the network runs: a bad section is found out at once.
        about = stored_about(file)
        alpha = stored_alpha(file, box=box, scale=factor)
        apart = stored_pixels(file, box=box, scale=factor)
        steps = requests.Steps(progress)
        if apart.whole is not None:
            rows = iter([apart.whole])
        else:
            rows = self._core.decode_rows(
                CodedPicture.of(file),
                region=region,
                scale=factor,
                realism=realism,
                progress=steps,
            )
            rows = apart.over(rows)
        working = functools.partial(self._working, file.width, file.height)
        rows = stepwise(steps.through(rows, bottom - top), working)
        width, height = right - left, bottom - top
        return Strips(width=width, height=height, rows=rows, grey=file.grey, alpha=alpha, **about)

    def decompress_file(self, file: TczFile, *, progress: Progress | None = None) -> Picture:
        """The whole `Picture` in a `file` that was read already; the rest is as in `decompress`."""
        return self.decompress_strips(file, progress=progress).picture()

    def encode(
        self, rgb: Pixels, quality: float = DEFAULT_QUALITY, *, limits: Limits = DEFAULT_LIMITS
    ) -> bytes:
        """Compress an array to the bytes of a `.tcz` file without metadata and preview.

        rgb: pixels, uint8 `(H, W, 3)`, or `(H, W)` if they are grey. quality: 0 .. 100.
        limits: the largest picture that is accepted.

        Raises `BadPicture` for another array, `LimitExceeded` if it is too large, and `BadOption`
        for a quality out of its range.
        """
        requests.check(limits, None)
        picture = requests.picture_of_array(rgb, limits)
        return self.compress_picture(picture, Target("quality", quality), preview=False).data

    def decode(self, data: FileSource, *, limits: Limits = DEFAULT_LIMITS) -> Pixels:
        """The pixels of a `.tcz` file: uint8 `(H, W, 3)`; `(H, W)` if grey without RGB profile.

        data, limits and the errors are as in `decompress`.
        """
        requests.check(limits, None)
        picture = self.decompress_file(read(requests.tcz_of(data), limits=limits))
        if not picture.grey:
            return picture.rgb
        return np.array(to_image(replace(picture, alpha=None)))

    def latents(
        self, image: PictureSource, quality: float | None = None, *, limits: Limits = DEFAULT_LIMITS
    ) -> Latents:
        """The latents of a picture or of a `.tcz` file, as tensors.

        image: as in `compress`, or a `.tcz` file, which is decoded up to its latents. quality: of
        a picture, 0 .. 100, 50 if it is None; a file has its own. limits and the errors are as in
        `compress` and `decompress`.
        """
        require_torch("this")
        from tccodec.coding.latents import latents_of

        content = requests.content_of(image, limits)
        if isinstance(content, TczFile):
            self._same_model(content)
        with self._working(content.width, content.height):
            return latents_of(self._core, content, quality=quality)

    def from_latents(self, latents: Latents, *, realism: float = 0.0) -> Pixels:
        """The picture of latents, uint8 `(H, W, 3)`; groups that are left out are zero.

        realism: as in `decompress`. `BadOption` for other names, shapes, or values such as NaN.
        """
        require_torch("this")
        from tccodec.coding.latents import pixels_of

        check_type("latents", latents, Latents)
        with self._working(latents.width, latents.height):
            return pixels_of(self._core, latents, realism=realism)

    def verify(self, data: FileSource, *, limits: Limits = DEFAULT_LIMITS) -> TczFile:
        """Check all of a file but its pixels: checksums, sections, every symbol.

        Returns its content. data, limits and the errors are as in `decompress`.
        """
        requests.check(limits, None)
        file = read(requests.tcz_of(data), limits=limits)
        self._same_model(file)
        stored_about(file)
        stored_alpha(file)
        stored_pixels(file)
        with self._working(file.width, file.height):
            self._core.check(CodedPicture.of(file))
        return file

    @contextmanager
    def _working(self, width: int, height: int) -> Iterator[None]:
        with undisturbed(self._core.device.type), enough_memory(width, height):
            yield

    def _same_model(self, file: TczFile) -> None:
        if not self.model_id.startswith(file.model_id):
            raise UnknownModel(
                f"the file was made with model {file.model_id.hex()},"
                f" not with {self.name} ({self.card.file_id.hex()})"
            )


@loaded_once
def _reloaded(folder: str, model_id: bytes, device: str, precision: str) -> Codec:
    """What a pickled codec becomes; one for all the pickles that a worker process receives."""
    load = functools.partial(Codec.from_pretrained, device=device, precision=precision)
    with suppress(UnknownModel, BadModel):
        codec = load(folder)
        if codec.model_id == model_id:
            return codec
    return load_by_id(model_id, lambda card: load(card.folder))
