"""Every rule of the format page is kept, by the fast decoder and by the readable one."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tccodec import Codec, TccodecError
from tccodec.coding import reference
from tccodec.container import read
from tccodec.picture.av1 import available
from tests.attacks import rules, seeds
from tests.attacks.seal import seal
from tests.support.paths import ROOT

PAGE = (ROOT / "docs/reference/format.md").read_text("utf-8")
RULES = {rule.quote: rule for rule in rules.rules()}

# How the page words a rule.
WORDS = re.compile(
    r"\b(must|refuse[sd]?|at most|at least|never|exactly|nothing|none|no others?|one form"
    r"|not beside|not 0|ascend|are empty|may be empty|only if|says so|lossless|UTF-8|\w+ to \d+)\b",
    re.IGNORECASE,
)
# Sentences with such words that say no rule for files, by their beginnings.
NO_RULES = (
    "| header | 13 to 19",
    "But if o is not 0",
    "If o is not 0",
    "a reader refuses a later one",  # of a model's format: `test_a_model_of_a_later_format`
    "and `previous` is",
    "The length of the *last*",
    "Its pixels in other blocks",
    "Each count is at least 1",  # of a model: tests/model/test_bad_models.py
    "K is 2 to 101, and K-1 divides 1000",  # of a model: tests/model/test_bad_models.py
    "Otherwise T is 0 or 2 to 63",  # of a model: tests/model/test_bad_models.py
    "**Tables of counts.** `int.tables` holds 64 tables",
    "**Chains.** If T is not 0",
    "If T is not 0",
    "The number is the first byte",
    "nothing if there is no such group",
    "With c =",
    "| 2 | a lossless WebP",
    "Then come the head",
    "| 22 | preview",  # decoders do not look at it: tests/picture/test_preview.py
    "**Preview** is AV1",
)


def sentences() -> list[str]:
    """The sentences, and rows of tables, of the sections on files and on payloads."""
    text = PAGE[PAGE.index("## 1. ") : PAGE.index("## 6. ")]
    text += PAGE[PAGE.index("## 7. ") : PAGE.index("## 9. ")]
    out: list[str] = []
    for block in re.split(r"\n\n+|\n(?=\| )|\n(?=- )", re.sub(r"(?m)^    .*$", "", text)):
        block = " ".join(block.split())
        out += [block] if block.startswith("|") else re.split(r"(?<=[.;:]) ", block)
    return out


def test_every_quotation_is_on_the_page() -> None:
    page = " ".join(PAGE.split())
    for quote in RULES:
        assert quote in page, quote


def test_every_rule_of_the_page_is_in_the_table() -> None:
    """Each sentence that sounds like a rule is quoted, or quotes a part of one, or is no rule."""
    missing = [
        s
        for s in sentences()
        if WORDS.search(s)
        and not any(q in s or s.rstrip(".;:") in q for q in RULES)
        and not s.startswith(NO_RULES)
    ]
    assert not missing, "\n".join(missing)


def test_no_exception_to_the_table_is_left_over() -> None:
    for start in NO_RULES:
        assert any(s.startswith(start) for s in sentences()), start


def fast(data: bytes, model: str) -> bool:
    """Whether the fast decoder refuses a file, before it gives a pixel."""
    try:
        seeds.codec(model).verify(data)
    except TccodecError:
        with pytest.raises(TccodecError):
            seeds.codec(model).decompress(data)
        return True
    return False


def readable(data: bytes, model: str) -> bool:
    """Whether the readable decoder refuses it."""
    try:
        reference.decode(data, seeds.model_folder(model))
    except (TccodecError, ValueError):
        return True
    return False


@pytest.mark.parametrize("quote", RULES)
def test_what_breaks_a_rule_is_refused(quote: str) -> None:
    if "OBUs" in quote and not available():
        pytest.skip("this Pillow has no AVIF")
    for name, data in RULES[quote].broken().items():
        model = rules.model_of(data)
        assert fast(data, model), f"the fast decoder takes {name}"
        assert readable(data, model), f"the readable decoder takes {name}"


def test_their_neighbours_that_break_none_are_decoded() -> None:
    for data in rules.neighbours():
        read(data)
        assert not fast(data, rules.model_of(data)) and not readable(data, rules.model_of(data))


def test_a_model_of_a_later_format_is_refused(tmp_path: Path) -> None:
    folder = shutil.copytree(seeds.model_folder("tiny"), tmp_path / "later")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"format": 2}), "utf-8")
    with pytest.raises(TccodecError, match="format 2"):
        Codec.from_pretrained(folder, device="cpu")
    with pytest.raises(ValueError, match="format 2"):
        reference.decode(seal(rules.bare()), folder)
