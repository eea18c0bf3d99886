"""Layers of the entropy model in integers, as a decoder runs them."""

from __future__ import annotations

import torch
from torch import Tensor

from tccodec.container import MAX_SETTING, Setting
from tccodec.errors import BadModel


def interpolate(table: Tensor, setting: Setting) -> Tensor:
    """Integer rows at the knots `(knots, n)` -> the row at `setting`, rounded to the nearest."""
    span = MAX_SETTING // (table.shape[0] - 1)
    k = min(setting // span, table.shape[0] - 2)
    f = setting - k * span
    mixed = table[k].long() * (span - f) + table[k + 1].long() * f + span // 2
    return torch.div(mixed, span, rounding_mode="floor").int()


class Layer:
    """A layer in integers: `(weight @ inputs + bias) >> shift`, rounded.

    A hidden layer gives activations in sixteenths. The first half of an output layer's rows gives
    means in sixteenths of a step, the second half table indices in sixteenths of a table.
    """

    def __init__(
        self,
        tensors: dict[str, Tensor],
        name: str,
        *,
        inputs: int,
        outputs: int,
        index_bits: int = 0,
    ) -> None:
        """`index_bits`: of an output layer, by how many bits less it shifts table indices."""
        self.weight = tensors[f"{name}.weight"].contiguous()
        if self.weight.shape != (outputs, inputs) or self.weight.dtype != torch.int8:
            raise BadModel(f"tensor {name} does not fit the model's config")
        self._leading_columns = {inputs: self.weight}
        self.shift = tensors[f"{name}.shift"].int()
        self.shift[outputs // 2 :] -= index_bits
        self._bias = tensors[f"{name}.bias"]
        self._half = torch.ones_like(self.shift) << (self.shift - 1)
        self._cached_bias: tuple[int, Tensor] = (-1, self._half)

    def weight_for(self, inputs: int) -> Tensor:
        """The weights of the first `inputs` inputs, int8 `(out, inputs)`; the others are zero."""
        if inputs not in self._leading_columns:
            self._leading_columns[inputs] = self.weight[:, :inputs].contiguous()
        return self._leading_columns[inputs]

    def bias(self, setting: Setting) -> Tensor:
        """The biases at `setting`, plus half a unit for rounding."""
        cached = self._cached_bias  # another thread may be at another setting
        if cached[0] != setting:
            rows = self._bias
            bias = rows[0] if len(rows) == 1 else interpolate(rows, setting)
            self._cached_bias = cached = setting, bias + self._half
        return cached[1]
