"""Wrong use of the library: one sentence each, as an error that Python programmers expect."""

from __future__ import annotations

import copy
import gzip
import http.client
import io
import mmap
import os
import pickle
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
from PIL import Image

import tccodec
from tccodec import Codec, Limits, Picture, Target, errors
from tccodec.container import DEFAULT_LIMITS
from tccodec.errors import (
    BadFile,
    BadOption,
    BadPicture,
    LimitExceeded,
    MissingFile,
    TccodecError,
    UnknownModel,
    UnreadableFile,
    WrongType,
)
from tests.support.files import binary_files


@pytest.fixture(scope="module")
def codec(tiny_model_dir: Path) -> Codec:
    return Codec.from_pretrained(tiny_model_dir, device="cpu")


@pytest.fixture(scope="module")
def pixels() -> np.ndarray[Any, Any]:
    y, x = np.mgrid[0:40, 0:60]
    return np.stack([4 * x, 6 * y, x + y], -1).astype(np.uint8)


@pytest.fixture(scope="module")
def image(pixels: np.ndarray[Any, Any]) -> Image.Image:
    return Image.fromarray(pixels)


@pytest.fixture(scope="module")
def data(codec: Codec, image: Image.Image) -> bytes:
    return codec.compress(image, lossy=True)


@pytest.fixture(scope="module")
def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


class PathLike:
    """A path object of somebody else's making."""

    def __init__(self, path: object) -> None:
        self.path = path

    def __fspath__(self) -> Any:
        return self.path


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


class Kept:
    """A file that is closed when its last user is gone."""

    def __init__(self, path: Path, *, buffering: int = -1) -> None:
        self.file = path.open("rb", buffering=buffering)

    def read(self) -> bytes:
        with self.file:
            return self.file.read()


def mapped(data: bytes) -> mmap.mmap:
    area = mmap.mmap(-1, len(data))
    area.write(data)
    area.seek(0)
    return area


def closed() -> io.BytesIO:
    file = io.BytesIO(b"x")
    file.close()
    return file


def released() -> memoryview:
    view = memoryview(b"abc")
    view.release()
    return view


def test_a_path_that_does_not_exist(codec: Codec) -> None:
    for call in (codec.compress, codec.decompress, codec.decode, codec.verify, tccodec.decompress):
        for path in ("nope.jpg", Path("nope.jpg"), ""):
            with pytest.raises(MissingFile, match=r"^there is no file '.*'$") as caught:
                call(path)  # type: ignore[operator]
            assert isinstance(caught.value, FileNotFoundError)


def test_paths_that_cannot_be_read(codec: Codec, tmp_path: Path) -> None:
    long = "x" * 5000
    for path in (tmp_path, str(tmp_path), "a\0b", long, os.fsencode(tmp_path).decode()):
        for call in (codec.compress, codec.decompress):
            with pytest.raises(UnreadableFile, match="cannot be read") as caught:
                call(path)  # type: ignore[operator]
            assert isinstance(caught.value, OSError) and len(str(caught.value)) < 200


def test_a_large_file_of_another_kind_is_not_read_to_its_end(codec: Codec, tmp_path: Path) -> None:
    path = tmp_path / "film"
    path.touch()
    os.truncate(path, 1 << 40)  # a hole: it takes no room on the disk
    for call in (codec.decompress, codec.decode, codec.verify, tccodec.decompress):
        with pytest.raises(BadFile, match=r"not a \.tcz file"):
            call(path)  # type: ignore[operator]


SOURCES: dict[str, Callable[[bytes, Path], Any]] = {
    "bytes": lambda b, _: b,
    "a subclass of bytes": lambda b, _: type("B", (bytes,), {})(b),
    "bytearray": lambda b, _: bytearray(b),
    "memoryview": lambda b, _: memoryview(b),
    "a strided view": lambda b, _: memoryview(bytes(v for x in b for v in (x, 0)))[::2],
    "str path": lambda _, p: str(p),
    "Path": lambda _, p: p,
    "PurePath": lambda _, p: PurePosixPath(p),
    "a path object": lambda _, p: PathLike(str(p)),
    "a path object of bytes": lambda _, p: PathLike(os.fsencode(p)),
    "BytesIO": lambda b, _: io.BytesIO(b),
    "an open file": lambda _, p: Kept(p),
    "an unbuffered file": lambda _, p: Kept(p, buffering=0),
    "mmap": lambda b, _: mapped(b),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_files_are_taken_in_every_form(
    codec: Codec, image: Image.Image, data: bytes, png: bytes, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "x.tcz").write_bytes(data)
    (tmp_path / "x.png").write_bytes(png)
    make = SOURCES[kind]
    assert codec.compress(make(png, tmp_path / "x.png"), lossy=True) == data
    want = codec.decompress(data).tobytes()
    assert codec.decompress(make(data, tmp_path / "x.tcz")).tobytes() == want
    assert codec.decode(make(data, tmp_path / "x.tcz")).tobytes() == want
    assert codec.verify(make(data, tmp_path / "x.tcz")).width == 60


def test_an_open_file_is_read_from_where_it_stands_and_stays_open(
    codec: Codec, data: bytes
) -> None:
    with tempfile.SpooledTemporaryFile() as file:
        file.write(b"header" + data)
        file.seek(6)
        assert codec.decompress(file).size == (60, 40)
        assert not file.closed


NOT_FILES: dict[str, tuple[Callable[[], Any], type[TccodecError]]] = {
    "None": (lambda: None, WrongType),
    "int": (lambda: 3, WrongType),
    "list": (lambda: [1, 2], WrongType),
    "array": (lambda: np.zeros((3, 3, 3), np.uint8), WrongType),
    "generator": (lambda: (b for b in [b"a"]), WrongType),
    "a file of text": (lambda: io.StringIO("text"), WrongType),
    "a closed file": (closed, UnreadableFile),
    "a class": (lambda: io.BytesIO, WrongType),
    "a released view": (released, UnreadableFile),
    "a path object of numbers": (lambda: PathLike(7), WrongType),
    "an object without a name": (Unprintable, WrongType),
    "what reads by name": (lambda: type("Zip", (), {"read": lambda self, n: b""})(), WrongType),
    "what reads nothing": (lambda: type("Raw", (), {"read": lambda self: None})(), WrongType),
}


@pytest.mark.parametrize("kind", NOT_FILES)
def test_what_is_no_file(codec: Codec, kind: str) -> None:
    make, error = NOT_FILES[kind]
    for call in (codec.compress, codec.decompress, codec.decode, codec.verify):
        with pytest.raises(error) as caught:
            call(make())  # type: ignore[operator]
        assert isinstance(caught.value, TypeError if error is WrongType else OSError)
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 200
        assert str(caught.value).startswith("a ")


def test_a_file_that_is_open_for_writing(codec: Codec, tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb") as file, pytest.raises(UnreadableFile, match="read"):
        codec.compress(file)


def test_binary_files_of_every_library_are_files(data: bytes) -> None:
    with binary_files(data) as files:
        assert [tccodec.preview(file) for file in files] == [None] * 5


class Failing:
    """A file whose source fails as libraries do."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def read(self) -> bytes:
        raise self.error


def test_whatever_a_file_raises_is_an_unreadable_file(codec: Codec, data: bytes) -> None:
    packed = gzip.compress(data)
    sources = [
        (gzip.GzipFile(fileobj=io.BytesIO(packed[:-9])), "ended before"),
        (Failing(zipfile.BadZipFile("Bad CRC-32\nfor file")), "Bad CRC-32 for file$"),
        (Failing(http.client.IncompleteRead(b"abc", 5)), "5 more expected"),
        (Failing(TimeoutError()), "TimeoutError$"),
    ]
    for source, reason in sources:
        for call in (codec.compress, codec.decompress, codec.decode, codec.latents):
            with pytest.raises(UnreadableFile, match=f"cannot be read: .*{reason}") as caught:
                call(source)  # type: ignore[operator]
            assert caught.value.__cause__ is not None
    for error in (KeyboardInterrupt, MemoryError, LimitExceeded):
        with pytest.raises(error):
            codec.compress(Failing(error()))


def test_images_that_cannot_be_read(codec: Codec, png: bytes) -> None:
    shut = Image.open(io.BytesIO(png))
    shut.close()
    for bad in (shut, Image.open(io.BytesIO(png[:90]))):
        with pytest.raises(BadPicture, match="the image cannot be read"):
            codec.compress(bad)
    for empty in (Image.new("RGB", (0, 0)), Image.new("L", (0, 5)), Image.Image()):
        with pytest.raises(LimitExceeded, match="no pixels"):
            codec.compress(empty)


GOOD_NUMBERS = [50, 50.0, np.float32(50), np.int64(50), np.array(50), Fraction(50)]
BAD_NUMBERS = ["50", [50], 50 + 0j, True, np.True_, np.array([50]), np.array([1, 2]), b"5", {}]
OUT_OF_RANGE = [float("nan"), float("inf"), -1, 10**400, -(10**5000), Fraction(-1, 3)]


@pytest.mark.parametrize("name", ["quality", "bpp", "size", "psnr"])
def test_targets_that_are_no_numbers(codec: Codec, image: Image.Image, name: str) -> None:
    for good in GOOD_NUMBERS:
        if name != "size":
            codec.compress(image, **{name: good}, lossy=True)
        assert Target.of(**{name: good}) == Target.of(**{name: 50.0})
    for bad in BAD_NUMBERS:
        with pytest.raises(WrongType, match=f"^{name} must be a number, from") as caught:
            codec.compress(image, **{name: bad})  # type: ignore[arg-type]
        assert isinstance(caught.value, TypeError) and isinstance(caught.value, ValueError)
    for bad in OUT_OF_RANGE:
        with pytest.raises(BadOption, match=f"^{name} must be from") as refused:
            codec.compress(image, **{name: bad})  # type: ignore[arg-type]
        assert isinstance(refused.value, ValueError) and len(str(refused.value)) < 130


def test_other_targets_that_cannot_be(codec: Codec, image: Image.Image) -> None:
    with pytest.raises(BadOption, match="not bpp and size together"):
        codec.compress(image, bpp=1, size=100)
    with pytest.raises(WrongType, match="quality must be a number"):
        codec.encode(np.asarray(image), None)  # type: ignore[arg-type]
    with pytest.raises(BadOption, match="kind of a target must be one of"):
        Target("bytes", 5)  # type: ignore[arg-type]
    with pytest.raises(WrongType, match="target must be a Target"):
        codec.compress_picture(Picture(rgb=np.asarray(image)), 50)  # type: ignore[arg-type]


BAD_SETTINGS: list[dict[str, Any]] = [
    *({"effort": e} for e in (0, 10, 1.5, "1", None, True, float("nan"), 10**5000)),
    *({"tune": t} for t in ("x", None, 3, ["psnr"])),
    *({"limits": v} for v in (None, 5, Limits(max_pixels=-1), Limits(max_pixels="x"))),  # type: ignore[arg-type]
    {"progress": "often"},
    *({name: v} for name in ("lossy", "screen", "lossless", "preview") for v in ("no", 2, None)),
]


@pytest.mark.parametrize("setting", BAD_SETTINGS)
def test_settings_of_compress(codec: Codec, image: Image.Image, setting: dict[str, Any]) -> None:
    with pytest.raises(BadOption, match=r"must be (a|one|0|true)"):
        codec.compress(image, **setting)


BAD_DECODING: list[dict[str, Any]] = [
    *({"region": r} for r in ((1, 2), (1, 2, 3, 4, 5), 3, "abcd", (), (0.5, 0, 5, 5), {})),
    *({"region": r} for r in ((True, 0, 5, 5), ("0", "0", "5", "5"), iter((0, 0, 5, 5)))),
    *({"region": r} for r in ((0, 0, 61, 40), (0, 0, 10**30, 1), (0, 0, float("nan"), 1))),
    *({"region": r} for r in (np.zeros((2, 2)), np.array(4), np.zeros((4, 2), int), b"abcd")),
    *({"scale": s} for s in (0, -1, 0.3, 2, "1/2", None, True, float("nan"), Fraction(1, 3))),
    *({"realism": r} for r in (-0.1, 1.1, "1", None, True, float("inf"), [0])),
    {"limits": 5},
    {"progress": 5},
]


@pytest.mark.parametrize("setting", BAD_DECODING)
def test_settings_of_decompress(codec: Codec, data: bytes, setting: dict[str, Any]) -> None:
    with pytest.raises(BadOption) as caught:
        codec.decompress(data, **setting)
    assert len(str(caught.value)) < 200


def test_numbers_of_other_libraries_are_numbers(codec: Codec, data: bytes) -> None:
    region = np.array([0, 8, 16, 16])
    assert codec.decompress(data, region=region).size == (16, 16)  # type: ignore[arg-type]
    assert codec.decompress(data, region=[0, 8, 16, 16]).size == (16, 16)  # type: ignore[arg-type]
    assert codec.decompress(data, scale=Fraction(1, 2)).size == (30, 20)  # type: ignore[arg-type]
    assert codec.decompress(data, scale=np.float32(0.5)).size == (30, 20)


def test_arrays_that_are_no_pixels(codec: Codec, pixels: np.ndarray[Any, Any]) -> None:
    for bad in (pixels / 255, pixels > 9, pixels[None], pixels[:, :, :2], None, [[1], [1, 2]], {}):
        with pytest.raises((BadPicture, WrongType), match="pixels must be"):
            codec.encode(bad)  # type: ignore[arg-type]
    frozen = pixels.copy()
    frozen.flags.writeable = False
    assert codec.encode(frozen) == codec.encode(pixels)
    with pytest.raises(WrongType, match=r"Codec\.encode takes arrays"):
        codec.compress(pixels)  # type: ignore[arg-type]


def test_every_error_survives_a_pool_of_processes() -> None:
    """One that could not be unpickled would end the pool."""
    for name in errors.__all__:
        kind = getattr(errors, name)
        texts = ("lpips", "no weights", "get them") if kind is errors.NotAvailable else ("why",)
        back = pickle.loads(pickle.dumps(kind(*texts)))
        assert type(back) is kind and str(back) == str(kind(*texts))


def test_a_picture_made_by_hand(codec: Codec, pixels: np.ndarray[Any, Any]) -> None:
    target = Target.of(quality=20)
    bad: list[dict[str, Any]] = [
        {"rgb": pixels / 255},
        {"rgb": pixels[:, :, 0]},
        {"rgb": None},
        {"rgb": pixels, "alpha": pixels},
        {"rgb": pixels, "alpha": pixels[1:, :, 0]},
        {"rgb": pixels, "alpha": pixels[:, :, 0] > 5},
    ]
    for fields in bad:
        with pytest.raises(BadPicture, match="a picture needs rgb, uint8"):
            codec.compress_picture(Picture(**fields), target)
    turned = b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0"
    unfit: list[dict[str, Any]] = [
        *(
            {"icc": "text"},
            {"exif": turned},
            {"xmp": "text"},
            {"xmp": b"\xff"},
            {"comment": b"\xff"},
        ),
        *({"comment": bytes(DEFAULT_LIMITS.max_section + 1)}, {"source": None}, {"source": "é"}),
        *({"resolution": wrong} for wrong in (300, (0, 0), (float("nan"), 1.0), (1e9, 1e9), "ab")),
    ]
    for fields in unfit:
        with pytest.raises(BadPicture):  # and no file that nothing can read
            codec.compress_picture(Picture(rgb=pixels, **fields), target)
    for shape in ((0, 5, 3), (1, 70_000, 3)):
        with pytest.raises(LimitExceeded):
            codec.compress_picture(Picture(rgb=np.zeros(shape, np.uint8)), target)
    with pytest.raises(WrongType, match="picture must be a Picture"):
        codec.compress_picture(pixels, target)  # type: ignore[arg-type]
    with pytest.raises(WrongType, match="file must be a TczFile"):
        codec.decompress_file(b"x")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "setting",
    [
        *({"device": d} for d in ("gpu", None, 3, ["cpu"], "cuda:", "cuda:-1", "cpu:0", "cuda:٣")),
        *({"threads": t} for t in (0, -1, 1.5, "2", True, 10**9, float("nan"))),
        *({"precision": p} for p in ("fp16", None, 3, ["fp32"], "")),
    ],
)
def test_settings_of_a_codec(tiny_model_dir: Path, setting: dict[str, Any]) -> None:
    with pytest.raises(BadOption):
        Codec.from_pretrained(tiny_model_dir, **setting)


def test_a_second_gpu_is_a_device_that_may_be_missing(tiny_model_dir: Path) -> None:
    import torch

    if torch.cuda.device_count() > 9:
        pytest.skip("this machine has ten GPUs")
    with pytest.raises(BadOption, match=r"no cuda device|no device cuda:9"):
        Codec.from_pretrained(tiny_model_dir, device="cuda:9")


@pytest.mark.parametrize("model", [None, 3, b"tiny", ["tiny"], PathLike(3)])
def test_a_model_of_a_wrong_type(image: Image.Image, model: Any) -> None:
    with pytest.raises(WrongType, match="a model must be a name or a folder"):
        tccodec.compress(image, model=model)


@pytest.mark.parametrize(
    "model", ["", "nope", "a\0b", "x" * 5000, "~nobodyatall", "~nobodyatall/x", "../../etc", "/"]
)
def test_a_model_that_is_nowhere(image: Image.Image, model: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        tccodec.compress(image, model=model)
    assert len(str(caught.value)) < 300


def test_odd_names_in_the_models_variable(
    tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = ["~nobodyatall/x", "x" * 5000, os.devnull, "", str(tiny_model_dir.parent)]
    monkeypatch.setenv("TCCODEC_MODELS", os.pathsep.join(odd))
    assert Codec.from_pretrained("tiny", device="cpu").name == "tiny"


def test_the_short_form_takes_the_targets_and_files_of_the_long_one(
    codec: Codec, image: Image.Image, data: bytes, png: bytes, tiny_model_dir: Path
) -> None:
    options: dict[str, Any] = {"model": tiny_model_dir, "device": "cpu"}
    for target in ({"quality": 30}, {"bpp": 0.7}, {"size": 400}, {"psnr": 20}):
        want = codec.compress(image, **target, lossy=True)  # type: ignore[arg-type]
        assert tccodec.compress(io.BytesIO(png), **target, lossy=True, **options) == want
    with pytest.raises(BadOption, match="one target"):
        tccodec.compress(image, quality=3, size=5, **options)
    with pytest.raises(LimitExceeded):
        tccodec.compress(image, limits=Limits(max_pixels=10), **options)
    with pytest.raises(LimitExceeded):
        tccodec.decompress(data, limits=Limits(max_pixels=10), **options)
    with pytest.raises(WrongType, match="device must be a str"):
        tccodec.compress(image, model=tiny_model_dir, device=["cpu"])  # type: ignore[arg-type]


def test_what_a_callback_raises_stays(codec: Codec, image: Image.Image) -> None:
    def boom(_: float) -> None:
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        codec.compress(image, progress=boom, lossy=True)
    assert codec.compress(image)


def test_a_codec_says_what_it_is(codec: Codec) -> None:
    text = repr(codec)
    assert text.startswith(f"<tccodec.Codec tiny, model {codec.model_id.hex()[:10]}, cpu, ")


def test_a_codec_can_be_pickled_and_copied(codec: Codec, image: Image.Image, data: bytes) -> None:
    for other in (pickle.loads(pickle.dumps(codec)), copy.deepcopy(codec), copy.copy(codec)):
        assert other is not codec and repr(other) == repr(codec)
        assert other.compress(image, lossy=True) == data


def test_a_codec_outlives_a_change_of_the_working_folder(
    tiny_model_dir: Path, image: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_model_dir.parent)
    codec = Codec.from_pretrained("./tiny", device="cpu")
    monkeypatch.chdir(tmp_path)
    data = codec.compress(image, lossy=True)
    assert codec.decompress(data, realism=1).size == image.size
    assert pickle.loads(pickle.dumps(codec)).name == "tiny"


def test_a_pickled_codec_finds_its_model_elsewhere(
    codec: Codec, tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    folder = tmp_path / "first" / "tiny"
    shutil.copytree(tiny_model_dir, folder)
    pickled = pickle.dumps(Codec.from_pretrained(folder, device="cpu"))
    shutil.rmtree(folder)
    with pytest.raises(UnknownModel, match=codec.model_id.hex()[:10]):
        pickle.loads(pickled)
    monkeypatch.setenv("TCCODEC_MODELS", str(tiny_model_dir.parent))
    assert pickle.loads(pickled).card.folder == tiny_model_dir


def test_workers_of_a_pool_get_codecs(codec: Codec, data: bytes) -> None:
    code = (
        "import pickle, sys; f = pickle.load(sys.stdin.buffer);"
        "print(f(sys.stdin.buffer.read()).size)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=pickle.dumps(codec.decompress) + data,
        capture_output=True,
        check=True,
    )
    assert done.stdout.strip() == b"(60, 40)"


def test_flags_of_other_libraries_are_flags(codec: Codec, image: Image.Image, data: bytes) -> None:
    assert codec.compress(image, lossy=np.True_, screen=0) == data  # type: ignore[arg-type]


BAD_LATENTS: list[dict[str, Any]] = [
    *({"groups": g} for g in (None, 3, "group0", {"group0": np.zeros((16, 2, 2))})),
    *({"setting": s} for s in (-1, 1001, "5", None, 0.5)),
    *({"width": w} for w in (0, -1, 70_000, "60", None)),
]


def test_pictures_and_latents_are_equal_by_their_values(
    codec: Codec, pixels: np.ndarray[Any, Any], data: bytes
) -> None:
    alpha = pixels[..., 0]
    pairs: list[Callable[[], Any]] = [
        lambda: Picture(rgb=pixels.copy(), alpha=alpha.copy()),
        lambda: codec.latents(data),
    ]
    for make in pairs:
        assert make() == make() == copy.deepcopy(make()) and make() in [None, make()]
        assert make() != None and make() != "x"  # noqa: E711
        with pytest.raises(TypeError, match="unhashable"):
            hash(make())
    assert Picture(rgb=pixels) != Picture(rgb=pixels + 1)
    assert Picture(rgb=pixels) != Picture(rgb=pixels[1:])
    assert Picture(rgb=pixels) != Picture(rgb=pixels, alpha=alpha)
    assert Picture(rgb=pixels) != Picture(rgb=pixels, comment=b"x")
    strips = Picture(rgb=pixels, alpha=alpha).strips()
    assert strips == copy.copy(strips) and strips != Picture(rgb=pixels, alpha=alpha).strips()
    latents = codec.latents(data)
    for name, group in latents.groups.items():
        for other in (group + 1, group.double(), group[..., 1:]):
            assert replace(latents, groups={**latents.groups, name: other}) != latents
    assert replace(latents, groups={}) != latents != replace(latents, width=59)


def test_latents_that_are_none(codec: Codec, image: Image.Image) -> None:
    latents = codec.latents(image)
    for change in BAD_LATENTS:
        with pytest.raises(BadOption):
            codec.from_latents(replace(latents, **change))
    for none in (None, 3, latents.groups):
        with pytest.raises(WrongType, match="latents must be a Latents, not"):
            codec.from_latents(none)  # type: ignore[arg-type]


BAD_REPORTS: list[dict[str, Any]] = [
    *({"folder": f} for f in (None, 3, b"photos")),
    *({"out": 3}, {"backbones": []}, {"anchor": None}, {"qualities": 10}, {"engine": "dask"}),
    *({"address": "here:1"}, {"page_mb": "x"}, {"page_mb": -1}, {"show": None}, {"show": -1}),
    *({name: v} for name in ("codecs", "metrics", "external") for v in ("jpeg", [1], 3)),
    *({"points": p} for p in (0, 101, "3", None, 2.5)),
    *({name: n} for name in ("jobs", "limit") for n in (0, "2", 1.5)),
    *({"window": w} for w in (1, "0.1:0.5", (1, 0.5), (1,), (1, 2, 3), ("a", "b"), (-1, 1))),
]


@pytest.mark.parametrize("setting", BAD_REPORTS)
def test_settings_of_a_report(tmp_path: Path, setting: dict[str, Any]) -> None:
    with pytest.raises(BadOption) as caught:
        tccodec.report.run(**{"folder": tmp_path} | setting)
    assert "\n" not in str(caught.value) and not list(tmp_path.iterdir())


def test_errors_are_also_what_python_programmers_expect() -> None:
    assert issubclass(BadOption, ValueError)
    assert issubclass(WrongType, (BadOption, TypeError))
    assert issubclass(UnreadableFile, OSError) and issubclass(MissingFile, FileNotFoundError)
