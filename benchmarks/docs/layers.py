"""Where the time goes, layer by layer, beside the limit that the machine's products set.

    python -m benchmarks.docs.layers [--model tcae-s] [--precision auto] [--megapixels 4]

The limit of a layer is its multiply-accumulates over the rate of a large matrix product in its
precision, measured first. What a layer takes beyond that is memory traffic, normalisation,
softmax and overhead.

Each layer is timed alone, on maps of the size and in the pieces that the codec uses. The networks'
maps are noise; latents and symbols are those of the picture. Where only a whole and its parts can
run, the rest is their difference.
"""

from __future__ import annotations

import argparse
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.common import Array8, best_of, table_head, table_row, tiled
from tccodec.coding.coded import CodedPicture
from tccodec.coding.neural import NeuralCodec
from tccodec.coding.quality import Quality, to_setting
from tccodec.coding.tiles import tiles
from tccodec.coding.transforms import STRIP_PIXELS
from tccodec.container import Setting
from tccodec.entropy.groups import same_group_inputs
from tccodec.entropy.integer import CodedPasses
from tccodec.model.registry import find_model
from tccodec.transform.blocks import Block
from tccodec.transform.decoder import Decoder
from tccodec.transform.encoder import Encoder
from tccodec.transform.lapped import lap_stream
from tccodec.transform.reference import CELL
from tccodec.transform.rows import PIXELS, Rows, map_rows, overlapped, pieces

COLUMNS = ("kMAC/px", "limit, s/MP", "s/MP", "share")
Seconds = dict[str, float]  # by label
Coded = tuple[Tensor, bytes, CodedPasses]  # a tile group: latents, payload, passes


def macs(codec: NeuralCodec) -> dict[str, float]:
    """Multiply-accumulates per pixel of each label."""
    cfg, tcae = codec.cfg, codec.transforms.tcae
    encoder, decoder, shortcut = tcae.encoder, tcae.decoder, tcae.shortcut
    out = {"lapped filter": 2 * 3 * 16.0}
    out["linear transform"] = shortcut.basis.numel() / 16**2 + shortcut.merge.numel() / 32**2
    token = {1: 1 / cfg.patch**2, 2: 1 / cfg.stage_patch**2}

    def weights(*layers: Any) -> float:
        return float(sum(layer.weight.numel() for layer in layers))

    for side, net in (("encoder", encoder), ("decoder", decoder)):
        for stage, block in stages(net):
            parts = {"convolution": weights(block.dw), "MLP": weights(block.fc1, block.fc2)}
            if block.attn:
                inner = 2 * cfg.window**2 * block.attn.qkv.in_features
                parts["attention"] = weights(block.attn.qkv, block.attn.proj) + inner
            for part, count in parts.items():
                label = named(codec, side, stage, part)
                out[label] = out.get(label, 0.0) + count * token[stage]
        heads = weights(net.fine1, net.fine2) / 16**2
        out[f"{side}: bottleneck"] = heads + weights(net.coarse1, net.coarse2) / 32**2
    out["encoder: patches, merge, bottleneck"] = (
        out.pop("encoder: bottleneck")
        + weights(encoder.embed) * token[1]
        + weights(encoder.merge1, encoder.merge2) * token[2]
    )
    if cfg.renderer:
        r = decoder.renderer
        out["renderer: convolution"] = weights(r.dw) / CELL**2
        cells = weights(r.embed, r.fc1, r.fc2, r.out) / CELL**2
        out["renderer: the rest"] = cells + weights(r.modulate) * token[2]
    else:
        split = weights(decoder.split) * token[2]
        out["decoder: split, patches"] = split + weights(decoder.embed, decoder.out) * token[1]
    ha, entropy = codec.coder.hyper, codec.entropy
    out["entropy: hyper analysis"] = (
        weights(ha.fine) / 16**2 + weights(ha.mix) / 32**2 + weights(ha.out) / 64**2
    )
    nets = [entropy.networks.nets[f"groups.{g}"] for g in range(len(cfg.groups))]
    out["entropy: context networks"] = (
        sum(weights(*net) / 16**2 for net in nets[cfg.coarse :])
        + sum(weights(*net) / 32**2 for net in nets[: cfg.coarse])
        + weights(entropy.networks.lift1, entropy.networks.lift2) / 32**2
        + weights(entropy.networks.hs) / 64**2
    )
    return out


def stages(net: Encoder | Decoder) -> Iterator[tuple[int, Block]]:
    """The blocks of a network: stage 1 with tokens of `patch` pixels, stage 2 with larger ones."""
    rendered = isinstance(net, Decoder) and net.cfg.renderer
    for stage, blocks in ((1, () if rendered else net.blocks1), (2, net.blocks2)):
        for block in blocks:
            assert isinstance(block, Block)
            yield stage, block


def named(codec: NeuralCodec, side: str, stage: int, part: str) -> str:
    """The label of a part of a stage's blocks."""
    pixels = codec.cfg.patch if stage == 1 else codec.cfg.stage_patch
    return f"{side}, {pixels}-pixel tokens: {part}"


def drain(rows: Rows) -> None:
    """Let a stream run; nothing of it is kept."""
    deque(rows, maxlen=0)


class Layers:
    """Times the parts of one codec on a square picture."""

    def __init__(self, codec: NeuralCodec, rgb: Array8, setting: Setting, repeats: int) -> None:
        self.codec, self.rgb, self.setting, self.repeats = codec, rgb, setting, repeats
        self.side = len(rgb)
        self.knot_weights = codec.transforms.knot_weights(setting)
        self.strip = max(128, STRIP_PIXELS // self.side // 128 * 128)  # rows of pixels

    def time(self, function: Callable[[], object]) -> float:
        """Seconds of the fastest run."""
        return best_of(self.repeats, function)

    def map(self, pixels: int, channels: int) -> Tensor:
        """Noise in the networks' precision, a token for `pixels x pixels` ones."""
        n = -(-self.side // 32) * 32 // pixels
        return torch.randn(1, n, n, channels).to(self.codec.precision)

    def streamed(self, x: Tensor, pixels: int) -> Callable[[], Rows]:
        """A map of tokens in the codec's pieces, any number of times."""
        return lambda: pieces(x, self.strip // pixels)

    def colours(self, dtype: torch.dtype = torch.float32) -> Callable[[], Rows]:
        """The picture's pixels -128..127, `(1, 3, H, W)`, in the codec's pieces."""
        n = -(-self.side // 32) * 32
        padded = np.pad(self.rgb, ((0, n - self.side), (0, n - self.side), (0, 0)), "edge")
        x = torch.from_numpy(padded).permute(2, 0, 1)[None].contiguous().to(dtype) - 128
        return lambda: pieces(x, self.strip, dim=PIXELS)

    def blocks(self, side: str, net: Encoder | Decoder) -> Seconds:
        """The parts of a network's blocks."""
        out: Seconds = {}
        for stage, block in stages(net):
            for part, seconds in self.parts(block, stage).items():
                label = named(self.codec, side, stage, part)
                out[label] = out.get(label, 0.0) + seconds
        return out

    def parts(self, block: Block, stage: int) -> Seconds:
        """The parts of one block."""
        pixels = self.codec.cfg.patch if stage == 1 else self.codec.cfg.stage_patch
        rows = self.streamed(self.map(pixels, block.fc1.in_features), pixels)
        reach = block.dw.kernel_size[0] // 2
        mlp = partial(block.mlp, knot_weights=self.knot_weights)
        out = {
            "convolution": self.time(lambda: drain(overlapped(rows(), reach, block.local))),
            "MLP": self.time(lambda: drain(map_rows(rows(), mlp))),
        }
        if block.attn:
            whole = self.time(lambda: drain(block.stream(rows(), self.knot_weights)))
            out["attention"] = max(0.0, whole - sum(out.values()))
        return out

    def analysis(self) -> Seconds:
        """The parts of pixels to latents."""
        tcae = self.codec.transforms.tcae
        rows = self.colours()
        filtered = self.time(lambda: drain(lap_stream(rows(), tcae.shortcut.filter.t())))
        linear = self.time(lambda: drain(tcae.shortcut.analyse_stream(rows())))
        out = self.blocks("encoder", tcae.encoder)
        whole = self.time(lambda: drain(tcae.encoder.stream(rows(), self.knot_weights)))
        out["encoder: patches, merge, bottleneck"] = max(0.0, whole - sum(out.values()))
        return out | {"lapped filter": filtered, "linear transform": max(0.0, linear - filtered)}

    def synthesis(self) -> Seconds:
        """The parts of latents to pixels."""
        tcae, cfg = self.codec.transforms.tcae, self.codec.cfg
        latents = self.map(32, cfg.latents).float()
        rows, pixels = self.streamed(latents, 32), self.colours()
        filtered = self.time(lambda: drain(lap_stream(pixels(), tcae.shortcut.filter)))
        linear = self.time(lambda: drain(tcae.shortcut.synthesise_stream(rows())))
        decoder = tcae.decoder
        out = self.blocks("decoder", decoder)
        out["decoder: bottleneck"] = self.time(
            lambda: drain(map_rows(rows(), decoder.embed_latents))
        )
        whole = self.time(lambda: drain(decoder.stream(rows(), pixels(), self.knot_weights)))
        rest = max(0.0, whole - sum(out.values()))
        if cfg.renderer:
            cells = self.streamed(self.map(CELL, cfg.renderer), CELL)
            local = decoder.renderer.local
            reach = decoder.renderer.dw.kernel_size[0] // 2
            convolved = self.time(lambda: drain(overlapped(cells(), reach, local)))
            out["renderer: convolution"] = convolved
            out["renderer: the rest"] = max(0.0, rest - convolved)
        else:
            out["decoder: split, patches"] = rest
        return out | {"lapped filter": filtered, "linear transform": max(0.0, linear - filtered)}

    def entropy(self) -> tuple[Seconds, Seconds]:
        """The parts of latents to payloads, and of payloads to latents."""
        codec, coder = self.codec, self.codec.entropy.coder
        v = codec.latents(self.rgb, self.setting)
        payloads, passes = codec.encode_latents(v, self.setting)
        coded = [
            (v[y : y + h, x : x + w].contiguous(), payload, content)
            for (y, x, h, w), payload, content in zip(
                tiles(self.side, self.side), payloads, passes, strict=True
            )
            if payload
        ]
        hyper = self.time(
            lambda: [codec.coder.hyper(tile[None], self.knot_weights) for tile, _, _ in coded]
        )
        walked = self.time(lambda: self.walk_all(coded))
        calls = self.calls(coded)
        products = self.time(lambda: [codec.entropy.networks.matmul(*call) for call in calls])
        written = self.time(lambda: [coder.encode(content) for _, _, content in coded])
        read = self.time(lambda: self.read_all(coded))
        whole = self.time(lambda: codec.encode_latents(v, self.setting))
        picture = CodedPicture(
            width=self.side, height=self.side, setting=self.setting, payloads=payloads
        )
        back = self.time(lambda: codec.decode_latents(picture))
        both = {
            "entropy: context networks": products,
            "entropy: context, gathering and rounding": max(0.0, walked - products),
        }
        encoding = both | {"entropy: hyper analysis": hyper, "entropy: symbol coder": written}
        choice = max(0.0, whole - sum(encoding.values()))
        encoding["entropy: choice of symbols, the rest"] = choice
        decoding = both | {"entropy: symbol coder": read}
        decoding["entropy: the rest"] = max(0.0, back - sum(decoding.values()))
        return encoding, decoding

    def walk(
        self,
        tile: Tensor,
        payload: bytes,
        content: CodedPasses,
        seen: Callable[[int, int, int], None] = lambda group, number, sites: None,
    ) -> None:
        """All passes of a tile group with the symbols that are known; `seen` gets each one."""
        entropy = self.codec.entropy
        h, w = tile.shape[:2]
        (zs, _), *rest = content
        passes = iter(rest)

        def source(g: int, number: int, mean: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
            seen(g, number, len(mean))
            symbols, tables = (torch.from_numpy(x).view(index.shape) for x in next(passes))
            return symbols, tables

        z = torch.from_numpy(zs).view(-(-h // 2), -(-w // 2), -1)
        present, _ = entropy.present(payload)
        entropy.networks.run_passes(z, source, setting=self.setting, h=h, w=w, present=present)

    def walk_all(self, coded: list[Coded]) -> None:
        """`walk` of every tile group."""
        for tile in coded:
            self.walk(*tile)

    def read_all(self, coded: list[Coded]) -> None:
        """Decode the symbols, the tables of which are known."""
        entropy = self.codec.entropy
        for _, payload, content in coded:
            decoder = entropy.coder.decoder(payload[entropy.present(payload)[1] :])
            for _, index in content:
                decoder.decode(index)

    def calls(self, coded: list[Coded]) -> list[tuple[Tensor, Tensor]]:
        """Inputs and weights of every matrix product of the context networks."""
        entropy, cfg = self.codec.entropy, self.codec.cfg
        out: list[tuple[Tensor, Tensor]] = []

        def add(weight: Tensor, sites: int) -> None:
            out.append((torch.ones(sites, weight.shape[1], dtype=torch.int8), weight))

        def seen(g: int, number: int, sites: int) -> None:
            first, second, last = entropy.networks.nets[f"groups.{g}"]
            missing = (
                0 if number else same_group_inputs(cfg, g)
            )  # of the group itself nothing is known
            add(first.weight_for(first.weight.shape[1] - missing), sites)
            add(second.weight, sites)
            add(last.weight, sites)

        for tile, payload, content in coded:
            self.walk(tile, payload, content, seen)
            h, w = tile.shape[:2]
            add(entropy.networks.hs.weight, -(-h // 2) * -(-w // 2))
            add(entropy.networks.lift1.weight, h * w)
            add(entropy.networks.lift2.weight, h * w)
        return out


def rate(product: Callable[[Tensor, Tensor], Tensor], dtype: torch.dtype) -> float:
    """Multiply-accumulates per second of a 2048-cubed product."""
    a, b = torch.ones(2048, 2048, dtype=dtype), torch.ones(2048, 2048, dtype=dtype)
    return 2048**3 / best_of(12, lambda: product(a, b))


def linear(x: Tensor, weight: Tensor) -> Tensor:
    """`x` times the transposed `weight`."""
    return torch.mm(x, weight.t())


@torch.inference_mode()
def main() -> None:
    """Print a table for encoding and one for decoding."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="tcae-s")
    parser.add_argument("--precision", default="auto", choices=["auto", "fp32", "bf16"])
    parser.add_argument("--megapixels", type=float, default=4)
    parser.add_argument("--quality", type=float, default=50)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    codec = NeuralCodec.load(find_model(args.model).folder, device="cpu", precision=args.precision)
    side = round((args.megapixels * 1e6) ** 0.5)
    rgb, setting = tiled(side, side), to_setting(Quality(args.quality))
    coded = codec.encode(rgb, setting)
    rates = {d: rate(linear, d) for d in (torch.float32, torch.bfloat16)}
    rates[torch.int8] = rate(codec.entropy.networks.matmul, torch.int8)
    print(f"{torch.get_num_threads()} threads; measured products, 10^9 MAC/s: ", end="")
    print(", ".join(f"{str(d)[6:]} {r / 1e9:.0f}" for d, r in rates.items()))
    counts = macs(codec)
    layers = Layers(codec, rgb, setting, args.repeats)
    encoding, decoding = layers.entropy()
    size = side * side / 1e6
    for name, work, seconds in (
        ("encode", lambda: codec.encode(rgb, setting), layers.analysis() | encoding),
        (
            "decode",
            lambda: codec.decode(coded),
            layers.synthesis() | decoding,
        ),
    ):
        total = best_of(args.repeats, work)
        seconds["rest: pixels, copies, Python"] = total - sum(seconds.values())
        print("\n" + table_head(f"{name} ({str(codec.precision)[6:]})", *COLUMNS))
        limits = 0.0
        for label, took in sorted(seconds.items(), key=lambda item: -item[1]):
            exact = label in ("lapped filter", "linear transform")
            dtype = torch.float32 if exact else codec.precision
            if label == "entropy: context networks":
                dtype = torch.int8
            count = counts.get(label, 0.0)
            limit = count * 1e6 / rates[dtype]
            limits += limit
            first = [f"{count / 1e3:.2f}", f"{limit:.4f}"] if count else ["-", "-"]
            share = f"{100 * took / total:.0f} %"
            print(table_row([label, *first, f"{took / size:.4f}", share]))
        print(table_row(["all", "", f"{limits:.4f}", f"{total / size:.4f}", ""]))


if __name__ == "__main__":
    main()
