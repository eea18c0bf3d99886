"""Maps that pass through the layers a few rows at a time.

A picture of any height then needs memory for some rows per layer only. Each layer is a generator:
it takes pieces of its input from top to bottom and yields every row that it can compute. Nothing is
computed twice, and the result is the same as for the whole map at once.

A stream yields `(piece, last)`: a tensor of one or more complete rows, and whether they are the
map's last ones. The dimension of the rows is 1 for tokens `(B, H, W, D)` and 2 for pixels
`(B, 3, H, W)`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

Rows = Iterator[tuple[Tensor, bool]]
TOKENS, PIXELS = 1, 2


def pieces(x: Tensor, size: int, *, dim: int = TOKENS) -> Rows:
    """A map in pieces of `size` rows."""
    height = x.shape[dim]
    for top in range(0, height, size):
        yield x.narrow(dim, top, min(size, height - top)), top + size >= height


def join_rows(rows: Rows, *, dim: int = TOKENS) -> Tensor:
    """The whole map."""
    parts = [x for x, _ in rows]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim)


def map_rows(rows: Rows, f: Callable[[Tensor], Tensor]) -> Rows:
    """Apply `f` to every piece; it may look at groups of rows if these come `regrouped`."""
    for x, last in rows:
        yield f(x), last


def split_rows(rows: Rows, count: int) -> Rows:
    """The same rows in pieces of at most `count` tokens, but of one row at least.

    The output of a layer for a small piece is still in the cache when the next layer reads it.
    """
    for x, last in rows:
        parts = x.split(max(1, count // x.shape[2]), TOKENS)  # type: ignore[no-untyped-call]
        for part in parts[:-1]:
            yield part, False
        yield parts[-1], last


def regrouped(rows: Rows, size: int, *, first: int = 0, dim: int = TOKENS) -> Rows:
    """The same rows in pieces that end at rows `first`, `first + size`, ... or the map's end.

    A piece may hold several groups of `size` rows.
    """
    held: list[Tensor] = []
    count = done = 0  # rows held, rows yielded
    for x, last in rows:
        held.append(x)
        count += x.shape[dim]
        end = count if last else (done + count - first) // size * size + first - done
        if end > 0:
            x = held[0] if len(held) == 1 else torch.cat(held, dim)
            count -= end
            done += end
            held = [x.narrow(dim, end, count).clone()] if count else []
            x = x.narrow(dim, 0, end)
            yield x, last


def overlapped(rows: Rows, reach: int, f: Callable[[Tensor], Tensor]) -> Rows:
    """Apply `f`, which needs `reach` more rows of tokens above and below.

    `f` takes `(B, r + 2 * reach, W, D)` and returns `(B, r, W, D)`. Tokens outside the map are 0.
    """
    held: Tensor | None = None
    for x, last in rows:
        x = F.pad(x, (0, 0, 0, 0, reach if held is None else 0, reach if last else 0))
        held = x if held is None else torch.cat([held, x], TOKENS)
        if held.shape[TOKENS] > 2 * reach:
            yield f(held), last
            held = held[:, held.shape[TOKENS] - 2 * reach :].clone()


def tee(rows: Rows) -> tuple[Rows, Rows]:
    """A stream for two readers. Holds only what one of them has not read yet.

    `itertools.tee` would free what both have read in blocks of 57 pieces.
    """
    waiting: tuple[deque[tuple[Tensor, bool]], ...] = (deque(), deque())

    def reader(index: int) -> Rows:
        while True:
            if not waiting[index]:
                item = next(rows, None)
                if item is None:
                    return
                for queue in waiting:
                    queue.append(item)
                del item
            yield waiting[index].popleft()

    return reader(0), reader(1)


def zip_rows(one: Rows, other: Rows, f: Callable[[Tensor, Tensor], Tensor], *, dim: int) -> Rows:
    """Apply `f` to two streams of maps of equal height, however each is cut into pieces."""
    a: Tensor | None = None
    b: Tensor | None = None
    while True:
        if a is None:
            a, a_last = next(one)
        if b is None:
            b, b_last = next(other)
        n = min(a.shape[dim], b.shape[dim])
        last = a_last and b_last and a.shape[dim] == b.shape[dim]
        yield f(a.narrow(dim, 0, n), b.narrow(dim, 0, n)), last
        if last:
            return
        a = a.narrow(dim, n, a.shape[dim] - n) if a.shape[dim] > n else None
        b = b.narrow(dim, n, b.shape[dim] - n) if b.shape[dim] > n else None
