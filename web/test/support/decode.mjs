// Decodes files with the package in Node, for the tests in Python.
//
//   node decode.mjs MODEL FILE OUT [OPTIONS]     RGBA to OUT; OPTIONS is JSON

import { readFileSync, writeFileSync } from "node:fs";
import { Decoder, Machine, readModel, TczError } from "../../dist/core.js";

const [folder, file, out, options = "{}"] = process.argv.slice(2);
const none = () => Promise.reject(new Error("no decoder of WebP here"));
const model = await readModel(async (name) => Uint8Array.from(readFileSync(`${folder}/${name}`)));
const kernels = readFileSync(new URL("../../dist/kernels.wasm", import.meta.url));
const machine = await Machine.start(await WebAssembly.compile(kernels), 1, none);
try {
  const picture = await new Decoder(machine, model, none).decode(
    Uint8Array.from(readFileSync(file)),
    JSON.parse(options),
  );
  writeFileSync(out, picture.data);
  console.log(`${picture.width} ${picture.height}`);
} catch (e) {
  if (!(e instanceof TczError)) throw e;
  console.log(`${e.kind}: ${e.message}`);
}
