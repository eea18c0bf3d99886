"""Training pictures: held in memory as bytes, cropped and rescaled on the training device."""

from __future__ import annotations

import lzma
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from tccodec.config import ModelConfig
from tccodec.errors import BadData, BadPicture, LimitExceeded
from tccodec.files.text import from_json
from tccodec.files.walk import walk
from tccodec.picture.kinds import Kind, kind_of, named_as_picture
from tccodec.picture.load import read_picture

Named = tuple[str, np.ndarray]  # a picture with its name

LARGEST_WEIGHT = 1000
# What reading a damaged tar file raises; `KeyError` for a link that leads nowhere in it.
_DAMAGED = (tarfile.TarError, EOFError, KeyError, ValueError, zlib.error, lzma.LZMAError)
SCALES = 4  # different factors by which crops of one step are reduced


def _files(source: Path) -> Iterator[tuple[str, bytes]]:
    if source.is_dir():
        tars = sorted(t for t in source.glob("*.tar") if not t.name.startswith("."))
        if tars:
            _check_only_shards(source)
            for t in tars:
                yield from _files(t)
            return
        for item in sorted(walk(source), key=lambda item: item.path):
            if item.error:
                raise BadData(f"{item.path} cannot be read: {item.error}")
            if not item.skipped:
                yield item.path.relative_to(source).as_posix(), item.path.read_bytes()
    elif source.suffix == ".tar" and source.is_file():
        yield from _members(source)
    else:
        raise BadData(f"{source} is neither a folder nor a .tar file")


def _check_only_shards(folder: Path) -> None:
    """`BadData` for pictures beside .tar files, which would be left out in silence."""
    for item in walk(folder):
        if not item.error and not item.skipped and named_as_picture(item.path):
            raise BadData(
                f"{folder} holds .tar files and pictures ({item.path.relative_to(folder)}): name"
                " the .tar files one by one, or keep the two in folders of their own"
            )


def _is_hidden(name: str) -> bool:
    """Whether a file in a tar file is hidden, such as the `._photo.jpg` that macOS adds."""
    return any(part.startswith(".") and part != ".." for part in PurePosixPath(name).parts)


def _members(shard: Path) -> Iterator[tuple[str, bytes]]:
    """The regular files of a tar file, by SHARD/PATH; `BadData` if it is damaged.

    Hidden ones are left out, as in folders.
    """
    try:
        with tarfile.open(shard) as tar:
            for member in tar:
                handle = None if _is_hidden(member.name) else tar.extractfile(member)
                if handle is not None:
                    yield f"{shard.name}/{member.name}", handle.read()
    except OSError as e:
        raise BadData(f"{shard} cannot be read: {e.strerror or e}") from None
    except _DAMAGED as e:
        raise BadData(f"{shard} is not a valid tar file: {e}") from None
    except RecursionError:
        raise BadData(f"{shard} is not a valid tar file: a link in it leads in a circle") from None


def _decoded(file: tuple[str, bytes]) -> np.ndarray | None:
    """The pixels of a picture, without alpha; None for a file that is none by name and content."""
    name, data = file
    kind = kind_of(data)
    if kind.kind is not Kind.PICTURE:
        if kind.kind is Kind.UNREADABLE or named_as_picture(Path(name)):
            raise BadData(f"{name} cannot be read: {kind.reason}")
        return None
    try:
        return read_picture(data).rgb
    except (BadPicture, LimitExceeded) as e:
        raise BadData(f"{name} cannot be read: {e}") from None


def load_named(sources: list[Path], smallest: int) -> list[Named]:
    """All pictures with both sides >= `smallest`, as uint8 `(H, W, 3)`, with their names.

    Tar shards (webdataset layout) or folders of pictures; hidden files and files of other kinds are
    left out. A name is the path in its folder, or SHARD.tar/PATH. `BadData` if none is usable, one
    is damaged, or a folder holds both shards and pictures.
    """
    files = [f for source in sources for f in _files(source)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        decoded = zip(files, pool.map(_decoded, files), strict=True)
        pictures = [(name, p) for (name, _), p in decoded if p is not None]
    out = [(name, p) for name, p in pictures if min(p.shape[:2]) >= smallest]
    if not out:
        where = ", ".join(str(s) for s in sources)
        raise BadData(f"no picture of at least {smallest}x{smallest} pixels in {where}")
    return out


def load_pictures(sources: list[Path], smallest: int) -> list[np.ndarray]:
    """The pictures of `load_named`."""
    return [p for _, p in load_named(sources, smallest)]


def load_held_out_named(
    sources: list[Path], smallest: int, held_out: int
) -> tuple[list[Named], list[Named]]:
    """`(pictures, held-out pictures)` of all sources, with their names.

    The last `held_out` pictures of each source are held out, or a fifth if it has few. If that is
    none of any source, both lists are the same one.
    """
    training: list[Named] = []
    held: list[Named] = []
    for source in sources:
        pictures = load_named([source], smallest)
        count = held_out if len(pictures) > 4 * held_out else len(pictures) // 5
        training += pictures[: len(pictures) - count]
        held += pictures[len(pictures) - count :]
    return training, held or training


def load_held_out(
    sources: list[Path], smallest: int, held_out: int
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The pictures of `load_held_out_named`."""
    named, named_held = load_held_out_named(sources, smallest, held_out)
    training = [p for _, p in named]
    return training, training if named_held is named else [p for _, p in named_held]


def load_weights(path: Path, names: list[str]) -> NDArray[np.float64]:
    """How often each picture is drawn, relative to the others: a JSON object of weights by name.

    `BadData` if a picture has none from 0 to `LARGEST_WEIGHT`, or all have 0.
    """
    try:
        found = from_json(path.read_text("utf-8"))
    except OSError as e:
        raise BadData(f"cannot read {path}: {e.strerror}") from None
    except ValueError:
        raise BadData(f"{path} is not valid JSON") from None
    if not isinstance(found, dict):
        raise BadData(f"{path} is not a JSON object of weights by picture name")
    weights = []
    for name in names:
        weight = found.get(name)
        if not isinstance(weight, int | float) or not 0 <= weight <= LARGEST_WEIGHT:
            raise BadData(f"{path} has no weight from 0 to {LARGEST_WEIGHT} for the picture {name}")
        weights.append(float(weight))
    if not any(weights):
        raise BadData(f"{path} gives all pictures the weight 0")
    return np.array(weights)


class Crops:
    """Random crops from pictures kept as one flat byte tensor on the training device.

    Step n of rank r always has the same crops, so a resumed run continues exactly.
    weights: above 0; how often each picture is drawn, relative to the others. None: all equally.
    """

    def __init__(
        self,
        pictures: list[np.ndarray],
        *,
        crop: int,
        device: torch.device,
        seed: int,
        weights: NDArray[np.float64] | None = None,
    ) -> None:
        self.crop, self.device, self.seed, self.weights = crop, device, seed, weights
        self.sizes = np.array([p.shape[:2] for p in pictures])
        areas = self.sizes.prod(1)
        self.starts = np.concatenate([[0], np.cumsum(areas)[:-1]])
        flat = np.empty((int(areas.sum()), 3), np.uint8)
        for p, s in zip(pictures, self.starts, strict=True):
            flat[s : s + p.shape[0] * p.shape[1]] = p.reshape(-1, 3)
        self.flat = torch.from_numpy(flat).to(device)

    def _cut(self, rng: np.random.Generator, count: int, side: int) -> Tensor:
        """Random squares `(count, side, side, 3)`, uint8, every second one mirrored."""
        large = np.flatnonzero(self.sizes.min(1) >= side)
        shares = None
        if self.weights is not None:
            shares = self.weights[large] / self.weights[large].sum()
        pick = rng.choice(large, count, p=shares)
        h, w = self.sizes[pick, 0], self.sizes[pick, 1]
        y, x = rng.integers(0, h - side + 1), rng.integers(0, w - side + 1)
        first, mirrored = self.starts[pick] + y * w + x, rng.random(count) < 0.5
        if self.device.type == "cpu":  # plain copies take a third of the time of a gather
            crops = torch.empty(count, side, side, 3, dtype=torch.uint8)
            for crop, at, width, flipped in zip(crops, first, w, mirrored, strict=True):
                strides = (3 * int(width), 3, 1)
                square = torch.as_strided(self.flat, crop.shape, strides, 3 * int(at))
                crop.copy_(square.flip(1) if flipped else square)
            return crops
        rows = torch.from_numpy(first[:, None] + np.arange(side) * w[:, None]).to(self.device)
        columns = np.where(mirrored[:, None], np.arange(side)[::-1], np.arange(side))
        at = rows[:, :, None] + torch.from_numpy(columns).to(self.device)[:, None]
        return self.flat[at.flatten()].view(count, side, side, 3)

    def cut(self, rng: np.random.Generator, count: int) -> Tensor:
        """Random crops `(count, 3, crop, crop)`, not rescaled, fp32 in -128..127."""
        return self._cut(rng, count, self.crop).permute(0, 3, 1, 2).float() - 128

    def batch(self, step: int, count: int, *, rescale: float = 0.5, rank: int = 0) -> Tensor:
        """The crops of a step, `(count, 3, crop, crop)` fp32 in -128..127, in random order.

        A share `rescale` of them is downscaled, by `SCALES` different factors.
        """
        rng = np.random.default_rng([self.seed, step, rank])
        scaled = round(count * rescale)
        size, largest = (self.crop, self.crop), int(self.sizes.min(1).max())
        out = [self._cut(rng, count - scaled, self.crop).permute(0, 3, 1, 2)]
        for part in range(SCALES):
            side = min(int(self.crop / rng.uniform(0.5, 1.0)), largest)
            if number := (scaled + part) // SCALES:
                big = self._cut(rng, number, side).permute(0, 3, 1, 2)
                if self.device.type != "cpu":  # bytes can be reduced on CPUs only
                    big = big.float()
                small = F.interpolate(big, size, mode="bilinear", antialias=True)
                out.append(
                    small.clamp(0, 255).round().byte() if small.is_floating_point() else small
                )
        order = torch.from_numpy(rng.permutation(count)).to(self.device)
        return torch.cat(out)[order].float() - 128.0


@torch.no_grad()
def lapped_pca(crops: Crops, cfg: ModelConfig, *, blocks: int = 100_000) -> tuple[Tensor, ...]:
    """PCA of lapped 16x16 colour blocks, and of the first coefficients of four of them.

    Returns `Shortcut.basis`, `Shortcut.merge` and the deviations `(channels,)`. Only inner
    blocks of each crop count: those at its border were not filtered. Of small collections fewer
    than `blocks` are taken, eight for each block of their pixels.
    """
    from tccodec.transform.lapped import lap, prefilter_matrix
    from tccodec.transform.layout import to_tokens, unshuffle

    m = prefilter_matrix().float().t().to(crops.device)
    blocks = min(blocks, 8 * -(-len(crops.flat) // 16**2))

    def principal(count: int, select: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        covariance, samples, step = torch.zeros((), dtype=torch.float64, device=crops.device), 0, 0
        while samples < blocks:
            t = select(to_tokens(lap(crops.batch(1_000_000_000 + step, 32), m), 16)[:, 2:-2, 2:-2])
            t = t.flatten(0, 2)
            covariance = covariance + (t.t() @ t).double()
            samples += len(t)
            step += 1
        values, vectors = torch.linalg.eigh(covariance / samples)
        order = values.argsort(descending=True)[:count]
        deviations = values[order].clamp_min(1e-6).sqrt()
        return vectors[:, order].t().float().contiguous(), deviations.float()

    basis, fine = principal(cfg.latents // 4, lambda t: t)
    low = basis[: cfg.low].t()
    merge, coarse = principal(4 * cfg.low, lambda t: unshuffle(t @ low, 2))
    return basis, merge, torch.cat([coarse, fine[cfg.low :]])
