// The synthesis by WebGPU, on a program that acts as a GPU: pixels within one grey level of those
// of the kernels in WebAssembly, and what happens without a GPU and when one fails.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, missing } from "./support/browser.mjs";
import { GOLDEN } from "./support/files.mjs";
import { serve } from "./support/server.mjs";

const options = { skip: missing, timeout: 120_000 };
const SOFTWARE = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"]; // prettier-ignore
const browsers = [];
let server;
let page;

async function blank(...args) {
  const browser = await launch(args);
  browsers.push(browser);
  const page = await browser.newPage();
  await page.goto(`${server.address}blank.html`);
  await page.evaluate(async () => {
    const { decode } = await import("/web/dist/tccodec.js");
    const bytes = async (name) => (await fetch(`/tests/golden/${name}.tcz`)).arrayBuffer();
    /** Size of a picture, and the largest difference between both ways to decode it. */
    const compare = async (name, settings) => {
      const found = await decode(await bytes(name), { ...settings, device: "gpu" });
      const wanted = await decode(await bytes(name), { ...settings, device: "cpu" });
      const off = found.data.reduce(
        (most, v, i) => Math.max(most, Math.abs(v - wanted.data[i])),
        0,
      );
      return { off, size: [found.width, found.height], varied: new Set(wanted.data).size };
    };
    Object.assign(window, { decode, bytes, compare });
  });
  return page;
}

before(async () => {
  if (missing) return;
  server = await serve();
  page = await blank(...SOFTWARE);
});

after(async () => {
  for (const browser of browsers) await browser.close();
  server?.close();
});

for (const name of Object.keys(GOLDEN)) {
  test(`${name} within one grey level`, options, async () => {
    const { off } = await page.evaluate((n) => window.compare(n), name);
    assert.ok(off <= 1, `off by ${off}`);
  });
}

for (const settings of [
  { realism: 1 },
  { realism: 0.4, scale: 1 / 2 },
  { scale: 1 / 8 },
  { region: [33, 20, 50, 40] },
]) {
  test(`with ${JSON.stringify(settings)}`, options, async () => {
    const { off, varied } = await page.evaluate((s) => window.compare("small-50", s), settings);
    assert.ok(off <= 1, `off by ${off}`);
    assert.ok(varied > 10);
  });
}

test("without a GPU the processor decodes, and a wish for one is refused", options, async () => {
  const plain = await blank();
  const said = await plain.evaluate(async () => {
    const data = await window.bytes("small-10");
    const { width } = await window.decode(data);
    return [width, await window.decode(data, { device: "gpu" }).catch(String)];
  });
  assert.deepEqual(said, [160, "TczError: no GPU can be used here"]);
});

test("the processor goes on where the GPU is lost", options, async () => {
  const other = await blank(...SOFTWARE);
  assert.ok((await other.evaluate(() => window.compare("small-10"))).off <= 1);
  const session = await browsers.at(-1).newBrowserCDPSession();
  await session.send("Browser.crashGpuProcess");
  assert.equal((await other.evaluate(() => window.compare("small-10"))).off, 0);
  const said = await other.evaluate(() => window.compare("small-10").catch(String));
  assert.equal(said, "TczError: no GPU can be used here");
});
