"""What is attacked: how cases are made, and what must hold for every one of them.

A check returns "accepted" or "refused". It raises `Wrong` where a promise is broken. Any other
exception is a fault as well; a `TccodecError` never leaves a check.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import struct
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from PIL import Image

from tccodec import Codec, Limits, TccodecError
from tccodec.coding import reference as whole_twin
from tccodec.coding.coded import CodedPicture
from tccodec.container import read
from tccodec.entropy import reference
from tccodec.entropy.coder import SymbolCoder
from tccodec.entropy.reference_model import Model, read_model
from tccodec.entropy.tables import Tables, logistic_tables
from tccodec.entropy.tables import check_tables as check_model_tables
from tccodec.errors import BadFile
from tccodec.model.folder import model_id
from tccodec.model.weights import read as read_tensors
from tccodec.picture import save_image, stored_about, stored_alpha, stored_pixels
from tccodec.portable.core import PortableCodec
from tccodec.portable.entropy import Entropy
from tccodec.portable.folder import read_model as read_portable
from tests.attacks import mutate, second_reader, seeds
from tests.support.models import twin_latents

Check = Callable[[bytes], str]
SAVED = ("png", "jpeg", "webp", "tiff", "avif", "bmp", "gif")
MOST = Limits(max_pixels=1 << 20)
SMALL = Limits(max_pixels=1 << 16)  # compressing more may take a second


class Wrong(Exception):
    """Raised where the package does what it promises never to do."""


@dataclass(frozen=True)
class Target:
    """One way in.

    seeds: valid inputs. mutate: `(rng, one, other)` -> a case. check: see above. goal: cases that
    long runs are to reach, all together.
    """

    name: str
    seeds: Callable[[], Sequence[bytes]]
    mutate: Callable[[Random, bytes, bytes], bytes]
    check: Check
    goal: int

    def case(self, rng: Random) -> bytes:
        """A case."""
        every = _kept(self.seeds)
        return self.mutate(rng, rng.choice(every), rng.choice(every))


@functools.cache
def _kept(make: Callable[[], Sequence[bytes]]) -> Sequence[bytes]:
    return make()


def refusing(check: Check) -> Check:
    """A check for which a `TccodecError` is a refusal, with a sentence in one line."""

    @functools.wraps(check)
    def refused_or(data: bytes) -> str:
        try:
            return check(data)
        except TccodecError as e:
            if not str(e) or "\n" in str(e) or len(str(e)) > 600:
                raise Wrong(f"an error without a good sentence: {str(e)[:80]!r}") from e
            return "refused"

    return refused_or


# ------------------------------------------------------------------ container and sections


def files() -> Sequence[bytes]:
    """Golden files and small ones of both models."""
    return [*seeds.golden(), *(f for name in seeds.MODELS for f in seeds.files(name))]


def check_container(data: bytes) -> str:
    """Both readers accept the file with the same content, or both refuse it."""
    try:
        wanted = second_reader.read(data)
    except second_reader.Refused:
        try:
            read(data)
        except TccodecError:
            return "refused"
        raise Wrong("accepted against the format page") from None
    try:
        found = read(data)
    except TccodecError as e:
        raise Wrong(f"refused, though the format page allows it: {e}") from None
    same = (
        (found.width, found.height, found.setting) == (wanted.width, wanted.height, wanted.setting)
        and (found.model_id, found.grey, found.tiles) == (wanted.model, wanted.grey, wanted.tiles)
        and {s.number: s.body for s in found.sections} == wanted.sections
    )
    if not same:
        raise Wrong("both readers accept, with different content")
    return "accepted"


def bent_file(rng: Random, one: bytes, other: bytes) -> bytes:
    """Damage, or bent content under fitting checksums."""
    return (mutate.mangled if rng.randrange(2) else mutate.sealed)(rng, one, other)


@refusing
def check_sections(data: bytes) -> str:
    """What the sections hold has the picture's size, or is refused."""
    file = read(data, limits=MOST)
    stored_about(file)
    alpha, apart = stored_alpha(file), stored_pixels(file)
    size = (file.height, file.width)
    if alpha is not None and (alpha.shape != size or alpha.dtype != np.uint8):
        raise Wrong(f"alpha of {alpha.shape} in a picture of {size}")
    if apart.pixels is not None and apart.pixels.shape != (*size, 3):
        raise Wrong(f"pixels of {apart.pixels.shape} in a picture of {size}")
    return "accepted"


def sectioned() -> Sequence[bytes]:
    """Files with sections."""
    return [f for f in files() if f[4] & 2]


# ------------------------------------------------------------------ tables


def tables() -> Sequence[bytes]:
    """The sizes and counts of a model's tables, int32."""
    counts = logistic_tables().counts
    sizes = np.array([len(c) for c in counts], "<i4").tobytes()
    return [mutate.joined(sizes, np.concatenate(counts).astype("<i4").tobytes())]


def bent_tables(rng: Random, one: bytes, other: bytes) -> bytes:
    """Counts that move, vanish or overflow; sizes that do not fit."""
    sizes, counts = (np.frombuffer(b, "<i4").copy() for b in mutate.cuts(one, parts=2))
    if not rng.randrange(20):  # a table too few
        return mutate.joined(sizes[:-1].tobytes(), counts[: -sizes[-1]].tobytes())
    for _ in range(rng.choice((1, 2, 3))):
        a, b = rng.randrange(len(counts)), rng.randrange(len(counts))
        kind = rng.randrange(5)
        if kind == 0:  # the sum stays right where both are in one table
            b = min(a + rng.randrange(4), len(counts) - 1)
            step = rng.randrange(1, 20)
            counts[a] -= step
            counts[b] += step
        elif kind == 1:
            counts[a] = rng.choice((0, -1, 1, 65536, 2**31 - 1, -(2**31)))
        elif kind == 2:
            t = rng.randrange(64)
            sizes[t] += rng.choice((-2, -1, 1, 2, 2**30))
        elif kind == 3:
            t, u = rng.randrange(64), rng.randrange(64)
            step = 2 * rng.randrange(3)
            sizes[t] -= step
            sizes[u] += step
        else:
            counts[min(a, b) : max(a, b)] = counts[min(a, b) : max(a, b)][::-1].copy()
    return mutate.joined(sizes.tobytes(), counts.tobytes())


@refusing
def check_tables(data: bytes) -> str:
    """Tables that are accepted code symbols and give them back, as the twin does."""
    sizes, counts = (np.frombuffer(b, "<i4") for b in mutate.cuts(data, parts=2))
    try:
        check_model_tables(counts, sizes.tolist(), trellis=0)
    except ValueError:  # what reads a model's tensors makes a sentence of it
        return "refused"
    coder = SymbolCoder(Tables.of(counts, sizes.tolist()))
    index = np.repeat(np.arange(2, 64, dtype=np.uint8), 3)
    radius = np.repeat(coder.tables.radius[2:], 3)
    symbols = (np.tile([-1, 0, 1], 62) * (radius + np.arange(186) % 3 - 1)).astype(np.int32)
    code = coder.encode([(symbols, index)])
    decoder = coder.decoder(code)
    if (decoder.decode(index) != symbols).any():
        raise Wrong("a table does not give its symbols back")
    decoder.finish()
    twin = reference.TileDecoder.__new__(reference.TileDecoder)
    twin.model = Model(**_NOTHING, tables=[c.tolist() for c in coder.tables.counts])
    twin.ans = reference.Ans(code)
    if twin.symbols(index.tolist())[0] != symbols.tolist() or not twin.ans.exhausted:
        raise Wrong("the twin reads other symbols")
    return "accepted"


_NOTHING: dict[str, Any] = {
    "groups": [], "coarse": 0, "signed_groups": 0, "hyper": 0, "hidden": 0, "fine_hidden": 0,
    "hs": None, "lift": None, "nets": {}, "base": [], "hyper_base": [], "feature": [],
}  # fmt: skip


# ------------------------------------------------------------------ code of a tile group


CODED = (*seeds.MODELS, *seeds.NARROW)


def code_seeds() -> Sequence[bytes]:
    """Which model, the setting, latent rows and columns, and a payload.

    Most are of narrow models, so that a decoding takes little time.
    """
    out = list[bytes]()
    for number, name in enumerate(CODED):
        narrow = name in seeds.NARROW
        for p in seeds.narrow_cases(name) if narrow else seeds.code_cases(name)[:2]:
            h, w = -(-p.height // 32), -(-p.width // 32)
            out.append(struct.pack("<BHBB", number, p.setting, h, w) + p.tiles[0])
    return out


def bent_code(rng: Random, one: bytes, other: bytes) -> bytes:
    """Another payload, or another setting or size around it."""
    number, setting, h, w = struct.unpack_from("<BHBB", one)
    kind = rng.randrange(6)
    if kind == 0:
        h, w = rng.choice(((w, h), (1, 1), (h + 1, w), (1, 5), (2, 2)))
    elif kind == 1:
        setting = rng.choice((0, 1, 50, 125, 999, 1000, rng.randrange(1001)))
    body = mutate.payload(rng, one[5:], other[5:]) if rng.randrange(10) else one[5:]
    return struct.pack("<BHBB", number, setting, h, w) + body


@functools.cache
def _twin(name: str) -> Model:
    folder = seeds.model_folder(name)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    tensors = read_tensors(folder / "model.safetensors")
    return read_model(
        config["model"], {k: v.tolist() for k, v in tensors.items() if k.startswith("int.")}
    )


@functools.cache
def _in_numpy(name: str) -> Entropy:
    """The entropy decoder without torch for one of the models."""
    _, cfg, tensors = read_portable(seeds.model_folder(name))
    return Entropy(cfg, tensors)


def _latents(data: bytes) -> tuple[str, int, int, int, bytes, torch.Tensor | None]:
    number, setting, h, w = struct.unpack_from("<BHBB", data.ljust(5, b"\1"))
    name = CODED[number % len(CODED)]
    setting, h, w = min(setting, 1000), 1 + (h - 1) % 32, 1 + (w - 1) % 32
    payload, core = data[5:], seeds.codec(name)._core
    try:
        with torch.inference_mode():  # as the codec decodes
            parts = core.entropy.decode(payload, setting, h=h, w=w)
            fast = torch.cat(parts, -1).view(h, w, -1)
    except BadFile:
        fast = None
    return name, setting, h, w, payload, fast


def check_code(data: bytes) -> str:
    """The decoder of torch and the one of numpy refuse the payload, or give the same latents."""
    name, setting, h, w, payload, fast = _latents(data)
    try:
        slow = _in_numpy(name).decode(payload, setting, h=h, w=w)
    except BadFile:
        slow = None
    if (slow is None) != (fast is None):
        raise Wrong(f"only the decoder of {'torch' if fast is None else 'numpy'} refuses")
    if fast is None or slow is None:
        return "refused"
    coarse, fine = slow
    cfg = _in_numpy(name).cfg
    sizes = [*cfg.sizes]
    groups = [
        *np.split(coarse, np.cumsum(sizes[: cfg.coarse])[:-1], -1),
        *np.split(fine, np.cumsum(sizes[cfg.coarse :])[:-1], -1),
    ]
    _compare(fast, [g.reshape(-1, g.shape[-1]).tolist() for g in groups], name, "numpy")
    return "accepted"


def check_pair(data: bytes) -> str:
    """The same between the fast decoder and the readable twin."""
    name, setting, h, w, payload, fast = _latents(data)
    try:
        slow = reference.TileDecoder(_twin(name), payload, setting, h=h, w=w).decode()
    except ValueError:
        slow = None
    if (slow is None) != (fast is None):
        raise Wrong(f"only the {'fast decoder' if fast is None else 'twin'} refuses")
    if fast is None or slow is None:
        return "refused"
    _compare(fast, slow, name, "the twin")
    return "accepted"


def _compare(fast: torch.Tensor, groups: Any, name: str, other: str) -> None:
    h, w, channels = fast.shape
    cfg = seeds.codec(name)._core.cfg
    if not torch.equal(twin_latents(groups, cfg, h, w, channels), fast):
        raise Wrong(f"{other} decodes other latents")


# ------------------------------------------------------------------ whole files


@functools.cache
def _portable(name: str) -> Codec:
    """One of the models in the decoder without torch."""
    core: Any = PortableCodec(seeds.model_folder(name), threads=1)
    return Codec(core, seeds.codec(name).card)


@refusing
def check_whole(data: bytes) -> str:
    """A file to pixels and into a picture file; other decoders give the same pixels.

    These are the one without torch, and for every eighth small file the readable twin.
    """
    file = read(data, limits=MOST)
    name = next((n for n in seeds.MODELS if seeds.codec(n).card.file_id == file.model_id), None)
    if name is None:
        return "refused"
    codec = seeds.codec(name)
    turn = hashlib.sha256(data).digest()
    scale, realism = 1 / (1, 1, 2, 4, 8)[turn[0] % 5], (0, 0, 0, 1)[turn[1] % 4]
    image = codec.decompress(data, scale=scale, realism=realism, limits=MOST)
    if image.size != tuple(-(-n // round(1 / scale)) for n in (file.width, file.height)):
        raise Wrong(f"{image.size} from {file.width} x {file.height} at {scale}")
    made, _ = save_image(image, SAVED[turn[2] % len(SAVED)])
    with Image.open(io.BytesIO(made)) as again:
        again.load()
    pixels = _planes(codec.decompress(data, limits=MOST))
    other = _portable(name).decompress(data, limits=MOST)
    _near(pixels, _planes(other), "the decoder without torch")
    if turn[3] % 8 == 0 and file.width * file.height < 3000:
        slow = whole_twin.decode(data, seeds.model_folder(name))
        _near(pixels, slow.astype(int), "the twin")
    return "accepted"


def _planes(image: Image.Image) -> np.ndarray[Any, Any]:
    array = np.asarray(image).astype(int)
    return array.reshape(*array.shape[:2], -1)


def _near(one: np.ndarray[Any, Any], two: np.ndarray[Any, Any], name: str) -> None:
    if one.shape != two.shape or np.abs(one - two).max() > 1:
        raise Wrong(f"other pixels from {name}")


# ------------------------------------------------------------------ model folders


def models() -> Sequence[bytes]:
    """Model folders, each as `config.json` and `model.safetensors` joined."""
    folders = [seeds.model_folder(name) for name in seeds.MODELS]
    return [
        mutate.joined((f / "config.json").read_bytes(), (f / "model.safetensors").read_bytes())
        for f in folders
    ]


def bent_model(rng: Random, one: bytes, other: bytes) -> bytes:
    """A bent configuration or bent tensors, in most cases with the id that belongs to them."""
    text, tensors = mutate.cuts(one, parts=2)
    kind = rng.randrange(3)
    if kind != 1:
        text = mutate.config(rng, text, mutate.cuts(other, parts=2)[0])
    if kind != 0:
        tensors = mutate.tensors(rng, tensors)
    return mutate.joined(_with_id(text, tensors) if rng.randrange(4) else text, tensors)


def _with_id(text: bytes, tensors: bytes) -> bytes:
    with tempfile.NamedTemporaryFile() as file:
        file.write(tensors)
        file.flush()
        try:
            values = json.loads(text)
            found = read_tensors(Path(file.name))
            values["model_id"] = model_id(found, values["model"]).hex()
            return json.dumps(values).encode()
        except (ValueError, KeyError, TypeError):
            return text


def check_model(data: bytes) -> str:
    """Both decoders load the model and decode a file of it, or refuse.

    The one without torch may take a model whose encoder is bent: it has no use for it.
    """
    text, tensors = mutate.cuts(data, parts=2)
    outcomes = list[str]()
    with tempfile.TemporaryDirectory(prefix="tccodec-model-") as name:
        folder = Path(name)
        (folder / "config.json").write_bytes(text)
        (folder / "model.safetensors").write_bytes(tensors)
        for without_torch in (False, True):
            outcomes.append(_use_model(folder, without_torch))
    if outcomes[0] == "accepted" and outcomes[-1] == "refused":
        raise Wrong("only the decoder without torch refuses the model")
    return outcomes[0]


def _use_model(folder: Path, without_torch: bool) -> str:
    try:
        core: Any
        if without_torch:
            core = PortableCodec(folder, threads=1)
        else:
            core = Codec.from_pretrained(folder, device="cpu", precision="fp32")._core
        for data in (seeds.files("tiny")[2], seeds.files("renderer")[2]):
            try:
                list(core.decode_rows(CodedPicture.of(read(data))))
            except BadFile:  # the code of another model
                continue
        return "accepted"
    except TccodecError:
        return "refused"


# ------------------------------------------------------------------ pictures


@refusing
def check_picture(data: bytes) -> str:
    """Whatever `compress` reads decodes again, with the same size."""
    found = seeds.codec("tiny").compress(data, quality=30, limits=SMALL)
    file = read(found)
    image = seeds.codec("tiny").decompress(found)
    if image.size != (file.width, file.height):
        raise Wrong("another size")
    return "accepted"


TARGETS = {
    t.name: t
    for t in (
        Target("container", files, bent_file, check_container, 10_000_000),
        Target("sections", sectioned, mutate.sealed, check_sections, 1_000_000),
        Target("tables", tables, bent_tables, check_tables, 100_000),
        Target("code", code_seeds, bent_code, check_code, 1_000_000),
        Target("pair", code_seeds, bent_code, check_pair, 100_000),
        Target("whole", files, mutate.sealed, check_whole, 100_000),
        Target("models", models, bent_model, check_model, 10_000),
        Target("pictures", seeds.pictures, mutate.picture, check_picture, 10_000),
    )
}
