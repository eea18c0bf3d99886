"""A sample of what `python -m tests.attacks exhaustive` does whole."""

from __future__ import annotations

from itertools import islice

import pytest

from tests.attacks.exhaustive import KINDS, accepted, every_splice, flips
from tests.attacks.seeds import golden


@pytest.mark.parametrize("kind", KINDS)
def test_a_sample_is_refused(kind: str) -> None:
    files = golden()
    step = 997 if kind == "every-splice" else 29
    smallest = sorted(files, key=len)[:6]
    cases = islice(KINDS[kind](smallest if kind == "every-splice" else files), 0, None, step)
    count, wrong = accepted(cases, files)
    assert count > 150 and not wrong


def test_the_smallest_golden_file_bit_by_bit_and_with_every_splice_of_itself() -> None:
    smallest = [min(golden(), key=len)]
    for cases in (flips(smallest), every_splice(smallest)):
        count, wrong = accepted(cases, smallest)
        assert count > 8 * len(smallest[0]) - 1 and not wrong
