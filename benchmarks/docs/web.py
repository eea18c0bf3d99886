"""Decoding in a browser: seconds per megapixel by threads, and bytes that a page loads.

    python -m benchmarks.docs.web [--megapixels 1] [--repeats 9] [--write]

Needs Chromium and Playwright, as the tests of the pages do. Times are the least of all repeats,
of a picture tiled from the bundled photograph, from the bytes of the file to pixels in the page;
the first decode, which also loads the model, stands apart. On a busy machine they say little; the
seconds of processors that all of Chromium takes for one decode do (Linux only). *symbols* is the
share of entropy decoding in that, with one thread. A third table sets them beside what
zenjpegai, a decoder of JPEG AI for browsers, publishes of itself. With `--write` the tables go into
docs/guide/web.md.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import os
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

import tccodec
from benchmarks.common import ROOT, paste, table_head, table_row, tiled
from tccodec.browser.page import find_pictures, scripts
from tccodec.browser.server import Server, contents
from tccodec.model.registry import find_model
from tests.support.browser import chromium

if TYPE_CHECKING:
    from playwright.sync_api import Page

QUALITIES = (20, 50, 90)
THREADS = (1, 2)
BESIDE = 50  # the quality in the comparison
PAGE = ("tccodec.js", "worker.js", "helper.js", "kernels-shared-fused.wasm")
SCRIPT = """async ([url, threads, repeats]) => {
  const { configure, decode } = await import(`${location.pathname}tccodec.js`);
  if (!window.configured) configure({ threads, models: ["models/MODEL/"], keep: false });
  window.configured = true;
  const data = await (await fetch(url)).arrayBuffer();
  const times = [];
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    await decode(data, { device: "cpu" });
    times.push((performance.now() - start) / 1000);
  }
  return times;
}"""

# Functions `symbols` and `all` of the page, each for one decode with one thread.
APART = """async (url) => {
  const at = (name) => new URL(name, location).href;
  const { Decoder, Machine, readModel } = await import(at("core.js"));
  const bytes = async (name) => new Uint8Array(await (await fetch(at(name))).arrayBuffer());
  const module = await WebAssembly.compile(await bytes("kernels-fused.wasm"));
  const machine = await Machine.start(module, 1, () => undefined);
  const model = await readModel((name) => bytes(`models/MODEL/${name}`));
  const decoder = new Decoder(machine, model, () => undefined);
  const data = await bytes(url);
  window.symbols = () => decoder.latents(data).length;
  window.all = async () => (await decoder.decode(data, { device: "cpu" })).width;
}"""


def cpu_seconds() -> float:
    """What all processes below this one have used of the processors."""
    parents, used = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended
            fields = path.read_text().rpartition(")")[2].split()
            process = int(path.parent.name)
            parents[process] = int(fields[1])
            used[process] = int(fields[11]) + int(fields[12])
    below = {os.getpid()}
    while more := {p for p, parent in parents.items() if parent in below} - below:
        below |= more
    return sum(used.get(p, 0) for p in below - {os.getpid()}) / os.sysconf("SC_CLK_TCK")


def cpu_of(page: Page, name: str, repeats: int) -> float:
    """What calls of a function of a page take of the processors, after one that does not count."""
    page.evaluate(f"{name}()")
    before = cpu_seconds()
    page.evaluate(f"async () => {{ for (let i = 0; i < {repeats}; i++) await {name}(); }}")
    return cpu_seconds() - before


def times(megapixels: float, repeats: int) -> tuple[str, list[str]]:
    """Table of seconds per megapixel, and those of quality `BESIDE` by threads."""
    side = round((megapixels * 1e6) ** 0.5)
    rgb = tiled(side, side)
    codec = tccodec.Codec.from_pretrained("tcae-s")
    titles = [f"{n} thread{'s' * (n > 1)}, s" for n in THREADS]
    titles += ["of processors, s", "symbols", "first, s"]
    rows = [table_head("quality", "bits per pixel", *titles)]
    with tempfile.TemporaryDirectory() as folder:
        for quality in QUALITIES:
            data = codec.compress(Image.fromarray(rgb), quality=quality, lossy=True)
            (Path(folder) / f"{quality}.tcz").write_bytes(data)
        script, apart = (s.replace("MODEL", codec.card.file_id.hex()) for s in (SCRIPT, APART))
        with Server(contents(find_pictures(Path(folder)))) as server, chromium() as browser:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            for quality in QUALITIES:
                size = (Path(folder) / f"{quality}.tcz").stat().st_size
                cells = [str(quality), f"{8 * size / side**2:.2f}"]
                spent: list[float] = []
                for threads in THREADS:
                    page = browser.new_page()
                    page.goto(server.url)
                    arguments = [f"files/{quality}.tcz", threads]
                    [first] = page.evaluate(script, [*arguments, 1])
                    before = cpu_seconds()
                    took = page.evaluate(script, [*arguments, repeats])
                    spent.append((cpu_seconds() - before) / repeats / (side**2 / 1e6))
                    page.close()
                    cells.append(f"{min(took) / (side**2 / 1e6):.2f}")
                if quality == BESIDE:
                    beside = cells[2:]
                page = browser.new_page()
                page.goto(server.url)
                page.evaluate(apart, f"files/{quality}.tcz")
                symbols, whole = (cpu_of(page, name, repeats) for name in ("symbols", "all"))
                page.close()
                # Of one thread: several also wait for each other.
                cells += [f"{spent[0]:.2f}", f"{100 * symbols / whole:.0f} %", f"{first:.2f}"]
                rows.append(table_row(cells))
            server.shutdown()
    return "\n".join(rows), beside


def sizes() -> tuple[str, dict[str, tuple[int, int]]]:
    """Table of what a page loads, and the bytes of each part, as they are and compressed."""
    files = scripts()
    folder = find_model("tcae-s").folder
    loaded = {
        "scripts": [files[name] for name in PAGE if name.endswith(".js")],
        "WebAssembly": [files[name] for name in PAGE if name.endswith(".wasm")],
        "weights of `tcae-s`": [folder / "model.safetensors"],
        "and for realism": [folder / "realism.safetensors"],
    }
    rows = [table_head("part", "kB", "compressed by the server, kB")]
    sizes: dict[str, tuple[int, int]] = {}
    for name, paths in loaded.items():
        data = [path.read_bytes() for path in paths]
        sizes[name] = sum(map(len, data)), sum(len(gzip.compress(part)) for part in data)
        rows.append(table_row([name, *(f"{size / 1e3:.0f}" for size in sizes[name])]))
    return "\n".join(rows), sizes


def comparison(seconds: list[str], sizes: dict[str, tuple[int, int]]) -> str:
    """Table beside zenjpegai: what its web/README.md and benchmarks/f16_weights_2026-09-19.md say
    (September 2026), of its base profile."""
    one, several = seconds
    own = {name: [f"{n / 1e3:.0f} kB" for n in size] for name, size in sizes.items()}
    rows = [
        table_head("", "tccodec", "zenjpegai"),
        table_row(["seconds per megapixel, 1 thread", one, "0.80 to 0.87"]),
        table_row(
            ["with threads", f"{several} ({THREADS[-1]} threads)", "0.16 to 0.36 (up to 32)"]
        ),
        table_row(["scripts, compressed", own["scripts"][1], "not published"]),
        table_row(["WebAssembly, compressed", own["WebAssembly"][1], "182 kB"]),
        table_row(["weights, compressed", own["weights of `tcae-s`"][1], "14771 kB"]),
        table_row(["rates that these weights serve", "all", "a part; four models serve all"]),
    ]
    return "\n".join(rows)


def main() -> None:
    """Print or write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megapixels", type=float, default=1)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    speed, beside = times(args.megapixels, args.repeats)
    size, loaded = sizes()
    tables = {"web-speed": speed, "web-size": size, "web-beside": comparison(beside, loaded)}
    for name, table in tables.items():
        print(table + "\n")
        if args.write:
            paste(ROOT / "docs" / "guide" / "web.md", table, name)


if __name__ == "__main__":
    main()
