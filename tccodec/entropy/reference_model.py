"""A model of the entropy decoder in plain Python (`reference.py`): its layers and its tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

Row = list[int]
Matrix = list[Row]

PRECISION = 24  # bits of a probability inside the coder


def interpolate(knots: Matrix, setting: int) -> Row:
    """The row at `setting` (0..1000) between the rows at the knots; floor division."""
    span = 1000 // (len(knots) - 1)
    k = min(setting // span, len(knots) - 2)
    f = setting - k * span
    return [
        (a * (span - f) + b * f + span // 2) // span
        for a, b in zip(knots[k], knots[k + 1], strict=True)
    ]


def cumulative(counts: Row) -> Row:
    """Counts with the sum 2**16 -> cumulative probabilities with the sum 2**24."""
    n, total, left = len(counts), 0, [0]
    for i, count in enumerate(counts):
        total += count
        left.append((total * ((1 << PRECISION) - n) >> 16) + i + 1)
    return left


@dataclass
class Layer:
    """`weight[o][i]` int8, `shift[o]`, `bias[knot][o]` int32."""

    weight: Matrix
    shift: Row
    bias: Matrix

    def sums(self, x: Row, setting: int) -> Row:
        """Exact sums of products plus bias."""
        bias = self.bias[0] if len(self.bias) == 1 else interpolate(self.bias, setting)
        return [
            sum(w * v for w, v in zip(row, x, strict=True)) + b
            for row, b in zip(self.weight, bias, strict=True)
        ]

    def hidden(self, x: Row, setting: int) -> Row:
        """Sums, rounded right shift, clipped to 0..127."""
        return [
            min(127, max(0, (s + (1 << (n - 1))) >> n))
            for s, n in zip(self.sums(x, setting), self.shift, strict=True)
        ]


@dataclass
class Model:
    """What the decoder needs of a model file (`read_model` makes one)."""

    groups: Row
    coarse: int
    signed_groups: int
    hyper: int
    hidden: int
    fine_hidden: int
    hs: Layer
    lift: tuple[Layer, Layer]
    nets: dict[str, tuple[Layer, Layer, Layer]]
    base: Matrix
    hyper_base: Matrix
    feature: Row
    tables: Matrix
    one_pass: int = 0
    start: Row = field(default_factory=list)
    centroids: Matrix = field(default_factory=list)
    trellis: int = 0
    spacing: tuple[int, int] = (16, 16)

    @cached_property
    def left(self) -> Matrix:
        """The tables as cumulative probabilities."""
        return [cumulative(counts) for counts in self.tables]


def read_model(config: dict[str, Any], tensors: dict[str, Any]) -> Model:
    """Model from `config["model"]` and the `int.*` tensors as nested lists."""
    t = {k[4:]: v for k, v in tensors.items() if k.startswith("int.")}

    def layer(name: str) -> Layer:
        return Layer(t[f"{name}.weight"], t[f"{name}.shift"], t[f"{name}.bias"])

    def net(name: str) -> tuple[Layer, Layer, Layer]:
        return layer(f"{name}.fc1"), layer(f"{name}.fc2"), layer(f"{name}.out")

    names = ["far", "diagonal", *(f"groups.{g}" for g in range(len(config["groups"])))]
    tables, at = [], 0
    for size in t["table_sizes"]:
        tables.append(t["tables"][at : at + size])
        at += size
    return Model(
        groups=config["groups"],
        coarse=config["coarse"],
        signed_groups=config["signed_groups"],
        hyper=config["hyper"],
        hidden=config["hidden"],
        fine_hidden=config["fine_hidden"],
        hs=layer("hs"),
        lift=(layer("lift1"), layer("lift2")),
        nets={name: net(name) for name in names},
        base=t["base"],
        hyper_base=t["hyper_base"],
        feature=t["feature"],
        tables=tables,
        one_pass=config.get("one_pass", 0),
        start=config.get("start", []),
        centroids=t["centroids"] if config.get("centroids") else [],
        trellis=config.get("trellis", 0),
        spacing=tuple(config.get("spacing", (16, 16))),
    )
