"""Codecs by name: classical peers, tccodec models, `-realism` and `-half` variants, external
commands."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from tccodec.errors import BadExternal, NotAvailable, UnknownCodec
from tccodec.report.codecs.base import HalfPeer, Peer
from tccodec.report.codecs.external import ExternalPeer
from tccodec.report.codecs.external import parse as parse_external
from tccodec.report.codecs.learned import (
    REALISM,
    TccodecPeer,
    default_models,
    find_model,
    model_names,
)
from tccodec.report.codecs.pillow import CLASSICAL

_HALF = "-half"


def default_codecs() -> list[str]:
    """The codecs of a report by default: the default model, and what people use."""
    return [*default_models(), "jpeg", "webp", "avif", "jxl", "heic"]


def find_peer(name: str, externals: Sequence[str] = ()) -> Peer:
    """The codec called `name`. Names in external lines take precedence.

    Raises `UnknownCodec`, or `NotAvailable`, which says how to get it.
    """
    for line in externals:
        if parse_external(line)[0] == name.lower():
            return ExternalPeer(line)
    if name.lower() in CLASSICAL:
        return CLASSICAL[name.lower()]()
    if name.lower().endswith(_HALF) and name != _HALF:
        return HalfPeer(find_peer(name[: -len(_HALF)], externals))
    card = find_model(name)
    if card is not None:
        return TccodecPeer(card)
    if name.endswith(REALISM) and (card := find_model(name.removesuffix(REALISM))):
        if not card.has_realism:
            raise NotAvailable(name, "the model has no decoder for realism", "choose another model")
        return TccodecPeer(card, realism=True)
    known = [*CLASSICAL, *model_names(), *external_names(externals)]
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else "known are " + ", ".join(known)
    raise UnknownCodec(f"there is no codec called {name!r}; {hint} (or any of them with -half)")


def external_names(externals: Sequence[str]) -> list[str]:
    """Names of the --external lines; refuses a name given twice or that of a known codec."""
    names: list[str] = []
    models = [model.lower() for model in model_names()] if externals else []
    for line in externals:
        name = parse_external(line)[0]
        if name in names:
            raise BadExternal(f"two --external lines are called {name}")
        if name in CLASSICAL or name.endswith(_HALF) or name.removesuffix(REALISM) in models:
            raise BadExternal(f"--external cannot be called {name}: the report has such a codec")
        names.append(name)
    return names
