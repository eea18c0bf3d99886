"""The ANS coder in Python, for machines without constriction: the same bytes, but slow.

It has the part of constriction's interface that `coder.py` uses, and follows section 8 of
`docs/reference/format.md`. The state is a Python integer below 2**64; the 32-bit words below it are
a list that ends with the top of the stack. Each symbol changes the whole state, so symbols are
coded one by one; there is nothing to vectorise.
"""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

PRECISION = 24  # bits of a probability
WORD = 32
TOP = 64  # bits of the state


class Categorical:
    """Probabilities in proportion to `counts (n,)`, as integers >= 1 with the sum 2**24."""

    def __init__(self, counts: NDArray[np.float64], *, perfect: bool) -> None:
        """`perfect` must be False: the format has only constriction's fast approximation."""
        if perfect:
            raise ValueError("only the fast approximation of probabilities is implemented")
        totals = np.cumsum(counts.astype(np.int64))
        free = (1 << PRECISION) - len(counts)
        left = totals * free // int(totals[-1]) + np.arange(1, len(counts) + 1)
        # Where each symbol's interval begins, and the end of the last one.
        self.left: list[int] = [0, *left.tolist()]


class AnsCoder:
    """A stack of symbols: encoded in reverse, decoded in order."""

    def __init__(self, compressed: NDArray[np.uint32] | None = None) -> None:
        """Empty, or with what `get_compressed` returned."""
        self._words: list[int] = [] if compressed is None else compressed.tolist()
        self._state = 0
        while self._words and self._state < 1 << WORD:
            self._state = self._state << WORD | self._words.pop()

    def encode_reverse(self, symbols: NDArray[np.int32], model: Categorical) -> None:
        """Push `symbols (n,)`, the last one first."""
        left, words, state = model.left, self._words, self._state
        for symbol in reversed(symbols.tolist()):
            start = left[symbol]
            probability = left[symbol + 1] - start
            if state >> TOP - PRECISION >= probability:
                words.append(state & (1 << WORD) - 1)
                state >>= WORD
            whole, rest = divmod(state, probability)
            state = whole << PRECISION | start + rest
        self._state = state

    def decode(self, model: Categorical, count: int) -> NDArray[np.int32]:
        """Pop `count` symbols."""
        left, words, state = model.left, self._words, self._state
        out: list[int] = []
        for _ in range(count):
            quantile = state & (1 << PRECISION) - 1
            symbol = bisect_right(left, quantile) - 1
            start = left[symbol]
            state = (state >> PRECISION) * (left[symbol + 1] - start) + quantile - start
            if state < 1 << WORD and words:
                state = state << WORD | words.pop()
            out.append(symbol)
        self._state = state
        return np.array(out, np.int32)

    def get_compressed(self) -> NDArray[np.uint32]:
        """The words, and after them the state in as many further words as it needs."""
        state = [self._state & (1 << WORD) - 1, self._state >> WORD]
        while state and not state[-1]:
            state.pop()
        return np.array(self._words + state, np.uint32)

    def is_empty(self) -> bool:
        """True when all symbols are decoded and nothing is left over."""
        return not self._state and not self._words
