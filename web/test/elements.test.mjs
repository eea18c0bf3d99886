// <tcz-picture>, and <img src="photo.tcz"> by the service worker, in headless Chromium.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { launch, missing } from "./support/browser.mjs";
import { withSection } from "./support/container.mjs";
import { tcz } from "./support/files.mjs";
import { serve } from "./support/server.mjs";

const options = { skip: missing, timeout: 120_000 };
const head = '<!doctype html><meta charset="utf-8"><title>test</title>';
const golden = "/tests/golden/";
// 48 x 32 pixels, red on the left and blue on the right.
const preview = Buffer.from("Cgk4FS/7CAhoNIAyPUWQFDDDDCDuIX08Vwn8hVqsPGaJoy0uMm26tqotMd1rOpkWgUZGCFLeMTkwiDuQfL3TFEc3jsiXgPBKrNo=", "base64"); // prettier-ignore
// Of this machine's names, browsers take only localhost and the like for secure.
const OTHER_NAME = "--host-resolver-rules=MAP insecure.test 127.0.0.1";
let browser;
let server;
let pages;

before(async () => {
  if (missing) return;
  const element = '<script type="module" src="/web/dist/element.js"></script>';
  const images = '<script type="module" src="/web/dist/images.js"></script>';
  pages = {
    "/element.html": `${head}${element}<body><tcz-picture alt="a street" src="${golden}small-50.tcz"></tcz-picture>`,
    "/early.html": `${head}<tcz-picture></tcz-picture><script>Object.assign(document.querySelector("tcz-picture"), { src: "${golden}small-50.tcz", alt: "a street" })</script>${element}`,
    "/preview.html": `${head}${element}<body><tcz-picture src="/preview.tcz"></tcz-picture>`,
    "/preview.tcz": Buffer.from(withSection(0x80 + 22, preview, [960, 640])),
    "/large.html": `${head}${element}<body style="width: 800px">`,
    "/frame/inner.html": head,
    "/frame/inner.tcz": Buffer.from(tcz("small-10")),
    "/large.tcz": Buffer.from(withSection(0x80 + 22, preview, [6000, 4000])),
    "/undecodable.tcz": Buffer.from(withSection(0x80 + 23, [0], [300, 200])),
    "/long.tcz": Buffer.from(withSection(0x80 + 22, preview, [10, 30000])),
    "/page/images.html": `${head}${images}<body><img src="https://"><img id="one" src="${golden}small-50.tcz"><img id="bad" src="/README.md.tcz">`,
    "/page/few.html": `${head}${images.replace("images.js", "images.js?offline=4")}<body><img id="one" src="${golden}grey-40.tcz">`,
    "/page/isolated.html": `${head}${images.replace("images.js", "images.js?isolate&offline")}<body><img id="one" src="${golden}grey-40.tcz">`,
  };
  [browser, server] = await Promise.all([launch([OTHER_NAME]), serve({ isolated: false, pages })]);
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
  const room = () => page.evaluate(() => document.querySelector("tcz-picture").clientHeight);
  const pixels = () =>
    page.evaluate(() => document.querySelector("tcz-picture").shadowRoot.firstChild.width);
  const alone = () =>
    page.evaluate(() => document.querySelector("tcz-picture").shadowRoot.childElementCount);
  assert.deepEqual([await alone(), (await room()) < 64], [2, true]); // its words, as of an <img>
  await page.evaluate((src) => (document.querySelector("tcz-picture").src = src), `${golden}small-10.tcz`); // prettier-ignore
  await shown();
  assert.deepEqual([await alone(), await pixels()], [1, 160]);
  assert.equal(await room(), 120);
  await page.evaluate(() => document.querySelector("tcz-picture").removeAttribute("src"));
  assert.deepEqual([await pixels(), await room()], [0, 0]);
  await page.close();
});

test("a picture that fails shows its words, and says why in the console", options, async () => {
  const page = await browser.newPage();
  const said = [];
  page.on("console", (message) => said.push(message.text()));
  await page.goto(`${server.address}large.html`);
  const found = await page.evaluate(async (golden) => {
    const element = document.createElement("tcz-picture");
    document.body.replaceChildren(element);
    const ended = (name = "error") =>
      new Promise((resolve) => element.addEventListener(name, resolve, { once: true }));
    const look = () => {
      const words = element.shadowRoot.querySelector("span");
      return [words?.textContent, element.clientWidth, element.clientHeight];
    };
    const seen = {};
    element.alt = "a street";
    element.src = "/LICENSE";
    await ended();
    seen.noFile = look();
    element.alt = "a house";
    seen.renamed = look()[0];
    element.src = "/undecodable.tcz"; // its size is known
    await ended();
    seen.noPicture = look();
    element.realism = 1;
    await ended();
    element.src = `${golden}small-50.tcz`;
    await ended("load");
    seen.shown = look();
    element.alt = "";
    element.src = "/missing.tcz";
    await ended();
    seen.mute = look();
    element.src = "/first.tcz";
    element.addEventListener("error", () => (element.src = "/second.tcz"), { once: true });
    await ended();
    await ended();
    element.alt = "a street";
    element.src = "/undecodable.tcz?handled";
    element.addEventListener("error", (event) => event.preventDefault());
    await ended();
    const { fetch } = window;
    window.fetch = () => Promise.reject(new TypeError("Failed to fetch"));
    element.src = "/gone.tcz";
    const { message } = await ended();
    window.fetch = fetch;
    return { ...seen, message };
  }, golden);
  const [words, width, height] = found.noFile;
  assert.equal(words, "a street");
  assert.ok(width > 20 && width < 200 && height > 5 && height < 50, `${width} x ${height}`);
  assert.equal(found.renamed, "a house");
  assert.deepEqual(found.noPicture, ["a house", 300, 200]);
  assert.deepEqual(found.shown, [undefined, 96, 64]);
  assert.deepEqual(found.mute, ["", 0, 0]);
  assert.equal(found.message, "/gone.tcz cannot be reached");
  assert.deepEqual(
    said.filter((text) => !text.startsWith("Failed to load resource")),
    [
      "/LICENSE: this is not a .tcz file",
      "/undecodable.tcz: the file was made with model 0102030405, which is not here",
      "/missing.tcz: status 404",
      "/first.tcz: status 404",
      "/second.tcz: status 404",
    ],
  );
  await page.close();
});

test("a preview stays where the rest cannot be decoded", options, async () => {
  const page = await browser.newPage();
  await page.goto(`${server.address}preview.html`);
  const found = await page.evaluate(async () => {
    const element = document.querySelector("tcz-picture");
    const failed = () =>
      new Promise((resolve) => element.addEventListener("error", resolve, { once: true }));
    element.alt = "a street";
    await failed();
    element.realism = 0.5; // its file is fetched again
    await failed();
    const { width } = element.shadowRoot.querySelector("canvas");
    return [width, element.shadowRoot.childElementCount];
  });
  assert.deepEqual(found, [960, 1]);
  await page.close();
});

test("a page without https shows pictures as well", options, async () => {
  const page = await browser.newPage();
  await page.goto(`${server.address.replace("localhost", "insecure.test")}element.html`);
  assert.equal(await page.evaluate(() => window.isSecureContext), false);
  const said = await page.evaluate(() => {
    const element = document.querySelector("tcz-picture");
    return new Promise((resolve) => {
      element.addEventListener("load", () => resolve("shown"), { once: true });
      element.addEventListener("error", (e) => resolve(e.message), { once: true });
    });
  });
  assert.equal(said, "shown");
  await page.close();
});

test("the element needs no more than a strict policy allows", options, async () => {
  const script = '<script type="module" src="/web/dist/element.js"></script>';
  const pages = {
    "/strict.html": `${head}${script}<tcz-picture src="${golden}small-50.tcz"></tcz-picture>`,
  };
  const policy = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";
  const strict = await serve({ isolated: false, pages, policy });
  const page = await browser.newPage();
  const said = [];
  page.on("console", (message) => /Policy/.test(message.text()) && said.push(message.text()));
  try {
    await page.goto(`${strict.address}strict.html`);
    const [display, opaque] = await page.evaluate(async () => {
      const element = document.querySelector("tcz-picture");
      const canvas = element.shadowRoot.querySelector("canvas");
      const pixel = () => canvas.getContext("2d").getImageData(40, 30, 1, 1).data;
      await new Promise((resolve) => element.addEventListener("load", resolve));
      return [window.getComputedStyle(element).display, pixel()[3]];
    });
    assert.deepEqual([display, opaque, said], ["inline-block", 255, []]);
  } finally {
    await page.close();
    strict.close();
  }
});

test("the element shows the preview before it decodes", options, async () => {
  const page = await browser.newPage();
  await page.goto(`${server.address}preview.html`);
  // The file's only tile group is one byte that no model decodes: what is seen is the preview.
  const [colours, previews] = await page.evaluate(async () => {
    const element = document.querySelector("tcz-picture");
    const failed = () =>
      new Promise((resolve) => element.addEventListener("error", resolve, { once: true }));
    await failed();
    const context = element.shadowRoot.querySelector("canvas").getContext("2d");
    const colours = [240, 720].map((x) => [...context.getImageData(x, 320, 1, 1).data]);
    const make = window.createImageBitmap;
    let previews = 0;
    window.createImageBitmap = (...given) => (previews++, make(...given));
    element.realism = 0.5; // another look of a picture does not begin with a worse one
    await failed();
    return [colours, previews];
  });
  assert.equal(previews, 0);
  const near = (a, b) => a.every((value, i) => Math.abs(value - b[i]) < 12);
  assert.ok(near(colours[0], [220, 40, 30, 255]), `left ${colours[0]}`);
  assert.ok(near(colours[1], [30, 60, 210, 255]), `right ${colours[1]}`);
  await page.close();
});

test(
  "a canvas has no more pixels than are shown, or can be; the element is as large",
  options,
  async () => {
    const page = await browser.newPage();
    await page.goto(`${server.address}large.html`);
    const found = await page.evaluate(async () => {
      const shown = async (src, style = "") => {
        const element = Object.assign(document.createElement("tcz-picture"), { src });
        element.style.cssText = style;
        const end = new Promise((resolve) => element.addEventListener("error", resolve));
        document.body.replaceChildren(element);
        await end; // its latents do not decode, its preview is shown before
        return [element, element.shadowRoot.querySelector("canvas")];
      };
      const [, long] = await shown("/long.tcz");
      const [, most] = await shown("/large.tcz", "width: 6000px; max-width: none");
      const [element, canvas] = await shown("/large.tcz", "width: 300px");
      const small = [canvas.width, canvas.height];
      const { width, height } = most;
      const { data } = most.getContext("2d").getImageData(0.75 * width, 0.5 * height, 1, 1);
      const sizes = () =>
        ["", "width: 300px", "height: 300px", "max-width: none", "width: 90px; height: 90px"].map(
          (style) => {
            element.style.cssText = style;
            const [outer, inner] = [element, canvas].map((e) => e.getBoundingClientRect());
            return [outer.width, outer.height, inner.width, inner.height];
          },
        );
      const reduced = sizes();
      canvas.style.cssText = "";
      Object.assign(canvas, { width: 6000, height: 4000 });
      return {
        long: [long.width, long.height],
        small,
        width,
        height,
        data: [...data],
        reduced,
        whole: sizes(),
      };
    });
    assert.deepEqual(found.long, [5, 15000]);
    assert.deepEqual(found.small, [750, 500]);
    assert.ok(found.width * found.height <= 2 ** 24 && found.width * found.height > 0.99 * 2 ** 24);
    assert.ok(Math.abs(found.width / found.height - 1.5) < 0.001);
    assert.ok(
      found.data.every((v, i) => Math.abs(v - [30, 60, 210, 255][i]) < 12),
      `${found.data}`,
    );
    assert.deepEqual(found.reduced, found.whole);
    assert.deepEqual(found.whole[0].slice(0, 2).map(Math.round), [800, 533]);
    await page.close();
  },
);

test("a picture keeps its style in another document", options, async () => {
  const page = await browser.newPage();
  await page.goto(`${server.address}large.html`);
  const found = await page.evaluate(async (golden) => {
    const frame = document.createElement("iframe");
    frame.src = "/frame/inner.html";
    const ready = new Promise((resolve) => (frame.onload = resolve));
    document.body.append(frame);
    await ready;
    const element = document.createElement("tcz-picture");
    element.style.width = "48px";
    const style = () => {
      const { defaultView } = element.ownerDocument;
      const canvas = defaultView.getComputedStyle(element.shadowRoot.firstChild);
      return [defaultView.getComputedStyle(element).display, canvas.objectFit, canvas.height];
    };
    const shown = async (src) => {
      const end = new Promise((resolve, reject) => {
        element.addEventListener("load", resolve, { once: true });
        element.addEventListener("error", (e) => reject(new Error(e.message)), { once: true });
      });
      element.src = src;
      await end;
      return style();
    };
    document.body.append(element);
    const seen = [await shown(`${golden}small-50.tcz`)];
    const elsewhere = frame.contentDocument.body;
    elsewhere.append(element);
    seen.push(style(), await shown("inner.tcz")); // as seen from that document
    document.body.append(element);
    seen.push(style());
    document.implementation.createHTMLDocument().body.append(element); // which has no window
    elsewhere.append(element);
    seen.push(style());
    return seen.map((values) => values.join());
  }, golden);
  const [large, small] = ["inline-block,contain,32px", "inline-block,contain,36px"];
  assert.deepEqual(found, [large, large, small, small, small]);
  await page.close();
});

test("properties may be set before the script is there, and after", options, async () => {
  const page = await browser.newPage();
  await page.goto(`${server.address}early.html`);
  const found = await page.evaluate((golden) => {
    const element = document.querySelector("tcz-picture");
    const told = () => ["src", "aria-label"].map((name) => element.getAttribute(name));
    const early = told();
    Object.assign(element, { src: `${golden}small-10.tcz`, alt: "a house" });
    return [...early, ...told()];
  }, golden);
  const [first, second] = ["small-50", "small-10"].map((name) => `${golden}${name}.tcz`);
  assert.deepEqual(found, [first, "a street", second, "a house"]);
  await page.close();
});

test("screen readers pass over a picture without words", options, async () => {
  const page = await browser.newPage();
  await page.goto(`${server.address}large.html`);
  await page.evaluate(() => {
    document.body.innerHTML = '<tcz-picture alt=""></tcz-picture><tcz-picture alt="a street">';
  });
  const named = () => page.locator("body").ariaSnapshot();
  assert.equal(await named(), '- img "a street"');
  await page.evaluate(() => {
    for (const element of document.querySelectorAll("tcz-picture"))
      element.setAttribute("alt", element.getAttribute("alt") ? "" : "a house");
  });
  assert.equal(await named(), '- img "a house"');
  await page.close();
});

test("a picture is decoded once, however often it comes into view", options, async () => {
  const page = await browser.newPage();
  await page.addInitScript(() => {
    window.scales = [];
    const { postMessage } = window.Worker.prototype;
    window.Worker.prototype.postMessage = function (message, ...more) {
      if (message.options) window.scales.push(message.options.scale);
      postMessage.call(this, message, ...more);
    };
  });
  await page.goto(`${server.address}large.html`);
  const found = await page.evaluate(async (golden) => {
    const seen = { loads: 0, drawn: [] };
    const { drawImage } = window.CanvasRenderingContext2D.prototype;
    window.CanvasRenderingContext2D.prototype.drawImage = function (bitmap, ...more) {
      seen.drawn.push(bitmap.width);
      drawImage.call(this, bitmap, ...more);
    };
    const element = document.createElement("tcz-picture");
    const loaded = () =>
      new Promise((resolve, reject) => {
        element.addEventListener("load", resolve, { once: true });
        element.addEventListener("error", (e) => reject(new Error(e.message)), { once: true });
      });
    const frames = async (n) => {
      while (n-- > 0) await new Promise((resolve) => window.requestAnimationFrame(resolve));
    };
    element.addEventListener("load", () => seen.loads++);
    element.src = `${golden}two-tiles-15.tcz`;
    document.body.append(element); // as large as its canvas, until its header is there
    await loaded();
    for (const top of ["5000px", "0", "5000px", "0"]) {
      element.style.marginTop = top;
      await frames(4);
    }
    element.remove();
    document.body.append(element);
    await frames(4);
    element.realism = 0.5;
    await loaded();
    return { ...seen, scales: window.scales };
  }, golden);
  assert.deepEqual(found, { loads: 2, drawn: [1100, 1100], scales: [1, 1] });
  await page.close();
});

test("a page that is enlarged gets more pixels", options, async () => {
  const page = await browser.newPage();
  await page.goto(`${server.address}large.html`);
  const width = () =>
    page.evaluate(() => document.querySelector("tcz-picture").shadowRoot.firstChild.width);
  await page.evaluate(async (golden) => {
    const element = document.createElement("tcz-picture");
    element.src = `${golden}small-10.tcz`; // 160 pixels wide
    element.style.width = "40px";
    document.body.replaceChildren(element);
    await new Promise((resolve) => element.addEventListener("load", resolve));
  }, golden);
  assert.equal(await width(), 40);
  const session = await page.context().newCDPSession(page);
  for (const times of [2, 4]) {
    const screen = { width: 800 / times, height: 600 / times, deviceScaleFactor: times };
    await session.send("Emulation.setDeviceMetricsOverride", { ...screen, mobile: false });
    const shown = (wanted) => document.querySelector("tcz-picture").shadowRoot.firstChild.width === wanted; // prettier-ignore
    await page.waitForFunction(shown, 40 * times, { timeout: 20_000 });
  }
  await page.close();
});

test("what left the window, or the page, before its turn is not decoded", options, async () => {
  const page = await browser.newPage();
  await page.addInitScript(() => {
    window.asked = 0;
    const { postMessage } = window.Worker.prototype;
    window.Worker.prototype.postMessage = function (message, ...more) {
      if (message.options) window.asked++;
      postMessage.call(this, message, ...more);
    };
  });
  await page.goto(`${server.address}large.html`);
  const found = await page.evaluate(async (golden) => {
    const loads = [];
    const until = async (happened) => {
      while (!happened()) await new Promise((resolve) => window.setTimeout(resolve, 5));
    };
    const pictures = Array.from({ length: 8 }, (_, i) => {
      const element = document.createElement("tcz-picture");
      element.addEventListener("load", () => loads.push(i));
      element.src = `${golden}small-50.tcz`;
      return element;
    });
    const loaded = (i) => new Promise((resolve) => pictures[i].addEventListener("load", resolve));
    const [first, fifth, sixth] = [0, 5, 6].map(loaded);
    document.body.append(pictures[0]);
    await until(() => window.asked === 1);
    document.body.append(...pictures.slice(1)); // the model is not there yet: these wait
    await until(() => pictures.every((element) => element.clientWidth === 96));
    pictures[7].remove();
    for (const i of [1, 2, 3, 4]) pictures[i].style.cssText = "position: absolute; top: 5000px";
    await Promise.all([first, fifth, sixth]);
    const { asked } = window;
    pictures[3].style.cssText = "";
    await loaded(3);
    return { asked, loads: [loads.slice(0, -1).sort(), loads.at(-1)] };
  }, golden);
  assert.deepEqual(found, { asked: 3, loads: [[0, 5, 6], 3] });
  await page.close();
});

test("fetches of what left the window, or the page, end", options, async () => {
  const closed = [];
  const begun = [];
  const endless = await serve({
    pages: {
      "/large.html": `${head}<script type="module" src="/web/dist/element.js"></script><body>`,
    },
    slow: (name, response) => {
      begun.push(name);
      response.on("close", () => closed.push(name));
    },
  });
  const page = await browser.newPage();
  const until = async (list, ...names) => {
    while (!names.every((name) => list.includes(name))) await sleep(5);
  };
  try {
    await page.goto(`${endless.address}large.html`);
    await page.evaluate((golden) => {
      window.errors = 0;
      window.pictures = ["past", "removed", "other", "kept"].map((name) => {
        const element = document.createElement("tcz-picture");
        element.addEventListener("error", () => window.errors++);
        element.src = `/slow/${name}.tcz`;
        return element;
      });
      document.body.append(...window.pictures);
      window.golden = golden;
    }, golden);
    await until(begun, ...["past", "removed", "other", "kept"].map((name) => `${name}.tcz`));
    await page.evaluate(async () => {
      const [past, removed, other] = window.pictures;
      past.style.cssText = "position: absolute; top: 5000px";
      removed.remove();
      other.src = `${window.golden}small-50.tcz`;
      await new Promise((resolve) => other.addEventListener("load", resolve));
    });
    await until(closed, "past.tcz", "removed.tcz", "other.tcz");
    assert.equal(closed.length, 3);
    begun.length = 0;
    await page.evaluate(() => (window.pictures[0].style.cssText = "")); // it is asked for again
    await until(begun, "past.tcz");
    assert.equal(await page.evaluate(() => window.errors), 0);
  } finally {
    await page.close();
    endless.close();
  }
});

test("pictures far from the window give way to those in it", options, async () => {
  const page = await browser.newPage();
  await page.goto(`${server.address}large.html`);
  const found = await page.evaluate(async (golden) => {
    const sources = [`${golden}two-tiles-15.tcz`, ...Array(8).fill("/large.tcz")];
    const pictures = sources.map((src, i) => {
      const element = document.createElement("tcz-picture");
      element.src = src;
      element.style.cssText = `margin-bottom: 3000px; max-width: none; ${i ? "width: 3000px" : ""}`;
      return element;
    });
    const ended = (element) =>
      new Promise((resolve) => {
        for (const name of ["load", "error"])
          element.addEventListener(name, () => resolve(name), { once: true });
      });
    const canvases = () =>
      pictures.map(({ shadowRoot }) => shadowRoot.firstChild).map(({ width }) => width);
    document.body.replaceChildren(...pictures);
    const seen = [];
    for (const element of [...pictures, pictures[0]]) {
      const end = ended(element); // only the preview of the large ones can be shown
      element.scrollIntoView();
      seen.push(await end);
    }
    const context = pictures[1].shadowRoot.firstChild.getContext("2d"); // print shows it
    const colours = [40, 120].map((x) => [...context.getImageData(x, 50, 1, 1).data]);
    return { seen, canvases: canvases(), top: pictures[8].offsetTop, colours };
  }, golden);
  assert.deepEqual(found.seen, ["load", ...Array(8).fill("error"), "load"]);
  assert.deepEqual(found.canvases, [1100, 159, 159, 159, ...Array(5).fill(3000)]);
  const near = (a, b) => a.every((value, i) => Math.abs(value - b[i]) < 12);
  assert.ok(near(found.colours[0], [220, 40, 30, 255]), `left ${found.colours[0]}`);
  assert.ok(near(found.colours[1], [30, 60, 210, 255]), `right ${found.colours[1]}`);
  assert.ok(found.top > 8 * 3000 + 7 * 2000, `${found.top}`); // their room is kept
  await page.close();
});

test("a picture that gave way while it was drawn is decoded when it is back", options, async () => {
  const page = await browser.newPage();
  await page.addInitScript(() => {
    window.asked = 0;
    const { postMessage } = window.Worker.prototype;
    window.Worker.prototype.postMessage = function (message, ...more) {
      if (message.options?.scale === 1) window.asked++;
      postMessage.call(this, message, ...more);
    };
  });
  await page.goto(`${server.address}large.html`);
  const [away, back] = await page.evaluate(async (golden) => {
    const until = async (happened) => {
      while (!happened()) await new Promise((resolve) => window.setTimeout(resolve, 5));
    };
    const added = (src, style) => {
      const element = document.createElement("tcz-picture");
      element.src = src;
      element.style.cssText = `position: absolute; top: 0; max-width: none; ${style}`;
      document.body.append(element);
      return element;
    };
    const canvas = (element) => element.shadowRoot.firstChild;
    const large = [1, 2, 3].map(() => added("/large.tcz", "width: 6000px")); // all stay in sight
    const failed = large.map((element) => new Promise((resolve) => (element.onerror = resolve)));
    await Promise.all(failed);
    window.asked = 0;
    const element = added(`${golden}two-tiles-15.tcz`, "");
    await until(() => window.asked === 1);
    const drawn = new Promise((resolve) => {
      const { drawImage } = window.CanvasRenderingContext2D.prototype;
      window.CanvasRenderingContext2D.prototype.drawImage = function (...given) {
        drawImage.apply(this, given);
        resolve();
      };
    });
    element.style.top = "50000px";
    await drawn;
    await new Promise((resolve) => window.setTimeout(resolve));
    const away = canvas(element).width;
    const loaded = new Promise((resolve) => element.addEventListener("load", resolve));
    element.style.top = "0";
    await loaded;
    return [away, canvas(element).width];
  }, golden);
  assert.deepEqual([away, back], [715, 1100]);
  await page.close();
});

test("print has words where a picture was never in sight", options, async () => {
  const page = await browser.newPage();
  await page.goto(`${server.address}large.html`);
  await page.evaluate(async (golden) => {
    const pictures = ["small-50", "small-10", "none"].map((name, i) => {
      const element = document.createElement("tcz-picture");
      Object.assign(element, { src: `${golden}${name}.tcz`, alt: name });
      if (i === 1) element.style.cssText = "position: absolute; top: 9000px";
      return element;
    });
    const ended = ["load", "", "error"].map(
      (name, i) => new Promise((resolve) => name && pictures[i].addEventListener(name, resolve)),
    );
    document.body.append(...pictures);
    await Promise.all([ended[0], ended[2]]);
    window.words = () =>
      pictures.map(({ shadowRoot }) => shadowRoot.querySelector("span")?.textContent);
    window.addEventListener("beforeprint", () => (window.printed = window.words()));
  }, golden);
  await page.pdf();
  const found = await page.evaluate(() => [window.printed, window.words()]);
  assert.deepEqual(found, [
    [undefined, "small-10", "none"],
    [undefined, undefined, "none"],
  ]);
  await page.close();
});

test("bitmaps that come too late are closed", options, async () => {
  const page = await browser.newPage();
  await page.goto(`${server.address}large.html`);
  const [made, closed] = await page.evaluate(async (golden) => {
    let [made, closed] = [0, 0];
    const { createImageBitmap: make } = window;
    const { close } = window.ImageBitmap.prototype;
    const element = document.createElement("tcz-picture");
    let late = true;
    window.createImageBitmap = async (...given) => {
      made++;
      const bitmap = await make(...given);
      if (late) element.src = `${golden}small-10.tcz`; // while the other one is on its way
      late = false;
      return bitmap;
    };
    window.ImageBitmap.prototype.close = function () {
      closed++;
      close.call(this);
    };
    element.src = `${golden}small-50.tcz`;
    document.body.replaceChildren(element);
    await new Promise((resolve) => element.addEventListener("load", resolve));
    return [made, closed];
  }, golden);
  assert.ok(made > 1 && closed === made, `${closed} of ${made}`);
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

test("an image is shown whose file comes after the service worker", options, async () => {
  let come;
  const wait = new Promise((resolve) => (come = resolve));
  let asked = 0;
  const images = '<script type="module" src="/web/dist/images.js"></script>';
  const slow = await serve({
    pages: {
      "/page/slow.html": `${head}${images}<body><img id="one" src="/slow.tcz">`,
      "/slow.tcz": async () => {
        if (!asked++) await wait;
        return Buffer.from(tcz("small-50"));
      },
    },
  });
  const page = await browser.newPage();
  try {
    await page.goto(`${slow.address}page/slow.html`, { waitUntil: "commit" });
    await page.waitForFunction(() => navigator.serviceWorker.controller);
    come();
    await page.waitForFunction(() => document.querySelector("#one").naturalWidth === 96);
    assert.equal(asked, 2);
  } finally {
    await page.close();
    slow.close();
  }
});

test("the service worker has room for one picture at a time", options, async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${server.address}page/images.html`);
  await page.waitForFunction(() => document.querySelector("#one").naturalWidth > 0);
  const [worker] = context.serviceWorkers();
  await worker.evaluate(() => {
    const { Blob, createImageBitmap } = globalThis;
    let most = 0;
    let begun = 0;
    globalThis.createImageBitmap = (...given) => {
      most = Math.max(most, ++begun);
      return createImageBitmap(...given);
    };
    globalThis.Blob = class extends Blob {
      constructor(...given) {
        super(...given);
        if (this.type === "image/png") begun--;
      }
    };
    globalThis.counts = () => [most, begun];
  });
  await page.evaluate(async (src) => {
    const loaded = Array.from({ length: 5 }, (_, i) => {
      const image = document.createElement("img");
      image.src = `${src}?${i}`;
      document.body.append(image);
      return new Promise((resolve) => (image.onload = resolve));
    });
    await Promise.all(loaded);
  }, `${golden}text-50.tcz`); // with AV1, which the browser decodes meanwhile
  assert.deepEqual(await worker.evaluate(() => globalThis.counts()), [1, 0]);
  await context.close();
});

test("the service worker leaves out the pictures of a page that was closed", options, async () => {
  const context = await browser.newContext();
  const stays = await context.newPage();
  await stays.goto(`${server.address}page/images.html`);
  await stays.waitForFunction(() => document.querySelector("#one").naturalWidth > 0);
  const closes = await context.newPage();
  await closes.goto(`${server.address}page/images.html`);
  await closes.waitForFunction(() => document.querySelector("#one").naturalWidth > 0);
  const [worker] = context.serviceWorkers();
  await worker.evaluate(() => {
    const { Blob, createImageBitmap } = globalThis;
    globalThis.pngs = 0;
    const opened = new Promise((resolve) => (globalThis.open = resolve));
    globalThis.createImageBitmap = async (...given) => {
      globalThis.waits = true;
      await opened;
      return createImageBitmap(...given);
    };
    globalThis.Blob = class extends Blob {
      constructor(...given) {
        super(...given);
        if (this.type === "image/png") globalThis.pngs++;
      }
    };
  });
  const add = (page, from, to) =>
    page.evaluate(
      ([src, from, to]) => {
        for (let i = from; i < to; i++) document.body.append(Object.assign(new window.Image(), { id: `more${i}`, src: `${src}?${i}` })); // prettier-ignore
      },
      [`${golden}text-50.tcz`, from, to],
    );
  await add(stays, 0, 1);
  while (!(await worker.evaluate(() => globalThis.waits))) await sleep(5);
  await add(closes, 1, 5); // their turn comes when the first is ready
  await sleep(500);
  await closes.close();
  await add(stays, 5, 6);
  await sleep(500);
  await worker.evaluate(() => globalThis.open());
  await stays.waitForFunction(() => document.querySelector("#more5").naturalWidth > 0);
  assert.equal(await worker.evaluate(() => globalThis.pngs), 2);
  await context.close();
});

for (const name of ["images", "isolated"]) {
  test(`Shift and reload leave the pictures of ${name}.html`, options, async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${server.address}page/${name}.html`);
    const shown = () =>
      page.waitForFunction(
        () =>
          navigator.serviceWorker.controller && document.querySelector("#one")?.naturalWidth > 0,
      );
    await shown();
    await page.waitForLoadState();
    let loads = 0;
    page.on("load", () => loads++);
    const session = await context.newCDPSession(page);
    const loaded = page.waitForEvent("load");
    await session.send("Page.reload", { ignoreCache: true });
    await loaded;
    await shown();
    assert.equal(loads, 1);
    await context.close();
  });
}

test("of what a page keeps for offline, the oldest is left out", options, async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  const shown = () =>
    page.waitForFunction(
      () =>
        navigator.serviceWorker.controller && document.querySelector("#one")?.naturalWidth === 41,
    );
  await page.goto(`${server.address}page/few.html`);
  await shown();
  await page.reload(); // all of it is kept
  await shown();
  await page.evaluate(async () => {
    for (const name of ["tccodec-page", "tccodec-pictures"]) {
      const cache = await caches.open(name);
      for (let i = 0; i < 9; i++) await cache.put(`/old?${i}`, new window.Response("old"));
    }
  });
  for (let i = 0; i < 2; i++) {
    await page.reload();
    await shown();
  }
  const names = await page.evaluate(async () => {
    const found = [];
    for (const name of ["tccodec-page", "tccodec-pictures"]) {
      const keys = await (await caches.open(name)).keys();
      found.push(keys.map(({ url }) => url.split("/").at(-1)).sort());
    }
    return found;
  });
  assert.deepEqual(names[0], ["few.html", "images.js?offline=4", "old?7", "old?8"]);
  assert.deepEqual(names[1].slice(0, 1), ["grey-40.tcz"]);
  assert.deepEqual(names[1].slice(-3), ["old?6", "old?7", "old?8"]);
  await context.setOffline(true);
  await page.reload();
  await shown();
  await context.close();
});

for (const isolated of [false, true]) {
  const kind = isolated ? "an isolated page" : "a page becomes isolated, and";
  test(`${kind} opens without network`, options, async () => {
    const own = isolated ? await serve({ pages }) : server;
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${own.address}page/isolated.html`);
    const shown = () =>
      page.waitForFunction(
        () =>
          crossOriginIsolated &&
          navigator.serviceWorker.controller &&
          document.querySelector("#one")?.naturalWidth === 41,
      );
    await shown();
    await context.setOffline(true);
    const session = await context.newCDPSession(page);
    await session.send("ServiceWorker.enable");
    await session.send("ServiceWorker.stopAllWorkers"); // as browsers do after a while
    await page.reload();
    await shown();
    await context.close();
    if (isolated) own.close();
  });
}
