// The worker's script in Node: how it finds the model among folders. No browser is needed.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { before, test } from "node:test";
import { setTimeout } from "node:timers";
import { Worker as Thread } from "node:worker_threads";
import { bytes, MODEL, tcz } from "./support/files.mjs";
import { Decoder, Machine, readModel } from "../dist/core.js";

const options = { timeout: 60_000 };
const dist = new URL("../dist/", import.meta.url);
const config = JSON.parse(Buffer.from(bytes(`${MODEL}config.json`)).toString());
const page = "<!doctype html><title>There is no such file</title>";
/** Files by address; what is missing has status 404, "gone:" cannot be reached, "broken:" breaks off. */
const files = {
  "https://host/other/config.json": JSON.stringify({ ...config, model_id: "0123456789abcdef" }),
  "https://host/page/config.json": page,
  "https://host/nothing/config.json": "null",
  "https://host/nameless/config.json": "{}",
  "https://host/knots/config.json": JSON.stringify({
    ...config,
    model: { ...config.model, knots: 64 },
  }),
  "https://host/cut/config.json": JSON.stringify(config),
  "https://host/cut/model.safetensors": bytes(`${MODEL}model.safetensors`).subarray(0, 10_000),
  "https://host/short/config.json": JSON.stringify(config),
  "https://host/short/model.safetensors": "short",
  "https://host/good/config.json": JSON.stringify(config),
  "https://host/good/model.safetensors": bytes(`${MODEL}model.safetensors`),
};
let answered;

before(async () => {
  Object.assign(globalThis, {
    onmessage: undefined,
    postMessage: (answer) => "done" in answer || answered(answer),
    fetch: async (url) => {
      const { origin, pathname, protocol } = new URL(url);
      if (protocol === "gone:") throw new TypeError("fetch failed");
      if (protocol === "broken:") {
        return new Response(
          new ReadableStream({ pull: (body) => body.error(new TypeError("reset")) }),
        );
      }
      if (protocol === "file:") return new Response(readFileSync(new URL(url)));
      const found = files[origin + pathname];
      return new Response(found, { status: found ? 200 : 404 });
    },
  });
  await import("../dist/worker.js");
});

/** The size of the picture that a model in one of the folders gives, or why there is none. */
async function decoded(...models) {
  return decodedBy(1, models);
}

async function decodedBy(threads, models) {
  const settings = { models, threads, base: dist.href, keep: false };
  globalThis.onmessage({ data: { settings } });
  const answer = await new Promise((resolve) => {
    answered = resolve;
    globalThis.onmessage({ data: { id: 1, data: tcz("small-50"), options: { device: "cpu" } } });
  });
  return answer.picture?.width ?? `${answer.kind}: ${answer.message}`;
}

const at = (name) => `https://host/${name}/`;

test("folders without the model are passed over", async () => {
  const bad = [
    "gone:/folder/",
    "broken:/folder/",
    ...["none", "page", "nothing", "nameless", "other"].map(at),
  ];
  assert.equal(await decoded(...bad, at("good")), 96);
});

test("a damaged folder is passed over as well", async () => {
  assert.equal(await decoded(at("cut"), at("short"), at("good")), 96);
});

test("the first problem is told if no folder has the model", async () => {
  for (const [name, problem] of [
    ["none", "UnreadableFile: https://host/none/config.json: status 404"],
    ["page", "BadModel: https://host/page/: config.json is damaged"],
    ["nothing", "BadModel: https://host/nothing/: config.json is damaged"],
    ["nameless", "BadModel: https://host/nameless/: config.json names no model"],
    ["knots", "BadModel: https://host/knots/: knots - 1 must divide 1000, not be 63"],
    ["cut", "BadModel: https://host/cut/: model.safetensors is cut short"],
    ["short", "BadModel: https://host/short/: model.safetensors is cut short"],
  ]) {
    assert.equal(await decoded(at(name), at("other"), at("page")), problem);
  }
  assert.equal(
    await decoded("broken:/folder/"),
    "UnreadableFile: broken:/folder/config.json: the connection broke",
  );
  assert.equal(
    await decoded(at("other")),
    `UnknownModel: the file was made with model ${config.model_id.slice(0, 10)}, which is not here`,
  );
});

const broken = {
  "cannot be made": () => {
    throw new Error("no more workers");
  },
  "cannot be loaded": (helper) => setTimeout(() => helper.onerror({})),
  "does not get the memory": () => ({
    postMessage() {
      throw new Error("DataCloneError");
    },
  }),
  "cannot start": (helper) => setTimeout(() => helper.onmessage({ data: "failed" })),
  "says nothing": () => undefined,
};

for (const [what, act] of Object.entries(broken)) {
  test(`one thread decodes where a helper ${what}`, options, async (t) => {
    const helpers = [];
    globalThis.Worker = class {
      ended = false;
      constructor() {
        if (helpers.length < 2) setTimeout(() => this.onmessage({ data: "ready" }));
        else Object.assign(this, act(this));
        helpers.push(this);
      }
      postMessage() {}
      terminate() {
        this.ended = true;
      }
    };
    t.after(() => delete globalThis.Worker);
    const { setTimeout: real } = globalThis;
    t.mock.method(globalThis, "setTimeout", (act, delay) => real(act, delay && 20)); // no patience
    assert.equal(await decodedBy(4, [at("good")]), 96);
    assert.ok(helpers.length > 1 && helpers.every(({ ended }) => ended));
  });
}

test("helpers are ended where the decoder cannot be made", async (t) => {
  const helpers = [];
  globalThis.Worker = class {
    constructor() {
      helpers.push("runs");
    }
    postMessage({ thread, shared }) {
      shared.memory.grow = () => {
        throw new RangeError("Out of memory");
      };
      setTimeout(() => this.onmessage({ data: "ready" }));
      this.terminate = () => (helpers[thread - 1] = "ended");
    }
  };
  t.after(() => delete globalThis.Worker);
  assert.equal(await decodedBy(3, [at("good")]), 96);
  assert.deepEqual(helpers, ["ended", "ended"]);
});

/** Helps in another thread of Node, with no kernels, and says how that ends. */
const HELPLESS = `
  const { parentPort, workerData } = require("node:worker_threads");
  import(workerData.core).then(({ help }) => {
    const module = new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));
    const tell = (what) => parentPort.postMessage(what);
    help({ memory: workerData.memory, module }, 1, () => tell("ready")).catch((e) => tell(e.name));
  });
`;

test("a picture that a helper fails in fails, the next one needs none", options, async (t) => {
  const module = await WebAssembly.compile(bytes("web/dist/kernels-shared.wasm"));
  let helper;
  t.after(() => helper.terminate());
  const machine = await Machine.start(module, 2, async ({ memory }) => {
    const workerData = { core: new URL("core.js", dist).href, memory };
    helper = new Thread(HELPLESS, { eval: true, workerData });
    assert.deepEqual(await once(helper, "message"), ["ready"]);
  });
  const model = await readModel(async (name) => bytes(MODEL + name));
  const decoder = new Decoder(machine, model, () => Promise.reject(new Error("no WebP")));
  await assert.rejects(decoder.decode(tcz("two-tiles-15")), /^Error: a thread of the decoder has failed$/); // prettier-ignore
  assert.deepEqual(await once(helper, "message"), ["TypeError"]);
  assert.equal((await decoder.decode(tcz("small-50"))).width, 96);
});

const GIB = 1 << 14; // pages

/** Does something where memory of more pages than these is refused, by whether threads share it. Gives
 * what was asked for, in pages. */
async function withMemory(most, act) {
  const { Memory } = WebAssembly;
  const asked = [];
  WebAssembly.Memory = class extends Memory {
    constructor({ initial, maximum, shared }) {
      asked.push(`${maximum}${shared ? " shared" : ""}`);
      if (maximum > most[shared]) throw new RangeError("Out of memory");
      super({ initial, maximum, shared });
    }
  };
  try {
    await act();
  } finally {
    WebAssembly.Memory = Memory;
  }
  return asked;
}

test("threads share less memory where the browser refuses more", async () => {
  const module = await WebAssembly.compile(bytes("web/dist/kernels-shared.wasm"));
  let enlisted;
  const start = () => Machine.start(module, 2, async (shared) => (enlisted = shared));
  assert.deepEqual(await withMemory({ true: GIB }, start), [
    "65536 shared",
    "32768 shared",
    "16384 shared",
  ]);
  assert.ok(enlisted.memory.buffer instanceof SharedArrayBuffer);
  const none = withMemory({ true: 100 }, start);
  await assert.rejects(none, RangeError);
});

test("one thread decodes where the browser refuses memory for several", async () => {
  const act = async () => assert.equal(await decodedBy(4, [at("good")]), 96);
  assert.deepEqual(await withMemory({ true: 100, false: 2 * GIB }, act), [
    ...[65536, 32768, 16384, 8192].map((pages) => `${pages} shared`),
    ...[65536, 32768].map(String),
  ]);
});
