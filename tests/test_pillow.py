"""Pillow's plugin, with the habits of Pillow's own tests of its plugins."""

from __future__ import annotations

import copy
import gc
import io
import os
import pickle
import struct
import subprocess
import sys
import warnings
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageFile, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

import tccodec
import tccodec.pillow
from tccodec import Codec, WrongType
from tccodec.container import Tag, read
from tccodec.picture import read_picture
from tests.support.paths import ROOT, files_in
from tests.support.pictures import PHOTO, picture, saved
from tests.support.png import chunk, png
from tests.support.tiff import tiff

Save = Callable[..., bytes]
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'


@pytest.fixture(autouse=True)
def _tiny_is_known(tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TCCODEC_MODELS", str(tiny_model_dir.parent))


@pytest.fixture
def save() -> Save:
    """Function: image and options -> the bytes of a file, by the smallest model."""
    return lambda image, **options: saved(image, "TCZ", model="tiny", **options)


@pytest.fixture
def data(save: Save) -> bytes:
    return save(picture(size=(150, 90)), lossy=True)


def pixels(image: Image.Image) -> np.ndarray[Any, Any]:
    return np.asarray(image)


def test_pixels_are_those_of_the_library(data: bytes) -> None:
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.size, image.mode) == ("TCZ", (150, 90), "RGB")
        assert image.get_format_mimetype() == "image/x-tcz"
        assert (pixels(image) == pixels(tccodec.decompress(data))).all()


def test_opening_needs_no_torch(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.tcz").write_bytes(data)
    code = (
        "import sys, tccodec.pillow; from PIL import Image; image = Image.open('a.tcz');"
        " print(image.size, image.mode, image.info, 'torch' in sys.modules)"
    )
    run = [sys.executable, "-c", code]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    out = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, check=True)
    assert out.stdout == b"(150, 90) RGB {} False\n"


def test_importing_or_calling_registers(tmp_path: Path) -> None:
    code = (
        "import tccodec; from PIL import Image; tccodec.register_pillow();"
        " assert Image.registered_extensions()['.tcz'] == 'TCZ'"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "1", "CMYK", "I;16"])
def test_modes(save: Save, mode: str) -> None:
    image = picture(size=(70, 50))
    if mode in ("LA", "RGBA"):
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    image = Image.new(mode, (70, 50), 30_000) if mode == "I;16" else image.convert(mode)
    wanted = {"P": "RGB", "1": "L", "CMYK": "RGB", "I;16": "L"}.get(mode, mode)
    with Image.open(io.BytesIO(save(image))) as back:
        assert (back.mode, back.size) == (wanted, (70, 50))
        back.load()
        assert back.mode == wanted and pixels(back).shape[:2] == (50, 70)
        if mode in ("LA", "RGBA"):
            assert not ImageChops.difference(back.getchannel("A"), image.getchannel("A")).getbbox()


def test_metadata_is_kept(save: Save, srgb: bytes) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    given = {"icc_profile": srgb, "exif": exif, "xmp": XMP, "comment": b"by hand", "dpi": (99, 99)}
    with Image.open(io.BytesIO(save(picture(), **given))) as image:
        assert image.info["icc_profile"] == srgb and image.info["comment"] == b"by hand"
        assert image.info["dpi"] == (99, 99) and image.info["xmp"] == XMP
        assert image.getexif()[0x010F] == "Maker"
        again = save(image, xmp=None, comment=b"another")
    with Image.open(io.BytesIO(again)) as image:
        assert "xmp" not in image.info and image.info["comment"] == b"another"
        assert image.info["icc_profile"] == srgb and image.getexif()[0x010F] == "Maker"


def test_metadata_that_is_left_out_is_gone_wherever_pillow_has_it(save: Save) -> None:
    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", XMP.decode())
    text.add_text("Comment", "by hand")
    with Image.open(io.BytesIO(saved(picture(), "PNG", pnginfo=text))) as image:
        data = save(image, xmp=None, comment=None)
        assert image.info["xmp"] == XMP and image.info["Comment"] == "by hand"
    with Image.open(io.BytesIO(data)) as back:
        assert not back.info.keys() & {"xmp", "comment"}


def test_other_metadata_leave_the_picture_as_it_is(save: Save) -> None:
    """What Pillow knows of a file beside `info` counts: tags of a TIFF, and that white is zero."""
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    with Image.open(io.BytesIO(saved(picture(), "TIFF", exif=exif))) as image:
        data = save(image, comment=b"by hand")
    with Image.open(io.BytesIO(data)) as back:
        assert back.getexif()[0x010F] == "Maker" and back.info["comment"] == b"by hand"
    with Image.open(io.BytesIO(saved(picture(), "TIFF", exif=exif))) as image:
        data = save(image, exif=None)
    with Image.open(io.BytesIO(data)) as back:
        assert not back.getexif()
    dark = tiff((8, 8), [bytes([255]) * 128], bits=16, photometric=0)
    with Image.open(io.BytesIO(dark)) as image:
        data = save(image, comment=b"by hand")
    with Image.open(io.BytesIO(data)) as back:
        assert back.convert("L").getextrema()[1] < 64


@pytest.mark.parametrize(
    "given",
    [
        *({"exif": "text"}, {"icc_profile": 3}, {"xmp": 3}, {"comment": 3}),
        *({"dpi": 300}, {"dpi": (300,)}, {"dpi": ("300", "300")}, {"dpi": (1, 2, 3)}),
    ],
)
def test_metadata_of_another_type_are_refused(save: Save, given: dict[str, Any]) -> None:
    with pytest.raises(WrongType, match=f"^{next(iter(given))} must be "):
        save(picture(), **given)


def test_colours_that_pillow_does_not_read_are_kept(save: Save, tmp_path: Path) -> None:
    """`save` loads the image first, and Pillow forgets the file then, but not its name."""
    rows = [b"\0" + row.tobytes() for row in PHOTO]
    p3 = png((64, 48), 8, 2, rows, chunk(b"cICP", bytes((12, 13, 0, 1))))
    (tmp_path / "p3.png").write_bytes(p3)
    with Image.open(tmp_path / "p3.png") as image:
        data = save(image)
        (tmp_path / "p3.png").write_bytes(saved(picture(), "BMP"))
        other = save(image)
    with Image.open(io.BytesIO(data)) as back, Image.open(io.BytesIO(other)) as plain:
        assert back.info["icc_profile"] == read_picture(p3).icc is not None
        assert "icc_profile" not in plain.info
    box = struct.pack(">I4s", 32, b"uuid") + bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
    jp2 = saved(picture(), "JPEG2000")
    at = jp2.index(b"jp2c") - 4
    (tmp_path / "a.jp2").write_bytes(jp2[:at] + box + b"<x:meta>" + jp2[at:])
    with Image.open(tmp_path / "a.jp2") as image:
        assert read(save(image)).section(Tag.XMP) == b"<x:meta>"
        assert read(save(image, xmp=None)).section(Tag.XMP) is None


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"exif": b"Exif\0\0nonsense"}, "exif cannot be stored: it cannot be read"),
        ({"icc_profile": b"nonsense"}, "icc_profile cannot be stored: it is for no colours"),
        (
            {"icc_profile": bytes(16) + b"CMYK"},
            "icc_profile cannot be stored: it is for CMYK colours",
        ),
        (
            {"comment": b"a" * (33 << 20)},
            "comment cannot be stored: it is too large, 34,603,008 bytes",
        ),
    ],
)
def test_metadata_that_cannot_be_stored_are_refused(
    save: Save, given: dict[str, Any], reason: str
) -> None:
    image = picture()
    with pytest.raises(ValueError, match=f"^{reason}$"):
        save(image, **given)
    image.info |= given  # what the image itself has is kept where that is possible
    assert save(image, quality=0)[:4] == b"\x89TCZ"


@pytest.mark.parametrize("dpi", [(0, 0), (-1, 9), (float("nan"), 1), (10**400, 1)])
def test_a_resolution_that_says_nothing_is_left_out(save: Save, dpi: tuple[float, float]) -> None:
    with Image.open(io.BytesIO(save(picture(), dpi=dpi))) as image:
        assert "dpi" not in image.info


@pytest.fixture
def srgb() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def test_a_thumbnail_is_decoded_at_a_scale(
    data: bytes, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codec = Codec.from_pretrained(tiny_model_dir, device="cpu")
    with Image.open(io.BytesIO(data)) as image:
        assert image.draft("L", (40, 20)) == ("RGB", (0, 0, 75.0, 45.0))
        assert image.size == (75, 45) and image.draft(None, (75, 45)) is None
        assert (pixels(image) == pixels(codec.decompress(data, scale=1 / 2))).all()
        assert image.draft(None, (10, 10)) is None
    with Image.open(io.BytesIO(data)) as image:
        assert image.draft(None, (150, 90)) is None and image.size == (150, 90)
        assert image.draft(None, (37, 22)) is not None and image.size == (38, 23)
        assert image.draft(None, (1, 1)) is not None and image.size == (19, 12)
    scales: list[float] = []
    real = Codec.decompress
    monkeypatch.setattr(
        Codec, "decompress", lambda *a, **k: scales.append(k["scale"]) or real(*a, **k)
    )
    with Image.open(io.BytesIO(data)) as image:
        image.thumbnail((20, 20))
        assert image.size == (20, 12) and scales == [1 / 2]


def test_paths_and_file_objects(save: Save, tmp_path: Path) -> None:
    image = picture()
    names = [tmp_path / "a.tcz", str(tmp_path / "b.tcz"), os.fsencode(tmp_path / "c.tcz")]
    for name in names:
        image.save(name, model="tiny")
        with Image.open(os.fsdecode(name)) as back:
            assert back.size == image.size
    with open(tmp_path / "d", "wb") as file:
        image.save(file, "TCZ", model="tiny")
        assert not file.closed
    contents = {(tmp_path / name).read_bytes() for name in files_in(tmp_path)}
    assert contents == {save(image)}
    with open(tmp_path / "d", "rb") as file:
        with Image.open(file) as back:
            back.load()
        assert not file.closed


def test_options_reach_the_encoder(save: Save) -> None:
    image = picture(size=(120, 80))
    assert save(image, quality=80) == tccodec.compress(image, quality=80, model="tiny")
    assert len(save(image, size=900)) <= 900
    with pytest.raises(ValueError, match="only one target"):
        save(image, size=900, quality=3)
    with pytest.raises(ValueError, match="from 0 to 100"):
        save(image, quality=101)
    with pytest.raises(OSError, match="at least"):
        save(image, size=5)


def test_all_of_info_may_be_handed_to_save(save: Save, srgb: bytes) -> None:
    info = {"icc_profile": srgb, "dpi": (300.0, 150.0), "comment": b"a", "preview": b"of another"}
    with Image.open(io.BytesIO(save(picture(), **info))) as image:
        assert image.info == {name: value for name, value in info.items() if name != "preview"}


def test_a_failed_save_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no model"):
        picture().save(tmp_path / "a.tcz", model="nope")
    assert files_in(tmp_path) == []


def test_every_prefix_and_every_damage_is_an_oserror(data: bytes) -> None:
    for end in [*range(60), *range(60, len(data), 7)]:
        with pytest.raises(OSError, match="cannot identify image file"):
            Image.open(io.BytesIO(data[:end]))
    for at in range(0, len(data), 11):
        broken = bytearray(data)
        broken[at] ^= 0x10
        with pytest.raises((UnidentifiedImageError, Image.DecompressionBombError)):
            Image.open(io.BytesIO(bytes(broken)))


def test_pillows_parser(data: bytes) -> None:
    parser = ImageFile.Parser()
    for at in range(0, len(data), 50):
        parser.feed(data[at : at + 50])
    image = parser.close()
    assert image is not None and (pixels(image) == pixels(tccodec.decompress(data))).all()


def test_pillows_limit_of_pixels(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)
    with pytest.warns(Image.DecompressionBombWarning):
        Image.open(io.BytesIO(data)).load()
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5_000)
    with pytest.raises(Image.DecompressionBombError):
        Image.open(io.BytesIO(data))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Image.open(io.BytesIO(data)).load()


def test_a_model_that_is_missing_is_said_when_pixels_are_needed(
    data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TCCODEC_MODELS", "")
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (150, 90)
        with pytest.raises(OSError, match="which is not here"):
            image.load()


def test_verify_seek_tell_and_closed_images(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.tcz"
    path.write_bytes(data)
    image = Image.open(path)
    image.verify()
    with pytest.raises(ValueError, match="closed"):
        image.load()
    with Image.open(path) as image:
        assert image.tell() == 0 and getattr(image, "n_frames", 1) == 1
        image.seek(0)
        with pytest.raises(EOFError):
            image.seek(1)
    with pytest.raises(ValueError, match="closed"):
        image.load()
    loaded = Image.open(path)
    loaded.load()
    loaded.close()
    with pytest.raises(ValueError, match="closed"):
        loaded.getpixel((0, 0))


def test_copies_and_pickles(data: bytes) -> None:
    for twin in (copy.copy, copy.deepcopy, lambda i: pickle.loads(pickle.dumps(i))):
        with Image.open(io.BytesIO(data)) as image:
            other = twin(image)
            assert other.size == image.size and (pixels(other) == pixels(image)).all()


def test_threads(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.tcz"
    path.write_bytes(data)
    wanted = pixels(tccodec.decompress(data))

    def read(_: int) -> bool:
        with Image.open(path) as image:
            return bool((pixels(image) == wanted).all())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(24)))


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts open files in /proc")
def test_nothing_leaks(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.tcz"
    path.write_bytes(data)
    (tmp_path / "bad.tcz").write_bytes(data[:-3])
    before = len(os.listdir("/proc/self/fd"))
    alive = []
    for _ in range(20):
        image = Image.open(path)
        image.load()
        alive.append(weakref.ref(image))
        with pytest.raises(UnidentifiedImageError):
            Image.open(tmp_path / "bad.tcz")
    del image
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before
    assert not any(ref() for ref in alive)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of threads and fork
def test_a_data_loader_with_processes_reads_them(data: bytes, tmp_path: Path) -> None:
    from torch.utils.data import DataLoader, Dataset

    for i in range(6):
        (tmp_path / f"{i}.tcz").write_bytes(data)

    class Pictures(Dataset[Any]):
        def __len__(self) -> int:
            return 6

        def __getitem__(self, index: int) -> np.ndarray[Any, Any]:
            with Image.open(tmp_path / f"{index}.tcz") as image:
                return np.array(image)

    batches = list(DataLoader(Pictures(), batch_size=3, num_workers=2))
    wanted = pixels(tccodec.decompress(data))
    assert len(batches) == 2
    assert all((batch[i].numpy() == wanted).all() for batch in batches for i in range(3))
