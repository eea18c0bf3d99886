"""File <-> pixels: modes, orientation, alpha, ICC / EXIF / XMP. Pillow and numpy, no torch."""

from tccodec.picture.alpha import averaged, pack_alpha, unpack_alpha
from tccodec.picture.exact import looks_drawn, pack_exact, unpack_exact
from tccodec.picture.load import from_image, read_picture
from tccodec.picture.save import output_format, save_image, to_image
from tccodec.picture.sections import stored_about
from tccodec.picture.types import Loss, Picture, Pixels, Strips

__all__ = [
    "Loss",
    "Picture",
    "Pixels",
    "Strips",
    "averaged",
    "from_image",
    "looks_drawn",
    "output_format",
    "pack_alpha",
    "pack_exact",
    "read_picture",
    "save_image",
    "stored_about",
    "to_image",
    "unpack_alpha",
    "unpack_exact",
]
