"""Trellis-coded quantisation: the states, the search, and the code of chains."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from tccodec.entropy import reference
from tccodec.entropy.choice import SymbolChoice, Weights
from tccodec.entropy.coder import SymbolCoder
from tccodec.entropy.points import Points
from tccodec.entropy.reference_model import Model
from tccodec.entropy.tables import SCALES, logistic_tables, table_count
from tccodec.entropy.trellis import BLOCKS, TRELLIS, Candidates, chain_count, cheapest_paths
from tccodec.errors import BadFile

FIRST, SPACING = 12, (20, 24)
Ints = NDArray[np.int32]


@pytest.fixture(scope="module")
def coder() -> SymbolCoder:
    return SymbolCoder(logistic_tables(FIRST, SPACING), trellis=FIRST)


@pytest.fixture(scope="module")
def choice(coder: SymbolCoder) -> SymbolChoice:
    return SymbolChoice(coder.tables, Points(trellis=FIRST, spacing=SPACING))


def residuals(n: int, low: int, high: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Residuals as their tables expect them, and table indices."""
    generator = np.random.default_rng(n)
    index = generator.integers(low, high, n).astype(np.uint8)
    scale = 0.05 * (256 / 0.05) ** (index / 63)
    return generator.logistic(0, scale).astype(np.float32), index


def weighing(value: float) -> Weights:
    return lambda at: np.full(len(at), value, np.float32)


def test_every_state_has_two_ways_in_and_two_out() -> None:
    pairs = TRELLIS.next.reshape(TRELLIS.states, 2)
    assert (pairs[:, 0] != pairs[:, 1]).all()
    assert (np.bincount(TRELLIS.next, minlength=TRELLIS.states) == 2).all()


@pytest.mark.parametrize("n", [1, 2, 5])
def test_the_cheapest_path_is_that_of_all_paths(n: int) -> None:
    """One chain, so from state 0; every path is tried."""
    generator = np.random.default_rng(n)
    for _ in range(20):
        cost = generator.random((4, n)).astype(np.float32)
        magnitude = 2 * generator.integers(0, 5, (4, n)).astype(np.int32) + [[0], [1], [0], [1]]
        best: tuple[float, list[int]] = (np.inf, [])
        for parities in itertools.product((0, 1), repeat=n):
            state, total, rows = 0, 0.0, []
            for i, parity in enumerate(parities):
                rows.append(2 * int(state >= TRELLIS.states // 2) + parity)
                total += cost[rows[-1], i]
                state = TRELLIS.next[2 * state + parity]
            best = min(best, (total, rows))
        symbols, quantisers = cheapest_paths(Candidates(magnitude.astype(np.int32), cost))
        want = best[1]
        assert symbols.tolist() == [magnitude[row, i] for i, row in enumerate(want)]
        assert quantisers.tolist() == [row >> 1 for row in want]


@pytest.mark.parametrize("n", [1, 63, 64, 65, 129, 1000])
@pytest.mark.parametrize("weight", [None, 0.01, 1.0, 30.0])
def test_what_is_chosen_decodes(
    coder: SymbolCoder, choice: SymbolChoice, n: int, weight: float | None
) -> None:
    r, index = residuals(n, 0, SCALES)
    symbols, tables = choice.choose(r, index, weighing(weight) if weight else None)
    code = coder.encode([(symbols, tables)])
    decoder = coder.decoder(code)
    back, back_tables = decoder.decode_chains(index)
    decoder.finish()
    assert (back == symbols).all() and (back_tables == tables).all()
    twin = twin_of(coder, code)
    assert twin.symbols(index.tolist(), FIRST) == (symbols.tolist(), tables.tolist())
    assert twin.ans.exhausted


def twin_of(coder: SymbolCoder, code: bytes) -> reference.TileDecoder:
    model = Model([1], 1, 0, 1, 1, 1, None, None, {}, [], [], [], [])  # type: ignore[arg-type]
    model.tables = [c.tolist() for c in coder.tables.counts]
    return reference.TileDecoder(model, b"\1" + code, 0, h=1, w=1)


def test_escapes_decode(coder: SymbolCoder, choice: SymbolChoice) -> None:
    r, index = residuals(300, FIRST, 30)
    r[::7] *= 50
    r[5] = 1e9
    symbols, tables = choice.choose(r, index, weighing(3.0))
    assert (np.abs(symbols) > choice.radii[tables]).sum() > 30
    back, _ = coder.decoder(coder.encode([(symbols, tables)])).decode_chains(index)
    assert (back == symbols).all()


def test_the_error_is_below_that_of_one_quantiser(choice: SymbolChoice) -> None:
    """By 1.2 decibels at equal spacing; Marcellin and Fischer found 1.1 for eight states."""
    r, index = residuals(64 * 200, 45, 55)
    symbols, tables = choice.choose(r, index, None)
    error = (choice.points.of(symbols, tables) / 16 - r) ** 2
    uniform = (SPACING[1] / 16) ** 2 / 12
    assert 10 * np.log10(uniform / error.mean()) == pytest.approx(1.1, abs=0.15)


def test_prices_are_traded_for_error(choice: SymbolChoice) -> None:
    r, index = residuals(64 * 50, 14, 26)

    def outcome(weights: Weights | None) -> tuple[float, float]:
        symbols, tables = choice.choose(r, index, weights)
        error = (choice.points.of(symbols, tables) / 16 - r) ** 2
        return float(choice.bits(symbols, tables).sum()), float(error.sum())

    bits, error = outcome(None)
    for value in (30.0, 3.0, 0.3):
        fewer, more = outcome(weighing(value))
        assert fewer < bits and more > error
        bits, error = fewer, more


def test_without_a_second_quantiser_the_code_is_that_of_one(coder: SymbolCoder) -> None:
    """The order of coding is then the sorted one."""
    _, index = residuals(500, 0, SCALES)
    symbols = np.where(index >= 2, 1, 0).astype(np.int32)
    back = coder.decoder(coder.encode([(symbols, index)])).decode(index)
    assert (back == symbols).all()


@pytest.mark.parametrize("n", [0, 1, BLOCKS, BLOCKS + 1, 10 * BLOCKS])
def test_chains_are_as_few_as_can_be(n: int) -> None:
    count = chain_count(n)
    assert count * BLOCKS >= n > (count - 1) * BLOCKS or n == count == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda coder, symbols, tables: coder.encode([(symbols + (tables >= FIRST), tables)]),
        lambda coder, symbols, tables: coder.encode([(symbols, tables)]) + b"\1",
        lambda coder, symbols, tables: coder.encode([(symbols, tables)])[:-1],
    ],
)
def test_another_code_gives_other_symbols(
    coder: SymbolCoder,
    choice: SymbolChoice,
    change: Callable[[SymbolCoder, Ints, NDArray[np.uint8]], bytes],
) -> None:
    r, index = residuals(700, 4, 40)
    symbols, tables = choice.choose(r, index, weighing(2.0))
    back = None
    with contextlib.suppress(BadFile):
        back, _ = coder.decoder(change(coder, symbols, tables)).decode_chains(index)
    assert back is None or (back != symbols).any()


def test_second_tables_are_those_of_the_other_points() -> None:
    tables = logistic_tables(FIRST, SPACING)
    assert len(tables.counts) == table_count(FIRST) == 2 * SCALES - FIRST
    first, second = tables.counts[20], tables.counts[20 + SCALES - FIRST]
    r = len(first) // 2 - 1
    assert second[r] < first[r] and second[r + 1] > first[r + 1]  # zero has half the room
