"""Symbols <-> bytes: an ANS coder with fixed integer tables.

The coder is constriction's or, where that has no build, the slower one of `ans.py`, which gives the
same bytes.

One pass = one call: its symbols are sorted by table (stable), each table's run is coded at
once, then the values of the pass's escapes. ANS is a stack, so the encoder collects all passes
and pushes them last to first; the decoder pops in order, pass by pass, as it learns the tables.

In a model with a trellis, the symbols from its first table on are divided into chains and coded
block by block. A block has one symbol of each chain, sorted by table and quantiser (`trellis.py`).
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tccodec.entropy.limits import ESCAPE_BITS, ESCAPE_ORDER, ESCAPE_PREFIX_LIMIT
from tccodec.entropy.tables import FIRST_CODED, SCALES, Tables, to_second
from tccodec.entropy.trellis import TRELLIS, chain_count
from tccodec.errors import BadFile

AnsCoder: Any
Categorical: Any
try:
    import constriction

    AnsCoder = constriction.stream.stack.AnsCoder
    Categorical = constriction.stream.model.Categorical
except ImportError:
    from tccodec.entropy import ans

    AnsCoder, Categorical = ans.AnsCoder, ans.Categorical
    # logging prints it on stderr, where the program has no handler of its own.
    logging.getLogger(__name__).warning(
        "tccodec: constriction is not here; files are the same, coding is up to four times slower"
    )


def escape_bits(symbol: int, radius: int) -> list[int]:
    """Exp-Golomb of order 4 of `2 * (|symbol| - radius - 1) + (symbol < 0)`.

    n ones and a zero, then the low n + 4 bits, most significant first.
    """
    u = 2 * (abs(symbol) - radius - 1) + (symbol < 0) + (1 << ESCAPE_ORDER)
    length = u.bit_length() - 1
    prefix = [1] * (length - ESCAPE_ORDER) + [0]
    return prefix + [(u >> i) & 1 for i in range(length - 1, -1, -1)]


def _runs(tables: NDArray[np.uint8]) -> list[tuple[int, int]]:
    """Where each run of equal tables begins and ends."""
    if not len(tables):
        return []
    cuts = (np.flatnonzero(tables[1:] != tables[:-1]) + 1).tolist()
    return list(zip([0, *cuts], [*cuts, len(tables)], strict=True))


class SymbolCoder:
    """The tables as models of the ANS coder; all tile groups share one."""

    def __init__(self, tables: Tables, *, trellis: int = 0) -> None:
        """trellis: the first table with two quantisers, 0 if none has."""
        tables.check(trellis)
        self.tables = tables
        self.trellis = trellis or SCALES
        self.to_second = np.uint8(to_second(self.trellis))
        self.radii = np.array(tables.radius, np.int32)
        # float64 always: constriction derives other integers from float32 counts.
        self.models = [Categorical(c.astype(np.float64), perfect=False) for c in tables.counts]
        # Of tables from `trellis` on, by `2 * table + quantiser`.
        keys = np.arange(2 * SCALES)
        chained = keys // 2
        chained[(keys % 2 == 1) & (chained >= self.trellis)] += self.to_second
        self.by_key = [self.models[t] for t in chained]
        # By table and `2 * state + parity of the code`, which is symbol + R: the next state.
        state, parity = np.divmod(np.arange(2 * TRELLIS.states), 2)
        keys = 2 * np.arange(SCALES)[:, None] + TRELLIS.quantiser(state)
        self.after = TRELLIS.next[2 * state + (parity + self.radii[chained[keys]] & 1)]
        self.bit = Categorical(np.array([32768.0, 32768.0]), perfect=False)

    def _sorted(self, index: NDArray[np.uint8]) -> tuple[NDArray[Any], list[int]]:
        """The coded symbols' places by table, and where each table's run ends."""
        at = np.flatnonzero(index >= FIRST_CODED)  # most symbols are not coded
        index = index[at]
        counts = np.bincount(index, minlength=SCALES)
        return at[np.argsort(index, kind="stable")], np.cumsum(counts).tolist()

    def encode(self, passes: list[tuple[NDArray[np.int32], NDArray[np.uint8]]]) -> bytes:
        """Passes of `(symbols (n,), tables (n,))` in decoding order -> bytes."""
        ans = AnsCoder()
        for symbols, tables in reversed(passes):
            second = tables >= SCALES
            index = np.where(second, tables - self.to_second, tables)
            order, ends = self._sorted(index)
            ordered, tables = symbols[order], tables[order]
            radius = self.radii[tables]
            outside = np.abs(ordered) > radius
            codes = np.where(outside, 2 * radius + 1, ordered + radius)
            escapes = [
                bit
                for at in np.flatnonzero(outside)
                for bit in escape_bits(int(ordered[at]), int(radius[at]))
            ]
            if escapes:
                ans.encode_reverse(np.array(escapes, np.int32), self.bit)
            if second.any():
                # Without a second quantiser the order would be the one that it is already.
                in_blocks = self._by_block(
                    index[order], second[order], start=ends[self.trellis - 1]
                )
                codes, tables = codes[in_blocks], tables[in_blocks]
            for start, end in reversed(_runs(tables)):
                ans.encode_reverse(codes[start:end], self.models[tables[start]])
        words: bytes = ans.get_compressed().astype("<u4").tobytes()
        return words.rstrip(b"\0")

    def _by_block(
        self, index: NDArray[np.uint8], second: NDArray[np.bool_], *, start: int
    ) -> NDArray[np.intp]:
        """The coding order of symbols that are sorted by table; chains begin at `start`."""
        n = len(index) - start
        key = np.arange(n, dtype=np.int32) // chain_count(n) * (2 * SCALES)
        key += 2 * index[start:].astype(np.int32) + second[start:]
        return np.concatenate([np.arange(start), start + np.argsort(key, kind="stable")])

    def decoder(self, data: bytes) -> SymbolDecoder:
        """Start decoding what `encode` made."""
        return SymbolDecoder(self, data)


class SymbolDecoder:
    """Decodes pass by pass; `finish` proves that nothing is left over."""

    def __init__(self, coder: SymbolCoder, data: bytes) -> None:
        self.coder = coder
        if data.endswith(b"\0"):
            raise BadFile("a tile group's code ends in a zero byte")
        words = np.frombuffer(data + bytes(-len(data) % 4), "<u4").astype(np.uint32)
        self.ans: Any = AnsCoder(words)

    def decode(self, index: NDArray[np.uint8]) -> NDArray[np.int32]:
        """Table index `(n,)` -> symbols `(n,)`; `BadFile` if one is larger than the format allows.

        Any code decodes to some symbols, as the coder is a stack: `finish` refuses wrong ones.
        """
        return self._decode(index, trellis=SCALES)[0]

    def decode_chains(
        self, index: NDArray[np.uint8]
    ) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """The same for a pass with two quantisers: symbols `(n,)` and their tables `(n,)`."""
        return self._decode(index, trellis=self.coder.trellis)

    def _decode(
        self, index: NDArray[np.uint8], *, trellis: int
    ) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        coder = self.coder
        order, ends = coder._sorted(index)
        tables = index[order]
        ordered = np.empty(len(order), np.int32)
        for t in range(FIRST_CODED, trellis):
            a, b = ends[t - 1], ends[t]
            if a < b:
                ordered[a:b] = self.ans.decode(coder.models[t], b - a)
        start = ends[trellis - 1]
        if start < len(order):
            self._chains(ordered[start:], tables[start:])
        radius = coder.radii[tables]
        ordered -= radius
        at = np.flatnonzero(ordered > radius)
        ordered[at] = self._escapes(radius[at].tolist())
        out = np.zeros(len(index), np.int32)
        out[order] = ordered
        if trellis < SCALES:
            index = index.copy()
            index[order] = tables
        return out, index

    def _chains(self, codes: NDArray[np.int32], tables: NDArray[np.uint8]) -> None:
        """Decode chains into `codes (n,)`, and put their second tables into `tables (n,)`."""
        coder, n = self.coder, len(codes)
        chains = chain_count(n)
        starts = range(0, n, chains)
        quantisers = np.empty(n, np.uint8)
        state = TRELLIS.first_states(chains)
        # Tables ascend, so most blocks have only one.
        lowest = tables[::chains].tolist()
        highest = [*tables[chains - 1 :: chains].tolist(), int(tables[-1])][: len(starts)]
        for start, low, high in zip(starts, lowest, highest, strict=True):
            here = slice(start, start + chains)
            block, second = codes[here], quantisers[here]
            state = state[: len(block)]
            second[:] = TRELLIS.quantiser(state)
            if low == high:
                order = second.argsort(kind="stable")
                zeros = len(second) - int(np.count_nonzero(second))
                runs = [(2 * low, 0, zeros), (2 * low + 1, zeros, len(second))]
            else:
                key = 2 * tables[here] + second
                order = key.argsort(kind="stable")
                ordered = key[order]
                runs = [(ordered[a], a, b) for a, b in _runs(ordered)]
            for key, a, b in runs:
                if a < b:
                    block[order[a:b]] = self.ans.decode(coder.by_key[key], b - a)
            step = 2 * state + (block & 1)
            after = coder.after
            state = after[low].take(step) if low == high else after[tables[here], step]
        tables += quantisers * coder.to_second

    def _escapes(self, radii: list[int]) -> list[int]:
        """The symbols of one pass that lie outside their tables, in the order of their tables.

        How many bits they take is known only after reading them. So as many bits are read as there
        can be, and those that belong to other symbols are put back: the coder is a stack.
        """
        if not radii:
            return []
        bits = self.ans.decode(self.coder.bit, len(radii) * ESCAPE_BITS)
        text = (bits + ord("0")).astype(np.uint8).tobytes().decode("ascii")
        out: list[int] = []
        at = 0
        for radius in radii:
            zero = text.find("0", at, at + ESCAPE_PREFIX_LIMIT + 1)
            if zero < 0:
                raise BadFile("a latent is larger than the format allows")
            end = 2 * zero + 1 + ESCAPE_ORDER - at
            u = int("1" + text[zero + 1 : end], 2) - (1 << ESCAPE_ORDER)
            magnitude = (u >> 1) + radius + 1
            out.append(-magnitude if u & 1 else magnitude)
            at = end
        self.ans.encode_reverse(bits[at:], self.coder.bit)
        return out

    def finish(self) -> None:
        """The coder must be exhausted and in its initial state, else `BadFile`."""
        if not self.ans.is_empty():
            raise BadFile("a tile group's code does not end where its symbols end")
