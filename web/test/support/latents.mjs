// Latents of files, decoded with the package in Node, for the tests in Python.
//
//   node latents.mjs MODEL FOLDER     JSON: by name of a file in FOLDER the SHA-256 of its latents,
//                                     32-bit integers, or why it is refused

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { Decoder, Machine, readModel, TczError } from "../../dist/core.js";

const [path, folder] = process.argv.slice(2);
const none = () => Promise.reject(new Error("no decoder of WebP here"));
const model = await readModel(async (name) => Uint8Array.from(readFileSync(`${path}/${name}`)));
const kernels = readFileSync(new URL("../../dist/kernels.wasm", import.meta.url));
const machine = await Machine.start(await WebAssembly.compile(kernels), 1, none);
const decoder = new Decoder(machine, model, none);
const found = {};
for (const name of readdirSync(folder)) {
  try {
    const latents = decoder.latents(Uint8Array.from(readFileSync(`${folder}/${name}`)));
    found[name] = createHash("sha256").update(latents).digest("hex");
  } catch (e) {
    if (!(e instanceof TczError)) throw new Error(name, { cause: e });
    found[name] = `${e.kind}: ${e.message}`;
  }
}
console.log(JSON.stringify(found));
