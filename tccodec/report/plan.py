"""The plan of a run, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tccodec.errors import BadFolder, BadOption, NotAvailable, ReportError, UnknownCodec
from tccodec.metrics import (
    METRICS,
    Metric,
    MetricInfo,
    SetMetric,
    describe,
    make_metric,
)
from tccodec.report.codecs.base import HalfPeer, Peer
from tccodec.report.codecs.catalogue import default_codecs, external_names, find_peer
from tccodec.report.codecs.learned import TccodecPeer

DEFAULT_POINTS = 8
STORE = "store"
# What a report folder may hold. A folder with anything else is not written to.
OWN_FILES = frozenset(
    {
        "report.html",
        "curves.svg",
        "curves.png",
        "results.csv",
        "results.json",
        "summary.csv",
        STORE,
    }
)


@dataclass(kw_only=True)
class ReportPlan:
    """Codecs with their qualities, metrics, the anchor, and what was left out and why."""

    peers: list[Peer]
    qualities: dict[str, list[float]]
    infos: list[MetricInfo]
    anchor: str
    focus: str | None
    skipped: list[dict[str, str]] = field(default_factory=list)

    @property
    def picture_metrics(self) -> list[str]:
        """Metrics of single pictures."""
        return [i.name for i in self.infos if i.per_picture]

    @property
    def set_metrics(self) -> list[str]:
        """Metrics of the whole folder."""
        return [i.name for i in self.infos if not i.per_picture]


def make_plan(
    *,
    codecs: Sequence[str] | None,
    externals: Sequence[str],
    points: int,
    qualities: str | None,
    metrics: Sequence[str] | None,
    anchor: str,
    backbones: Path | None,
) -> ReportPlan:
    """Find codecs and metrics. Missing libraries go to `skipped`; unknown names raise."""
    names = list(codecs) if codecs is not None else default_codecs()
    names += [n for n in external_names(externals) if n not in names]
    if anchor not in names:
        names.append(anchor)
    skipped: list[dict[str, str]] = []
    by_name: dict[str, Peer] = {}
    asked: dict[str, Peer] = {}  # as --codecs names them, perhaps in capitals or by folder
    for name in dict.fromkeys(names):
        try:
            peer = find_peer(name, externals)
        except NotAvailable as error:
            skipped.append({"what": name, "reason": error.reason, "hint": error.hint})
            continue
        other = by_name.setdefault(peer.name, peer)
        if other.version != peer.version:
            raise BadOption(
                f"two models are called {peer.name}; give that in {name} another name, in its "
                "config.json"
            )
        asked[name.lower()] = other
        if name == anchor:  # the anchor may be named by its folder
            anchor = peer.name
    peers = list(by_name.values())
    if not peers:
        raise ReportError("none of the codecs asked for is available: " + skipped[0]["hint"])
    if anchor not in by_name:
        missing = next(s for s in skipped if s["what"] == anchor)
        raise ReportError(
            f"the anchor {anchor} is not available: {missing['reason']}; {missing['hint']}, or "
            "choose another with --anchor"
        )
    asked |= {peer.name.lower(): peer for peer in peers}
    left_out = {entry["what"].lower() for entry in skipped}
    chosen = {} if qualities is None else parse_qualities(qualities, asked, left_out)
    ladders = {p.name: chosen.get(p.name) or p.ladder(points) for p in peers}
    infos = _metrics(metrics, backbones, skipped)
    return ReportPlan(
        peers=peers,
        qualities=ladders,
        infos=infos,
        anchor=anchor,
        focus=_focus(peers, anchor),
        skipped=skipped,
    )


def _metrics(
    names: Sequence[str] | None, backbones: Path | None, skipped: list[dict[str, str]]
) -> list[MetricInfo]:
    infos = []
    for name in dict.fromkeys(names if names is not None else METRICS):
        describe(name)
        try:
            # made once here, so that a missing library or file is noticed before the work starts
            metric: Metric | SetMetric = make_metric(name, backbones)
            infos.append(metric.info)
        except NotAvailable as error:
            skipped.append({"what": name, "reason": error.reason, "hint": error.hint})
    if not infos:
        raise ReportError("none of the metrics asked for is available: " + skipped[-1]["hint"])
    return infos


def _focus(peers: Sequence[Peer], anchor: str) -> str | None:
    """The codec that the report is about: the first tccodec model, else the first other."""
    others = [p for p in peers if p.name != anchor]
    models = [p for p in others if isinstance(p, TccodecPeer)]
    plain = [p for p in others if not isinstance(p, HalfPeer)]
    best = models or plain or others
    return best[0].name if best else None


def parse_qualities(
    text: str, peers: Mapping[str, Peer], left_out: Collection[str]
) -> dict[str, list[float]]:
    """`10,30,50` for every codec, or `jpeg=10,30;avif=20,40` for some; the keys are `Peer.name`.

    `peers` and `left_out`, which is passed over, are names in small letters. Raises `BadOption` for
    anything that is not a number or not a quality of that codec.
    """
    chosen: dict[str, list[float]] = {}
    parts = [part.strip() for part in text.split(";")]
    for part in filter(None, parts) if any(parts) else [""]:
        name, equals, values = part.rpartition("=")
        name = name.strip().lower()
        try:
            numbers = sorted({float(v) for v in values.split(",") if v.strip()})
        except ValueError:
            raise BadOption(
                f"--qualities {part!r}: use numbers with commas, such as 10,30,50 or "
                "'jpeg=10,30;avif=20,40'"
            ) from None
        if not numbers:
            raise BadOption(f"--qualities {part!r} names no quality")
        if equals and name in left_out:
            continue
        if equals and name not in peers:
            raise UnknownCodec(f"--qualities names {name!r}, which is not among the codecs")
        for peer in [peers[name]] if equals else peers.values():
            for number in numbers:
                if not 0 <= number <= 100 or (peer.whole and not number.is_integer()):
                    kind = "a whole number" if peer.whole else "a number"
                    raise BadOption(
                        f"--qualities: {number:g} is not {kind} from 0 to 100, as {peer.name} "
                        "takes it"
                    )
            if equals or peer.name not in chosen:
                chosen[peer.name] = numbers
    return chosen


def check_out(out: Path) -> None:
    """Make the report's folder; `BadFolder` if it holds other things or cannot be written."""
    try:
        if out.exists() and not out.is_dir():
            raise BadFolder(f"{out} is a file; -o takes a folder for the report")
        out.mkdir(parents=True, exist_ok=True)
        entries = {p.name for p in out.iterdir() if not p.name.startswith(".tmp-")}
        probe = out / ".tmp-probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise BadFolder(f"cannot write the report to {out}: {error.strerror}") from error
    if STORE not in entries and (others := entries - OWN_FILES):
        raise BadFolder(
            f"{out} holds other things ({sorted(others)[0]}); choose an empty or new folder with -o"
        )
