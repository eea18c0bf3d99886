"""Where the time goes, layer by layer, beside the limit that the machine's products set.

    python -m benchmarks.docs.layers [--model tcae-s] [--precision auto] [--megapixels 4]

The limit of a layer is its multiply-accumulates over the rate of a large matrix product in its
precision, measured first. What a layer takes beyond that is memory traffic, normalisation,
softmax and overhead. A layer's time is its own, without that of layers inside it.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.common import tiled
from tccodec.coding.neural import NeuralCodec
from tccodec.coding.quality import to_setting
from tccodec.model.registry import find_model
from tccodec.transform import lapped
from tccodec.transform.renderer import CELL


class Clock:
    """Self times of wrapped functions, in seconds, by label."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._inner = [0.0]

    def wrap(self, owner: Any, name: str, label: str) -> None:
        """Replace `owner.name` by itself with a clock."""
        function: Callable[..., Any] = getattr(owner, name)

        def timed(*args: Any, **more: Any) -> Any:
            self._inner.append(0.0)
            start = time.perf_counter()
            out = function(*args, **more)
            took = time.perf_counter() - start
            self.seconds[label] += took - self._inner.pop()
            self._inner[-1] += took
            return out

        setattr(owner, name, timed)


def rate(dtype: torch.dtype) -> float:
    """Multiply-accumulates per second of a 2048-cubed product."""
    a, b = torch.ones(2048, 2048, dtype=dtype), torch.ones(2048, 2048, dtype=dtype)
    product = torch._int_mm if dtype == torch.int8 else torch.mm
    best = min(_seconds(lambda: product(a, b.t())) for _ in range(12))
    return 2048**3 / best


def _seconds(function: Callable[[], Any]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def macs(codec: NeuralCodec) -> dict[str, float]:
    """Multiply-accumulates per pixel of each label."""
    cfg, tcae = codec.cfg, codec.tcae
    out: dict[str, float] = {"lapped filter": 2 * 3 * 16.0}
    shortcut = tcae.shortcut
    out["linear transform"] = shortcut.basis.numel() / 16**2 + shortcut.merge.numel() / 32**2
    token = {1: 1 / cfg.patch**2, 2: 1 / cfg.stage_patch**2}

    def weights(*layers: Any) -> float:
        return float(sum(layer.weight.numel() for layer in layers))

    def attention(block: Any) -> float:
        inner = 2 * cfg.window**2 * block.attn.qkv.in_features
        return weights(block.attn.qkv, block.attn.proj) + float(inner)

    for side, net in (("encoder", tcae.encoder), ("decoder", tcae.decoder)):
        for stage, blocks in ((1, getattr(net, "blocks1", ())), (2, net.blocks2)):
            for block in blocks:
                where = f"{side}, {cfg.patch if stage == 1 else cfg.stage_patch}-pixel tokens: "
                for part, count in (
                    ("convolution", weights(block.dw)),
                    ("attention", attention(block) if block.attn else 0),
                    ("MLP", weights(block.fc1, block.fc2)),
                ):
                    out[where + part] = out.get(where + part, 0) + count * token[stage]
        heads = weights(net.fine1, net.fine2) / 16**2
        out[f"{side}: bottleneck"] = heads + weights(net.coarse1, net.coarse2) / 32**2
    encoder, decoder = tcae.encoder, tcae.decoder
    out["encoder: patches"] = weights(encoder.embed) * token[1]
    out["encoder: merge"] = weights(encoder.merge1, encoder.merge2) * token[2]
    if cfg.renderer:
        r = decoder.renderer
        out["renderer: from the tokens"] = weights(r.modulate) * token[2]
        out["renderer: patches"] = weights(r.embed) / CELL**2
        out["renderer: convolution"] = weights(r.dw) / CELL**2
        out["renderer: MLP, pixels"] = weights(r.fc1, r.fc2, r.out) / CELL**2
    else:
        out["decoder: split"] = weights(decoder.split) * token[2]
        out["decoder: patches"] = weights(decoder.embed, decoder.out) * token[1]
    ha, entropy = codec.hyper, codec.entropy
    out["entropy: hyper analysis"] = (
        weights(ha.fine) / 16**2 + weights(ha.mix) / 32**2 + weights(ha.out) / 64**2
    )
    nets = [entropy.nets[f"groups.{g}"] for g in range(len(cfg.groups))]
    out["entropy: context networks"] = (
        sum(weights(*net) / 16**2 for net in nets[cfg.coarse :])
        + sum(weights(*net) / 32**2 for net in nets[: cfg.coarse])
        + weights(entropy.lift1, entropy.lift2) / 32**2
        + weights(entropy.hs) / 64**2
    )
    return out


def install(clock: Clock, codec: NeuralCodec) -> None:
    """Clocks on every part of the codec."""
    cfg, tcae = codec.cfg, codec.tcae
    for name in ("_columns", "_rows"):
        clock.wrap(lapped, name, "lapped filter")
    for name in ("_project", "_blocks"):
        clock.wrap(tcae.shortcut, name, "linear transform")
    for side, net in (("encoder", tcae.encoder), ("decoder", tcae.decoder)):
        stages = ((cfg.patch, getattr(net, "blocks1", ())), (cfg.stage_patch, net.blocks2))
        for stage, blocks in stages:
            for block in blocks:
                where = f"{side}, {stage}-pixel tokens: "
                clock.wrap(block, "local", where + "convolution")
                clock.wrap(block, "mix", where + "attention")
                clock.wrap(block, "mlp", where + "MLP")
    clock.wrap(tcae.encoder, "_embed", "encoder: patches")
    clock.wrap(tcae.encoder, "_merge", "encoder: merge")
    clock.wrap(tcae.encoder, "_latents", "encoder: bottleneck")
    clock.wrap(tcae.decoder, "_expand", "decoder: bottleneck")
    if cfg.renderer:
        clock.wrap(tcae.decoder.renderer, "_modulate", "renderer: from the tokens")
        clock.wrap(tcae.decoder.renderer, "_embed", "renderer: patches")
        clock.wrap(tcae.decoder.renderer, "local", "renderer: convolution")
        clock.wrap(tcae.decoder.renderer, "_pixels", "renderer: MLP, pixels")
    else:
        clock.wrap(tcae.decoder, "_embed", "decoder: patches")
        clock.wrap(tcae.decoder, "_split", "decoder: split")
        clock.wrap(tcae.decoder, "_pixels", "decoder: patches")
    clock.wrap(codec, "_hyper_analysis", "entropy: hyper analysis")
    entropy = codec.entropy
    clock.wrap(entropy, "matmul", "entropy: context networks")
    clock.wrap(entropy, "walk", "entropy: context, gathering and rounding")
    clock.wrap(entropy, "quantise", "entropy: choice of symbols")
    clock.wrap(entropy, "encode", "entropy: rest")
    clock.wrap(entropy, "decode", "entropy: rest")
    clock.wrap(entropy.coder, "encode", "entropy: symbol coder")
    make = entropy.coder.decoder

    def decoder(data: bytes) -> Any:
        out = make(data)
        clock.wrap(out, "decode", "entropy: symbol coder")
        return out

    entropy.coder.decoder = decoder  # type: ignore[method-assign]


def main() -> None:
    """Print a table for encoding and one for decoding."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="tcae-s")
    parser.add_argument("--precision", default="auto", choices=["auto", "fp32", "bf16"])
    parser.add_argument("--megapixels", type=float, default=4)
    parser.add_argument("--quality", type=float, default=50)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    codec = NeuralCodec.load(find_model(args.model).folder, device="cpu", precision=args.precision)
    side = round((args.megapixels * 1e6) ** 0.5)
    rgb = tiled(side, side)
    setting = to_setting(args.quality)
    payloads = codec.encode(rgb, setting)
    rates = {d: rate(d) for d in (torch.float32, torch.bfloat16, torch.int8)}
    print(f"{torch.get_num_threads()} threads; measured products, 10^9 MAC/s: ", end="")
    print(", ".join(f"{str(d)[6:]} {r / 1e9:.0f}" for d, r in rates.items()))
    counts = macs(codec)
    clock = Clock()
    install(clock, codec)
    size = side * side / 1e6
    for name, work in (
        ("encode", lambda: codec.encode(rgb, setting)),
        ("decode", lambda: codec.decode(payloads, side, side, setting)),
    ):
        best: tuple[float, dict[str, float]] = (1e9, {})
        for _ in range(args.repeats):
            clock.seconds.clear()
            total = _seconds(work)
            if total < best[0]:
                best = total, dict(clock.seconds)
        total, seconds = best
        seconds["rest: pixels, copies, Python"] = total - sum(seconds.values())
        print(
            f"\n| {name} ({codec.precision}) | kMAC/px | limit, s/MP | s/MP | share |".replace(
                "torch.", ""
            )
        )
        print("| --- | --- | --- | --- | --- |")
        limits = 0.0
        for label, took in sorted(seconds.items(), key=lambda item: -item[1]):
            exact = label in ("lapped filter", "linear transform")
            dtype = torch.float32 if exact else codec.precision
            if label == "entropy: context networks":
                dtype = torch.int8
            count = counts.get(label, 0.0)
            limit = count * 1e6 / rates[dtype]
            limits += limit
            first = f"{count / 1e3:.2f} | {limit:.4f}" if count else "- | -"
            print(f"| {label} | {first} | {took / size:.4f} | {100 * took / total:.0f} % |")
        print(f"| all | | {limits:.4f} | {total / size:.4f} | |")


if __name__ == "__main__":
    main()
