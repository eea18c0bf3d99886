"""Pillow's plugin for `.tcz` files: after importing this module, Pillow opens and saves them.

    import tccodec.pillow
    from PIL import Image

    with Image.open("photo.tcz") as image:      # reads size, mode and metadata
        image.thumbnail((256, 256))             # decodes a smaller picture, for less work
    Image.open("photo.jpg").save("photo.tcz", quality=60)

Opening a file checks its checksums and needs no torch. The model is loaded with the first pixels.
`info["preview"]`, if it is there, is a small picture, as the bytes of an AVIF file.
`save` takes the keyword arguments of `tccodec.compress`, and `icc_profile`, `exif`, `xmp`,
`comment` and `dpi`, which take the place of what the image has in `info`; None leaves it out.
"""

from __future__ import annotations

from numbers import Real
from typing import IO, Any, cast

from PIL import Image, ImageFile

from tccodec.arguments import short_repr
from tccodec.container import MAGIC, MAX_SIDE, Limits, Tag, read
from tccodec.errors import BadOption, LimitExceeded, TccodecError, WrongType
from tccodec.picture import from_image
from tccodec.picture.preview import preview_file
from tccodec.picture.save import info_of
from tccodec.picture.sections import stored_about
from tccodec.picture.types import About

__all__ = ["TczImageFile", "register_pillow"]

_FORMAT = "TCZ"
_MIME = "image/x-tcz"
_OPTIONS = (
    *("quality", "bpp", "size", "psnr", "ms_ssim", "lpips", "ssimulacra2", "lossless"),
    *("effort", "tune", "lossy", "screen", "preview", "limits", "model", "device"),
)
# What `save` takes of metadata: its types, in words, where else Pillow's readers put it, and its
# name in losses.
_METADATA = {
    "icc_profile": ((bytes,), "bytes", "", "ICC profile"),
    "exif": ((bytes,), "bytes or an Image.Exif", "Raw profile type exif", "EXIF"),
    "xmp": ((bytes, str), "bytes or a text", "XML:com.adobe.xmp", "XMP"),
    "comment": ((bytes, str), "bytes or a text", "Comment", "comment"),
    "dpi": ((tuple,), "two numbers", "", "resolution"),
}


class TczImageFile(ImageFile.ImageFile):
    """A `.tcz` file that is decoded when its pixels are needed."""

    format = _FORMAT
    format_description = "tccodec image"

    def _open(self) -> None:
        assert self.fp is not None
        most = Image.MAX_IMAGE_PIXELS
        # Twice as many is where Pillow itself refuses; in between it warns.
        self._limits = Limits(max_pixels=MAX_SIDE**2 if most is None else 2 * most)
        self._data = self.fp.read()
        try:
            file = read(self._data, limits=self._limits)
            about = About(grey=file.grey, **stored_about(file))
        except LimitExceeded as e:
            raise Image.DecompressionBombError(str(e)) from None
        except TccodecError as e:
            raise SyntaxError(str(e)) from None
        self._size = self._full_size = file.width, file.height
        self._mode = "L" if about.one_channel else "RGB"
        if file.section(Tag.ALPHA) is not None:
            self._mode += "A"
        self._factor = 1
        self.info.update(info_of(about))
        if small := preview_file(file):
            self.info["preview"] = small
        self.tile = [ImageFile._Tile("tcz", (0, 0, *self._size), 0, self._mode)]

    def draft(
        self, mode: str | None, size: tuple[int, int] | None
    ) -> tuple[str, tuple[int, int, float, float]] | None:
        """Prepare to decode at 1/2, 1/4 or 1/8, so that no side falls below `size`.

        `mode` is not used. Returns the mode and the box of the picture within the new size, or None
        if the pixels are there already or the size stays.
        """
        if not self.tile or not size:
            return None
        width, height = self._full_size
        share = min(width // max(size[0], 1), height // max(size[1], 1))
        factor = next((f for f in (8, 4, 2) if f <= share), 1)
        if factor <= self._factor:
            return None
        self._factor = factor
        self._size = -(-width // factor), -(-height // factor)
        return self.mode, (0, 0, width / factor, height / factor)

    def load(self) -> Any:
        """Decode the pixels, if that is still to be done. An `OSError` says what is wrong."""
        if self.tile:
            if self.fp is None:
                raise ValueError("Operation on closed image")
            from tccodec.functions import decompress

            try:
                image = decompress(self._data, scale=1 / self._factor, limits=self._limits)
            except TccodecError as e:
                raise OSError(str(e)) from e
            self.im = image.im
            self.tile, self._data = [], b""
            if self._exclusive_fp:
                self.fp.close()
            self.fp = None
        return Image.Image.load(self)

    def load_seek(self, pos: int) -> None:
        """Unused; its presence tells `ImageFile.Parser` that this class loads by itself."""


def register_pillow() -> None:
    """Make Pillow open and save `.tcz` files. Importing `tccodec.pillow` does the same."""
    Image.register_open(_FORMAT, TczImageFile, _accept)
    Image.register_save(_FORMAT, _save)
    Image.register_extension(_FORMAT, ".tcz")
    Image.register_mime(_FORMAT, _MIME)


def _accept(prefix: bytes) -> bool:
    return prefix.startswith(MAGIC)


def _save(image: Image.Image, fp: IO[bytes], filename: str | bytes) -> None:
    from tccodec.functions import compress

    given: dict[str, Any] = image.encoderinfo
    options = {name: given[name] for name in _OPTIONS if given.get(name) is not None}
    if isinstance(options.get("preview"), bytes):
        del options["preview"]  # another picture's, from `save(name, **image.info)`
    changed = {name: given[name] for name in _METADATA if name in given}
    try:
        described = _described(image, changed) if changed else image
        data = compress(described, **options)
    except ValueError:  # a setting is wrong
        raise
    except TccodecError as e:
        raise OSError(str(e)) from e
    fp.write(data)


def _described(image: Image.Image, changed: dict[str, Any]) -> Image.Image:
    """A loaded image with other metadata, which shares all else: `copy` forgets what file it is.

    `WrongType` or `BadOption` for metadata that no file can hold of this image.
    """
    out: Any = object.__new__(type(image))
    vars(out).update(vars(image), info=dict(image.info))
    for name, value in changed.items():
        if isinstance(value, Image.Exif):
            value = value.tobytes()
        elif isinstance(value, list):
            value = tuple(value)
        kinds, words, other_name, _ = _METADATA[name]
        fits = value is None or isinstance(value, kinds)
        if isinstance(value, tuple):
            fits = fits and [isinstance(v, Real) for v in value] == [True, True]
        if not fits:
            raise WrongType(f"{name} must be {words}, not {short_repr(value)}")
        out.info.pop(other_name, None)
        out.info[name] = value or b""
    if "exif" in changed:
        out._exif = None  # it holds what was read before
    image = cast("Image.Image", out)
    for loss in from_image(image.crop((0, 0, 1, 1))).losses:
        what, _, reason = loss.partition(" left out: ")
        if name := next((n for n in changed if reason and _METADATA[n][3] == what), ""):
            raise BadOption(f"{name} cannot be stored: {reason}")
    return image


register_pillow()
