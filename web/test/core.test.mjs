// The decoder in Node, with one thread: symbols, pixels, damage. No browser is needed.

import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execFileSync } from "node:child_process";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { deflateSync } from "node:zlib";
import { crc32, HEAD, ID, little, varint, withSection } from "./support/container.mjs";
import { bytes, GOLDEN, MODEL, sha256, tcz } from "./support/files.mjs";
import { Decoder, Machine, Model, read, readModel, TczError } from "../dist/core.js";

const dist = new URL("../dist/", import.meta.url);
const none = () => Promise.reject(new Error("no decoder of WebP here"));
let decoder;
let machine;

before(async () => {
  const model = await readModel(async (name) => bytes(MODEL + name));
  const module = await WebAssembly.compile(await readFile(new URL("kernels.wasm", dist)));
  machine = await Machine.start(module, 1, none);
  decoder = new Decoder(machine, model, none);
});

for (const [name, hashes] of Object.entries(GOLDEN)) {
  test(`${name} has the symbols of the other decoders`, () => {
    const data = tcz(name);
    assert.equal(sha256(data), hashes.file);
    assert.equal(sha256(decoder.latents(data)), hashes.latents);
  });
}

function refused(data, text) {
  assert.throws(
    () => read(data),
    (e) => e instanceof TczError && text.test(e.message) && !e.message.includes("\n"),
  );
}

const any = /./;

test("every single bit is covered by a checksum", () => {
  const good = tcz("alpha-60");
  for (let bit = 0; bit < 8 * good.length; bit++) {
    const bent = good.slice();
    bent[bit >> 3] ^= 1 << (bit & 7);
    refused(bent, any);
  }
});

test("every truncation and what follows the end is refused", () => {
  const good = tcz("alpha-60");
  for (let n = 0; n < good.length; n++) refused(good.subarray(0, n), any);
  refused(Uint8Array.from([...good, 0]), any);
});

test("errors of the header name their cause", () => {
  for (const [data, text] of [
    [[], /empty/],
    [[0x47, 0x49, 0x46], /not a \.tcz file/],
    [[...HEAD, 0x10], /cut short/],
    [[...HEAD, 0x20, ...ID, 1, 1, 0], /version 2/],
    [[...HEAD, 0x14, ...ID, 1, 1, 0], /later version/],
    [[...HEAD, 0x10, ...ID, 1, 1, 0xe9, 7], /setting 1001/],
    [[...HEAD, 0x12, ...ID, 1, 1, 0, 0], /0 sections/],
    [[...HEAD, 0x12, ...ID, 1, 1, 0, 33], /33 sections/],
    [[...HEAD, 0x10, ...ID, 0x80, 0, 1, 0], /shortest form/],
    [[...HEAD, 0x10, ...ID, 0, 10, 0], /no pixels/],
    [[...HEAD, 0x10, ...ID, ...varint(20000), ...varint(20000), 0], /above the limit/],
    [
      [...HEAD, 0x10, ...ID, ...varint(65535), ...varint(3000), 0, ...Array(30).fill(0)],
      /192 tile/,
    ],
  ]) {
    refused(Uint8Array.from(data), text);
  }
});

test("bad sections are refused, unknown ones that may be skipped are skipped", () => {
  const packed = deflateSync(Buffer.from("1234"));
  for (const [tag, stored, text] of [
    [40, [1], /needs section 40/],
    [0x80, [], /out of order/],
    [16, [1], /ancillary bit/],
    [0x81, [1], /ancillary bit/],
    [0x41, [1], /deflated twice/],
    [0xd0, [5, ...Buffer.from("nonsense")], /does not inflate/],
    [0xd0, [5, ...packed], /length/],
    [0xd0, [3, ...packed], /length/],
    [0xd0, [4, ...packed, 0], /length/],
    [0xd0, [4, ...packed.subarray(0, -1)], /length/],
    [0xd0, [], /cut short/],
    [0xd0, varint(2 ** 34), /icc of 17179869184 bytes is above/],
    [1, Array(5000).fill(0), /alpha of 5000 bytes/],
    [0x94, [...Buffer.from("CMYK\n")], /printable ASCII/],
    [0x94, [], /printable ASCII/],
  ]) {
    refused(withSection(tag, stored), text);
  }
  assert.deepEqual(read(withSection(0xc0 | 40, [1, 2, 3])).bodies, {});
  const icc = read(withSection(0xd0, [4, ...packed])).bodies.icc;
  assert.equal(Buffer.from(icc).toString(), "1234");
});

/** A file of one tile group for the model, with a right checksum. */
function withPayload(payload, like = tcz("small-50")) {
  const { size } = read(like);
  const head = like.subarray(0, size);
  const sum = little(crc32([...head, 0, ...varint(payload.length), ...payload]));
  return Uint8Array.from([...head, ...sum, ...payload]);
}

test("a payload that no encoder writes is refused", async () => {
  const [payload] = read(tcz("small-50")).tiles;
  const changed = (change) => {
    const copy = Array.from(payload);
    change(copy);
    return withPayload(copy);
  };
  for (const [data, text] of [
    [changed((p) => (p[0] = 0)), /groups that its model does not have/],
    [changed((p) => (p[0] |= 128)), /groups that its model does not have/],
    [changed((p) => p.push(0)), /ends in a zero byte/],
    [changed((p) => p.push(1, 2, 3, 4)), /does not end|larger than/],
    [changed((p) => (p[p.length - 9] ^= 16)), /does not end|larger than/],
  ]) {
    await assert.rejects(
      decoder.decode(data),
      (e) => e instanceof TczError && text.test(e.message),
    );
  }
});

test("noise as a payload gives pixels or an error, and never anything else", async () => {
  let seed = 1;
  const noise = () => (seed = (seed * 48271) % 2147483647) & 255;
  for (let i = 0; i < 60; i++) {
    const payload = [1 + (noise() & 126), ...Array.from({ length: 1 + noise() }, noise), 1];
    try {
      await decoder.decode(withPayload(payload));
    } catch (e) {
      assert.ok(e instanceof TczError, String(e));
    }
  }
});

test("a model whose quantisers the format does not allow is refused", async () => {
  const config = JSON.parse(Buffer.from(bytes(`${MODEL}config.json`)).toString());
  for (const [changes, text] of [
    [{ trellis: 1 }, /trellis must be 0 or 2 to 63/],
    [{ trellis: 64 }, /trellis must be 0 or 2 to 63/],
    [{ trellis: 2.5 }, /trellis must be 0 or 2 to 63/],
    [{ trellis: 12, centroids: true }, /not together with centroids/],
    [{ trellis: 12, spacing: [16] }, /spacing must be two numbers/],
    [{ trellis: 12, spacing: 16 }, /spacing must be two numbers/],
    [{ trellis: 12, spacing: [1, 16] }, /spacing must be two numbers/],
    [{ trellis: 12, spacing: [20, 66] }, /spacing must be two numbers/],
    [{ trellis: 12, spacing: [20, 23] }, /must be even/],
    [{ trellis: 0, spacing: [16, 18] }, /needs a trellis/],
    [{ trellis: 13, spacing: [20, 24] }, /not the weights/],
    [{ trellis: 0, spacing: [16, 16] }, /not the weights/],
  ]) {
    const changed = JSON.stringify({ ...config, model: { ...config.model, ...changes } });
    const get = async (name) =>
      name === "config.json" ? Buffer.from(changed) : bytes(MODEL + name);
    await assert.rejects(
      readModel(get),
      (e) => e instanceof TczError && e.kind === "BadModel" && text.test(e.message),
    );
  }
});

test("a model needs tables for both quantisers", () => {
  const { id, config, tensors } = decoder.model;
  const model = new Model(id, { ...config, trellis: 13 }, tensors);
  assert.throws(
    () => new Decoder(machine, model, none),
    (e) => e instanceof TczError && e.message === "the model has 116 symbol tables, not 115",
  );
});

test("building again, from any folder, gives the files in dist/ and types/", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tccodec-"));
  const script = fileURLToPath(new URL("../build.mjs", dist));
  try {
    execFileSync(process.execPath, [script, "."], { cwd: folder });
    for (const part of ["dist", "types"]) {
      const names = await readdir(join(folder, part));
      const own = new URL(`../${part}/`, dist);
      assert.deepEqual(names.sort(), (await readdir(own)).sort(), `${part}/: npm run build`);
      for (const name of names) {
        const [built, kept] = [
          await readFile(join(folder, part, name)),
          await readFile(new URL(name, own)),
        ];
        assert.ok(built.equals(kept), `${part}/${name} differs: npm run build`);
      }
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a page that is not secure compares weights with their id as well", async () => {
  const secure = Object.getOwnPropertyDescriptor(globalThis, "crypto");
  Object.defineProperty(globalThis, "crypto", { value: {}, configurable: true });
  try {
    for (let n = 0; n < 130; n++) {
      const name = "n".repeat(n); // the id covers it: any number of bytes after the last block
      const model = { coarse: 0, groups: [], knots: 2, name, patch: 8, staged: false };
      const spelled = `{"coarse": 0, "groups": [], "knots": 2, "name": "${name}", "patch": 8, "staged": false}`; // prettier-ignore
      const id = sha256(Buffer.from(spelled)).slice(0, 16);
      const folder = (model_id) => async (file) =>
        file === "config.json"
          ? Buffer.from(JSON.stringify({ format: 1, model_id, model }))
          : Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, ...Buffer.from("{}"));
      assert.equal((await readModel(folder(id))).id, id);
      await assert.rejects(readModel(folder(`${id.slice(1)}g`)), /not the weights/);
    }
  } finally {
    Object.defineProperty(globalThis, "crypto", secure);
  }
});
