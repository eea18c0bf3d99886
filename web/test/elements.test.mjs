// <tcz-picture>, and <img src="photo.tcz"> by the service worker, in headless Chromium.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, missing } from "./support/browser.mjs";
import { withSection } from "./support/container.mjs";
import { serve } from "./support/server.mjs";

const options = { skip: missing, timeout: 120_000 };
const head = '<!doctype html><meta charset="utf-8"><title>test</title>';
const golden = "/tests/golden/";
// 48 x 32 pixels, red on the left and blue on the right.
const preview = Buffer.from("Cgk4FS/7CAhoNIAyPUWQFDDDDCDuIX08Vwn8hVqsPGaJoy0uMm26tqotMd1rOpkWgUZGCFLeMTkwiDuQfL3TFEc3jsiXgPBKrNo=", "base64"); // prettier-ignore
let browser;
let server;

before(async () => {
  if (missing) return;
  const element = '<script type="module" src="/web/dist/element.js"></script>';
  const images = '<script type="module" src="/web/dist/images.js"></script>';
  const pages = {
    "/element.html": `${head}${element}<body><tcz-picture alt="a street" src="${golden}small-50.tcz"></tcz-picture>`,
    "/preview.html": `${head}${element}<body><tcz-picture src="/preview.tcz"></tcz-picture>`,
    "/preview.tcz": Buffer.from(withSection(0x80 + 22, preview, [960, 640])),
    "/page/images.html": `${head}${images}<body><img id="one" src="${golden}small-50.tcz"><img id="bad" src="/README.md.tcz">`,
    "/page/isolated.html": `${head}${images.replace("images.js", "images.js?isolate&offline")}<body><img id="one" src="${golden}grey-40.tcz">`,
  };
  [browser, server] = await Promise.all([launch(), serve({ isolated: false, pages })]);
});

after(async () => {
  await browser?.close();
  server?.close();
});

test("the element shows a picture, and another one when src changes", options, async () => {
  const page = await browser.newPage();
  await page.goto(`${server.address}element.html`);
  const shown = () =>
    page.evaluate(async () => {
      const element = document.querySelector("tcz-picture");
      await new Promise((resolve, reject) => {
        element.addEventListener("load", resolve, { once: true });
        element.addEventListener("error", (e) => reject(new Error(e.message)), { once: true });
      });
      const canvas = element.shadowRoot.querySelector("canvas");
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      const mean = data.reduce((sum, v) => sum + v, 0) / data.length;
      const label = [element.getAttribute("role"), element.getAttribute("aria-label")];
      return { size: [canvas.width, canvas.height], mean, label };
    });
  const first = await shown();
  assert.deepEqual(first.size, [96, 64]);
  assert.deepEqual(first.label, ["img", "a street"]);
  assert.ok(first.mean > 90 && first.mean < 220, `mean ${first.mean}`);
  await page.evaluate((src) => (document.querySelector("tcz-picture").src = src), `${golden}small-10.tcz`); // prettier-ignore
  assert.deepEqual((await shown()).size, [160, 120]);
  await page.evaluate(() => (document.querySelector("tcz-picture").src = "/LICENSE"));
  await assert.rejects(shown(), /this is not a \.tcz file/);
  await page.close();
});

test("the element shows the preview before it decodes", options, async () => {
  const page = await browser.newPage();
  await page.goto(`${server.address}preview.html`);
  // The file's only tile group is one byte that no model decodes: what is seen is the preview.
  const colours = await page.evaluate(async () => {
    const element = document.querySelector("tcz-picture");
    await new Promise((resolve) => element.addEventListener("error", resolve, { once: true }));
    const context = element.shadowRoot.querySelector("canvas").getContext("2d");
    return [240, 720].map((x) => [...context.getImageData(x, 320, 1, 1).data]);
  });
  const near = (a, b) => a.every((value, i) => Math.abs(value - b[i]) < 12);
  assert.ok(near(colours[0], [220, 40, 30, 255]), `left ${colours[0]}`);
  assert.ok(near(colours[1], [30, 60, 210, 255]), `right ${colours[1]}`);
  await page.close();
});

test("an image with the address of a .tcz file is shown", options, async () => {
  const page = await browser.newPage();
  await page.goto(`${server.address}page/images.html`);
  const one = page.locator("#one");
  await page.waitForFunction(() => document.querySelector("#one").naturalWidth > 0);
  assert.equal(await one.evaluate((image) => image.naturalWidth), 96);
  assert.equal(await one.evaluate((image) => image.naturalHeight), 64);
  await page.reload(); // now the service worker is there from the beginning
  await page.waitForFunction(() => document.querySelector("#one").naturalWidth > 0);
  assert.equal(await page.locator("#bad").evaluate((image) => image.naturalWidth), 0);
  await page.close();
});

test("a page becomes isolated, and opens without network", options, async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${server.address}page/isolated.html`);
  const shown = () =>
    page.waitForFunction(
      () => crossOriginIsolated && document.querySelector("#one")?.naturalWidth === 41,
    );
  await shown();
  await page.reload();
  await shown();
  await context.setOffline(true);
  await page.reload();
  await shown();
  await context.close();
});
