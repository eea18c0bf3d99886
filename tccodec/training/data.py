"""Training pictures: all in memory as bytes, cropped and rescaled where the model runs."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from tccodec.errors import TccodecError
from tccodec.transform.config import ModelConfig

SUFFIXES = {".avif", ".png", ".webp", ".jpg", ".jpeg", ".tif", ".tiff", ".ppm", ".bmp"}


class BadData(TccodecError):
    """The training data cannot be used."""


def _files(source: Path) -> Iterator[tuple[str, bytes]]:
    if source.is_dir():
        tars = sorted(source.glob("*.tar"))
        if tars:
            for t in tars:
                yield from _files(t)
            return
        for f in sorted(source.rglob("*")):
            if f.suffix.lower() in SUFFIXES:
                yield f.name, f.read_bytes()
    elif source.suffix == ".tar" and source.is_file():
        with tarfile.open(source) as tar:
            for member in tar:
                if Path(member.name).suffix.lower() in SUFFIXES:
                    handle = tar.extractfile(member)
                    if handle is not None:
                        yield f"{source.name}/{member.name}", handle.read()
    else:
        raise BadData(f"{source} is neither a folder nor a .tar file")


def load_pictures(sources: list[Path], smallest: int) -> list[np.ndarray]:
    """All pictures with both sides >= `smallest`, as uint8 `(H, W, 3)`.

    Tar shards (webdataset layout) or folders of pictures. `BadData` if none is usable.
    """
    out = []
    for source in sources:
        for name, data in _files(source):
            try:
                with Image.open(io.BytesIO(data)) as im:
                    pixels = np.asarray(im.convert("RGB"))
            except (OSError, ValueError, SyntaxError) as e:
                raise BadData(f"{name} cannot be read as a picture: {e}") from None
            if min(pixels.shape[:2]) >= smallest:
                out.append(pixels)
    if not out:
        where = ", ".join(str(s) for s in sources)
        raise BadData(f"no picture of at least {smallest}x{smallest} pixels in {where}")
    return out


class Crops:
    """Random crops from pictures kept as one flat byte tensor on the training device.

    Step n of rank r always yields the same crops, whatever happened before it: a resumed run
    continues exactly.
    """

    def __init__(
        self, pictures: list[np.ndarray], *, crop: int, device: torch.device, seed: int
    ) -> None:
        self.crop, self.device, self.seed = crop, device, seed
        self.sizes = np.array([p.shape[:2] for p in pictures])
        areas = self.sizes.prod(1)
        self.starts = np.concatenate([[0], np.cumsum(areas)[:-1]])
        flat = np.empty((int(areas.sum()), 3), np.uint8)
        for p, s in zip(pictures, self.starts, strict=True):
            flat[s : s + p.shape[0] * p.shape[1]] = p.reshape(-1, 3)
        self.flat = torch.from_numpy(flat).to(device)

    def _cut(self, rng: np.random.Generator, count: int, side: int) -> Tensor:
        fits = np.flatnonzero(self.sizes.min(1) >= side)
        pick = rng.choice(fits, count)
        h, w = self.sizes[pick, 0], self.sizes[pick, 1]
        y = rng.integers(0, h - side + 1)
        x = rng.integers(0, w - side + 1)
        first = torch.from_numpy(self.starts[pick] + y * w + x).to(self.device)
        width = torch.from_numpy(w).to(self.device)
        i = torch.arange(side, device=self.device)
        rows = first[:, None] + i[None] * width[:, None]
        at = rows[:, :, None] + i[None, None]
        crops = self.flat[at.flatten()].view(count, side, side, 3)
        flip = torch.from_numpy(rng.random(count) < 0.5).to(self.device)
        crops = torch.where(flip[:, None, None, None], crops.flip(2), crops)
        return crops.permute(0, 3, 1, 2).float() - 128.0

    def batch(self, step: int, count: int, *, rescale: float = 0.5, rank: int = 0) -> Tensor:
        """`(count, 3, crop, crop)` fp32 in -128..127; a share `rescale` was downscaled."""
        rng = np.random.default_rng([self.seed, step, rank])
        scaled = round(count * rescale)
        side = int(self.crop / rng.uniform(0.5, 1.0))
        side = min(side, int(self.sizes.min(1).max()))
        out = [self._cut(rng, count - scaled, self.crop)] if scaled < count else []
        if scaled:
            big = self._cut(rng, scaled, side)
            size = (self.crop, self.crop)
            small = F.interpolate(big, size, mode="bilinear", antialias=True)
            out.append(small.clamp(-128, 127))
        return torch.cat(out)


@torch.no_grad()
def lapped_pca(crops: Crops, cfg: ModelConfig, *, blocks: int = 100_000) -> tuple[Tensor, ...]:
    """PCA of lapped 16x16 colour blocks, and of the first coefficients of four of them.

    Returns `Shortcut.basis`, `Shortcut.merge` and the deviations `(channels,)`. Only inner
    blocks of each crop count: those at its border were not filtered.
    """
    from tccodec.transform.lapped import lap, prefilter_matrix
    from tccodec.transform.tcae import to_tokens, unshuffle

    m = prefilter_matrix().float().t().to(crops.device)

    def principal(count: int, of: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        cov, seen, step = torch.zeros((), dtype=torch.float64, device=crops.device), 0, 0
        while seen < blocks:
            t = of(to_tokens(lap(crops.batch(1_000_000_000 + step, 32), m), 16)[:, 2:-2, 2:-2])
            t = t.flatten(0, 2)
            cov = cov + (t.t() @ t).double()
            seen += len(t)
            step += 1
        values, vectors = torch.linalg.eigh(cov / seen)
        order = values.argsort(descending=True)[:count]
        deviations = values[order].clamp_min(1e-6).sqrt()
        return vectors[:, order].t().float().contiguous(), deviations.float()

    basis, fine = principal(cfg.latents // 4, lambda t: t)
    low = basis[: cfg.low].t()
    merge, coarse = principal(4 * cfg.low, lambda t: unshuffle(t @ low, 2))
    return basis, merge, torch.cat([coarse, fine[cfg.low :]])
