"""The synthesis as an ONNX graph: latents -> pixels.

This is section 9 of `docs/reference/format.md` once more; `transform/reference.py` is the same in
numpy. The graph is made for the shapes of a model and holds its weights in 32 bits. It takes maps
of any size. All names of tensors lack the prefix `tcae.decoder.`, unless they have their own.

A *map* is `(1, D, height, width)`, *tokens* are the same values as `(height * width, D)`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tccodec.config import ModelConfig
from tccodec.portable.graph import Graph
from tccodec.portable.protobuf import UINT8
from tccodec.transform.reference import BLOCK, CELL, KNOTS_END, Tensors, lapped_matrix

Floats = NDArray[np.float32]

EPSILON = 1e-5  # of the norms
LEVELS = 16.0  # grey levels in a unit of what the network adds
LINEAR_UNIT = 64.0  # and of what it sees of the linear picture
OUTSIDE = -1e4  # score of a token beyond the edge of the map


@dataclass(frozen=True)
class Grid:
    """The size of a map."""

    height: str
    width: str


@dataclass(frozen=True, kw_only=True)
class Windows:
    """How maps of one size are cut into windows: what is added around, and how many there are."""

    pads: str
    rows: str
    columns: str
    before: int
    # `(windows, 1, 1, tokens)`: what is added to the score of each token of a window.
    mask: str


def synthesis(cfg: ModelConfig, tensors: Tensors, *, factor: int = 1) -> Graph:
    """A graph that turns latents into pixels, reduced by `factor` 1, 2, 4 or 8.

    Inputs: `coarse` float32 `(h, w, A)` and `fine` `(2 h, 2 w, E)`, latents in sixteenths of a
    step as section 9.2 lays them out, and `setting` float32 `(1,)`. Output: `pixels` uint8
    `(32 h / factor, 32 w / factor, 3)`. `tensors`: `tcae.*` of a model, for one realism.
    """
    return Synthesis(cfg, tensors).graph(factor)


def with_realism(tensors: Tensors, second: Tensors, realism: float) -> Tensors:
    """9.8. The tensors of a model for a realism 0 .. 1, `second` being those for realism 1."""
    mixed = dict(tensors)
    for name, value in second.items():
        first = tensors[f"tcae.decoder.{name}"].astype(np.float32)
        change = value.astype(np.float32) - first
        mixed[f"tcae.decoder.{name}"] = first + np.float32(realism) * change
    return mixed


class Synthesis:
    """The graph under construction."""

    def __init__(self, cfg: ModelConfig, tensors: Tensors) -> None:
        self.cfg, self.tensors, self.g = cfg, tensors, Graph()
        self._windows: dict[tuple[Grid, int], Windows] = {}

    def graph(self, factor: int) -> Graph:
        """The graph for pictures reduced by `factor`."""
        g, cfg = self.g, self.cfg
        a = sum(cfg.groups[: cfg.coarse])
        coarse = g.input("coarse", "float32", "h", "w", a)
        fine = g.input("fine", "float32", "2h", "2w", cfg.channels - a)
        self.knot_weights = self._knots(g.input("setting", "float32", 1))
        h, w = g.size_of(coarse, 0), g.size_of(coarse, 1)
        sites, quadrants = Grid(h, w), self._finer(Grid(h, w), 2)

        y, u = self._scaled(g.reshape(coarse, -1, a), g.reshape(fine, -1, cfg.channels - a), a)
        linear = self._linear_picture(*y, sites=sites, quadrants=quadrants)
        grid = self._finer(quadrants, 16 // cfg.stage_patch)
        t = self._tokens(*u, sites=sites, quadrants=quadrants, grid=grid)
        if cfg.renderer and factor >= CELL:
            small = self._linear("small", t, gain=LEVELS)
            small = self._placed(small, grid, cfg.stage_patch // CELL)
            added = self._means(small, factor // CELL)
            picture = g.node("Add", self._means(linear, factor), added)
        else:
            render = self._rendered if cfg.renderer else self._refined
            picture = self._means(g.node("Add", linear, render(t, linear, grid)), factor)
        levels = g.node("Add", picture, g.number(128))
        levels = g.node("Clip", levels, g.number(0), g.number(255))
        pixels = g.transpose(g.node("Cast", g.node("Round", levels), to=UINT8), 1, 2, 0)
        g.output(pixels, "pixels", "uint8", "height", "width", 3)
        return g

    # 9.1 and 9.4: layers

    def _tensor(self, name: str) -> Floats:
        return self.tensors[name].astype(np.float32)

    def _knots(self, setting: str) -> str:
        """How much each knot counts at a setting, `(1, K)`."""
        g, last = self.g, self.cfg.knots - 1
        position = g.node("Mul", setting, g.number(last / KNOTS_END))
        knots = g.constant(np.arange(last + 1, dtype=np.float32))
        away = g.node("Abs", g.node("Sub", knots, position))
        return g.reshape(g.node("Relu", g.node("Sub", g.number(1), away)), 1, -1)

    def _at_setting(self, table: Floats) -> str:
        """The row of a table at the setting, `(n,)`."""
        return self.g.reshape(self.g.node("MatMul", self.knot_weights, self.g.constant(table)), -1)

    def _product(self, x: str, weight: Floats, bias: Floats) -> str:
        """Rows times the transpose of `weight (out, in)`, plus `bias`."""
        g = self.g
        return g.node("Gemm", x, g.constant(weight), g.constant(bias), transB=1)

    def _linear(self, name: str, x: str, *, gain: float = 1.0) -> str:
        """linear(name, x) times `gain`."""
        weight, bias = (self._tensor(f"tcae.decoder.{name}.{part}") for part in ("weight", "bias"))
        return self._product(x, weight * np.float32(gain), bias * np.float32(gain))

    def _near(self, name: str, m: str) -> str:
        """near(name, m) of a map."""
        g = self.g
        weight = self._tensor(f"tcae.decoder.{name}.weight").copy()
        reach = weight.shape[-1] // 2
        weight[:, 0, reach, reach] += 1  # the identity beside it
        return g.node(
            "Conv",
            m,
            g.constant(weight),
            g.constant(self._tensor(f"tcae.decoder.{name}.bias")),
            group=len(weight),
            kernel_shape=weight.shape[2:],
            pads=[reach] * 4,
        )

    def _norm(self, name: str, x: str) -> str:
        g = self.g
        table = self._tensor(f"tcae.decoder.{name}.table").copy()
        dim = table.shape[1] // 2
        table[:, :dim] += 1
        scale, shift = g.split(self._at_setting(table), [dim, dim], axis=0)
        return g.node("LayerNormalization", x, scale, shift, axis=-1, epsilon=EPSILON)

    def _gate(self, x: str, half: int) -> str:
        value, switch = self.g.split(x, [half, half], axis=1)
        return self.g.node("Mul", value, self.g.node("HardSwish", switch))

    # 9.1: the arrangement of maps

    def _finer(self, grid: Grid, factor: int) -> Grid:
        return Grid(self.g.times(grid.height, factor), self.g.times(grid.width, factor))

    def _shuffle(self, x: str, grid: Grid, *, n: int, dim: int) -> str:
        """shuffle(n) of tokens with n * n * `dim` values."""
        if n == 1:
            return x
        t = self.g.reshape(x, grid.height, grid.width, n, n, dim)
        return self.g.reshape(self.g.transpose(t, 0, 2, 1, 3, 4), -1, dim)

    def _placed(self, x: str, grid: Grid, n: int) -> str:
        """Tokens placed by patch(n): `(3, height, width)`."""
        t = self.g.reshape(x, grid.height, grid.width, 3, n, n)
        t = self.g.transpose(t, 2, 0, 3, 1, 4)
        return self.g.reshape(t, 3, self.g.times(grid.height, n), -1)

    def _patches(self, p: str, grid: Grid, n: int) -> str:
        """Inverse of `_placed`."""
        t = self.g.reshape(p, 3, grid.height, n, grid.width, n)
        return self.g.reshape(self.g.transpose(t, 1, 3, 0, 2, 4), -1, 3 * n * n)

    def _map(self, x: str, grid: Grid) -> str:
        t = self.g.reshape(x, 1, grid.height, grid.width, -1)
        return self.g.transpose(t, 0, 3, 1, 2)

    def _tokens_of(self, m: str, dim: int) -> str:
        return self.g.reshape(self.g.transpose(m, 0, 2, 3, 1), -1, dim)

    def _means(self, p: str, factor: int) -> str:
        """Means of `factor x factor` pixels."""
        if factor == 1:
            return p
        sides = [factor, factor]
        one = self.g.node("Unsqueeze", p, self.g.numbers(0))
        one = self.g.node("AveragePool", one, kernel_shape=sides, strides=sides)
        return self.g.node("Squeeze", one, self.g.numbers(0))

    # 9.2 and 9.3: the linear part

    def _scaled(self, coarse: str, fine: str, a: int) -> tuple[tuple[str, str], tuple[str, str]]:
        g = self.g
        log_step = self._at_setting(self._tensor("tcae.log_step"))
        steps = g.node("Div", g.node("Pow", g.number(2), log_step), g.number(16))
        std = self._tensor("tcae.std")
        parts = [a, len(std) - a]
        y = [
            g.node("Mul", v, s)
            for v, s in zip((coarse, fine), g.split(steps, parts, axis=0), strict=True)
        ]
        u = [g.node("Div", v, g.constant(s)) for v, s in zip(y, np.split(std, [a]), strict=True)]
        return (y[0], y[1]), (u[0], u[1])

    def _linear_picture(self, coarse: str, fine: str, *, sites: Grid, quadrants: Grid) -> str:
        """`(3, height, width)`."""
        g = self.g
        merge = self._tensor("tcae.shortcut.merge")
        low = g.node("MatMul", coarse, g.constant(merge))
        low = self._shuffle(low, sites, n=2, dim=len(merge) // 4)
        z = g.node("Concat", low, fine, axis=1)
        blocks = g.node("MatMul", z, g.constant(self._tensor("tcae.shortcut.basis")))
        return self._lapped(self._placed(blocks, quadrants, BLOCK), quadrants)

    def _lapped(self, p: str, blocks: Grid) -> str:
        g, half = self.g, BLOCK // 2
        matrix = lapped_matrix().astype(np.float32)
        height = g.times(blocks.height, BLOCK)
        inner = g.node("Add", g.times(blocks.width, BLOCK), g.numbers(-BLOCK))
        middle = g.reshape(g.slice(p, half, -half, axis=2), -1, BLOCK)
        middle = g.node("MatMul", middle, g.constant(matrix))
        middle = g.reshape(middle, 3, height, inner)
        ends = g.slice(p, 0, half, axis=2), g.slice(p, -half, 2**31, axis=2)
        p = g.node("Concat", ends[0], middle, ends[1], axis=2)

        borders = g.node("Add", blocks.height, g.numbers(-1))
        width = g.times(blocks.width, BLOCK)
        middle = g.reshape(g.slice(p, half, -half, axis=1), 3, borders, BLOCK, width)
        middle = g.node("MatMul", g.constant(matrix.T.copy()), middle)
        middle = g.reshape(middle, 3, -1, width)
        ends = g.slice(p, 0, half, axis=1), g.slice(p, -half, 2**31, axis=1)
        return g.node("Concat", ends[0], middle, ends[1], axis=1)

    # 9.5: blocks

    def _blocks(self, name: str, m: str, grid: Grid, *, count: int) -> str:
        """Blocks in a row, on a map."""
        attend = self.cfg.attending(count, self.cfg.dec_attention)
        for i in range(count):
            shift = self.cfg.window // 2 if i in attend[1::2] else 0
            m = self._block(f"{name}.{i}", m, grid, shift=shift if i in attend else None)
        return m

    def _block(self, name: str, m: str, grid: Grid, *, shift: int | None) -> str:
        """One block on a map; `shift` of its windows, None if it does not attend."""
        g = self.g
        m = self._near(f"{name}.dw", m)
        dim = len(self.tensors[f"tcae.decoder.{name}.dw.bias"])
        if shift is None:
            return self._map(self._mlp(name, self._tokens_of(m, dim)), grid)
        n = self.cfg.window
        windows = self._windows_of(grid, shift)
        m = g.node("Pad", m, windows.pads)
        t = g.reshape(m, dim, windows.rows, n, windows.columns, n)
        t = g.reshape(g.transpose(t, 1, 3, 2, 4, 0), -1, dim)
        attended = self._attention(f"{name}.attn", self._norm(f"{name}.norm1", t), windows)
        t = self._mlp(name, g.node("Add", t, attended))
        t = g.transpose(g.reshape(t, windows.rows, windows.columns, n, n, dim), 4, 0, 2, 1, 3)
        m = g.reshape(t, 1, dim, g.times(windows.rows, n), -1)
        for axis, length in ((2, grid.height), (3, grid.width)):
            end = g.node("Add", length, g.numbers(windows.before))
            m = g.slice(m, windows.before, end, axis=axis)
        return m

    def _mlp(self, name: str, t: str) -> str:
        """The second half of a block, token by token."""
        hidden = self._linear(f"{name}.fc1", self._norm(f"{name}.norm2", t))
        width = self.tensors[f"tcae.decoder.{name}.fc2.weight"].shape[1]
        gated = self.cfg.gated
        hidden = self._gate(hidden, width) if gated else self.g.node("HardSwish", hidden)
        return self.g.node("Add", t, self._linear(f"{name}.fc2", hidden))

    def _windows_of(self, grid: Grid, shift: int) -> Windows:
        """The windows of a map. Shifted ones begin `shift` tokens later, after padding."""
        if (grid, shift) in self._windows:
            return self._windows[grid, shift]
        g, n = self.g, self.cfg.window
        before = (n - shift) % n
        counts, after = [], []
        for length in (grid.height, grid.width):
            whole = g.node("Add", length, g.numbers(before + n - 1))
            counts.append(g.node("Div", whole, g.numbers(n)))
            filled = g.node("Add", length, g.numbers(before))
            after.append(g.node("Sub", g.times(counts[-1], n), filled))
        pads = g.shape(0, 0, before, before, 0, 0, *after)
        inside = g.node("Expand", g.number(-OUTSIDE), g.shape(1, 1, grid.height, grid.width))
        inside = g.reshape(g.node("Pad", inside, pads), counts[0], n, counts[1], n)
        inside = g.reshape(g.transpose(inside, 0, 2, 1, 3), -1, 1, 1, n * n)
        mask = g.node("Add", inside, g.number(OUTSIDE))
        windows = Windows(pads=pads, rows=counts[0], columns=counts[1], before=before, mask=mask)
        self._windows[grid, shift] = windows
        return windows

    def _attention(self, name: str, x: str, windows: Windows) -> str:
        g, n, size = self.g, self.cfg.window, self.cfg.head_dim
        weight, bias = (
            self._tensor(f"tcae.decoder.{name}.qkv.{p}").copy() for p in ("weight", "bias")
        )
        dim = len(bias) // 3
        heads = dim // size
        weight[:dim] /= np.sqrt(np.float32(size))
        bias[:dim] /= np.sqrt(np.float32(size))
        t = g.reshape(self._product(x, weight, bias), -1, n * n, 3, heads, size)
        parts = g.split(g.transpose(t, 2, 0, 3, 1, 4), [1, 1, 1], axis=0)
        query, key, value = (g.reshape(part, -1, heads, n * n, size) for part in parts)
        score = g.node("MatMul", query, g.transpose(key, 0, 1, 3, 2))
        y, x_ = (i.reshape(-1) for i in np.mgrid[:n, :n])
        place = (y[:, None] - y + n - 1) * (2 * n - 1) + x_[:, None] - x_ + n - 1
        near = self._tensor(f"tcae.decoder.{name}.bias")[:, place]
        score = g.node("Add", g.node("Add", score, g.constant(near)), windows.mask)
        result = g.node("MatMul", g.node("Softmax", score, axis=-1), value)
        result = g.reshape(g.transpose(result, 0, 2, 1, 3), -1, dim)
        return self._linear(f"{name}.proj", result)

    # 9.6: the decoder network

    def _tokens(self, coarse: str, fine: str, *, sites: Grid, quadrants: Grid, grid: Grid) -> str:
        g, cfg = self.g, self.cfg
        t = g.node("HardSwish", self._linear("coarse1", coarse))
        width = len(self.tensors["tcae.decoder.fine1.bias"])
        t = self._shuffle(self._linear("coarse2", t), sites, n=2, dim=width)
        t = g.node("Add", t, self._linear("fine1", fine))
        t = self._linear("fine2", g.node("HardSwish", t))
        t = self._shuffle(t, quadrants, n=16 // cfg.stage_patch, dim=cfg.dim2)
        m = self._blocks("blocks2", self._map(t, grid), grid, count=cfg.dec_blocks2)
        return self._tokens_of(m, cfg.dim2)

    def _refined(self, t: str, linear: str, grid: Grid) -> str:
        """Without a renderer: 16 r, `(3, height, width)`."""
        cfg, n = self.cfg, self.cfg.patch
        m = self._linear("split", t)
        if cfg.staged:
            m = self._shuffle(m, grid, n=2, dim=cfg.dim1)
            grid = self._finer(grid, 2)
        seen = self._linear_seen("embed", linear, grid, n=n)
        m = self._map(self.g.node("Add", m, seen), grid)
        m = self._blocks("blocks1", m, grid, count=cfg.dec_blocks1)
        if cfg.blend:
            m = self._near("blend.dw", m)
        out = self._linear("out", self._tokens_of(m, cfg.dim1), gain=LEVELS)
        return self._placed(out, grid, n)

    def _rendered(self, t: str, linear: str, grid: Grid) -> str:
        """With a renderer: 16 r, `(3, height, width)`."""
        g, n, dim = self.g, self.cfg.stage_patch // CELL, self.cfg.renderer
        cells = self._finer(grid, n)
        z = self._linear_seen("renderer.embed", linear, cells, n=CELL)
        half = n * n * dim
        halves = g.split(self._linear("renderer.modulate", t), [half, half], axis=1)
        shift, gain = (self._shuffle(part, grid, n=n, dim=dim) for part in halves)
        z = g.node("Add", shift, g.node("Add", z, g.node("Mul", z, gain)))
        z = self._tokens_of(self._near("renderer.dw", self._map(z, cells)), dim)
        width = self.tensors["tcae.decoder.renderer.fc2.weight"].shape[1]
        hidden = self._gate(self._linear("renderer.fc1", z), width)
        z = g.node("Add", z, self._linear("renderer.fc2", hidden))
        return self._placed(self._linear("renderer.out", z, gain=LEVELS), cells, CELL)

    def _linear_seen(self, name: str, linear: str, grid: Grid, *, n: int) -> str:
        """linear(name) of the linear picture in patches, in units of 64 levels."""
        weight = self._tensor(f"tcae.decoder.{name}.weight") / np.float32(LINEAR_UNIT)
        bias = self._tensor(f"tcae.decoder.{name}.bias")
        return self._product(self._patches(linear, grid, n), weight, bias)
