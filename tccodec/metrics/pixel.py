"""PSNR, SSIM, MS-SSIM and SSIMULACRA2: metrics that need no weights."""

from __future__ import annotations

import importlib
import importlib.metadata
import io
from typing import Any

import numpy as np

from tccodec.errors import NotAvailable
from tccodec.metrics.base import Array8, MetricInfo

# pytorch-msssim halves a picture four times, and needs over 10 pixels at the smallest scale.
_MS_SSIM_MIN_SIDE = 161
_SSIM_MIN_SIDE = 11
# SSIMULACRA2 is defined from 8 x 8 pixels on.
_SSIMULACRA2_MIN_SIDE = 8


def library(name: str, distribution: str) -> tuple[Any, str]:
    """`(module, version)` of an optional library; `NotAvailable` says how to get it."""
    try:
        return importlib.import_module(name), importlib.metadata.version(distribution)
    except ImportError as error:
        hint = f"pip install {distribution}"
        raise NotAvailable(distribution, "it is not installed", hint) from error


class Psnr:
    """Peak signal-to-noise ratio over all three channels together."""

    info = MetricInfo(
        name="psnr",
        label="PSNR",
        unit="dB",
        higher_better=True,
        axis="value",
        digits=2,
        definition="10 log10(255^2 / MSE), the mean squared error taken over R, G and B of 8-bit "
        "sRGB together; per picture, then the mean of the dB. Identical pictures count 100 dB.",
        version="1",
    )

    def prepare(self, original: Array8) -> None:
        """Nothing to prepare."""

    def score(self, original: Array8, decoded: Array8, prepared: Any) -> float:
        """PSNR in dB, at most 100."""
        # rows at a time: a 12-megapixel difference in float64 would be 290 MB
        total = 0.0
        for top in range(0, original.shape[0], 256):
            rows = slice(top, top + 256)
            d = original[rows].astype(np.int32) - decoded[rows]
            total += float((d * d).sum(dtype=np.int64))
        mse = total / original.size
        return 100.0 if mse == 0 else min(100.0, float(10 * np.log10(255.0**2 / mse)))


class _TorchSsim:
    """The common part of SSIM and MS-SSIM: library, float tensors (1, 3, H, W)."""

    info: MetricInfo
    min_side: int
    function: str

    def __init__(self) -> None:
        self._lib, version = library("pytorch_msssim", "pytorch-msssim")
        self.info = MetricInfo(**{**self.info.as_dict(), "version": f"pytorch-msssim {version}"})

    def prepare(self, original: Array8) -> Any:
        """The original as a tensor."""
        return _tensor(original)

    def score(self, original: Array8, decoded: Array8, prepared: Any) -> float | None:
        """The index, or None for a picture smaller than the window allows."""
        import torch

        if min(original.shape[:2]) < self.min_side:
            return None
        with torch.inference_mode():
            value = getattr(self._lib, self.function)(prepared, _tensor(decoded), data_range=255.0)
        return float(value)


def _tensor(picture: Array8) -> Any:
    """uint8 (H, W, 3) -> float32 (1, 3, H, W), channels last, which torch blurs faster."""
    import torch

    return torch.from_numpy(picture.astype(np.float32)).permute(2, 0, 1)[None]


class Ssim(_TorchSsim):
    """Structural similarity (Wang et al. 2004) at one scale."""

    function = "ssim"
    min_side = _SSIM_MIN_SIDE
    info = MetricInfo(
        name="ssim",
        label="SSIM",
        unit="",
        higher_better=True,
        axis="db",
        digits=4,
        definition="Wang et al. 2004; 11 x 11 Gaussian window (sigma 1.5), K = 0.01, 0.03, each "
        "of R, G, B at 0..255, mean over channels and valid positions, no downscaling. Curves and "
        "BD use -10 log10(1 - SSIM) of each picture, then the mean of the dB.",
        version="",
    )


class MsSsim(_TorchSsim):
    """Structural similarity over five scales (Wang et al. 2003)."""

    function = "ms_ssim"
    min_side = _MS_SSIM_MIN_SIDE
    info = MetricInfo(
        name="ms-ssim",
        label="MS-SSIM",
        unit="",
        higher_better=True,
        axis="db",
        digits=4,
        definition="Wang et al. 2003; five scales with the paper's weights, 11 x 11 Gaussian "
        "window, each of R, G, B at 0..255, mean over channels; not defined below 161 pixels a "
        "side. Curves and BD use -10 log10(1 - MS-SSIM) of each picture, then the mean of the dB.",
        version="",
    )


class Ssimulacra2:
    """SSIMULACRA 2.1 in its Python port."""

    info = MetricInfo(
        name="ssimulacra2",
        label="SSIMULACRA2",
        unit="",
        higher_better=True,
        axis="value",
        digits=1,
        definition="Sneyers et al., the Python port on PyPI; 8-bit sRGB to XYB, six scales; "
        "about 30 low, 50 medium, 70 high, 90 visually lossless, below 0 possible; mean over "
        "pictures.",
        version="",
    )

    def __init__(self) -> None:
        self._lib, version = library("ssimulacra2", "ssimulacra2")
        self.info = MetricInfo(**{**self.info.as_dict(), "version": f"ssimulacra2 {version}"})

    def prepare(self, original: Array8) -> bytes:
        """The original as a file, which the library opens."""
        return _bmp(original)

    def score(self, original: Array8, decoded: Array8, prepared: Any) -> float | None:
        """The score, 100 at best; None below 8 pixels a side."""
        if min(original.shape[:2]) < _SSIMULACRA2_MIN_SIDE:
            return None
        files = io.BytesIO(prepared), io.BytesIO(_bmp(decoded))
        return float(self._lib.compute_ssimulacra2(*files))


def _bmp(picture: Array8) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="BMP")
    return file.getvalue()
