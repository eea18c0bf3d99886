"""Integer entropy path: tables, coder, exactness, agreement with training and with the twin."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tccodec.coding.neural import NeuralCodec
from tccodec.entropy import reference
from tccodec.entropy.choice import MAX_PRICED
from tccodec.entropy.coder import SymbolCoder, escape_bits
from tccodec.entropy.integer_layers import interpolate
from tccodec.entropy.limits import LARGEST_SYMBOL
from tccodec.entropy.order import DIAGONAL, DIRECT, LATTICE
from tccodec.entropy.products import (
    double_matmul,
    float_matmul,
    int_matmul,
)
from tccodec.entropy.rate import logistic_bits, logistic_terms, rdo_quantised
from tccodec.entropy.reference_model import Model, cumulative, read_model
from tccodec.entropy.tables import (
    FIRST_CODED,
    SCALES,
    Tables,
    escape_length,
    fitted_tables,
    logistic_tables,
    to_counts,
)
from tccodec.errors import BadFile, TccodecError
from tccodec.model.folder import read_config, read_tensors
from tccodec.training.export import load_released
from tests.support.models import coded_picture, twin_latents
from tests.support.paths import ROOT
from tests.support.pictures import photo
from tests.support.scales import table_scale

SETTINGS = (0, 130, 500, 777, 1000)
PRODUCTS = (int_matmul, float_matmul, double_matmul)


@pytest.fixture(scope="module")
def codec(tiny_model_dir: Path) -> NeuralCodec:
    return NeuralCodec.load(tiny_model_dir, device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def coder() -> SymbolCoder:
    return SymbolCoder(logistic_tables())


def test_tables_are_complete_and_ordered() -> None:
    tables = logistic_tables()
    tables.check()
    zero = [int(c[r]) for c, r in zip(tables.counts, tables.radius, strict=True)]
    assert zero == sorted(zero, reverse=True)
    assert zero[FIRST_CODED] > 65000
    assert zero[-1] < 200


@given(st.lists(st.floats(0, 1e6), min_size=4, max_size=2002).filter(lambda w: sum(w) > 0))
@hypothesis_settings(max_examples=60, deadline=None)
def test_counts_always_sum_to_two_to_the_sixteen(weights: list[float]) -> None:
    counts = to_counts(np.array(weights))
    assert counts.min() >= 1
    assert counts.sum() == 1 << 16


@pytest.mark.parametrize("damage", ["sum", "zero", "odd", "missing"])
def test_damaged_tables_are_refused(damage: str) -> None:
    counts = [c.copy() for c in logistic_tables().counts]
    if damage == "sum":
        counts[9][3] += 1
    elif damage == "zero":
        counts[9][2] += counts[9][0]
        counts[9][0] = 0
    elif damage == "odd":
        counts[9] = counts[9][:-1]
    else:
        counts.pop()
    with pytest.raises(TccodecError, match="table"):
        SymbolCoder(Tables(tuple(counts)))


def test_fitting_follows_the_data_and_stays_symmetric() -> None:
    tables = logistic_tables()
    seen = [np.zeros(len(c), np.int64) for c in tables.counts]
    seen[30][tables.radius[30]] = 2_000_000
    seen[30][tables.radius[30] + 1] = 1_000_000
    fitted = fitted_tables(seen, tables)
    r = tables.radius[30]
    assert fitted.counts[30][r + 1] == pytest.approx(fitted.counts[30][r - 1], abs=1)
    assert fitted.counts[30][r + 1] > 10000
    # What was never seen keeps its shape, up to rounding twice.
    assert np.abs(fitted.counts[29] - tables.counts[29]).max() <= len(tables.counts[29])


@given(st.data())
@hypothesis_settings(max_examples=60, deadline=None)
def test_symbols_round_trip_with_escapes(coder: SymbolCoder, data: st.DataObject) -> None:
    passes = []
    for _ in range(data.draw(st.integers(1, 4))):
        n = data.draw(st.integers(0, 40))
        index = data.draw(st.lists(st.integers(0, SCALES - 1), min_size=n, max_size=n))
        big = data.draw(st.sampled_from([3, 50, 5000, LARGEST_SYMBOL]))
        symbols = data.draw(st.lists(st.integers(-big, big), min_size=n, max_size=n))
        i = np.array(index, np.uint8)
        s = np.where(i < FIRST_CODED, 0, np.array(symbols, np.int64)).astype(np.int32)
        passes.append((s.reshape(-1), i.reshape(-1)))
    code = coder.encode(passes)
    decoder = coder.decoder(code)
    for s, i in passes:
        assert np.array_equal(decoder.decode(i), s)
    decoder.finish()
    ideal = sum(coder.tables.bits(s, i) for s, i in passes)
    assert 8 * len(code) <= ideal + 40


@given(st.integers(1, 1000), st.integers(1, 65_528))
def test_escape_length_is_that_of_its_bits(radius: int, extra: int) -> None:
    for symbol in (radius + extra, -radius - extra):
        assert len(escape_bits(symbol, radius)) == escape_length(symbol, radius)


def test_what_the_coder_cannot_have_written_is_refused(coder: SymbolCoder) -> None:
    index = np.full(50, 20, np.uint8)
    code = coder.encode([(np.ones(50, np.int32), index)])
    for bad in (code + b"\1", code + b"\1\2\3\4\5\6\7\1", code[:-3]):
        decoder = coder.decoder(bad)
        decoder.decode(index)
        with pytest.raises(BadFile):
            decoder.finish()
    with pytest.raises(BadFile, match="zero byte"):
        coder.decoder(code + b"\0")


def test_autocast_around_the_codec_changes_nothing(codec: NeuralCodec) -> None:
    coded = codec.encode(photo(150, 213), 500)
    plain = codec.decode_latents(coded)
    want = int_matmul(*_pair())
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(codec.decode_latents(coded), plain)
        for product in PRODUCTS:
            assert torch.equal(product(*_pair()), want)
    torch.set_float32_matmul_precision(before)


def _pair() -> tuple[torch.Tensor, torch.Tensor]:
    i = torch.arange(17 * 2048)
    return ((i * 31 % 255 - 127).to(torch.int8).view(17, -1),) * 2


def test_any_product_decodes_what_another_encoded(
    codec: NeuralCodec, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for product in PRODUCTS:
        monkeypatch.setattr(codec.entropy.networks, "matmul", product)
        coded = codec.encode(photo(150, 213), 640)
        found.append((coded.payloads, codec.decode_latents(coded)))
    for payloads, latents in found[1:]:
        assert payloads == found[0][0]
        assert torch.equal(latents, found[0][1])


def test_interpolation_is_exact_at_knots_and_rounds_to_the_nearest() -> None:
    table = torch.tensor([[0, -7], [10, 5], [-3, 100]], dtype=torch.int32)
    assert interpolate(table, 0).tolist() == [0, -7]
    assert interpolate(table, 500).tolist() == [10, 5]
    assert interpolate(table, 1000).tolist() == [-3, 100]
    want = [math.floor((a * 300 + b * 200 + 250) / 500) for a, b in ((0, 10), (-7, 5))]
    assert interpolate(table, 200).tolist() == want
    assert reference.interpolate(table.tolist(), 200) == want


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 3), (5, 7), (16, 16)])
def test_the_lattice_visits_every_site_once(size: tuple[int, int]) -> None:
    visited = [site for sites in LATTICE for site in sites.sites(*size)]
    assert sorted(visited) == list(range(size[0] * size[1]))


def test_the_lattice_leaves_few_sites_without_neighbours() -> None:
    known = torch.zeros(1, 16, 16, 1)
    seen = []
    for sites in LATTICE:
        inside = torch.zeros(1, 16, 16, 1)
        inside[:, 2:14, 2:14] = 1
        inner = sites.gather(inside)[0, :, 0] > 0
        count = sites.gather(known, DIRECT + DIAGONAL)[0, inner].sum(1)
        seen.append(count.unique().tolist())
        known = sites.scatter(known, torch.ones(1, len(sites.sites(16, 16)), 1))
    assert seen == [[0], [4], [4], [4], [4]]
    assert known.all() and len(LATTICE[0].sites(16, 16)) == 16


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_readable_twin_decodes_the_same_symbols(
    codec: NeuralCodec, tiny_model_dir: Path, setting: int
) -> None:
    tensors = {k: v.tolist() for k, v in read_tensors(tiny_model_dir).items() if k[:4] == "int."}
    model = read_model(read_config(tiny_model_dir)["model"], tensors)
    coded = codec.encode(photo(150, 213), setting)
    fast = codec.decode_latents(coded)
    slow = reference.TileDecoder(model, coded.payloads[0], setting, h=5, w=7).decode()
    assert torch.equal(twin_latents(slow, codec.cfg, 5, 7, fast.shape[-1]), fast)


def test_the_twin_reads_escapes(coder: SymbolCoder) -> None:
    index = [12, 40, 12, 63, 3]
    symbols = [65_520, -1234, 0, -65_520, 77]
    code = coder.encode([(np.array(symbols, np.int32), np.array(index, np.uint8))])
    model = Model([1], 1, 0, 1, 1, 1, None, None, {}, [], [], [], [])  # type: ignore[arg-type]
    model.tables = [c.tolist() for c in coder.tables.counts]
    twin = reference.TileDecoder(model, b"\1" + code, 0, h=1, w=1)
    assert twin.symbols(index) == (symbols, index)
    assert twin.ans.exhausted


@pytest.mark.parametrize("setting", SETTINGS)
def test_written_bytes_are_the_ideal_code_length(codec: NeuralCodec, setting: int) -> None:
    v = codec.latents(photo(150, 213), setting)
    payloads, passes = codec.encode_latents(v, setting)
    ideal = sum(codec.entropy.coder.tables.bits(*p) for p in passes[0])
    assert ideal / 8 <= len(payloads[0]) <= 1.01 * ideal / 8 + 6


def test_released_integers_are_the_training_model(tiny_model_dir: Path) -> None:
    """Export, import, export: the same integers, hence the same model id."""
    from tccodec.entropy.tables import logistic_tables
    from tccodec.model.folder import model_id
    from tccodec.training.export import model_tensors

    tensors = read_tensors(tiny_model_dir)
    config = read_config(tiny_model_dir)
    model = load_released(tiny_model_config(config), tensors)
    again = model_tensors(model, logistic_tables())
    assert model_id(again, config["model"]).hex() == config["model_id"]


@pytest.mark.parametrize("contrast", [0.03, 0.2, 1.0])
def test_training_sees_the_latents_that_files_bring(
    codec: NeuralCodec, tiny_model_dir: Path, contrast: float
) -> None:
    """Also of pictures so flat that whole groups are absent from the file."""
    tensors, config = read_tensors(tiny_model_dir), read_config(tiny_model_dir)
    model = load_released(tiny_model_config(config), tensors)
    rgb = (128 + contrast * (photo(160, 224).astype(np.float64) - 128)).astype(np.uint8)
    v = codec.latents(rgb, 300)
    payloads, _ = codec.encode_latents(v, 300)
    coded = codec.decode_latents(coded_picture(payloads, (224, 160), setting=300))
    with torch.no_grad():
        _, seen = model.entropy(v[None], model.tcae.knot_weights(torch.tensor([300.0])))
    seen = torch.round(16 * seen[0]).int()
    assert (seen[..., : coded.shape[-1]] == coded).float().mean() > 0.999
    assert not seen[..., coded.shape[-1] :].any()


def tiny_model_config(config: dict):  # type: ignore[no-untyped-def, type-arg]
    from tccodec.config import ModelConfig

    return ModelConfig.from_dict(config["model"])


def test_latents_beyond_the_limits_survive(codec: NeuralCodec) -> None:
    c = codec.cfg.latents
    v = torch.zeros(3, 3, c)
    v[0, 0, 0], v[1, 1, -1], v[2, 2, 5] = 6.0e4, -5.0e4, 1e9
    payloads, _ = codec.encode_latents(v, 900)
    out = codec.decode_latents(coded_picture(payloads, (96, 96), setting=900))
    assert abs(int(out[0, 0, 0]) - 16 * 60_000) <= 8
    assert abs(int(out[1, 1, -1]) + 16 * 50_000) <= 8
    assert int(out[2, 2, 5]) >= 16 * LARGEST_SYMBOL - 33000


def test_a_picture_of_nothing_takes_no_bytes(codec: NeuralCodec) -> None:
    v = torch.zeros(4, 4, codec.cfg.latents)
    payloads, _ = codec.encode_latents(v, 100)
    assert payloads == [b""]
    coded = coded_picture(payloads, (128, 128), setting=100)
    assert codec.decode_latents(coded).shape == (4, 4, 0)


def test_tile_groups_do_not_see_each_other(codec: NeuralCodec) -> None:
    torch.manual_seed(3)
    v = torch.randn(34, 40, codec.cfg.latents) * 3
    payloads, _ = codec.encode_latents(v, 500)
    assert len(payloads) == 4
    alone, _ = codec.encode_latents(v[:32, 32:].contiguous(), 500)
    assert payloads[1] == alone[0]
    whole = codec.decode_latents(coded_picture(payloads, (40 * 32, 34 * 32), setting=500))
    part = codec.decode_latents(coded_picture(alone, (8 * 32, 32 * 32), setting=500))
    assert torch.equal(whole[:32, 32:], part)


@pytest.mark.parametrize("where", ["flip", "cut", "grow", "groups"])
def test_a_damaged_payload_never_passes_silently(codec: NeuralCodec, where: str) -> None:
    """Without the container's checksums: most damage is refused, none crashes."""
    coded = codec.encode(photo(150, 213), 600)
    (payload,), fast = coded.payloads, codec.decode_latents(coded)
    if where == "groups":
        with pytest.raises(BadFile, match="groups"):
            codec.decode_latents(replace(coded, payloads=[b"\xff" + payload[1:]]))
        return
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(12):
        b = bytearray(payload)
        if where == "flip":
            b[int(rng.integers(1, len(b)))] ^= 1 << int(rng.integers(8))
        elif where == "cut":
            del b[int(rng.integers(1, len(b) - 4)) :]
        else:
            b += bytes(rng.integers(1, 256, int(rng.integers(1, 9))).astype(np.uint8))
        try:
            out = codec.decode_latents(replace(coded, payloads=[bytes(b)]))
            assert not torch.equal(out, fast)
        except BadFile:
            refused += 1
    assert refused >= 11


def test_the_vector_in_the_format_document() -> None:
    text = (ROOT / "docs" / "reference" / "format.md").read_text("utf-8")
    found = re.search(
        r"counts \(([\d, ]+)\), symbols ([\d ]+) <-> .*?`([0-9a-f ]{5,})`", text, re.S
    )
    assert found
    counts = [int(c) for c in found[1].split(",")]
    symbols = [int(s) for s in found[2].split()]
    code = bytes.fromhex(found[3])
    twin = reference.Ans(code)
    assert [twin.pop(cumulative(counts)) for _ in symbols] == symbols
    assert twin.exhausted
    constriction = pytest.importorskip("constriction")
    model = constriction.stream.model.Categorical(np.array(counts, np.float64), perfect=False)
    ans = constriction.stream.stack.AnsCoder()
    ans.encode_reverse(np.array(symbols, np.int32), model)
    assert ans.get_compressed().astype("<u4").tobytes().rstrip(b"\0") == code


def test_training_chooses_symbols_as_the_encoder_does(codec: NeuralCodec) -> None:
    """Each choice costs no more than the nearest integer's; both agree but for ties."""
    generator = torch.Generator().manual_seed(4)
    index = torch.randint(0, 50, (4000, 6), generator=generator, dtype=torch.int32)
    r = 3 * table_scale(index.float()) * torch.randn(4000, 6, generator=generator)
    weight = torch.tensor([0.2, 0.5, 1.0, 2.0, 5.0, 20.0])
    chosen = rdo_quantised(r, index, weight=weight, terms=logistic_terms(index))
    codec.entropy.use_tables(logistic_tables())
    coded, _ = codec.entropy.quantise(r, index.to(torch.uint8), weight=weight)
    nearest = torch.where(index < FIRST_CODED, 0.0, torch.round(r))
    priced = nearest.abs() <= MAX_PRICED
    assert (chosen == coded)[priced].float().mean() > 0.995
    assert 0.02 < (chosen != nearest).float().mean() < 0.5

    def cost(s: torch.Tensor) -> torch.Tensor:
        return logistic_bits(s, logistic_terms(index)) + weight * (r - s).square()

    assert (cost(chosen) <= cost(nearest) + 1e-4).all()
