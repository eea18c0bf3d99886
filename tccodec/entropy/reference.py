"""The entropy decoder in plain Python integers: no torch, no numpy, no constriction.

This is the specification in `docs/reference/format.md`, executable: slow, and meant to be read. The
tests decode a golden file with it and with the fast path, and compare every symbol.
"""

from __future__ import annotations

from dataclasses import dataclass

from tccodec.entropy.reference_model import PRECISION, Layer, Matrix, Model, Row, interpolate

Offsets = tuple[tuple[int, int], ...]  # (down, right)
Net = tuple[Layer, Layer, Layer]

DIRECT: Offsets = ((-1, 0), (1, 0), (0, -1), (0, 1))
DIAGONAL: Offsets = ((-1, -1), (-1, 1), (1, -1), (1, 1))
FIRST_CODED = 2  # symbols of tables 0 and 1 are zero and take no space
BLOCKS = 64  # symbols of a chain, but for the last ones
ESCAPE_PREFIX_LIMIT = 12
HYPER_MAX = 31
WINDOW: Offsets = tuple((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1))


class Ans:
    """Asymmetric numeral systems: a stack of symbols in a 64-bit state and 32-bit words."""

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


def present_groups(payload: bytes, count: int) -> tuple[int, bytes]:
    """`(groups, code)`: which of `count` groups are present, bit g for group g, and what follows.

    That is one byte, or for more than eight groups a varint (seven bits a byte, least significant
    first).
    """
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


def clip_index(value: int) -> int:
    """The nearest table index, 0..63."""
    return min(63, max(0, value))


@dataclass
class Map:
    """One row of features at each of `h x w` sites, in raster order."""

    rows: Matrix
    h: int
    w: int

    def at(self, y: int, x: int) -> Row:
        """The row at a site; zeros outside the map."""
        if 0 <= y < self.h and 0 <= x < self.w:
            return self.rows[y * self.w + x]
        return [0] * len(self.rows[0])

    def at_offsets(self, y: int, x: int, offsets: Offsets, *, distance: int = 1) -> Row:
        """The rows at `distance * offset` from a site, one after the other."""
        out: Row = []
        for dy, dx in offsets:
            out += self.at(y + distance * dy, x + distance * dx)
        return out

    def neighbour_mean(self, y: int, x: int) -> Row:
        """The mean of the rows above, below, left and right of a site, halves rounded up."""
        n = len(self.rows[0])
        neighbours = self.at_offsets(y, x, DIRECT)
        return [(sum(neighbours[c::n]) + 2) >> 2 for c in range(n)]

    def quadrants(self) -> Map:
        """Rows that hold four quadrants' rows -> a map of `2 h x 2 w` sites."""
        n = len(self.rows[0]) // 4
        out: Matrix = []
        for y in range(2 * self.h):
            for x in range(2 * self.w):
                quadrant = 2 * (y % 2) + x % 2
                out.append(self.at(y // 2, x // 2)[quadrant * n : (quadrant + 1) * n])
        return Map(out, 2 * self.h, 2 * self.w)


@dataclass
class Pass:
    """Sites `(y, x)` that are coded together; their network; how far away their neighbours are."""

    net: str
    distance: int
    sites: list[tuple[int, int]]


class TileDecoder:
    """Decodes one tile group of `h x w` latents."""

    def __init__(self, model: Model, payload: bytes, setting: int, *, h: int, w: int) -> None:
        """Raises `ValueError`, here or in `decode`, if no encoder writes this payload."""
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

    def symbols(self, index: Row, trellis: int = 0) -> tuple[Row, Row]:
        """The symbols of one pass, in the order of their tables `index`, and these tables.

        They are coded table by table; those outside their tables follow as escapes. trellis: the
        first table with two quantisers. From it on they are coded block by block, and the tables
        are those of the quantiser in use.
        """
        trellis = trellis or 64
        out, tables = [0] * len(index), list(index)
        order = [at for _, at in sorted((t, at) for at, t in enumerate(index) if t >= FIRST_CODED)]
        for at in order:
            if index[at] < trellis:
                out[at] = self._symbol(index[at])
        chained = [at for at in order if index[at] >= trellis]
        chains = -(-len(chained) // BLOCKS)
        state = [chain % 32 for chain in range(chains)]
        for start in range(0, len(chained), max(chains, 1)):
            block = list(enumerate(chained[start : start + chains]))
            for chain, at in sorted(block, key=lambda b: 2 * index[b[1]] + (state[b[0]] >> 4)):
                if state[chain] >= 16:
                    tables[at] = index[at] + 64 - trellis
                out[at] = self._symbol(tables[at])
                ones = (state[chain] & 0b01101).bit_count() + out[at]
                state[chain] = state[chain] >> 1 | ones % 2 << 4
        for at in order:
            radius = self._radius(tables[at])
            if out[at] > radius:
                out[at] = self._escape(radius)
        return out, tables

    def _radius(self, table: int) -> int:
        return (len(self.model.tables[table]) - 2) // 2

    def _symbol(self, table: int) -> int:
        """The next symbol of a table; one more than its radius if it is an escape."""
        return self.ans.pop(self.model.left[table]) - self._radius(table)

    def _bit(self) -> int:
        return self.ans.pop([0, 1 << 23, 1 << 24])

    def _escape(self, radius: int) -> int:
        length = 4
        while self._bit():
            length += 1
            if length > ESCAPE_PREFIX_LIMIT + 4:
                raise ValueError("a symbol is larger than the format allows")
        u = 1
        for _ in range(length):
            u = 2 * u + self._bit()
        u -= 16
        magnitude = (u >> 1) + radius + 1
        return -magnitude if u & 1 else magnitude

    def _in_one_pass(self, group: int) -> bool:
        return 0 < self.model.one_pass <= group

    def _features(self, v16: Row, group: int) -> Row:
        magnitude = [self.model.feature[min(abs(v), len(self.model.feature) - 1)] for v in v16]
        if group < self.model.signed_groups:
            return [-m if v < 0 else m for v, m in zip(v16, magnitude, strict=True)] + magnitude
        return magnitude

    def _feature_map(self, v16: Matrix, group: int, *, w: int) -> Map:
        return Map([self._features(row, group) for row in v16], len(v16) // w, w)

    def _hyper_features(self) -> Map:
        """Decode the hyper-latents: their features at each of `h x w` sites."""
        m = self.model
        zh, zw = -(-self.h // 2), -(-self.w // 2)
        index = [clip_index((b + 8) >> 4) for b in interpolate(m.hyper_base, self.setting)]
        flat, _ = self.symbols(index * (zh * zw))
        if max(map(abs, flat)) > HYPER_MAX:
            raise ValueError("a hyper-latent is larger than the format allows")
        rows = [[4 * v for v in flat[i : i + m.hyper]] for i in range(0, len(flat), m.hyper)]
        z = Map(rows, zh, zw)
        sites = [(y, x) for y in range(zh) for x in range(zw)]
        hidden = [m.hs.hidden(z.at_offsets(y, x, WINDOW), self.setting) for y, x in sites]
        fine = Map(hidden, zh, zw).quadrants()
        kept = [fine.at(y, x) for y in range(self.h) for x in range(self.w)]
        return Map(kept, self.h, self.w)

    def _lift(self, hyper: Map, coarse: Map) -> Map:
        """Features of hyper-latents and of coarse groups -> features of the quadrants."""
        first, second = self.model.lift
        rows: Matrix = []
        for y in range(self.h):
            for x in range(self.w):
                t = hyper.at(y, x) + coarse.at_offsets(y, x, WINDOW)
                rows.append(second.hidden(first.hidden(t, self.setting), self.setting))
        return Map(rows, self.h, self.w).quadrants()

    def decode(self) -> list[Matrix]:
        """Each group's latents in sixteenths of a step: `[group][site][channel]`.

        The sites are those of the group: h x w, or 2h x 2w for a group that describes quadrants.
        """
        m, h, w = self.model, self.h, self.w
        out: list[Matrix] = []
        features = self._hyper_features() if self.present else Map([], h, w)
        base = interpolate(m.base, self.setting)
        known = Map([[] for _ in range(h * w)], h, w)  # features of the groups of this scale
        previous: Map | None = None
        first = 0
        for g, count in enumerate(m.groups):
            fine = g >= m.coarse
            if g == m.coarse:
                if self.present >> g:
                    features = self._lift(features, known)
                h, w = 2 * h, 2 * w
                known, previous = Map([[] for _ in range(h * w)], h, w), None
            size = count // 4 if fine else count
            v16 = [[0] * size for _ in range(h * w)]
            if self.present >> g & 1:
                contexts = [a + b for a, b in zip(features.rows, known.rows, strict=True)]
                context = Map(contexts, h, w)
                self._decode_group(
                    g, v16, base=base[first : first + size], context=context, previous=previous
                )
            previous = self._feature_map(v16, g, w=w)
            both = zip(known.rows, previous.rows, strict=True)
            known = Map([a + b for a, b in both], h, w)
            out.append(v16)
            first += size
        if self.present and not self.ans.exhausted:
            raise ValueError("the code does not end where its symbols end")
        return out

    def _decode_group(
        self, g: int, v16: Matrix, *, base: Row, context: Map, previous: Map | None
    ) -> None:
        """Decode a group's passes into `v16`.

        context: hyper features and earlier groups, at each site. previous: the features of the
        group before.
        """
        w = context.w
        for coded in self._passes(g, context.h, w):
            same_group = self._feature_map(v16, g, w=w)
            inputs: Matrix = []
            for y, x in coded.sites:
                row = context.at(y, x)
                if self._in_one_pass(g):
                    assert previous is not None
                    inputs.append(row + previous.neighbour_mean(y, x))
                    continue
                if previous is not None:
                    row = row + previous.at_offsets(y, x, DIRECT)
                offsets = DIRECT if g else DIRECT + DIAGONAL
                row = row + same_group.at_offsets(y, x, offsets, distance=coded.distance)
                inputs.append(row)
            rows = self._decode_pass(inputs, self.model.nets[coded.net], base)
            for (y, x), row in zip(coded.sites, rows, strict=True):
                v16[y * w + x] = row

    def _passes(self, g: int, h: int, w: int) -> list[Pass]:
        """The passes of a group on a map of `h x w` sites."""
        sites = [(y, x) for y in range(h) for x in range(w)]
        if self._in_one_pass(g):
            return [Pass(f"groups.{g}", 1, sites)]
        if g:
            return [Pass(f"groups.{g}", 1, [s for s in sites if sum(s) % 2 == n]) for n in (0, 1)]
        passes = [Pass("far", 2, [(y, x) for y, x in sites if y % 4 == x % 4 == 0])]
        for d, diagonal, direct in ((2, "far", "far"), (1, "diagonal", "groups.0")):
            grid = [(y, x) for y, x in sites if y % d == x % d == 0]
            corners = [(y, x) for y, x in grid if y // d % 2 == x // d % 2 == 1]
            between = [(y, x) for y, x in grid if y // d % 2 != x // d % 2]
            passes += [Pass(diagonal, d, corners), Pass(direct, d, between)]
        return passes

    def _decode_pass(self, inputs: Matrix, net: Net, base: Row) -> Matrix:
        """The latents of one pass, in sixteenths, from the network's inputs at each site."""
        fc1, fc2, head = net
        size = len(base)
        means: Matrix = []
        index: Row = []
        for row in inputs:
            t = fc2.hidden(fc1.hidden(row, self.setting), self.setting)
            sums = head.sums(t, self.setting)
            means.append(
                [
                    min(32767, max(-32767, (s + (1 << (n - 1))) >> n))
                    for s, n in zip(sums[:size], head.shift[:size], strict=True)
                ]
            )
            index += [
                clip_index((b + ((s + (1 << (n - 4))) >> (n - 3)) + 8) >> 4)
                for b, s, n in zip(base, sums[size:], head.shift[size:], strict=True)
            ]
        symbols, tables = self.symbols(index, self.model.trellis)
        distances = [self._reconstruct(s, t) for s, t in zip(symbols, tables, strict=True)]
        return [
            [m + d for m, d in zip(mean, distances[k * size : (k + 1) * size], strict=True)]
            for k, mean in enumerate(means)
        ]

    def _reconstruct(self, symbol: int, table: int) -> int:
        """The distance from the mean that a symbol stands for, in sixteenths of a step."""
        if not symbol:
            return 0
        near, far = self.model.spacing
        distance = (near if table < (self.model.trellis or 64) else far) * abs(symbol)
        if table >= 64:
            distance -= far // 2
        elif self.model.centroids:
            distance += self.model.centroids[min(abs(symbol), 3) - 1][table]
        return distance if symbol > 0 else -distance
