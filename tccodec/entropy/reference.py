"""The entropy decoder in plain Python integers: no torch, no numpy, no constriction.

This is the specification in `docs/reference/format.md`, executable: slow, and meant to be read. The
tests decode a golden file with it and with the fast path, and compare every symbol.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Matrix = list[list[int]]
Row = list[int]
Places = tuple[tuple[int, int], ...]

PRECISION = 24  # bits of a probability inside the coder
DIRECT: Places = ((-1, 0), (1, 0), (0, -1), (0, 1))
DIAGONAL: Places = ((-1, -1), (-1, 1), (1, -1), (1, 1))
FIRST_CODED = 2  # symbols of tables 0 and 1 are zero and take no space
ESCAPE_PREFIX_LIMIT = 12
HYPER_MAX = 31


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


def interpolate(knots: Matrix, setting: int) -> Row:
    """The row at `setting` (0..1000) between the rows at the knots; floor division."""
    span = 1000 // (len(knots) - 1)
    k = min(setting // span, len(knots) - 2)
    f = setting - k * span
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

    def sums(self, x: Row, setting: int) -> Row:
        """Exact sums of products plus bias."""
        bias = self.bias[0] if len(self.bias) == 1 else interpolate(self.bias, setting)
        return [
            sum(w * v for w, v in zip(row, x, strict=True)) + b
            for row, b in zip(self.weight, bias, strict=True)
        ]

    def hidden(self, x: Row, setting: int) -> Row:
        """Sums, rounded right shift, clipped to 0..127."""
        return [
            min(127, max(0, (s + (1 << (n - 1))) >> n))
            for s, n in zip(self.sums(x, setting), self.shift, strict=True)
        ]


@dataclass
class Model:
    """What the decoder needs of a model file (`read_model` makes one)."""

    groups: Row
    coarse: int
    signed_groups: int
    hyper: int
    hidden: int
    fine_hidden: int
    hs: Layer
    lift: tuple[Layer, Layer]
    nets: dict[str, tuple[Layer, Layer, Layer]]
    base: Matrix
    hyper_base: Matrix
    feature: Row
    tables: Matrix
    one_pass: int = 0
    start: Row = field(default_factory=list)
    centroids: Matrix = field(default_factory=list)


def read_model(config: dict[str, Any], tensors: dict[str, Any]) -> Model:
    """Model from `config["model"]` and the `int.*` tensors as nested lists."""
    t = {k[4:]: v for k, v in tensors.items() if k.startswith("int.")}

    def layer(name: str) -> Layer:
        return Layer(t[f"{name}.weight"], t[f"{name}.shift"], t[f"{name}.bias"])

    def net(name: str) -> tuple[Layer, Layer, Layer]:
        return layer(f"{name}.fc1"), layer(f"{name}.fc2"), layer(f"{name}.out")

    names = ["far", "diagonal", *(f"groups.{g}" for g in range(len(config["groups"])))]
    tables, at = [], 0
    for size in t["table_sizes"]:
        tables.append(t["tables"][at : at + size])
        at += size
    return Model(
        groups=config["groups"],
        coarse=config["coarse"],
        signed_groups=config["signed_groups"],
        hyper=config["hyper"],
        hidden=config["hidden"],
        fine_hidden=config["fine_hidden"],
        hs=layer("hs"),
        lift=(layer("lift1"), layer("lift2")),
        nets={name: net(name) for name in names},
        base=t["base"],
        hyper_base=t["hyper_base"],
        feature=t["feature"],
        tables=tables,
        one_pass=config.get("one_pass", 0),
        start=config.get("start", []),
        centroids=t["centroids"] if config.get("centroids") else [],
    )


def present_groups(payload: bytes, count: int) -> tuple[int, bytes]:
    """Which of `count` groups are present, bit g for group g, and what follows: a byte, or for
    more than eight groups a varint (seven bits a byte, least significant first)."""
    if count <= 8:
        return payload[0], payload[1:]
    value = 0
    for i, byte in enumerate(payload[:5]):
        value |= (byte & 127) << 7 * i
        if byte < 128:
            if byte == 0 and i:
                raise ValueError("the varint is not in its shortest form")
            return value, payload[i + 1 :]
    raise ValueError("the varint does not end")


def _clip_index(value: int) -> int:
    return min(63, max(0, value))


class TileDecoder:
    """Decodes one tile group of `h x w` latents."""

    def __init__(self, model: Model, payload: bytes, setting: int, h: int, w: int) -> None:
        """`ValueError`, here and while decoding, for what no encoder writes."""
        self.model, self.setting, self.h, self.w = model, setting, h, w
        self.present, code = 0, b""
        if payload:
            self.present, code = present_groups(payload, len(model.groups))
            if self.present >> len(model.groups) or not self.present:
                raise ValueError("the payload names groups that the model does not have, or none")
        for g, least in enumerate(model.start):
            if self.present >> g & 1 and setting < least:
                raise ValueError("the payload names a group that its setting does not have")
        if code.endswith(b"\0"):
            raise ValueError("the code ends in a zero byte")
        self.ans = Ans(code)
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
            if length > ESCAPE_PREFIX_LIMIT + 4:
                raise ValueError("a symbol is larger than the format allows")
        u = 1
        for _ in range(length):
            u = 2 * u + bit()
        u -= 16
        magnitude = (u >> 1) + radius + 1
        return -magnitude if u & 1 else magnitude

    def _near(self, rows: Matrix, y: int, x: int, h: int, w: int, width: int) -> Row:
        """What stands at a site of a map of `h x w` sites, zeros outside."""
        return rows[y * w + x] if 0 <= y < h and 0 <= x < w else [0] * width

    def _around(
        self, rows: Matrix, y: int, x: int, h: int, w: int, places: Places = DIRECT, d: int = 1
    ) -> Row:
        out: Row = []
        for dy, dx in places:
            out += self._near(rows, y + d * dy, x + d * dx, h, w, len(rows[0]))
        return out

    def _mean_around(self, rows: Matrix, y: int, x: int, h: int, w: int) -> Row:
        n = len(rows[0])
        near = self._around(rows, y, x, h, w)
        return [(sum(near[c::n]) + 2) >> 2 for c in range(n)]

    def _in_one_pass(self, group: int) -> bool:
        return 0 < self.model.one_pass <= group

    def _square(self, rows: Matrix, y: int, x: int, h: int, w: int) -> Row:
        out: Row = []
        for j in range(y - 1, y + 2):
            for i in range(x - 1, x + 2):
                out += self._near(rows, j, i, h, w, len(rows[0]))
        return out

    def _quadrants(self, rows: Matrix, h: int, w: int) -> Matrix:
        """Four feature rows in one at each of `h x w` sites -> one at each of 2h x 2w."""
        n = len(rows[0]) // 4
        out: Matrix = []
        for y in range(2 * h):
            for x in range(2 * w):
                part = 2 * (y % 2) + x % 2
                out.append(rows[y // 2 * w + x // 2][part * n : (part + 1) * n])
        return out

    def _features(self, v16: Row, group: int) -> Row:
        magnitude = [self.model.feature[min(abs(v), len(self.model.feature) - 1)] for v in v16]
        if group < self.model.signed_groups:
            return [-m if v < 0 else m for v, m in zip(v16, magnitude, strict=True)] + magnitude
        return magnitude

    def _hyper(self) -> Matrix:
        m = self.model
        zh, zw = -(-self.h // 2), -(-self.w // 2)
        index = [_clip_index((b + 8) >> 4) for b in interpolate(m.hyper_base, self.setting)]
        flat = self.symbols(index * (zh * zw))
        if max(map(abs, flat)) > HYPER_MAX:
            raise ValueError("a hyper-latent is larger than the format allows")
        z = [flat[i : i + m.hyper] for i in range(0, len(flat), m.hyper)]
        z = [[4 * v for v in row] for row in z]
        sites = [(y, x) for y in range(zh) for x in range(zw)]
        four = [m.hs.hidden(self._square(z, y, x, zh, zw), self.setting) for y, x in sites]
        fine = self._quadrants(four, zh, zw)
        return [fine[y * 2 * zw + x] for y in range(self.h) for x in range(self.w)]

    def _lift(self, hyper: Matrix, known: Matrix) -> Matrix:
        """Features of the quadrants from those of hyper-latents and coarse groups."""
        first, second = self.model.lift
        rows: Matrix = []
        for y in range(self.h):
            for x in range(self.w):
                t = hyper[y * self.w + x] + self._square(known, y, x, self.h, self.w)
                rows.append(second.hidden(first.hidden(t, self.setting), self.setting))
        return self._quadrants(rows, self.h, self.w)

    def decode(self) -> list[Matrix]:
        """Each group's latents in sixteenths of a step: `[group][site][channel]`.

        Sites are those of the group: h x w, or 2h x 2w where it tells of quadrants.
        """
        m, h, w = self.model, self.h, self.w
        out: list[Matrix] = []
        features: Matrix = self._hyper() if self.present else []
        base = interpolate(m.base, self.setting)
        known: Matrix = [[] for _ in range(h * w)]
        before: Matrix = []
        first = 0
        for g, count in enumerate(m.groups):
            fine = g >= m.coarse
            if g == m.coarse:
                if self.present >> g:
                    features = self._lift(features, known)
                h, w = 2 * h, 2 * w
                known, before = [[] for _ in range(h * w)], []
            size = count // 4 if fine else count
            v16 = [[0] * size for _ in range(h * w)]
            if self.present >> g & 1:
                self._group(g, base[first : first + size], features, known, before, v16, w)
            before = [self._features(row, g) for row in v16]
            known = [a + b for a, b in zip(known, before, strict=True)]
            out.append(v16)
            first += size
        if self.present and not self.ans.exhausted:
            raise ValueError("the code does not end where its symbols end")
        return out

    def _group(
        self,
        g: int,
        base: Row,
        features: Matrix,
        known: Matrix,
        before: Matrix,
        v16: Matrix,
        w: int,
    ) -> None:
        h = len(v16) // w
        for name, distance, at in self._passes(g, h, w):
            own = [self._features(row, g) for row in v16]
            contexts: Matrix = []
            for y, x in at:
                i = y * w + x
                context = features[i] + known[i]
                if self._in_one_pass(g):
                    contexts.append(context + self._mean_around(before, y, x, h, w))
                    continue
                if before:
                    context = context + self._around(before, y, x, h, w)
                context = context + self._around(own, y, x, h, w, DIRECT, distance)
                if not g:
                    context = context + self._around(own, y, x, h, w, DIAGONAL, distance)
                contexts.append(context)
            rows = self._coded(contexts, self.model.nets[name], base)
            for (y, x), row in zip(at, rows, strict=True):
                v16[y * w + x] = row

    def _passes(self, g: int, h: int, w: int) -> list[tuple[str, int, list[tuple[int, int]]]]:
        """The passes of a group: its network, the distance at which it sees itself, the sites."""
        sites = [(y, x) for y in range(h) for x in range(w)]
        if self._in_one_pass(g):
            return [(f"groups.{g}", 1, sites)]
        if g:
            return [(f"groups.{g}", 1, [s for s in sites if sum(s) % 2 == n]) for n in (0, 1)]
        passes = [("far", 2, [(y, x) for y, x in sites if y % 4 == x % 4 == 0])]
        for d, diagonal, direct in ((2, "far", "far"), (1, "diagonal", "groups.0")):
            grid = [(y, x) for y, x in sites if y % d == x % d == 0]
            passes.append((diagonal, d, [(y, x) for y, x in grid if y // d % 2 == x // d % 2 == 1]))
            passes.append((direct, d, [(y, x) for y, x in grid if y // d % 2 != x // d % 2]))
        return passes

    def _coded(self, contexts: Matrix, net: tuple[Layer, Layer, Layer], base: Row) -> Matrix:
        """The latents of one pass, in sixteenths, at the sites of `contexts`."""
        fc1, fc2, head = net
        size = len(base)
        means: Matrix = []
        index: Row = []
        for context in contexts:
            t = fc2.hidden(fc1.hidden(context, self.setting), self.setting)
            sums = head.sums(t, self.setting)
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
        points = [self._point(s, t) for s, t in zip(symbols, index, strict=True)]
        return [
            [p + m for p, m in zip(points[k * size :], mean, strict=False)]
            for k, mean in enumerate(means)
        ]

    def _point(self, symbol: int, table: int) -> int:
        """What a symbol stands for, in sixteenths of a step from the mean."""
        if not symbol or not self.model.centroids:
            return 16 * symbol
        shift = self.model.centroids[min(abs(symbol), 3) - 1][table]
        return 16 * symbol + (shift if symbol > 0 else -shift)
