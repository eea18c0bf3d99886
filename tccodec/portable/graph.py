"""A graph of ONNX operators that grows node by node.

Values are named by strings. A *size* is a value of type int64 with one element: a number that is
known only when the graph runs, such as the height of a map.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tccodec.portable import protobuf
from tccodec.portable.protobuf import Attribute, Dim


@dataclass(frozen=True)
class Node:
    """An operator with the names of what it takes and gives."""

    op: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    attributes: Mapping[str, Attribute]


class Graph:
    """Nodes, in the order in which they run, constants, inputs and outputs."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.constants: dict[str, NDArray[np.generic]] = {}
        self._inputs: list[bytes] = []
        self._outputs: list[bytes] = []
        self._shapes: dict[tuple[Dim, ...], str] = {}

    def input(self, name: str, dtype: str, *dims: Dim) -> str:
        """An input of the graph."""
        self._inputs.append(protobuf.value_info(name, dtype, dims))
        return name

    def output(self, value: str, name: str, dtype: str, *dims: Dim) -> None:
        """Give `value` out as `name`."""
        self.nodes.append(Node("Identity", [value], [name], {}))
        self._outputs.append(protobuf.value_info(name, dtype, dims))

    def constant(self, value: NDArray[np.generic]) -> str:
        """A tensor of float32 or int64."""
        name = f"c{len(self.constants)}"
        self.constants[name] = value
        return name

    def number(self, value: float) -> str:
        """A scalar of type float32."""
        return self.constant(np.array(value, np.float32))

    def numbers(self, *values: int) -> str:
        """A row of int64."""
        return self.shape(*values)

    def node(self, op: str, *inputs: str, **attributes: Attribute) -> str:
        """The result of an operator."""
        [name] = self.results(op, 1, *inputs, **attributes)
        return name

    def results(self, op: str, count: int, *inputs: str, **attributes: Attribute) -> list[str]:
        """The `count` results of an operator."""
        names = [f"v{len(self.nodes)}_{i}" if i else f"v{len(self.nodes)}" for i in range(count)]
        self.nodes.append(Node(op, inputs, names, attributes))
        return names

    # Sizes and shapes

    def size_of(self, value: str, axis: int) -> str:
        """The size of a value along an axis."""
        return self.node("Shape", value, start=axis, end=axis + 1)

    def times(self, size: str, factor: int) -> str:
        """A size times a whole number."""
        return size if factor == 1 else self.node("Mul", size, self.numbers(factor))

    def shape(self, *dims: Dim) -> str:
        """Sizes and numbers in a row, int64."""
        if dims not in self._shapes:
            if all(isinstance(n, int) for n in dims):
                self._shapes[dims] = self.constant(np.array(dims, np.int64))
            else:
                parts = [self.numbers(n) if isinstance(n, int) else n for n in dims]
                self._shapes[dims] = self.node("Concat", *parts, axis=0)
        return self._shapes[dims]

    def reshape(self, value: str, *dims: Dim) -> str:
        """A value in another shape; one of the numbers may be -1."""
        return self.node("Reshape", value, self.shape(*dims))

    def transpose(self, value: str, *order: int) -> str:
        """A value with its axes in another order."""
        return self.node("Transpose", value, perm=order)

    def slice(self, value: str, start: int | str, end: int | str, *, axis: int) -> str:
        """A part of a value along one axis; numbers below 0 count from the end."""
        return self.node("Slice", value, self.shape(start), self.shape(end), self.numbers(axis))

    def split(self, value: str, parts: Sequence[int], *, axis: int) -> list[str]:
        """A value in parts of these sizes along one axis."""
        return self.results("Split", len(parts), value, self.numbers(*parts), axis=axis)

    def to_bytes(self, name: str) -> bytes:
        """The graph as an ONNX file."""
        return protobuf.model(
            name,
            nodes=[
                protobuf.node(n.op, inputs=n.inputs, outputs=n.outputs, **n.attributes)
                for n in self.nodes
            ],
            initializers=[protobuf.tensor(name, v) for name, v in self.constants.items()],
            inputs=self._inputs,
            outputs=self._outputs,
        )
