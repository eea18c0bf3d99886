"""The few messages of ONNX that a graph needs, as bytes of protocol buffers.

A message is a row of fields. Each begins with its number and wire type, and its value is a varint,
four bytes, or a length and that many bytes (https://protobuf.dev/programming-guides/encoding).
The numbers are those of `onnx.proto`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Dim = int | str  # a number, or a name for one that is known only when the graph runs
Attribute = int | float | str | Sequence[int]

IR_VERSION, OPSET = 8, 17
UINT8 = 2
TYPES = {"float32": 1, "uint8": UINT8, "int64": 7}  # TensorProto.DataType
_VARINT, _BYTES, _FLOAT = 0, 2, 5
_KIND_FLOAT, _KIND_INT, _KIND_STRING, _KIND_INTS = 1, 2, 3, 7  # AttributeProto.AttributeType


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # negative numbers take ten bytes
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, value: int | float | str | bytes) -> bytes:
    if isinstance(value, float):
        return _varint(number << 3 | _FLOAT) + struct.pack("<f", value)
    if isinstance(value, int):
        return _varint(number << 3 | _VARINT) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | _BYTES) + _varint(len(data)) + data


def attribute(name: str, value: Attribute) -> bytes:
    """AttributeProto."""
    if isinstance(value, float):
        body, kind = _field(2, value), _KIND_FLOAT
    elif isinstance(value, int):
        body, kind = _field(3, value), _KIND_INT
    elif isinstance(value, str):
        body, kind = _field(4, value), _KIND_STRING
    else:
        body, kind = b"".join(_field(8, n) for n in value), _KIND_INTS
    return _field(1, name) + body + _field(20, kind)


def node(
    op: str, *, inputs: Iterable[str], outputs: Iterable[str], **attributes: Attribute
) -> bytes:
    """NodeProto."""
    parts = [_field(1, name) for name in inputs] + [_field(2, name) for name in outputs]
    parts.append(_field(4, op))
    parts += [_field(5, attribute(name, value)) for name, value in attributes.items()]
    return b"".join(parts)


def tensor(name: str, value: NDArray[np.generic]) -> bytes:
    """TensorProto."""
    dims = b"".join(_field(1, n) for n in value.shape)
    raw = value.astype(value.dtype.newbyteorder("<")).tobytes()
    return dims + _field(2, TYPES[value.dtype.name]) + _field(8, name) + _field(9, raw)


def value_info(name: str, dtype: str, dims: Sequence[Dim]) -> bytes:
    """ValueInfoProto of a tensor."""
    shape = b"".join(_field(1, _field(1 if isinstance(n, int) else 2, n)) for n in dims)
    tensor_type = _field(1, TYPES[dtype]) + _field(2, shape)
    return _field(1, name) + _field(2, _field(1, tensor_type))


def model(
    name: str,
    *,
    nodes: Iterable[bytes],
    initializers: Iterable[bytes],
    inputs: Iterable[bytes],
    outputs: Iterable[bytes],
) -> bytes:
    """ModelProto."""
    graph = b"".join(
        [
            *(_field(1, body) for body in nodes),
            _field(2, name),
            *(_field(5, body) for body in initializers),
            *(_field(11, body) for body in inputs),
            *(_field(12, body) for body in outputs),
        ]
    )
    opset = _field(8, _field(2, OPSET))
    return _field(1, IR_VERSION) + _field(2, "tccodec") + _field(7, graph) + opset
