"""Megapixels per second of a training step, and where its time goes.

    python -m benchmarks.research.training_speed CONFIG --data PHOTOS [--batches 8,16,32]
    python -m benchmarks.research.training_speed tcae-s configs/next.toml --data PHOTOS

Every configuration takes its steps in turn with the others, so that they share whatever else the
machine does. A step is timed whole, as training runs it: on a GPU as a recorded graph, on batches
made beside it. Its parts are timed in other steps, one after the other and with the device waited
for after each.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from tccodec.training.config import find_config, load_config
from tccodec.training.loop import Trainer
from tccodec.training.prefetch import Batch, Prefetcher
from tccodec.transform import fusing

WARM_UP = 3  # steps; the first one compiles


class Timed:
    """One configuration at one batch size."""

    def __init__(self, config: Path, batch: int | None, args: argparse.Namespace) -> None:
        model, settings = load_config(config)
        changed: dict[str, Any] = {"compile": not args.eager}
        if batch:
            changed["batch"] = batch
        self.settings = replace(settings, **changed)
        self.name = f"{config.stem}, {self.settings.batch} x {self.settings.crop}"
        self.trainer = Trainer(
            model, self.settings, Path("unused"), device=args.device, backbones=args.backbones
        )
        self.trainer.load_data(args.data)
        self.trainer.model.train()
        if self.trainer.compiled:
            self.trainer.compile()
        self.ahead: Prefetcher | None = None
        self.recorded: Callable[[Batch], Any] | None = None
        self.parts: dict[str, float] = defaultdict(float)
        self.seconds, self.steps, self.parted = 0.0, 0, 0

    def wait(self) -> None:
        """Until the device has done all that was given out."""
        if self.trainer.device.type == "cuda":
            torch.cuda.synchronize()

    def step(self, part: Callable[[str], None]) -> None:
        """One training step; `part(name)` is called when that part of it has been given out."""
        t = self.trainer
        setting, x, weights = t.batch(t.step)
        part("data")
        loss, _ = t.objective(t.model, x, setting, weights=weights, counts=t.settings.counts)
        part("forward")
        loss.backward()  # type: ignore[no-untyped-call]
        part("backward")
        t.optimisers.step()
        part("optimiser")
        t.step += 1
        t.average.update(t.step)
        part("average")

    def record(self) -> None:
        """Record the step, if training does."""
        if self.trainer.records:
            self.recorded = self.trainer.recorded_step()
            self.trainer.optimisers.set_rates(1.0)
            self.ahead = Prefetcher(
                self.trainer.batch, self.trainer.step, self.trainer.device, depth=2
            )

    def as_trained(self) -> None:
        """A step as training runs it."""
        if self.recorded is None or self.ahead is None:
            self.step(lambda name: None)
            return
        self.recorded(self.ahead.next())
        self.trainer.step += 1
        self.trainer.average.update(self.trainer.step)

    def whole(self, count: int) -> None:
        """Time `count` steps."""
        begin = time.perf_counter()
        for _ in range(count):
            self.as_trained()
        self.wait()
        self.seconds += time.perf_counter() - begin
        self.steps += count

    def in_parts(self) -> None:
        """Time a step's parts."""
        last = time.perf_counter()

        def part(name: str) -> None:
            nonlocal last
            self.wait()
            now = time.perf_counter()
            self.parts[name] += now - last
            last = now

        self.step(part)
        self.parted += 1

    def megapixels(self) -> float:
        """Per step."""
        return self.settings.batch * self.settings.crop**2 / 1e6

    def costly(self, rows: int) -> str:
        """The operations that take the most time themselves."""
        kinds = [ProfilerActivity.CPU]
        if self.trainer.device.type == "cuda":
            kinds.append(ProfilerActivity.CUDA)
        with profile(activities=kinds) as record:
            self.as_trained()
            self.wait()
        device = "cuda" if len(kinds) > 1 else "cpu"
        table: str = record.key_averages().table(
            sort_by=f"self_{device}_time_total", row_limit=rows, max_name_column_width=50
        )
        return table


def main() -> None:
    """Time every configuration at every batch size, in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("configs", nargs="+")
    parser.add_argument("--data", nargs="+", type=Path, required=True)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--unfused", action="store_true", help="on a GPU, torch's kernels only")
    parser.add_argument("--batches", default="", help="such as 8,16; the configuration's if empty")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each, about")
    parser.add_argument("--whole", action="store_true", help="do not time parts")
    parser.add_argument("--backbones", type=Path, help="of LPIPS, where it counts")
    parser.add_argument("--eager", action="store_true", help="do not compile")
    parser.add_argument("--operations", type=int, default=0, help="print so many, by their time")
    args = parser.parse_args()
    fusing.enabled = not args.unfused
    batches: list[int | None] = [int(b) for b in args.batches.split(",") if b] or [None]
    runs = [Timed(find_config(c), b, args) for c in args.configs for b in batches]
    for run in runs:
        begin = time.perf_counter()
        for _ in range(WARM_UP):
            run.step(lambda name: None)
        run.record()
        run.wait()
        print(f"{run.name}: first steps {time.perf_counter() - begin:.0f} s", flush=True)
    end = time.perf_counter() + args.seconds * len(runs)
    while time.perf_counter() < end:
        for run in runs:
            run.whole(10 if run.recorded else 1)
            if not args.whole:
                run.in_parts()
    print("\n| run | Mpx/s | s per step | data | forward | backward | optimiser | average |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for run in runs:
        second = run.seconds / run.steps
        parts = [f"{v / max(1, run.parted):.3f}" for v in run.parts.values()]
        cells = [run.name, f"{run.megapixels() / second:.2f}", f"{second:.3f}", *parts]
        print("| " + " | ".join(cells) + " |")
    if args.device == "cuda":
        print(json.dumps({"gigabytes": round(torch.cuda.max_memory_allocated() / 1e9, 2)}))
    if args.operations:
        for run in runs:
            print(f"\n{run.name}\n{run.costly(args.operations)}")


if __name__ == "__main__":
    main()
