"""Which part of the codec limits each kind of picture: basis, latents, entropy model or decoder.

    python -m benchmarks.research.probes DIR --write docs/research/kinds.md

DIR holds the pictures of `benchmarks.docs.kinds make`. Of each, the 256 x 256 pixels with most
edges are taken.

1. Where the error is. PSNR of the picture's projection on the linear basis, and of what the decoder
   makes of the encoder's latents before they are quantised: no quality can be better. Then, at each
   quality, the linear part of the decoded picture, and the decoded picture.
2. Where the bits are: shares of the hyper-latents and of each group of latents.
3. What tuning one part to one picture brings, as a share of its bits (bits + lambda x squared error
   saved, over bits): the latents (effort 9), the weights of the decoder, of the entropy model. The
   weights are not paid for; photographs tell what a part gains anywhere.
"""

from __future__ import annotations

import argparse
import copy
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.common import Array8, busiest, open_rgb, paste, table_head, table_row
from benchmarks.research.symbols import coded_passes
from tccodec.coding.neural import NeuralCodec
from tccodec.coding.quality import Quality, to_setting
from tccodec.coding.refine import Refiner
from tccodec.container import Setting
from tccodec.model.registry import find_model
from tccodec.model.weights import float_entropy

SIDE = 256
QUALITIES = tuple(map(Quality, (20, 45, 70, 100)))
TUNED = Quality(35)  # the quality of the third table
STEPS, RATE = 80, 3e-4  # of Adam, for weights
TABLES = ("probes", "tuned")
TOP = 60.0  # dB: as good as exact


def psnr(error: float) -> float:
    """Decibels of a mean squared error, at most TOP."""
    return min(TOP, 10 * float(np.log10(255**2 / max(error, 1e-9))))


def centred(rgb: Array8) -> Tensor:
    """uint8 `(H, W, 3)` -> `(1, 3, H, W)` in -128..127."""
    return torch.from_numpy(rgb).permute(2, 0, 1)[None].float() - 128


def squared(x: Tensor, y: Tensor) -> Tensor:
    """Mean squared error of pixels, clipped as a file's are."""
    return (x.clamp(-128, 127) - y).square().mean()


class Probe:
    """One crop through one model."""

    def __init__(self, codec: NeuralCodec, rgb: Array8) -> None:
        self.codec, self.rgb, self.x = codec, rgb, centred(rgb)

    def decoded(self, setting: Setting) -> tuple[Tensor, Tensor, int]:
        """Latents as decoded `(1, h, w, C)`, weights of the setting, and bits."""
        codec = self.codec
        coded = codec.encode(self.rgb, setting)
        v16 = codec.decode_latents(coded)
        knots = codec.transforms.knot_weights(setting)
        steps = codec.transforms.tcae.steps(knots)[:, : v16.shape[-1]]
        return (v16.float() / 16 * steps)[None], knots, 8 * sum(map(len, coded.payloads))

    @torch.inference_mode()
    def errors(self) -> list[float]:
        """PSNR of basis and unquantised latents, then of linear part and decode per quality."""
        tcae = self.codec.transforms.tcae
        knots = self.codec.transforms.knot_weights(to_setting(QUALITIES[-1]))
        basis = tcae.shortcut.synthesise(tcae.shortcut.analyse(self.x))
        unquantised = tcae.synthesise(tcae.analyse(self.x, knots), knots)
        out = [psnr(float(squared(picture, self.x))) for picture in (basis, unquantised)]
        for quality in QUALITIES:
            y, knots, _ = self.decoded(to_setting(quality))
            for picture in (tcae.shortcut.synthesise(y), tcae.synthesise(y, knots)):
                out.append(psnr(float(squared(picture, self.x))))
        return out

    def shares(self, quality: Quality) -> NDArray[np.float64]:
        """Bits per pixel of hyper-latents and groups."""
        tables = self.codec.entropy.coder.tables
        bits = np.zeros(1 + len(self.codec.cfg.groups))
        for group, _, (symbols, index) in coded_passes(self.codec, self.rgb, to_setting(quality)):
            bits[group + 1] += tables.bits(symbols, index)
        return bits / SIDE**2

    def gains(self) -> list[float]:
        """Shares of the bits that tuning of latents, decoder and entropy model saves."""
        codec, setting = self.codec, to_setting(TUNED)
        worth = float(codec.cfg.lam(float(setting))) * SIDE**2  # bits for an MSE of one
        y, knots, bits = self.decoded(setting)
        with torch.no_grad():
            before = float(squared(codec.transforms.tcae.synthesise(y, knots), self.x))
        refined = Refiner(codec, self.rgb, setting).run(9)
        pixels = codec.decode(refined)
        after = float(squared(centred(pixels), self.x))
        latents = bits - 8 * sum(map(len, refined.payloads)) + worth * (before - after)

        tcae = copy.deepcopy(codec.transforms.tcae).float()
        least = tuned(tcae.decoder, lambda: squared(tcae.synthesise(y, knots), self.x))
        decoder = worth * (before - least)

        model = float_entropy(codec.cfg, codec.tensors)
        v = codec.latents(self.rgb, setting)[None]
        with torch.no_grad():
            rate = float(model(v, knots)[0].sum())
        entropy = rate - tuned(model, lambda: model(v, knots)[0].sum())
        return [100 * latents / bits, 100 * decoder / bits, 100 * entropy / rate]


def tuned(module: nn.Module, loss: Callable[[], Tensor]) -> float:
    """The least loss that Adam finds over the module's weights."""
    module.requires_grad_(True)
    adam = torch.optim.Adam(module.parameters(), lr=RATE)
    best = float("inf")
    for step in range(STEPS):
        for group in adam.param_groups:
            group["lr"] = RATE * (1 - step / STEPS)
        value = loss()
        best = min(best, float(value.detach()))
        adam.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        adam.step()
    return best


def rows(
    kinds: dict[str, list[Probe]], values: Callable[[Probe], Sequence[float]]
) -> Iterable[str]:
    """A line of a table for each kind: means over its crops."""
    for kind, probes in kinds.items():
        mean = np.mean([values(probe) for probe in probes], axis=0)
        print(f"{kind}: {len(probes)} crops", file=sys.stderr, flush=True)
        yield table_row([kind, *(f"{value:.1f}" for value in mean)])


def where(kinds: dict[str, list[Probe]]) -> str:
    """Tables of errors and of bits."""
    titles = [f"{what}, quality {q}" for q in QUALITIES for what in ("linear part", "decoded")]
    lines = [table_head("kind", "basis", "unquantised", *titles), *rows(kinds, Probe.errors)]
    groups = len(next(iter(kinds.values()))[0].codec.cfg.groups)
    names = ["bpp", "hyper, %", *(f"group {g}, %" for g in range(groups))]
    for quality in QUALITIES[:3]:

        def shares(probe: Probe, quality: Quality = quality) -> Sequence[float]:
            bits = probe.shares(quality)
            return [float(bits.sum()), *(100 * bits / bits.sum())]

        lines += ["", f"Quality {quality}:", "", table_head("kind", *names), *rows(kinds, shares)]
    return "\n".join(lines)


def gained(kinds: dict[str, list[Probe]], count: int) -> str:
    """The table of what tuning brings, for the middle pictures of each kind."""
    few = {kind: probes[len(probes) // 2 :][:count] for kind, probes in kinds.items()}
    titles = ["latents, %", "decoder, %", "entropy model, %"]
    return "\n".join([table_head("kind", *titles), *rows(few, Probe.gains)])


def main() -> None:
    """Tables to stdout or into a page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="tcae-s")
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=TABLES)
    parser.add_argument("--crops", type=int, default=1, help="crops of each kind that are tuned to")
    parser.add_argument("--write", type=Path, help="page with marks")
    args = parser.parse_args()
    codec = NeuralCodec.load(find_model(args.model).folder, precision="fp32")
    kinds: dict[str, list[Probe]] = {}
    for path in sorted(args.folder.glob("*/*.png")):
        crop = busiest(np.asarray(open_rgb(path)), SIDE)
        kinds.setdefault(path.parent.name, []).append(Probe(codec, crop))
    if not kinds:
        sys.exit(f"no pictures in {args.folder}: make them first")
    tables = {}
    if "probes" in args.tables:
        tables["probes"] = where(kinds)
    if "tuned" in args.tables:
        tables["tuned"] = gained(kinds, args.crops)
    for mark, text in tables.items():
        print(text)
        if args.write:
            paste(args.write, text, mark)


if __name__ == "__main__":
    main()
