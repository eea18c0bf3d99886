"""Symbols <-> bytes: an ANS coder with fixed integer tables.

The coder is constriction's or, where that has no build, the slower one of `ans.py`, which gives the
same bytes.

One pass = one call: its symbols are sorted by table (stable), each table's run is coded at
once, then the values of the pass's escapes. ANS is a stack, so the encoder collects all passes
and pushes them last to first; the decoder pops in order, pass by pass, as it learns the tables.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tccodec.entropy.tables import FIRST_CODED, SCALES, Tables
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
        "tccodec: constriction is not here; files are the same, coding is up to six times slower"
    )

ESCAPE_ORDER = 4
ESCAPE_PREFIX_LIMIT = 12
ESCAPE_BITS = 2 * ESCAPE_PREFIX_LIMIT + 1 + ESCAPE_ORDER  # of the longest escape
# Any table has room for this magnitude. The latents of real pictures stay below a hundredth of it.
LARGEST_SYMBOL = (1 << ESCAPE_PREFIX_LIMIT + ESCAPE_ORDER) - (1 << ESCAPE_ORDER)


def escape_bits(symbol: int, radius: int) -> list[int]:
    """Exp-Golomb of order 4 of `2 * (|symbol| - radius - 1) + (symbol < 0)`.

    n ones and a zero, then the low n + 4 bits, most significant first.
    """
    u = 2 * (abs(symbol) - radius - 1) + (symbol < 0) + (1 << ESCAPE_ORDER)
    length = u.bit_length() - 1
    prefix = [1] * (length - ESCAPE_ORDER) + [0]
    return prefix + [(u >> i) & 1 for i in range(length - 1, -1, -1)]


class SymbolCoder:
    """The tables as models of the ANS coder; all tile groups share one."""

    def __init__(self, tables: Tables) -> None:
        tables.check()
        self.tables = tables
        self._radii = np.array(tables.radius, np.int32)
        # float64 always: constriction derives other integers from float32 counts.
        self.models = [Categorical(c.astype(np.float64), perfect=False) for c in tables.counts]
        self.bit = Categorical(np.array([32768.0, 32768.0]), perfect=False)

    def _sorted(self, index: NDArray[np.uint8]) -> tuple[NDArray[Any], list[int], NDArray[Any]]:
        """The coded symbols' places by table, where each table's run ends, their radii."""
        at = np.flatnonzero(index >= FIRST_CODED)  # most symbols are not coded
        index = index[at]
        counts = np.bincount(index, minlength=SCALES)
        order = at[np.argsort(index, kind="stable")]
        return order, np.cumsum(counts).tolist(), np.repeat(self._radii, counts)

    def encode(self, passes: list[tuple[NDArray[np.int32], NDArray[np.uint8]]]) -> bytes:
        """Passes of `(symbols (n,), table index (n,))` in decoding order -> bytes."""
        ans = AnsCoder()
        for symbols, index in reversed(passes):
            order, ends, radius = self._sorted(index)
            ordered = symbols[order]
            outside = np.abs(ordered) > radius
            codes = np.where(outside, 2 * radius + 1, ordered + radius)
            escapes = [
                bit
                for at in np.flatnonzero(outside)
                for bit in escape_bits(int(ordered[at]), int(radius[at]))
            ]
            if escapes:
                ans.encode_reverse(np.array(escapes, np.int32), self.bit)
            for t in reversed(range(FIRST_CODED, SCALES)):
                if ends[t - 1] < ends[t]:
                    ans.encode_reverse(codes[ends[t - 1] : ends[t]], self.models[t])
        words: bytes = ans.get_compressed().astype("<u4").tobytes()
        return words.rstrip(b"\0")

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
        order, ends, radius = self.coder._sorted(index)
        ordered = np.empty(len(order), np.int32)
        for t in range(FIRST_CODED, SCALES):
            a, b = ends[t - 1], ends[t]
            if a < b:
                ordered[a:b] = self.ans.decode(self.coder.models[t], b - a)
        ordered -= radius
        at = np.flatnonzero(ordered > radius)
        ordered[at] = self._escapes(radius[at].tolist())
        out = np.zeros(len(index), np.int32)
        out[order] = ordered
        return out

    def _escapes(self, radii: list[int]) -> list[int]:
        """The symbols of one pass that lie outside their tables, in coding order.

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
