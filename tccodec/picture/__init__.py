"""Picture files <-> pixels: modes, orientation, alpha, metadata. Pillow and numpy, no torch."""

from tccodec.picture.alpha import pack_alpha, unpack_alpha
from tccodec.picture.exact import looks_drawn, pack_exact, unpack_exact
from tccodec.picture.load import from_image, read_picture
from tccodec.picture.save import output_format, save_image, to_image
from tccodec.picture.sections import sections_of, stored_about, stored_alpha, stored_pixels
from tccodec.picture.types import Loss, Picture, Pixels, Strips

__all__ = [
    "Loss",
    "Picture",
    "Pixels",
    "Strips",
    "from_image",
    "looks_drawn",
    "output_format",
    "pack_alpha",
    "pack_exact",
    "read_picture",
    "save_image",
    "sections_of",
    "stored_about",
    "stored_alpha",
    "stored_pixels",
    "to_image",
    "unpack_alpha",
    "unpack_exact",
]
