// The package's script in Node, with a worker that does what a test wants. No browser is needed.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as asked } from "node:timers/promises";

const workers = [];
globalThis.Worker = class {
  posted = [];
  ended = false;
  constructor() {
    workers.push(this);
  }
  postMessage(message) {
    this.posted.push(message);
  }
  terminate() {
    this.ended = true;
  }
};
const { decode } = await import("../dist/tccodec.js");

test("after a worker has failed, the next picture starts another one", async () => {
  const lost = [decode(new Uint8Array(3)), decode(new Uint8Array(3))];
  await asked();
  const [first] = workers;
  assert.equal(first.posted.length, 3); // the settings are the first
  first.onerror({ message: "out of memory" });
  for (const promise of lost) await assert.rejects(promise, /^Error: out of memory$/);
  assert.ok(first.ended);

  first.onmessage({ data: { id: 1, done: 0.5 } }); // these were under way
  first.onerror({ message: "again" });
  const done = [];
  const next = decode(new Uint8Array(3), { onProgress: (share) => done.push(share) });
  await asked();
  assert.equal(workers.length, 2);
  const [{ settings }, { id }] = workers[1].posted;
  assert.ok(settings.models.length);
  workers[1].onmessage({ data: { id, done: 0.5 } });
  workers[1].onmessage({ data: { id, picture: { width: 7 } } });
  assert.deepEqual([(await next).width, ...done], [7, 0.5]);
});

test("a worker that does not start is told of in a sentence", async () => {
  const lost = decode(new Uint8Array(3));
  await asked();
  workers.at(-1).onerror({});
  const address = new URL("../dist/worker.js", import.meta.url).href;
  const message = `the decoder's worker cannot be started: ${address}`;
  await assert.rejects(lost, { message });
});
