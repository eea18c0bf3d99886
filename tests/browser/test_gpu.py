"""The page's decoder by WebGPU, on a program that acts as a GPU: models of every shape."""

from __future__ import annotations

import base64
import shutil
import threading
from pathlib import Path

import pytest
from PIL import Image

import tccodec
from tccodec.browser.page import find_pictures
from tccodec.browser.server import Server, contents
from tests.golden.make import HERE as GOLDEN
from tests.support.browser import SOFTWARE_GPU, chromium, what_is_missing
from tests.support.paths import EXAMPLE
from tests.support.shapes import SHAPES, model_of

# The largest difference between the GPU's pixels and those of the processor, and how many of the
# 256 levels these have, for each scale and realism.
COMPARE = """async ([file, scales]) => {
  const { configure, decode } = await import(new URL("tccodec.js", location).href);
  configure({ models: ["untrained/"] });
  const data = Uint8Array.from(atob(file), (c) => c.charCodeAt(0));
  const found = [];
  for (const scale of scales) {
    for (const realism of [0, 0.3]) {
      const gpu = await decode(data, { scale, realism, device: "gpu" });
      const cpu = await decode(data, { scale, realism, device: "cpu" });
      const off = gpu.data.map((v, i) => Math.abs(v - cpu.data[i]));
      found.push([off.reduce((a, b) => Math.max(a, b), 0), new Set(cpu.data).size]);
    }
  }
  return found;
}"""


@pytest.mark.slow
@pytest.mark.filterwarnings("default::ResourceWarning")
@pytest.mark.skipif(bool(what_is_missing()), reason=str(what_is_missing()))
def test_models_of_every_shape(tmp_path: Path) -> None:
    shutil.copy(GOLDEN / "small-10.tcz", tmp_path)
    with (
        Server(contents(find_pictures(tmp_path))) as server,
        chromium(*SOFTWARE_GPU) as browser,
        Image.open(EXAMPLE) as image,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        picture = image.convert("RGB").crop((300, 200, 471, 335))
        for name, cfg in SHAPES.items():
            folder = model_of(cfg, tmp_path / name)
            codec = tccodec.Codec.from_pretrained(folder, device="cpu", precision="fp32")
            data = codec.compress(picture, quality=60, lossy=True)
            page = browser.new_page()
            page.context.route(
                "**/untrained/*",
                lambda route, request, own=folder: route.fulfill(
                    path=own / request.url.split("?")[0].rsplit("/", 1)[1]
                ),
            )
            page.goto(f"{server.url}files.json")  # not the page itself, which has its own model
            scales = [1, 1 / 2, 1 / 8] if cfg.patch == 8 else [1]
            found = page.evaluate(COMPARE, [base64.b64encode(data).decode(), scales])
            assert len(found) == 2 * len(scales)
            assert all(off <= 1 and levels > 30 for off, levels in found), (name, found)
            page.close()
        server.shutdown()
