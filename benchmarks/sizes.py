"""At which sizes SSIMULACRA2 finds our errors, and what training for those sizes does.

    python benchmarks/sizes.py parts PICTURES [--quality 45]
    python benchmarks/sizes.py train PHOTOS --init models/tcae-s --only start even visible ...
    python benchmarks/sizes.py compare PHOTOS --states RUN/last OTHER/last ...

`parts`: what each term of SSIMULACRA2 adds to the error of our files and of AVIF files of as many
bytes, the means of up to eight pictures (of each, 512 x 512 pixels). `train`: 200 steps from
trained weights at low rates, one thread, one run after the other; BD-rates against the start on
held-out photographs, by PSNR and by SSIMULACRA2's luma structure at each size. `compare`: the same
figures of trained states, against the first of them.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

import tccodec
from tccodec.distortion import VISIBLE
from tccodec.report.bd import bd_rate
from tccodec.training import loop
from tccodec.training.config import TrainConfig
from tccodec.training.data import Crops, load_pictures
from tccodec.training.loop import Trainer
from tccodec.transform.config import ModelConfig

EVEN = (1 / 3, 1 / 3, 1 / 3)
RUNS: dict[str, tuple[tuple[float, ...], dict[str, Any]]] = {
    "start": (VISIBLE, {}),
    "even": (EVEN, {"structure": 0.3}),
    "middle": ((0.1, 0.2, 0.4, 0.3), {"structure": 0.3}),
    "visible": (VISIBLE, {"structure": 0.3}),
    "visible-0.5": (VISIBLE, {"structure": 0.5}),
    "rate": (VISIBLE, {"structure": 0.3, "rate_only": True}),
    "rate-0.5": (VISIBLE, {"structure": 0.5, "rate_only": True}),
}
QUALITIES = (50, 100, 200, 300, 400, 500, 600, 750)
_TO_XYB = torch.tensor([[0.30, 0.622, 0.078], [0.23, 0.692, 0.078]])


def terms(original: np.ndarray, decoded: np.ndarray) -> dict[str, float]:
    """Weighted terms of SSIMULACRA2, by plane, size, kind and norm."""
    import ssimulacra2.ssimulacra2 as lib

    pair = [lib.srgb_to_linear(t) for t in (original, decoded)]
    scores = []
    for scale in range(lib.kNumScales):
        if scale:
            pair = [lib.downsample(t, 2, 2) for t in pair]
        # The library transposes on its way to XYB.
        a, b = (lib.make_positive_xyb(lib.linear_rgb_to_xyb(t).swapaxes(0, 1)) for t in pair)
        ma, mb, aa, bb, ab = map(lib.blur_image, (a, b, a * a, b * b, a * b))
        scores.append((lib.ssim_map(ma, mb, aa, bb, ab), lib.edge_diff_map(a, ma, b, mb)))
    found, weights = {}, iter(lib.weights)
    for plane, letter in enumerate("XYB"):
        for scale, (structure, edges) in enumerate(scores):
            for norm in (0, 1):
                for kind, value in (
                    ("structure", structure[2 * plane + norm]),
                    ("artefacts", edges[4 * plane + norm]),
                    ("detail lost", edges[4 * plane + 2 + norm]),
                ):
                    name = f"{letter}, 1/{2**scale}, {kind}, {'peaks' if norm else 'mean'}"
                    found[name] = next(weights) * abs(value)
    return found


def parts(pictures: list[Path], quality: float) -> None:
    """Print the terms that differ most."""
    codec = tccodec.Codec.from_pretrained("tcae-s", device="cpu")
    sums: list[dict[str, float]] = []
    for path in pictures:
        with Image.open(path) as image:
            picture = image.convert("RGB").crop(
                (0, 0, min(512, image.width), min(512, image.height))
            )
        data = codec.compress(picture, quality=quality)
        files = []
        for q in range(20, 90, 2):
            buffer = io.BytesIO()
            picture.save(buffer, "AVIF", quality=q, speed=4)
            files.append(buffer.getvalue())
        avif = Image.open(io.BytesIO(min(files, key=lambda f: abs(len(f) - len(data)))))
        original = np.asarray(picture)
        ours, theirs = terms(original, codec.decode(data)), terms(original, np.asarray(avif))
        sums += [ours, theirs]
    names = list(sums[0])
    ours, theirs = ({n: np.mean([s[n] for s in sums[k::2]]) for n in names} for k in (0, 1))
    print("| plane, size, kind, norm | tccodec | AVIF |\n| --- | --- | --- |")
    print(f"| all | {sum(ours.values()):.3f} | {sum(theirs.values()):.3f} |")
    for name in sorted(names, key=lambda n: -abs(ours[n] - theirs[n]))[:8]:
        print(f"| {name} | {ours[name]:.3f} | {theirs[name]:.3f} |")


def luma_structure(y: Tensor, x: Tensor) -> Tensor:
    """SSIMULACRA2's mean structural error of XYB's Y at four sizes, `(4, B)`."""
    at = torch.arange(-5, 6, dtype=torch.float32)
    kernel = torch.softmax(-at.square() / (2 * 1.5**2), 0)

    def blur(t: Tensor) -> Tensor:
        t = F.conv2d(F.pad(t, (5, 5, 5, 5), mode="reflect"), kernel.expand(1, 1, 1, 11))
        return F.conv2d(t, kernel[:, None].expand(1, 1, 11, 1))

    def linear(t: Tensor) -> Tensor:
        t = ((t + 128) / 255).clamp(0, 1)
        return torch.where(t <= 0.04045, t / 12.92, ((t + 0.055) / 1.055) ** 2.4)

    pair, found = [linear(y.float().round()), linear(x.float())], []
    for scale in range(4):
        if scale:
            pair = [F.avg_pool2d(t, 2) for t in pair]
        mixed = (torch.einsum("oc,bchw->bohw", _TO_XYB, t) + 0.0037930733 for t in pair)
        a, b = (m.clamp_min(0).pow(1 / 3).mean(1, keepdim=True) for m in mixed)
        ma, mb = blur(a), blur(b)
        va, vb, cov = blur(a * a) - ma * ma, blur(b * b) - mb * mb, blur(a * b) - ma * mb
        error = 1 - (1 - (ma - mb).square()) * (2 * cov + 0.0009) / (va + vb + 0.0009)
        found.append(error.clamp_min(0).mean((1, 2, 3)))
    return torch.stack(found)


@torch.no_grad()
def curve(trainer: Trainer) -> np.ndarray:
    """Bits per pixel, PSNR and the four structures in dB at each quality, `(6, qualities)`."""
    model = trainer.model
    model.load_state_dict(trainer.ema)
    model.eval()
    points = []
    for q in QUALITIES:
        found = []
        for i in range(8):
            x = trainer.held.batch(i, 8, rescale=0.5)
            with torch.autocast("cpu", torch.bfloat16):
                y, bits = model(x, torch.full((8,), float(q)))
            y = y.clamp(-128, 127)
            psnr = 10 * (2 * np.log10(255) - (y - x).square().mean((1, 2, 3)).log10())
            structure = -10 * luma_structure(y, x).clamp_min(1e-6).log10()
            found.append(torch.cat([torch.stack([bits.sum(1) / 256**2, psnr]), structure]))
        points.append(torch.cat(found, 1).mean(1).numpy())
    return np.array(points).T


def started(init: Path, cfg: TrainConfig, pictures: list[np.ndarray]) -> Trainer:
    """A trainer at the weights of `init`, with its data."""
    trainer = Trainer(ModelConfig.from_dict({"blend": 3}), cfg, Path(tempfile.gettempdir()))
    trainer.start_from(init)
    cpu = torch.device("cpu")
    trainer.data = Crops(pictures[:-32], seed=5, crop=256, device=cpu)
    trainer.held = Crops(pictures[-32:], seed=7, crop=256, device=cpu)
    return trainer


def table(curves: Iterable[tuple[str, np.ndarray]]) -> None:
    """Print BD-rates against the first curve, each as soon as it is there."""
    print("| run | PSNR | 1/1 | 1/2 | 1/4 | 1/8 |\n| --- | --- | --- | --- | --- | --- |")
    start = None
    for name, found in curves:
        start = found if start is None else start
        deltas = (bd_rate(start[0], start[k], found[0], found[k]).value for k in range(1, 6))
        print(f"| {name} | " + " | ".join(f"{d:+.1f} %" for d in deltas) + " |", flush=True)


def trained(
    photos: list[Path], init: Path, names: list[str], steps: int
) -> Iterator[tuple[str, np.ndarray]]:
    """Train each run, and give its curve."""
    torch.set_num_threads(1)
    pictures = load_pictures(photos, 256)
    by_time = loop.schedule
    loop.schedule = lambda elapsed, total, step, cfg: by_time(step, steps, step, cfg)
    for name in ["start", *(n for n in names if n != "start")]:
        loop.VISIBLE, more = RUNS[name]  # type: ignore[assignment]
        cfg = TrainConfig(
            batch=8, crop=256, seed=5, warmup_steps=20, lr_muon=1e-3, lr=2e-4, lr_basis=2.5e-5,
            lr_scale_tables=3e-3, rdoq=0.8, rescale=0.75, quality_wide=0.4, seam=0.1,
            lr_steps=4e-3 if "rate_only" in more else 2e-4, decay_fraction=0.85, ema=0.99, **more,
        )  # fmt: skip
        trainer = started(init, cfg, pictures)
        if more:
            trainer.before = []  # or it would be validated first
            trainer.save = lambda name: None  # type: ignore[method-assign]
            with tempfile.TemporaryDirectory() as folder:
                trainer.out = Path(folder)
                trainer.run(1e6, report=lambda row: None, steps=steps)
        yield name, curve(trainer)


def main() -> None:
    """One of the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["parts", "train", "compare"])
    parser.add_argument("folder", type=Path, nargs="+")
    parser.add_argument("--quality", type=float, default=45)
    parser.add_argument("--init", type=Path, default=Path("models/tcae-s"))
    parser.add_argument("--states", type=Path, nargs="+", default=[])
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--only", nargs="+", choices=list(RUNS), default=list(RUNS))
    args = parser.parse_args()
    if args.what == "train":
        table(trained(args.folder, args.init, args.only, args.steps))
    elif args.what == "compare":
        pictures, cfg = load_pictures(args.folder, 256), TrainConfig(rdoq=0.8)
        table((str(state), curve(started(state, cfg, pictures))) for state in args.states)
    else:
        paths = sorted(p for f in args.folder for p in f.iterdir() if p.suffix in (".png", ".jpg"))
        parts(paths[:8], args.quality)


if __name__ == "__main__":
    main()
