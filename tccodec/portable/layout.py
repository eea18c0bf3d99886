"""The tensors that decoding needs, and the check that a model has exactly these.

`tccodec.model.weights` gets the same from the networks of torch, which are not here. Whatever
passes the check has a shape and a type for every operation that follows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from tccodec.config import ModelConfig
from tccodec.entropy.limits import CENTROID_LIMIT, CENTROIDS, FEATURE_SIZE, MAX_SHIFT, MIN_SHIFT
from tccodec.entropy.tables import SCALES, check_tables, table_count
from tccodec.transform.reference import CELL, Tensors

Shape = tuple[int, ...]
Layout = dict[str, tuple[str, Shape | None]]  # numpy's dtype, shape; None for any in one row

SIDE = 16  # pixels per side of a block of the linear part


def layout(cfg: ModelConfig) -> Layout:
    """Names, dtypes and shapes of the tensors `int.*` and `tcae.*` that decoding needs."""
    knots, a = cfg.knots, sum(cfg.groups[: cfg.coarse])
    out: Layout = {
        "tcae.log_step": ("float32", (knots, cfg.channels)),
        "tcae.std": ("float32", (cfg.channels,)),
        "tcae.shortcut.basis": ("float16", (cfg.latents // 4, 3 * SIDE**2)),
        "tcae.shortcut.merge": ("float16", (a, a)),
        "int.base": ("int32", (knots, cfg.channels)),
        "int.hyper_base": ("int32", (knots, cfg.hyper)),
        "int.feature": ("int8", (FEATURE_SIZE,)),
        "int.tables": ("int32", None),
        "int.table_sizes": ("int32", (table_count(cfg.trellis),)),
    }
    if cfg.centroids:
        out["int.centroids"] = "int8", (CENTROIDS, SCALES)
    out |= {f"tcae.decoder.{name}": ("float16", shape) for name, shape in _decoder_shapes(cfg)}
    for name, inputs, outputs, rows in _integer_layers(cfg):
        out[f"int.{name}.weight"] = "int8", (outputs, inputs)
        out[f"int.{name}.shift"] = "uint8", (outputs,)
        out[f"int.{name}.bias"] = "int32", (rows, outputs)
    return out


def _integer_layers(cfg: ModelConfig) -> Iterator[tuple[str, int, int, int]]:
    """Name, inputs, outputs and rows of biases of each layer of the entropy model."""
    knots = cfg.knots
    features = [n * (2 if g < cfg.signed_groups else 1) for g, n in enumerate(cfg.sizes)]
    yield "hs", 9 * cfg.hyper, 4 * cfg.hidden, knots
    yield "lift1", cfg.hidden + 9 * sum(features[: cfg.coarse]), cfg.hidden, knots
    yield "lift2", cfg.hidden, 4 * cfg.fine_hidden, 1
    nets = [*((f"groups.{g}", g) for g in range(len(cfg.groups))), ("far", 0), ("diagonal", 0)]
    for name, g in nets:
        fine = g >= cfg.coarse
        before = features[cfg.coarse if fine else 0 : g]
        one = bool(cfg.one_pass) and g >= cfg.one_pass
        inputs = width = cfg.fine_hidden if fine else cfg.hidden
        inputs += sum(before) + (1 if one else 4) * (before[-1] if before else 0)
        inputs += 0 if one else (4 if g else 8) * features[g]
        yield f"{name}.fc1", inputs, width, knots
        yield f"{name}.fc2", width, width, 1
        yield f"{name}.out", width, 2 * cfg.sizes[g], 1


def _decoder_shapes(cfg: ModelConfig) -> Iterator[tuple[str, Shape]]:
    """Name and shape of each tensor `tcae.decoder.*`, without that prefix."""
    d1, d2, p, stage = cfg.dim1, cfg.dim2, cfg.patch, cfg.stage_patch
    a = sum(cfg.groups[: cfg.coarse])
    yield from _linear("coarse1", a, cfg.bottleneck)
    yield from _linear("coarse2", cfg.bottleneck, 4 * cfg.bottleneck)
    yield from _linear("fine1", cfg.channels - a, cfg.bottleneck)
    yield from _linear("fine2", cfg.bottleneck, (SIDE // stage) ** 2 * d2)
    yield from _blocks("blocks2", cfg, d2, cfg.dec_blocks2)
    if cfg.renderer:
        r, cells = cfg.renderer, (stage // CELL) ** 2
        yield from _linear("renderer.embed", 3 * CELL**2, r)
        yield from _linear("renderer.modulate", d2, 2 * cells * r)
        yield from _near("renderer.dw", r, cfg.dw_kernel)
        yield from _linear("renderer.fc1", r, 2 * cfg.renderer_hidden)
        yield from _linear("renderer.fc2", cfg.renderer_hidden, r)
        yield from _linear("renderer.out", r, 3 * CELL**2)
        yield from _linear("small", d2, 3 * cells)
        return
    yield from _linear("split", d2, 4 * d1 if cfg.staged else d1)
    yield from _linear("embed", 3 * p * p, d1)
    yield from _blocks("blocks1", cfg, d1, cfg.dec_blocks1)
    if cfg.blend:
        yield from _near("blend.dw", d1, cfg.blend)
    yield from _linear("out", d1, 3 * p * p)


def _blocks(name: str, cfg: ModelConfig, dim: int, count: int) -> Iterator[tuple[str, Shape]]:
    attending = cfg.attending(count, cfg.dec_attention)
    width = cfg.mlp_ratio * dim
    for i in range(count):
        block = f"{name}.{i}"
        yield from _near(f"{block}.dw", dim, cfg.dw_kernel)
        if i in attending:
            yield f"{block}.norm1.table", (cfg.knots, 2 * dim)
            yield f"{block}.attn.bias", (dim // cfg.head_dim, (2 * cfg.window - 1) ** 2)
            yield from _linear(f"{block}.attn.qkv", dim, 3 * dim)
            yield from _linear(f"{block}.attn.proj", dim, dim)
        yield f"{block}.norm2.table", (cfg.knots, 2 * dim)
        yield from _linear(f"{block}.fc1", dim, 2 * width if cfg.gated else width)
        yield from _linear(f"{block}.fc2", width, dim)


def _linear(name: str, inputs: int, outputs: int) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.weight", (outputs, inputs)
    yield f"{name}.bias", (outputs,)


def _near(name: str, dim: int, kernel: int) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.weight", (dim, 1, kernel, kernel)
    yield f"{name}.bias", (dim,)


def check(cfg: ModelConfig, tensors: Tensors) -> None:
    """Refuse tensors that decoding cannot use (`ValueError`, `BadModel` for their tables)."""
    _check_shapes(layout(cfg), tensors)
    if cfg.centroids and np.abs(tensors["int.centroids"].astype(int)).max() > CENTROID_LIMIT:
        raise ValueError(f"int.centroids holds values outside -{CENTROID_LIMIT}..{CENTROID_LIMIT}")
    sizes = tensors["int.table_sizes"].tolist()
    check_tables(tensors["int.tables"], sizes, trellis=cfg.trellis)
    for name, values in tensors.items():
        if name.endswith(".shift") and not (MIN_SHIFT <= values.min() <= values.max() <= MAX_SHIFT):
            raise ValueError(f"the tensor {name} holds shifts outside {MIN_SHIFT}..{MAX_SHIFT}")
    _check_finite(tensors)


def check_realism(cfg: ModelConfig, tensors: Tensors) -> None:
    """Refuse second values that the decoder cannot take (`ValueError`)."""
    every = {name: ("float16", shape) for name, shape in _decoder_shapes(cfg)}
    for name in tensors:
        if name not in every or name.startswith(("coarse", "fine")):
            raise ValueError(f"the tensor {name[:80]!r} is not one of this model's")
    _check_shapes({name: every[name] for name in tensors}, tensors)
    _check_finite(tensors)


def _check_shapes(wanted: Mapping[str, tuple[str, Shape | None]], tensors: Tensors) -> None:
    for name, (dtype, shape) in wanted.items():
        if name not in tensors:
            raise ValueError(f"the tensor {name} is missing")
        values = tensors[name]
        if values.dtype != dtype:
            raise ValueError(f"the tensor {name} is {values.dtype}, not {dtype}")
        if values.shape != shape if shape is not None else values.ndim != 1:
            raise ValueError(f"the tensor {name} has shape {list(values.shape)}, not the model's")


def _check_finite(tensors: Tensors) -> None:
    """Refuse NaN and infinite numbers (`ValueError`)."""
    for name, values in tensors.items():
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise ValueError(f"the tensor {name} holds numbers that are not finite")
