"""Runs a graph in numpy, where onnxruntime is not installed.

Matrix products take most of the time, and numpy leaves them to a fast library. What works value by
value does so in pieces that stay in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tccodec.portable.graph import Graph
from tccodec.portable.protobuf import UINT8

Array = NDArray[Any]
Floats = NDArray[np.float32]
PIECE = 1 << 16  # values


class Evaluator:
    """Calls the operators of a graph one after the other."""

    def __init__(self, graph: Graph) -> None:
        self._constants = graph.constants
        last = {name: i for i, node in enumerate(graph.nodes) for name in node.inputs}
        self._nodes = [
            (node, [n for n in {*node.inputs} - {*graph.constants} if last[n] == i])
            for i, node in enumerate(graph.nodes)
        ]

    def run(self, inputs: Mapping[str, Array]) -> Array:
        """The output of the graph for inputs by name; a value is freed after its last use."""
        values: dict[str, Array] = {**self._constants, **inputs}
        results: list[Array] = []
        for node, unused in self._nodes:
            result = OPERATORS[node.op](*(values[n] for n in node.inputs), **node.attributes)
            for name in unused:
                del values[name]
            results = result if isinstance(result, list) else [result]
            values.update(zip(node.outputs, results, strict=True))
        return results[0]


def pieces(x: Array) -> Iterator[slice]:
    """The first axis of an array in pieces of about `PIECE` values."""
    rows = max(1, PIECE * len(x) // x.size)
    for start in range(0, len(x), rows):
        yield slice(start, start + rows)


def average_pool(x: Floats, *, kernel_shape: Sequence[int], strides: Sequence[int]) -> Array:
    """Means of blocks that do not overlap, `(1, C, height, width)`."""
    assert kernel_shape == strides
    _, channels, h, w = x.shape
    down, across = strides
    blocks = x.reshape(1, channels, h // down, down, w // across, across)
    means: Array = blocks.mean((3, 5))
    return means


def cast(x: Array, *, to: int) -> Array:
    """Whole numbers as bytes."""
    assert to == UINT8
    return x.astype(np.uint8)


def conv(
    x: Floats,
    weight: Floats,
    bias: Floats,
    *,
    group: int,
    kernel_shape: Sequence[int],
    pads: Sequence[int],
) -> Array:
    """Depthwise convolution of a map `(1, C, height, width)`, which stays as large as it is."""
    assert group == x.shape[1] == len(weight)
    down, across = kernel_shape
    m = x[0].transpose(1, 2, 0)  # channels last, as tokens lie in memory
    padded = np.pad(m, ((pads[0], pads[2]), (pads[1], pads[3]), (0, 0)))
    out = np.empty(m.shape, np.float32)
    for rows in pieces(out):
        part = out[rows]
        part[:] = bias
        term = np.empty_like(part)
        for i in range(down):
            for j in range(across):
                shifted = padded[rows.start + i :][: len(part), j : j + m.shape[1]]
                np.multiply(shifted, weight[:, 0, i, j], out=term)
                part += term
    return out.transpose(2, 0, 1)[np.newaxis]


def divide(x: Array, y: Array) -> Array:
    """Quotients; those of whole numbers are rounded down."""
    result: Array = x // y if x.dtype == np.int64 else x / y
    return result


def gemm(x: Floats, weight: Floats, bias: Floats, *, transB: int) -> Array:  # noqa: N803
    """Rows times the transpose of `weight`, plus `bias`."""
    assert transB
    out = x @ weight.T
    out += bias
    return out


def hard_swish(x: Floats) -> Array:
    """`x * min(max(x + 3, 0), 6) / 6`, of rows."""
    out = np.empty(x.shape, np.float32)
    for rows in pieces(x):
        part = np.add(x[rows], np.float32(3), out=out[rows])
        np.clip(part, 0, 6, out=part)
        part *= x[rows]
        part *= np.float32(1 / 6)
    return out


def layer_normalization(
    x: Floats, scale: Floats, shift: Floats, *, axis: int, epsilon: float
) -> Array:
    """Rows `(n, C)` with mean 0 and variance 1, times `scale`, plus `shift`."""
    assert axis == -1
    out = np.empty(x.shape, np.float32)
    for rows in pieces(x):
        part = np.subtract(x[rows], x[rows].mean(-1, keepdims=True), out=out[rows])
        variance = np.einsum("nc,nc->n", part, part) / np.float32(x.shape[1])
        part /= np.sqrt(variance + np.float32(epsilon))[:, np.newaxis]
        part *= scale
        part += shift
    return out


def pad(x: Floats, pads: Array) -> Array:
    """Zeros around all axes: as many as the first half of `pads` says before, the second after."""
    return np.pad(x, pads.reshape(2, -1).T)


def slice_one(x: Array, start: Array, end: Array, axis: Array) -> Array:
    """A part of an array along one axis."""
    index = [slice(None)] * x.ndim
    index[axis.item()] = slice(start.item(), end.item())
    return x[tuple(index)]


def softmax(x: Floats, *, axis: int) -> Array:
    """Softmax along the last axis."""
    assert axis == -1
    out = np.empty(x.shape, np.float32)
    for rows in pieces(x):
        part = np.subtract(x[rows], x[rows].max(-1, keepdims=True), out=out[rows])
        np.exp(part, out=part)
        part /= part.sum(-1, keepdims=True)
    return out


# By their names in ONNX, with the inputs and attributes that `synthesis` gives them.
OPERATORS: dict[str, Callable[..., Any]] = {
    "Abs": np.abs,
    "Add": np.add,
    "AveragePool": average_pool,
    "Cast": cast,
    "Clip": np.clip,
    "Concat": lambda *parts, axis: np.concatenate(parts, axis),
    "Conv": conv,
    "Div": divide,
    "Expand": np.broadcast_to,
    "Gemm": gemm,
    "HardSwish": hard_swish,
    "Identity": lambda x: x,
    "LayerNormalization": layer_normalization,
    "MatMul": np.matmul,
    "Mul": np.multiply,
    "Pad": pad,
    "Pow": np.power,
    "Relu": lambda x: np.maximum(x, 0),
    "Reshape": np.reshape,
    "Round": np.rint,
    "Shape": lambda x, *, start, end: np.array(x.shape[start:end]),
    "Slice": slice_one,
    "Softmax": softmax,
    "Split": lambda x, sizes, *, axis: np.split(x, np.cumsum(sizes)[:-1], axis),
    "Squeeze": lambda x, axes: np.squeeze(x, tuple(axes)),
    "Sub": np.subtract,
    "Transpose": lambda x, *, perm: x.transpose(perm),
    "Unsqueeze": lambda x, axes: np.expand_dims(x, tuple(axes)),
}
