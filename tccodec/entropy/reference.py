"""The entropy decoder in plain Python integers: no torch, no numpy, no constriction.

This is the specification in `docs/format.md`, executable: slow, and meant to be read. The test
suite decodes a golden file with it and with the fast path and compares every symbol.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Matrix = list[list[int]]
Row = list[int]

PRECISION = 24  # bits of a probability inside the coder
FIRST_CODED = 2  # symbols of tables 0 and 1 are zero and take no space


class Ans:
    """Asymmetric numeral system: a stack of symbols in one 64-bit state and 32-bit words."""

    def __init__(self, data: bytes) -> None:
        data += bytes(-len(data) % 4)
        self.words = [int.from_bytes(data[i : i + 4], "little") for i in range(0, len(data), 4)]
        self.state = 0
        while self.words and self.state < 1 << 32:
            self.state = self.state << 32 | self.words.pop()

    def pop(self, left: Row) -> int:
        """Next symbol under cumulative probabilities `left` (n + 1 values, 0 .. 2**24)."""
        quantile = self.state & ((1 << PRECISION) - 1)
        symbol = 0
        while left[symbol + 1] <= quantile:
            symbol += 1
        probability = left[symbol + 1] - left[symbol]
        self.state = (self.state >> PRECISION) * probability + quantile - left[symbol]
        if self.state < 1 << 32 and self.words:
            self.state = self.state << 32 | self.words.pop()
        return symbol

    @property
    def exhausted(self) -> bool:
        """True when everything was decoded and nothing is left over."""
        return self.state == 0 and not self.words


def cumulative(counts: Row) -> Row:
    """Counts with the sum 2**16 -> cumulative probabilities with the sum 2**24."""
    n, total, left = len(counts), 0, [0]
    for i, count in enumerate(counts):
        total += count
        left.append((total * ((1 << PRECISION) - n) >> 16) + i + 1)
    return left


def interpolate(knots: Matrix, quality: int) -> Row:
    """The row at `quality` (0..1000) between the rows at the knots; floor division."""
    span = 1000 // (len(knots) - 1)
    k = min(quality // span, len(knots) - 2)
    f = quality - k * span
    return [
        (a * (span - f) + b * f + span // 2) // span
        for a, b in zip(knots[k], knots[k + 1], strict=True)
    ]


@dataclass
class Layer:
    """`weight[o][i]` int8, `shift[o]`, `bias[knot][o]` int32."""

    weight: Matrix
    shift: Row
    bias: Matrix

    def sums(self, x: Row, quality: int) -> Row:
        """Exact sums of products plus bias."""
        bias = self.bias[0] if len(self.bias) == 1 else interpolate(self.bias, quality)
        return [
            sum(w * v for w, v in zip(row, x, strict=True)) + b
            for row, b in zip(self.weight, bias, strict=True)
        ]

    def hidden(self, x: Row, quality: int) -> Row:
        """Sums, rounded right shift, clipped to 0..127."""
        return [
            min(127, max(0, (s + (1 << (n - 1))) >> n))
            for s, n in zip(self.sums(x, quality), self.shift, strict=True)
        ]


@dataclass
class Model:
    """What the decoder needs of a model file (`read_model` makes one)."""

    groups: Row
    signed_groups: int
    hyper: int
    hidden: int
    hs: Layer
    nets: list[tuple[Layer, Layer, Layer]]
    base: Matrix
    hyper_base: Matrix
    feature: Row
    tables: Matrix


def read_model(config: dict[str, Any], tensors: dict[str, Any]) -> Model:
    """Model from `config["model"]` and the `int.*` tensors as nested lists."""
    t = {k[4:]: v for k, v in tensors.items() if k.startswith("int.")}

    def layer(name: str) -> Layer:
        return Layer(t[f"{name}.weight"], t[f"{name}.shift"], t[f"{name}.bias"])

    tables, at = [], 0
    for size in t["table_sizes"]:
        tables.append(t["tables"][at : at + size])
        at += size
    return Model(
        groups=config["groups"],
        signed_groups=config["signed_groups"],
        hyper=config["hyper"],
        hidden=config["hidden"],
        hs=layer("hs"),
        nets=[
            (layer(f"groups.{g}.fc1"), layer(f"groups.{g}.fc2"), layer(f"groups.{g}.out"))
            for g in range(len(config["groups"]))
        ],
        base=t["base"],
        hyper_base=t["hyper_base"],
        feature=t["feature"],
        tables=tables,
    )


def _clip_index(value: int) -> int:
    return min(63, max(0, value))


class TileDecoder:
    """Decodes one tile group of `h x w` latents."""

    def __init__(self, model: Model, payload: bytes, quality: int, h: int, w: int) -> None:
        self.model, self.quality, self.h, self.w = model, quality, h, w
        self.present = payload[0] if payload else 0
        self.ans = Ans(payload[1:])
        self.left = [cumulative(c) for c in model.tables]

    def symbols(self, index: Row) -> Row:
        """One pass: symbols in the order of `index`, coded sorted by table."""
        out = [0] * len(index)
        escaped: list[tuple[int, int]] = []
        for table in range(FIRST_CODED, 64):
            radius = (len(self.model.tables[table]) - 2) // 2
            for at, own in enumerate(index):
                if own != table:
                    continue
                symbol = self.ans.pop(self.left[table])
                if symbol == 2 * radius + 1:
                    escaped.append((at, radius))
                else:
                    out[at] = symbol - radius
        for at, radius in escaped:
            out[at] = self._escape(radius)
        return out

    def _escape(self, radius: int) -> int:
        bit: Callable[[], int] = lambda: self.ans.pop([0, 1 << 23, 1 << 24])  # noqa: E731
        length = 4
        while bit():
            length += 1
        u = 1
        for _ in range(length):
            u = 2 * u + bit()
        u -= 16
        magnitude = (u >> 1) + radius + 1
        return -magnitude if u & 1 else magnitude

    def _around(self, rows: Matrix, y: int, x: int, width: int) -> Row:
        out: Row = []
        for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            j, i = y + dy, x + dx
            inside = 0 <= j < self.h and 0 <= i < self.w
            out += rows[j * self.w + i] if inside else [0] * width
        return out

    def _features(self, v16: Row, group: int) -> Row:
        magnitude = [self.model.feature[min(abs(v), len(self.model.feature) - 1)] for v in v16]
        if group < self.model.signed_groups:
            return [-m if v < 0 else m for v, m in zip(v16, magnitude, strict=True)] + magnitude
        return magnitude

    def _hyper(self) -> Matrix:
        m = self.model
        zh, zw = -(-self.h // 2), -(-self.w // 2)
        index = [_clip_index((b + 8) >> 4) for b in interpolate(m.hyper_base, self.quality)]
        flat = self.symbols(index * (zh * zw))
        z = [flat[i : i + m.hyper] for i in range(0, len(flat), m.hyper)]
        out: Matrix = [[] for _ in range(self.h * self.w)]
        for zy in range(zh):
            for zx in range(zw):
                x: Row = []
                for j in range(zy - 1, zy + 2):
                    for i in range(zx - 1, zx + 2):
                        inside = 0 <= j < zh and 0 <= i < zw
                        x += [4 * v for v in z[j * zw + i]] if inside else [0] * m.hyper
                four = m.hs.hidden(x, self.quality)
                for part in range(4):
                    y, xx = 2 * zy + part // 2, 2 * zx + part % 2
                    if y < self.h and xx < self.w:
                        row = four[part * m.hidden : (part + 1) * m.hidden]
                        out[y * self.w + xx] = row
        return out

    def decode(self) -> list[Matrix]:
        """Each group's latents in sixteenths of a step: `[group][site][channel]`."""
        m, sites = self.model, range(self.h * self.w)
        out = [[[0] * size for _ in sites] for size in m.groups]
        if not self.present:
            return out
        hyper = self._hyper()
        base = interpolate(m.base, self.quality)
        known: Matrix = [[] for _ in sites]
        before: Matrix = []
        first = 0
        for g, size in enumerate(m.groups):
            if self.present >> g & 1:
                self._group(g, size, base[first : first + size], hyper, known, before, out[g])
            before = [self._features(row, g) for row in out[g]]
            known = [a + b for a, b in zip(known, before, strict=True)]
            first += size
        if not self.ans.exhausted:
            raise ValueError("the code does not end where its symbols end")
        return out

    def _group(
        self,
        g: int,
        size: int,
        base: Row,
        hyper: Matrix,
        known: Matrix,
        before: Matrix,
        v16: Matrix,
    ) -> None:
        fc1, fc2, head = self.model.nets[g]
        width = size * (2 if g < self.model.signed_groups else 1)
        for parity in (0, 1):
            at = [(y, x) for y in range(self.h) for x in range(self.w) if (y + x) % 2 == parity]
            own = [self._features(row, g) for row in v16]
            means: Matrix = []
            index: Row = []
            for y, x in at:
                i = y * self.w + x
                context = hyper[i] + known[i]
                if g:
                    context = context + self._around(before, y, x, len(before[0]))
                context += self._around(own, y, x, width) if parity else [0] * (4 * width)
                t = fc2.hidden(fc1.hidden(context, self.quality), self.quality)
                sums = head.sums(t, self.quality)
                means.append(
                    [
                        min(32767, max(-32767, (s + (1 << (n - 1))) >> n))
                        for s, n in zip(sums[:size], head.shift[:size], strict=True)
                    ]
                )
                index += [
                    _clip_index((b + ((s + (1 << (n - 4))) >> (n - 3)) + 8) >> 4)
                    for b, s, n in zip(base, sums[size:], head.shift[size:], strict=True)
                ]
            symbols = self.symbols(index)
            for k, (y, x) in enumerate(at):
                row = symbols[k * size : (k + 1) * size]
                v16[y * self.w + x] = [16 * s + m for s, m in zip(row, means[k], strict=True)]
