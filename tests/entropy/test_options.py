"""Shapes that the released model does not have: groups coded in one pass, symbols that stand for
centroids, groups that start at a setting, more groups than a byte names."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor

from tccodec.config import ModelConfig
from tccodec.entropy import reference
from tccodec.entropy.context import CheckerboardContext, RasterContext
from tccodec.entropy.convert import export_entropy, import_entropy
from tccodec.entropy.groups import may_be_present
from tccodec.entropy.halves import join_checkerboard, neighbours_of, split_checkerboard
from tccodec.entropy.integer import IntegerEntropy
from tccodec.entropy.networks import EntropyModel, neighbour_mean
from tccodec.entropy.order import direct_neighbours
from tccodec.entropy.rate import (
    logistic_bits,
    logistic_terms,
    quantised_centroids,
    rdo_quantised,
)
from tccodec.entropy.reference_model import Model, read_model
from tccodec.entropy.tables import FIRST_CODED, SCALES, Tables, logistic_tables
from tccodec.errors import BadFile, TccodecError
from tccodec.transform.layout import shuffle, unshuffle
from tests.support.models import twin_latents
from tests.support.scales import table_scale

SMALL = ModelConfig(groups=(8, 4, 16, 16, 32, 16), hyper=4, hidden=16, fine_hidden=12)
MANY = dataclasses.replace(
    SMALL,
    groups=(8, 4, 16, 16, 32, 16, 12, 8, 20, 16),
    signed_groups=1,
    one_pass=4,
    centroids=True,
    start=(0, 0, 0, 0, 0, 50, 150, 250, 350, 1000),
)
CONFIGS = {
    "one byte": dataclasses.replace(SMALL, one_pass=4, signed_groups=6),
    "one pass from the second fine group": dataclasses.replace(SMALL, one_pass=3, centroids=True),
    "no group in one pass": dataclasses.replace(MANY, one_pass=0),
    "like the next model": MANY,
    "two quantisers": dataclasses.replace(SMALL, trellis=10, spacing=(20, 24)),
    "two quantisers in one pass": dataclasses.replace(
        MANY, centroids=False, trellis=2, spacing=(16, 18)
    ),
}
SETTINGS = (0, 49, 50, 500, 1000)
SIZES = ((1, 1), (1, 4), (3, 2), (5, 3))


def tables_of(cfg: ModelConfig) -> Tables:
    return logistic_tables(cfg.trellis, cfg.spacing)


def trained(cfg: ModelConfig) -> EntropyModel:
    """Networks whose means, tables and centroids are all over the place, on their grids."""
    cfg.check()
    torch.manual_seed(len(cfg.groups))
    model = EntropyModel(cfg).eval().requires_grad_(False)
    for name, p in model.named_parameters():
        if name.endswith("out.weight"):
            p.copy_(0.1 * torch.randn_like(p))
        elif name.endswith("base"):
            p.copy_(22 + 8 * torch.randn_like(p))
        elif name.endswith(".bias"):
            p.copy_(0.2 * torch.randn_like(p))
        elif name == "centroids":
            p.copy_(0.4 * torch.randn_like(p))
    import_entropy(model, export_entropy(model, tables_of(cfg)))
    return model


@pytest.fixture(scope="module", params=CONFIGS)
def cfg(request: pytest.FixtureRequest) -> ModelConfig:
    return CONFIGS[request.param]


@pytest.fixture(scope="module")
def model(cfg: ModelConfig) -> EntropyModel:
    return trained(cfg)


def integers(model: EntropyModel) -> IntegerEntropy:
    return IntegerEntropy(model.cfg, export_entropy(model, tables_of(model.cfg)))


@pytest.fixture(scope="module")
def coder(model: EntropyModel) -> IntegerEntropy:
    return integers(model)


def twin(model: EntropyModel) -> Model:
    tensors = export_entropy(model, tables_of(model.cfg))
    return read_model(model.cfg.to_dict(), {f"int.{k}": v.tolist() for k, v in tensors.items()})


def latents(cfg: ModelConfig, h: int, w: int, subset: int, seed: int = 0) -> Tensor:
    """Latents in steps `(h, w, C)` with content in the groups of `subset` alone."""
    generator = torch.Generator().manual_seed(seed)
    parts = [
        3 * torch.randn(h, w, n, generator=generator) * (subset >> g & 1)
        for g, n in enumerate(cfg.groups)
    ]
    return torch.cat(parts, -1)


def knot_weights(cfg: ModelConfig, *settings: float) -> Tensor:
    q = torch.tensor(settings)[:, None] * ((cfg.knots - 1) / 1000)
    return (1 - (q - torch.arange(cfg.knots)).abs()).clamp_min(0)


def encoded(model: EntropyModel, coder: IntegerEntropy, v: Tensor, setting: int) -> bytes:
    with torch.no_grad():
        z = model.ha(v[None], knot_weights(model.cfg, setting))[0]
    return coder.encode(v, z, setting)[0]


def subsets(cfg: ModelConfig) -> list[int]:
    """Everything, nothing, each group alone, each missing, the odd and the even ones."""
    count = len(cfg.groups)
    every = (1 << count) - 1
    single = [1 << g for g in range(count)]
    return [every, 0, *single, *(every ^ s for s in single), every // 3, every - every // 3]


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_twin_decodes_the_same_latents(
    cfg: ModelConfig, model: EntropyModel, coder: IntegerEntropy, setting: int
) -> None:
    slow = twin(model)
    every = (1 << len(cfg.groups)) - 1
    allowed = may_be_present(cfg, setting)
    cases = [(every, size) for size in SIZES]
    if setting == 1000:
        cases += [(subset, (2, 3)) for subset in subsets(cfg)]
    for subset, (h, w) in cases:
        payload = encoded(model, coder, latents(cfg, h, w, subset, h * w), setting)
        present = coder.present(payload)[0]
        assert present == subset & allowed
        fast = coder.decode(payload, setting, h=h, w=w)
        found = [bool(t.any()) for t in fast]
        assert found == [bool(present >> g & 1) for g in range(len(cfg.groups))]
        joint = torch.cat(fast, -1).view(h, w, -1)
        rows = reference.TileDecoder(slow, payload, setting, h=h, w=w).decode()
        assert torch.equal(twin_latents(rows, cfg, h, w, joint.shape[-1]), joint)
        for n in range(1, len(cfg.groups)):  # as a reduced picture asks for
            some = coder.decode(payload, setting, h=h, w=w, groups=n)
            assert len(some) == n and all(map(torch.equal, some, fast))


@pytest.mark.parametrize("setting", SETTINGS)
def test_training_sees_the_latents_that_files_bring(
    cfg: ModelConfig, model: EntropyModel, coder: IntegerEntropy, setting: int
) -> None:
    same, count, error = 0, 0, np.zeros(2)
    for seed, (h, w) in enumerate(SIZES):
        v = latents(cfg, h, w, (1 << len(cfg.groups)) - 1, seed)
        payload = encoded(model, coder, v, setting)
        brought = torch.cat(coder.decode(payload, setting, h=h, w=w), -1).view(h, w, -1)
        with torch.no_grad():
            bits, seen = model(v[None], knot_weights(cfg, setting))
        same += int((torch.round(16 * seen[0]).int() == brought).sum())
        count += brought.numel()
        error += np.array([float((u - v).square().sum()) for u in (seen[0], brought / 16)])
        absent = [not present for present in bits[0, :-1]]
        assert absent == [not t.any() for t in coder.decode(payload, setting, h=h, w=w)]
    if cfg.trellis:  # the orders of sites differ, and so do the chains
        assert error[0] == pytest.approx(error[1], rel=0.05)
        return
    # Between the knots, the integers round interpolated rows once more.
    assert same == count if setting % 125 == 0 else same > 0.95 * count


def test_only_the_crops_that_have_a_group_pay_for_it(cfg: ModelConfig, model: EntropyModel) -> None:
    """A batch sorted by falling setting gives what its crops give one by one."""
    settings = (900.0, 400.0, 100.0, 20.0)
    every = (1 << len(cfg.groups)) - 1
    v = torch.stack([latents(cfg, 3, 4, every, seed) for seed in range(4)])
    counts = tuple(
        sum(may_be_present(cfg, int(q)) >> g & 1 for q in settings) for g in range(len(cfg.groups))
    )
    with torch.no_grad():
        bits, seen = model(v, knot_weights(cfg, *settings), counts=counts)
        whole_batch = model(v, knot_weights(cfg, *settings))
        single = [model(x[None], knot_weights(cfg, q)) for x, q in zip(v, settings, strict=True)]
    alone = [torch.cat(t) for t in zip(*single, strict=True)]
    for b, s in (whole_batch, alone):
        assert torch.allclose(b, bits, rtol=1e-4)
        assert (s == seen).float().mean() > 0.999
    for g, n in enumerate(counts):
        assert bits[:n, g].all() and not bits[n:, g].any()


def test_a_group_of_no_crop_at_all(model: EntropyModel, cfg: ModelConfig) -> None:
    every = (1 << len(cfg.groups)) - 1
    v = latents(cfg, 2, 2, every)[None]
    for first in range(len(cfg.groups)):
        counts = tuple(int(g < first) for g in range(len(cfg.groups)))
        with torch.no_grad():
            bits, seen = model(v, knot_weights(cfg, 900.0), counts=counts)
        assert not seen[..., sum(cfg.groups[:first]) :].any() and not bits[0, first:-1].any()
        assert bool(bits[0, :first].all())


@pytest.mark.slow
@pytest.mark.parametrize("cfg", ["one byte", "like the next model"], indirect=True)
def test_the_model_is_one_graph(cfg: ModelConfig) -> None:
    model = trained(cfg).train().requires_grad_(True)
    compiled = torch.compile(model, fullgraph=True, dynamic=False, backend="eager")
    v = torch.stack([latents(cfg, 2, 2, 15, seed) for seed in range(3)]).requires_grad_()
    counts = (*[3] * 4, *[1] * (len(cfg.groups) - 4))
    weight = torch.rand(3, cfg.latents)
    bits, seen = compiled(v, knot_weights(cfg, 800.0, 500.0, 100.0), weight=weight, counts=counts)
    (bits.sum() + seen.square().sum()).backward()
    assert v.grad is not None and v.grad.isfinite().all()
    used = [n for n, p in model.named_parameters() if p.grad is not None and p.grad.any()]
    assert any("groups.3" in n for n in used) and (not cfg.centroids or "centroids" in used)


@pytest.mark.parametrize("train", [True, False])
def test_gradients_pass_the_rounding_in_training_and_evaluation(
    cfg: ModelConfig, train: bool
) -> None:
    model = trained(cfg).train(train)
    v = latents(cfg, 2, 2, 15, 1)[None].requires_grad_()
    _, seen = model(v, knot_weights(cfg, 800.0))
    first = slice(0, cfg.groups[0])
    (grad,) = torch.autograd.grad(seen[..., first].sum(), v)
    assert torch.allclose(grad[..., first], torch.ones_like(grad[..., first]), atol=1e-5)


def test_both_paths_choose_the_same_symbols(
    cfg: ModelConfig, model: EntropyModel, coder: IntegerEntropy
) -> None:
    generator = torch.Generator().manual_seed(4)
    index = torch.randint(0, 40, (3000, 6), generator=generator)
    terms = logistic_terms(index.float())
    r = 2 * table_scale(index.float()) * torch.randn(3000, 6, generator=generator)
    weight = torch.tensor([0.2, 0.5, 1.0, 2.0, 5.0, 20.0])
    table = None
    if cfg.centroids:
        table = quantised_centroids(model.centroids)
    chosen = rdo_quantised(r, index.float(), weight=weight, terms=terms, centroids=table)
    coded, _ = coder.quantise(r, index.to(torch.uint8), weight=weight)
    if cfg.trellis:
        pytest.skip("neither path rounds symbol by symbol")
    assert (chosen == coded)[chosen.abs() < 20].float().mean() > 0.995
    s = chosen.abs()
    point = s.clone()
    if table is not None:
        point += torch.where(s > 0, table[(s.clamp(1, 3) - 1).long(), index], 0)
    nearest = torch.where(index < FIRST_CODED, 0.0, torch.round(r).abs())
    plain = nearest.clone()
    if table is not None:
        plain += torch.where(nearest > 0, table[(nearest.clamp(1, 3) - 1).long(), index], 0)

    def cost(s: Tensor, point: Tensor) -> Tensor:
        return logistic_bits(s, terms) + weight * (r.abs() - point).square()

    assert (cost(s, point) <= cost(nearest, plain) + 1e-3).all()


def test_bits_are_those_of_a_logistic_distribution() -> None:
    r = torch.linspace(-300, 300, 4001).double()[:, None]
    scale = table_scale(torch.arange(SCALES).double())
    upper, lower = (torch.sigmoid((e - r.abs()) / scale) for e in (0.5, -0.5))
    want = -torch.log2((upper - lower).clamp_min(2.0**-17))
    found = logistic_bits(r.float(), logistic_terms(torch.arange(SCALES).float()))
    assert (found - want).abs().max() < 1e-4


def test_centroids_survive_export(model: EntropyModel, cfg: ModelConfig) -> None:
    tensors = export_entropy(model, tables_of(cfg))
    assert ("centroids" in tensors) == cfg.centroids
    other = EntropyModel(cfg)
    import_entropy(other, tensors)
    again = export_entropy(other, tables_of(cfg))
    assert tensors.keys() == again.keys()
    assert all(torch.equal(tensors[k], again[k]) for k in tensors)
    if cfg.centroids:
        assert tensors["centroids"].dtype == torch.int8 and tensors["centroids"].shape == (3, 64)
        assert int(tensors["centroids"].abs().max()) == 8
        assert quantised_centroids(other.centroids).abs().max() == 0.5
        tensors["centroids"][1, 5] = 9
        with pytest.raises(TccodecError, match="centroids"):
            IntegerEntropy(cfg, tensors)


def test_what_no_encoder_writes_is_refused() -> None:
    model = trained(MANY)
    coder, slow = integers(model), twin(model)
    good = encoded(model, coder, latents(MANY, 1, 1, 0b11), 500)
    assert good[0] == 0b11
    for names, setting in (
        (b"\x83\x00", 500),  # not the shortest form
        (b"\x83\x80\x80\x80\x80\x00", 500),
        (b"\x00", 500),
        (b"\x80\x08", 1000),  # an eleventh group
        (b"\x23", 49),  # a group below its start
        (b"\x80\x04", 999),
        (b"\x83", 500),
    ):
        code = b"" if names == b"\x83" else good[1:]
        with pytest.raises(BadFile):
            coder.decode(names + code, setting, h=1, w=1)
        with pytest.raises(ValueError, match=r"payload|varint"):
            reference.TileDecoder(slow, names + code, setting, h=1, w=1).decode()


def test_groups_beyond_the_eighth_take_a_second_byte() -> None:
    model = trained(MANY)
    coder = integers(model)
    payload = encoded(model, coder, latents(MANY, 2, 2, 0b1000000101), 1000)
    assert payload[:2] == b"\x85\x04" and coder.present(payload) == (0b1000000101, 2)


@pytest.mark.parametrize("size", SIZES)
def test_halves_see_their_neighbours(size: tuple[int, int]) -> None:
    h, w = size
    t = torch.randint(-127, 128, (1, h, w, 4 * 3), dtype=torch.int8)
    halves = split_checkerboard(t)
    assert torch.equal(join_checkerboard(halves), t)
    raster = shuffle(t, 2)
    want = split_checkerboard(unshuffle(direct_neighbours(raster), 2))
    rows = CheckerboardContext(t, 3 + 12)
    for half in (0, 1):
        assert torch.equal(torch.cat(neighbours_of(half, halves[1 - half]), -1), want[half])
        rows.write_neighbours(half, halves[1 - half, 0], column=3)
        assert torch.equal(rows.inputs(half, 15)[:, 3:], want[half].flatten(0, 2))
        assert torch.equal(rows.inputs(half, 3), halves[half].flatten(0, 2))
    sites = RasterContext(rows, 6)
    assert sites.write_neighbour_mean(raster[0]) == 6
    mean = 16 * neighbour_mean(raster.float() / 16)
    assert torch.equal(sites.inputs(6), torch.cat([raster, mean.to(torch.int8)], -1).flatten(0, 2))
