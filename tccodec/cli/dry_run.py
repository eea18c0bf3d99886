"""`compress --dry-run`: what would be coded, and an estimate of the bytes and the time.

Pictures for the sample are drawn with a probability proportional to their bytes, at even distances
along the list, so that every folder and every kind of file is represented by its weight. Then the
bytes of all inputs times the mean of output/input over the sample estimates the bytes of all
outputs without bias (Hansen and Hurwitz, 1943).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from statistics import fmean
from types import MappingProxyType

from tccodec.cli.compress_work import CompressWork
from tccodec.cli.jobs import Job, Plan
from tccodec.cli.outputs import SkipJob
from tccodec.cli.reporter import Reporter, Stopwatch
from tccodec.errors import BadOption, TccodecError
from tccodec.files.remote import AnyPath
from tccodec.files.text import counted, size_text

SAMPLE = 16  # pictures that are coded for an estimate


@dataclass(frozen=True, slots=True)
class Estimate:
    """What coding would give.

    pictures: to be coded. input_bytes: of their files. sample: how many were coded. output_bytes
    and seconds: of all, from the sample; standard_error: that of output_bytes, 0 if all were coded.
    """

    pictures: int
    input_bytes: int
    sample: int
    output_bytes: int
    standard_error: int
    seconds: float

    def text(self) -> str:
        """The estimate in one line."""
        share = self.output_bytes / max(self.input_bytes, 1)
        error = f", give or take {size_text(self.standard_error)}" if self.standard_error else ""
        return (
            f"estimate from {self.sample} of them: {size_text(self.output_bytes)}"
            f" ({100 * share:.0f} %){error}, in {_duration(self.seconds)}"
        )


def dry_run(plan: Plan, work: CompressWork, *, count: int, report: Reporter) -> int:
    """Say what `work` would do with the jobs of a plan; returns the exit status.

    count: the processes that would work at a time.
    """
    if any(job.source is None for job in plan.jobs):
        raise BadOption("--dry-run does not read from stdin")
    ready: list[tuple[Job, int]] = []
    piped: dict[AnyPath | None, bytes] = {}
    for job in plan.jobs:
        try:
            if job.problem:
                raise TccodecError(job.problem)
            looked_at, size, data = work.look_at(job)
            ready.append((looked_at, size))
            if data is not None:
                piped[job.source] = data
        except SkipJob as e:
            report.skip(job, str(e))
        except Exception as e:
            report.problem(job, e)
    report.would_code(ready)
    if ready:
        expected = estimate(ready, work, count=count, report=report, piped=piped)
        if expected:
            report.remark(expected.text(), {"estimate": asdict(expected)})
    return report.close(line="")


def estimate(
    jobs: Sequence[tuple[Job, int]],
    work: CompressWork,
    *,
    count: int,
    report: Reporter,
    piped: Mapping[AnyPath | None, bytes] = MappingProxyType({}),
) -> Estimate | None:
    """An estimate for jobs with the bytes of their inputs; None if no picture could be coded.

    piped: the content of inputs that are pipes, which has been read. Pictures of the sample that
    cannot be coded are reported as failed.
    """
    shares: list[float] = []
    seconds: list[float] = []
    weights: list[int] = []
    total = sum(size for _, size in jobs)
    work.load(work.threads)  # its time does not grow with the pictures
    for index, weight in drawn([size for _, size in jobs], SAMPLE).items():
        job, size = jobs[index]
        watch = Stopwatch()
        try:
            shares.append(work.bytes_written(job, piped.get(job.source)) / size)
        except Exception as e:
            report.problem(job, e)
            continue
        seconds.append(watch.seconds / size)
        weights.append(weight)
    if not shares:
        return None
    mean = fmean(shares, weights)
    error = 0.0
    if len(jobs) > SAMPLE:
        spread = fmean([(share - mean) ** 2 for share in shares], weights)
        error = math.sqrt(spread / max(sum(weights) - 1, 1))
    return Estimate(
        pictures=len(jobs),
        input_bytes=total,
        sample=len(shares),
        output_bytes=round(total * mean),
        standard_error=round(total * error),
        seconds=round(total * fmean(seconds, weights) / count, 1),
    )


def drawn(sizes: Sequence[int], count: int) -> dict[int, int]:
    """Index -> weight of `count` sizes, drawn with probabilities as their values.

    If there are no more than `count`, all of them, weighted by size.
    """
    if len(sizes) <= count:
        return dict(enumerate(sizes))
    ends = list(accumulate(sizes))
    weights: dict[int, int] = {}
    at = 0
    for draw in range(count):
        point = (draw + 0.5) * ends[-1] / count
        while ends[at] <= point:
            at += 1
        weights[at] = weights.get(at, 0) + 1
    return weights


def _duration(seconds: float) -> str:
    if seconds < 90:
        return counted(round(seconds), "second")
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
