"""Mutated inputs, in seconds: the same mutators and checks as the long runs."""

from __future__ import annotations

import re
import time
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tccodec.container import read
from tccodec.errors import TccodecError
from tests.attacks import second_reader, seeds
from tests.attacks.run import Findings, attack, is_fault, outcome_of, reduced
from tests.attacks.seal import parse, seal
from tests.attacks.targets import TARGETS, Target, Wrong, files

CORPUS = Path(__file__).parent / "corpus"
# How often each target is tried: about as many as take two seconds.
EXAMPLES = {
    "container": 800, "sections": 400, "tables": 200, "code": 150, "pair": 20, "whole": 60,
    "models": 8, "pictures": 40,
}  # fmt: skip


@pytest.mark.parametrize("name", TARGETS)
def test_inputs_as_they_should_be_are_accepted(name: str) -> None:
    target = TARGETS[name]
    outcomes = [outcome_of(target, data) for data in target.seeds()[:12]]
    assert "accepted" in outcomes and set(outcomes) <= {"accepted", "refused"}
    assert name == "whole" or "refused" not in outcomes


@pytest.mark.parametrize("name", TARGETS)
def test_bent_inputs_are_refused_or_decoded(name: str) -> None:
    target = TARGETS[name]

    @settings(
        max_examples=EXAMPLES[name],
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.randoms(note_method_calls=False, use_true_random=False))
    def bent(rng: Random) -> None:
        outcome = outcome_of(target, target.case(rng))
        assert outcome == "slow" or not is_fault(outcome), outcome

    bent()


def listed() -> list[str]:
    return re.findall(r"^\| `([^`]+)` \| .+ \|$", (CORPUS / "README.md").read_text("utf-8"), re.M)


def test_every_file_of_the_corpus_is_explained() -> None:
    assert listed() == sorted(p.name for p in CORPUS.iterdir() if p.name != "README.md")


@pytest.mark.parametrize("name", listed())
def test_what_once_did_harm_is_refused(name: str) -> None:
    data = (CORPUS / name).read_bytes()
    began = time.process_time()
    for target in (TARGETS[name.partition("-")[0]], *([TARGETS["pair"]] * name.startswith("code"))):
        assert outcome_of(target, data) == "refused"
    assert time.process_time() - began < 1


def test_sealing_what_was_parsed_gives_the_file_back() -> None:
    for data in files():
        assert seal(parse(data)) == data


def test_the_second_reader_reads_what_the_first_one_reads() -> None:
    for data in files():
        found, wanted = read(data), second_reader.read(data)
        assert (found.width, found.height, found.tiles) == (
            wanted.width,
            wanted.height,
            wanted.tiles,
        )
        assert {s.number: s.body for s in found.sections} == wanted.sections


# What a long run makes of targets that do break their promises.


def _falls(data: bytes) -> str:
    if b"!" in data:
        raise KeyError("no TccodecError")
    return "accepted"


def test_a_fault_is_named_and_made_small() -> None:
    target = Target("falls", list, lambda rng, one, other: one, _falls, 1)
    assert outcome_of(target, b"abc") == "accepted"
    fault = outcome_of(target, b"some! text")
    assert fault == "KeyError: test_attacks.py, _falls" and is_fault(fault)
    assert reduced(target, b"some! text", fault) == b"!"


def test_silent_acceptance_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    good = seeds.golden()[0]
    damaged = good[:-1] + bytes([good[-1] ^ 1])
    with pytest.raises(TccodecError):
        read(damaged)
    monkeypatch.setattr("tests.attacks.targets.read", lambda data: read(good))
    with pytest.raises(Wrong, match="against the format page"):
        TARGETS["container"].check(damaged)


@pytest.mark.slow
def test_a_long_run_counts_and_ends(tmp_path: Path) -> None:
    findings = Findings()
    attack("tables", findings, seconds=5, seed=1, start=0, out=tmp_path)
    assert findings.cases > 0 and not findings.faults
    assert set(findings.outcomes) <= {"accepted", "refused"}
