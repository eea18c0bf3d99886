"""The synthesis in numpy: latents -> pixels, without torch.

This is section 9 of `docs/reference/format.md`, executable: slow, and meant to be read. The
numbers in the docstrings are the sections of that page. All sums are in 64-bit floats; the fast
path computes in 32 bits, and the test suite compares the two.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Tensors = dict[str, NDArray[Any]]

DTYPES = {"F16": "<f2", "F32": "<f4", "I8": "<i1", "U8": "<u1", "I32": "<i4"}
DEFAULTS = {"gated": False, "dec_attention": 1, "renderer": 0}
KNOTS_END = 1000  # the setting of the last knot
BLOCK = 16  # pixels per side of a block of the linear part
CELL = 4  # pixels per side of a cell of the renderer, and of a pixel of the second output


def read_tensors(data: bytes) -> Tensors:
    """7. The tensors in the bytes of a `.safetensors` file, by name."""
    start = 8 + int.from_bytes(data[:8], "little")
    head = json.loads(data[8:start])
    head.pop("__metadata__", None)
    out: Tensors = {}
    for name, entry in head.items():
        begin, end = entry["data_offsets"]
        values = np.frombuffer(data[start + begin : start + end], DTYPES[entry["dtype"]])
        out[name] = values.reshape(entry["shape"])
    return out


def shuffle(m: Array, r: int) -> Array:
    """9.1. `(h, w, r * r * d)` -> `(r * h, r * w, d)`."""
    h, w, channels = m.shape
    d = channels // (r * r)
    out = np.empty((r * h, r * w, d))
    for i in range(r):
        for j in range(r):
            part = i * r + j
            out[i::r, j::r] = m[:, :, part * d : (part + 1) * d]
    return out


def pixels_of(m: Array, n: int) -> Array:
    """9.1. Places what patch(n) holds: `(h, w, 3 * n * n)` -> pixels `(n * h, n * w, 3)`."""
    h, w, _ = m.shape
    out = np.empty((n * h, n * w, 3))
    for c in range(3):
        for i in range(n):
            for j in range(n):
                out[i::n, j::n, c] = m[:, :, (c * n + i) * n + j]
    return out


def patches_of(p: Array, n: int) -> Array:
    """9.1. Inverse of `pixels_of`."""
    parts = [p[i::n, j::n, c] for c in range(3) for i in range(n) for j in range(n)]
    return np.stack(parts, -1)


def at_setting(table: Array, setting: int) -> Array:
    """9.1. The row of a table `(knots, n)` at a setting 0 .. 1000, `(n,)`."""
    position = setting * (len(table) - 1) / KNOTS_END
    k = min(int(position), len(table) - 2)
    f = position - k
    row: Array = table[k] * (1 - f) + table[k + 1] * f
    return row


def hswish(v: Array) -> Array:
    """9.1. Hard swish, value by value."""
    return v * np.clip(v + 3, 0, 6) / 6


def gate(v: Array) -> Array:
    """9.1. `(..., 2 n)` -> `(..., n)`: the first half times the hard swish of the second."""
    n = v.shape[-1] // 2
    return v[..., :n] * hswish(v[..., n:])


def means(p: Array, factor: int) -> Array:
    """9.9. Means of `factor x factor` pixels of `(h, w, 3)`; both sides are multiples of it."""
    h, w, c = p.shape
    out: Array = p.reshape(h // factor, factor, w // factor, factor, c).mean((1, 3))
    return out


def lapped_matrix() -> Array:
    """9.3. P `(16, 16)`: the 16 samples around a border, as a row, are multiplied by it."""
    k, i = np.mgrid[:8, :8]
    s = np.cos(np.pi * (2 * i + 1) * k / 16) / 2
    s[0] *= np.sqrt(0.5)
    t = np.cos(np.pi * (2 * i + 1) * (2 * k + 1) / 32) / 2
    v = s[:, ::-1].T @ t[:, ::-1]
    identity, j = np.eye(8), np.eye(8)[::-1]
    p: Array = np.block([[identity + j @ v @ j, j - j @ v], [j - v @ j, identity + v]]) / 2
    return p


def lapped(p: Array) -> Array:
    """9.3. Pixels of blocks `(h, w, 3)` -> the linear picture: borders between blocks smoothed."""
    matrix = lapped_matrix()
    p = p.copy()
    for _ in range(2):  # borders between columns, then, turned over, those between rows
        for border in range(BLOCK, p.shape[1], BLOCK):
            samples = p[:, border - 8 : border + 8]
            p[:, border - 8 : border + 8] = np.einsum("yjc,ji->yic", samples, matrix)
        p = p.transpose(1, 0, 2)
    return p


def attending(count: int, every: int) -> list[int]:
    """9.5. Which of `count` blocks attend, with `dec_attention` = `every`."""
    return list(range(min(every, count) - 1, count, every)) if every and count else []


def windows(size: int, window: int, shift: int) -> Iterator[slice]:
    """9.5. The windows along one side of a map with `size` tokens."""
    for start in range(shift - window if shift else 0, size, window):
        yield slice(max(start, 0), min(start + window, size))


class Synthesis:
    """One model at one setting: latents to pixels."""

    def __init__(
        self,
        config: dict[str, Any],
        tensors: Tensors,
        *,
        setting: int,
        realism: float = 0.0,
        realism_tensors: Tensors | None = None,
    ) -> None:
        """`config` is `config["model"]`, `tensors` are those of `model.safetensors`.

        `realism_tensors` are those of `realism.safetensors`, needed for a `realism` above 0.
        `setting` is 0 .. 1000.
        """
        self.config = DEFAULTS | config
        self.setting = setting
        self.tensors: dict[str, Array] = {
            name: value.astype(np.float64)
            for name, value in tensors.items()
            if name.startswith("tcae.")
        }
        if realism:
            for name, value in (realism_tensors or {}).items():  # 9.8
                first = self.tensors[f"tcae.decoder.{name}"]
                self.tensors[f"tcae.decoder.{name}"] = first + realism * (value - first)
        groups, coarse = self.config["groups"], self.config["coarse"]
        # Channels of each group at one of its own sites.
        self.sizes = [n if g < coarse else n // 4 for g, n in enumerate(groups)]
        self.coarse = sum(self.sizes[:coarse])
        self.step = 2 ** at_setting(self.tensors["tcae.log_step"], setting)
        self.token = self.config["patch"] * (2 if self.config["staged"] else 1)
        # What `picture` computed last, stage by stage, to compare another decoder with.
        self.stages: dict[str, Array] = {}

    # 9.1 and 9.4: layers, named without `tcae.decoder.`

    def _tensor(self, name: str) -> Array:
        return self.tensors[f"tcae.decoder.{name}"]

    def _linear(self, name: str, v: Array) -> Array:
        out: Array = v @ self._tensor(f"{name}.weight").T + self._tensor(f"{name}.bias")
        return out

    def _depthwise(self, name: str, m: Array) -> Array:
        weight = self._tensor(f"{name}.weight")
        k = weight.shape[-1]
        r, (h, w, _) = k // 2, m.shape
        padded = np.pad(m, ((r, r), (r, r), (0, 0)))
        out = m + self._tensor(f"{name}.bias")
        for i in range(k):
            for j in range(k):
                out += weight[:, 0, i, j] * padded[i : i + h, j : j + w]
        return out

    def _norm(self, name: str, v: Array) -> Array:
        scale, shift = np.split(at_setting(self._tensor(f"{name}.table"), self.setting), 2)
        centred = v - v.mean(-1, keepdims=True)
        variance = np.square(centred).mean(-1, keepdims=True)
        out: Array = centred / np.sqrt(variance + 1e-5) * (1 + scale) + shift
        return out

    # 9.5: blocks

    def _block(self, name: str, m: Array, *, attends: bool, shifted: bool) -> Array:
        m = self._depthwise(f"{name}.dw", m)
        if attends:
            m = m + self._attention(f"{name}.attn", self._norm(f"{name}.norm1", m), shifted=shifted)
        t = self._linear(f"{name}.fc1", self._norm(f"{name}.norm2", m))
        return m + self._linear(f"{name}.fc2", gate(t) if self.config["gated"] else hswish(t))

    def _attention(self, name: str, m: Array, *, shifted: bool) -> Array:
        side = self.config["window"]
        shift = side // 2 if shifted else 0
        qkv = self._linear(f"{name}.qkv", m)
        out = np.empty_like(m)
        for rows in windows(m.shape[0], side, shift):
            for columns in windows(m.shape[1], side, shift):
                out[rows, columns] = self._window(f"{name}.bias", qkv[rows, columns])
        return self._linear(f"{name}.proj", out)

    def _window(self, bias: str, qkv: Array) -> Array:
        """One window `(h, w, 3 D)` -> the results of all heads, `(h, w, D)`."""
        h, w, channels = qkv.shape
        side, n = self.config["window"], self.config["head_dim"]
        y, x = (i.reshape(-1) for i in np.mgrid[:h, :w])
        down = y[:, None] - y + side - 1  # [query][key]
        right = x[:, None] - x + side - 1
        query, key, value = np.split(qkv.reshape(h * w, channels), 3, -1)
        out = np.empty_like(query)
        for head in range(channels // 3 // n):
            part = slice(head * n, (head + 1) * n)
            score = query[:, part] @ key[:, part].T / np.sqrt(n)
            score += self._tensor(bias)[head][down * (2 * side - 1) + right]
            weight = np.exp(score - score.max(-1, keepdims=True))
            weight /= weight.sum(-1, keepdims=True)
            out[:, part] = weight @ value[:, part]
        return out.reshape(h, w, -1)

    def _blocks(self, name: str, m: Array, *, count: int) -> Array:
        attend = attending(count, self.config["dec_attention"])
        for i in range(count):
            m = self._block(f"{name}.{i}", m, attends=i in attend, shifted=i in attend[1::2])
            self.stages[f"after {name}.{i}"] = m
        return m

    # 9.2, 9.3, 9.6: the stages

    def scaled(self, coarse: Array, fine: Array) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        """9.2. Latents in sixteenths of a step -> y and u, each at coarse and at fine sites."""
        step, std, a = self.step, self.tensors["tcae.std"], self.coarse
        y = coarse / 16 * step[:a], fine / 16 * step[a:]
        return y, (y[0] / std[:a], y[1] / std[a:])

    def linear_picture(self, coarse: Array, fine: Array) -> Array:
        """9.3. y at coarse and fine sites -> `(32 h, 32 w, 3)`."""
        low = shuffle(coarse @ self.tensors["tcae.shortcut.merge"], 2)
        blocks = np.concatenate([low, fine], -1) @ self.tensors["tcae.shortcut.basis"]
        return lapped(pixels_of(blocks, BLOCK))

    def tokens(self, coarse: Array, fine: Array) -> Array:
        """9.6. u at coarse and fine sites -> tokens of the first stage."""
        t = self._linear("coarse2", hswish(self._linear("coarse1", coarse)))
        t = shuffle(t, 2) + self._linear("fine1", fine)
        t = shuffle(self._linear("fine2", hswish(t)), 16 // self.token)
        self.stages["t before the blocks"] = t
        return self._blocks("blocks2", t, count=self.config["dec_blocks2"])

    def correction(self, t: Array, linear: Array) -> Array:
        """9.6. Tokens and the linear picture -> what the network adds, in units of 16 levels."""
        if self.config["renderer"]:
            return self._rendered(t, linear)
        patch = self.config["patch"]
        m = self._linear("split", t)
        if self.config["staged"]:
            m = shuffle(m, 2)
        m = m + self._linear("embed", patches_of(linear / 64, patch))
        self.stages["m before the blocks"] = m
        m = self._blocks("blocks1", m, count=self.config["dec_blocks1"])
        if self.config["blend"]:
            m = self._depthwise("blend.dw", m)
        return pixels_of(self._linear("out", m), patch)

    def _rendered(self, t: Array, linear: Array) -> Array:
        z = self._linear("renderer.embed", patches_of(linear / 64, CELL))
        halves = np.split(self._linear("renderer.modulate", t), 2, -1)
        shift, gain = (shuffle(half, self.token // CELL) for half in halves)
        self.stages["shift + z (1 + gain)"] = z = shift + z * (1 + gain)
        z = self._depthwise("renderer.dw", z)
        z = z + self._linear("renderer.fc2", gate(self._linear("renderer.fc1", z)))
        return pixels_of(self._linear("renderer.out", z), CELL)

    def picture(self, coarse: Array, fine: Array, *, factor: int = 1) -> Array:
        """9.7, 9.9. Latents in sixteenths -> samples around 0, `(32 h / factor, 32 w / factor, 3)`.

        coarse `(h, w, A)`, fine `(2 h, 2 w, E)`; factor 1, 2, 4 or 8.
        """
        y, u = self.scaled(coarse, fine)
        self.stages = {"u, coarse": u[0], "u, fine": u[1]}
        self.stages["p"] = linear = self.linear_picture(*y)
        t = self.tokens(*u)
        if self.config["renderer"] and factor >= CELL:
            small = means(pixels_of(self._linear("small", t), self.token // CELL), factor // CELL)
            return means(linear, factor) + 16 * small
        self.stages["r"] = r = self.correction(t, linear)
        return means(linear + 16 * r, factor)

    def groups_for(self, factor: int) -> int:
        """9.9. How many groups a picture reduced by `factor` needs."""
        count = len(self.sizes)
        if factor == 1:
            return count
        merge = self.tensors["tcae.shortcut.merge"]
        basis = self.tensors["tcae.shortcut.basis"].reshape(-1, 3, BLOCK * BLOCK)
        small = np.stack([means(b.T.reshape(BLOCK, BLOCK, 3), factor) for b in basis])
        small = small.reshape(len(small), -1)
        low = self.coarse // 4
        quadrants = merge.reshape(self.coarse, 4, low) @ small[:low]
        energy = np.append(np.square(quadrants).sum((1, 2)), 4 * np.square(small[low:]).sum(1))
        share = energy * factor**2 / 3072
        variance = np.square(self.tensors["tcae.std"])
        noise = (share * np.minimum(self.step**2 / 12, variance)).sum()
        while count > 1:
            first = sum(self.sizes[: count - 1])
            if (share * variance)[first:].sum() > max(noise / 6, 0.25):
                break
            count -= 1
        return count


def rounded(p: Array) -> NDArray[np.uint8]:
    """9.7. Samples around 0 -> grey levels."""
    levels: NDArray[np.uint8] = np.round(np.clip(p + 128, 0, 255)).astype(np.uint8)
    return levels
