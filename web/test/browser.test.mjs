// The package in a page of headless Chromium: golden files, options, errors.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, missing } from "./support/browser.mjs";
import { withSection } from "./support/container.mjs";
import { bytes, GOLDEN, MODEL, tcz } from "./support/files.mjs";
import { exchangedRedAndBlue } from "./support/icc.mjs";
import { serve } from "./support/server.mjs";
import { read } from "../dist/core.js";

const options = { skip: missing, timeout: 120_000 };
let browser;
let context; // what its pages have fetched is theirs together
let server;
let page;

async function blank(server) {
  const page = await context.newPage();
  await page.goto(`${server.address}blank.html`);
  await page.evaluate(async () => {
    const tccodec = await import("/web/dist/tccodec.js");
    const file = async (path) => (await fetch(path)).arrayBuffer();
    /** Largest difference of a decoded golden file from its pixels, and of alpha from its own. */
    const compare = async (name, settings) => {
      const found = await tccodec.decode(await file(`/tests/golden/${name}.tcz`), settings);
      const blob = await (await fetch(`/tests/golden/${name}.png`)).blob();
      const bitmap = await createImageBitmap(blob, {
        colorSpaceConversion: "none",
        premultiplyAlpha: "none",
      });
      const canvas = document.createElement("canvas");
      // WebGL hands out samples whose alpha is not multiplied in.
      const gl = canvas.getContext("webgl");
      gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
      gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
      const texture = gl.getParameter(gl.TEXTURE_BINDING_2D);
      gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
      const wanted = new Uint8Array(4 * bitmap.width * bitmap.height);
      gl.readPixels(0, 0, bitmap.width, bitmap.height, gl.RGBA, gl.UNSIGNED_BYTE, wanted);
      const off = [0, 0];
      for (let i = 0; i < wanted.length; i++) {
        const kind = i % 4 === 3 ? 1 : 0;
        off[kind] = Math.max(off[kind], Math.abs(found.data[i] - wanted[i]));
      }
      return { size: [found.width, found.height], wanted: [bitmap.width, bitmap.height], off };
    };
    const refusal = async (bytes, settings) => {
      try {
        await tccodec.decode(bytes, settings);
        return "decoded";
      } catch (e) {
        return `${e.kind}: ${e.message}`;
      }
    };
    Object.assign(window, { tccodec, file, compare, refusal });
  });
  return page;
}

before(async () => {
  if (missing) return;
  [browser, server] = await Promise.all([launch(), serve()]);
  context = await browser.newContext();
  page = await blank(server);
});

after(async () => {
  await browser?.close();
  server?.close();
});

for (const name of Object.keys(GOLDEN)) {
  test(`${name} within one grey level, with threads`, options, async () => {
    const { size, wanted, off } = await page.evaluate((n) => window.compare(n), name);
    assert.deepEqual(size, wanted);
    assert.ok(off[0] <= (name.startsWith("patches") ? 0 : 1), `off by ${off[0]}`);
    assert.equal(off[1], 0);
  });
}

test("a page that is not isolated decodes with one thread", options, async () => {
  const plain = await serve({ isolated: false });
  try {
    const other = await blank(plain);
    assert.equal(await other.evaluate(() => crossOriginIsolated), false);
    for (const name of ["small-50", "two-tiles-15"]) {
      const { off } = await other.evaluate((n) => window.compare(n), name);
      assert.ok(off[0] <= 1, `off by ${off[0]}`);
    }
    await other.close();
  } finally {
    plain.close();
  }
});

test("a helper that cannot start says so", options, async () => {
  const said = await page.evaluate(async () => {
    const helper = new window.Worker("/web/dist/helper.js", { type: "module" });
    const answer = new Promise((resolve) => (helper.onmessage = ({ data }) => resolve(data)));
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }); // too small
    const response = await fetch("/web/dist/kernels-shared.wasm");
    const module = await WebAssembly.compile(await response.arrayBuffer());
    helper.postMessage({ shared: { memory, module }, thread: 1 });
    return answer;
  });
  assert.equal(said, "failed");
});

test("a region is part of the picture, also across tile groups", options, async () => {
  const most = await page.evaluate(async () => {
    const { decode } = window.tccodec;
    const data = await window.file("/tests/golden/two-tiles-15.tcz");
    const whole = await decode(data);
    const region = [1000, 3, 60, 30];
    const part = await decode(data, { region });
    let most = part.width === 60 && part.height === 30 ? 0 : 999;
    for (let y = 0; y < 30; y++) {
      for (let i = 0; i < 240; i++) {
        const there = whole.data[4 * ((y + 3) * whole.width + 1000) + i];
        most = Math.max(most, Math.abs(there - part.data[240 * y + i]));
      }
    }
    return most;
  });
  assert.ok(most <= 1, `off by ${most}`);
});

test("progress, realism and scale", options, async () => {
  const found = await page.evaluate(async () => {
    const { decode } = window.tccodec;
    const data = await window.file("/tests/golden/small-10.tcz");
    const done = [];
    const whole = await decode(data, { onProgress: (share) => done.push(share) });
    const natural = await decode(data, { realism: 1 });
    const small = await decode(data, { scale: 1 / 8 });
    const differ = natural.data.filter((v, i) => v !== whole.data[i]).length;
    return { last: done.at(-1), differ: differ / whole.data.length, size: [small.width, small.height] }; // prettier-ignore
  });
  assert.equal(found.last, 1);
  assert.ok(found.differ > 0.3);
  assert.deepEqual(found.size, [20, 15]);
});

test("what is wrong is said in one sentence", options, async () => {
  const said = await page.evaluate(async () => {
    const good = new Uint8Array(await window.file("/tests/golden/small-50.tcz"));
    const bent = good.slice();
    bent[100] ^= 4;
    const other = good.slice();
    other[5] ^= 1;
    const { refusal } = window;
    return Promise.all([
      refusal(new Uint8Array(0)),
      refusal(bent),
      refusal(other),
      refusal(good, { scale: 1 / 3 }),
      refusal(good, { region: [90, 0, 10, 10] }),
      refusal(good, { realism: 2 }),
      refusal(good, { limits: { maxPixels: 1000, maxSection: 1 } }),
    ]);
  });
  const id = tcz("small-50").slice(5, 10);
  id[0] ^= 1;
  assert.deepEqual(said, [
    "BadFile: the file is empty",
    "BadFile: the file is damaged: the checksum does not match",
    `UnknownModel: the file was made with model ${Buffer.from(id).toString("hex")}, which is not here`,
    "BadOption: a picture can be decoded at scale 1, 1/2, 1/4 or 1/8, not 0.3333333333333333",
    "BadOption: the region 90,0,10,10 is not inside the picture of 96 x 64 pixels",
    "BadOption: realism must be from 0 to 1, not 2",
    "LimitExceeded: 96 x 64 pixels is above the limit of 0.001 megapixels",
  ]);
});

test("weights are fetched once, and again if they are damaged", options, async () => {
  const other = await blank(server);
  const asked = [];
  other.on("request", (request) => asked.push(new URL(request.url()).pathname.split("/").at(-1)));
  const fetches = async () => {
    asked.length = 0;
    const { off } = await other.evaluate((n) => window.compare(n), "small-50");
    assert.ok(off[0] <= 1);
    return asked.filter((name) => name === "model.safetensors").length;
  };
  assert.equal(await fetches(), 0); // the other page has them
  await other.evaluate(async () => {
    const cache = await caches.open("tccodec-models");
    for (const { url } of await cache.keys()) {
      if (!url.includes("model.safetensors")) continue;
      const data = new Uint8Array(await (await cache.match(url)).arrayBuffer());
      data[data.length - 1] ^= 1;
      await cache.put(url, new Response(data));
    }
  });
  await other.close();
  const third = await blank(server);
  third.on("request", (request) => asked.push(new URL(request.url()).pathname.split("/").at(-1)));
  asked.length = 0;
  const { off } = await third.evaluate((n) => window.compare(n), "small-50");
  assert.ok(off[0] <= 1);
  assert.equal(asked.filter((name) => name === "model.safetensors").length, 1);
  await third.close();
});

test("the cache keeps the weights of the model that is there", options, async () => {
  const fresh = await browser.newContext();
  const page = await fresh.newPage();
  await page.goto(`${server.address}blank.html`);
  const { model_id: id, realism } = JSON.parse(Buffer.from(bytes(`${MODEL}config.json`)));
  const folder = "/web/dist/models/tcae-s/";
  const before = [
    "model.safetensors?id=0123456789abcdef",
    "realism.safetensors?id=0123456789abcdef",
    `realism.safetensors?id=${id}`, // of the same model, with another decoder for realism
    `realism.safetensors?id=${realism.id}`, // damaged
    "more/model.safetensors?id=0123456789abcdef", // of another folder
  ];
  const found = await page.evaluate(
    async ([folder, before]) => {
      const cache = await caches.open("tccodec-models");
      for (const name of before) await cache.put(folder + name, new Response("old"));
      const { decode } = await import("/web/dist/tccodec.js");
      const file = await (await fetch("/tests/golden/small-10.tcz")).arrayBuffer();
      const keys = async () => {
        const files = (await cache.keys()).map(({ url }) => new URL(url));
        return files
          .filter(({ pathname }) => pathname.includes(".safetensors"))
          .map(({ pathname, search }) => pathname.replace(folder, "") + search)
          .sort();
      };
      await decode(file);
      const first = await keys();
      const { width } = await decode(file, { realism: 1 });
      const kept = await cache.match(`${folder}${first.at(-1)}`);
      return { first, second: await keys(), width, bytes: (await kept.arrayBuffer()).byteLength };
    },
    [folder, before],
  );
  const wanted = [`model.safetensors?id=${id}`, before[4], before[3]];
  const { length } = bytes(`${MODEL}realism.safetensors`);
  assert.deepEqual(found, { first: wanted, second: wanted, width: 160, bytes: length });
  await fresh.close();
});

test("a picture becomes a PNG with all that it has", options, async () => {
  const off = await page.evaluate(async () => {
    const { decode, toPng } = window.tccodec;
    const picture = await decode(await window.file("/tests/golden/small-50.tcz"));
    const most = [];
    for (const small of [false, true]) {
      const bitmap = await createImageBitmap(await toPng(picture, small));
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
      const context = canvas.getContext("2d");
      context.drawImage(bitmap, 0, 0);
      const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
      most.push(data.reduce((worst, v, i) => Math.max(worst, Math.abs(v - picture.data[i])), 0));
    }
    return most;
  });
  assert.deepEqual(off, [0, 0]);
});

test("a picture with an ICC profile is shown in its colours", options, async () => {
  const off = await page.evaluate(
    async (profile) => {
      const { decode, toBitmap } = window.tccodec;
      const picture = await decode(await window.file("/tests/golden/small-50.tcz"));
      const bitmap = await toBitmap({ ...picture, icc: Uint8Array.from(profile) });
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
      const context = canvas.getContext("2d");
      context.drawImage(bitmap, 0, 0);
      const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
      const from = [2, 1, 0, 3];
      return data.reduce((worst, v, i) => {
        const wanted = picture.data[i - (i % 4) + from[i % 4]];
        return Math.max(worst, Math.abs(v - wanted));
      }, 0);
    },
    [...exchangedRedAndBlue()],
  );
  assert.ok(off <= 2, `off by ${off}`);
});

// 4100 x 3 pixels, of which each has another colour.
const wide = Buffer.from("UklGRkIAAABXRUJQVlA4TDYAAAAvA5AAADmAIAb8H3uI6H96BxCE/28PEf1Pg0zAYvq35pJgEzBQISAodMAOCK+k+F8Ipf+W/gc=", "base64"); // prettier-ignore

test("a picture in a section may be larger than the canvas that reads it", options, async () => {
  const id = read(tcz("small-50")).modelId;
  const file = withSection(2, [2, ...wide], [4100, 3], { id: Buffer.from(id, "hex"), payload: [] });
  const off = await page.evaluate(
    async (file) => {
      const { data } = await window.tccodec.decode(Uint8Array.from(file));
      const colour = (i) => [(i % 4100) >> 5, (i % 4100) & 255, 80 * Math.floor(i / 4100), 255];
      return data.findIndex((v, i) => v !== colour(i >> 2)[i & 3]);
    },
    [...file],
  );
  assert.equal(off, -1);
});
