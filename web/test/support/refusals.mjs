// Why the package refuses files, in Node, for the tests in Python.
//
//   node refusals.mjs FOLDER MODEL...     JSON: by name of a file in FOLDER, "" if it is decoded
//
// Pictures inside sections decode to nothing: only their form can be refused.

import { readdirSync, readFileSync } from "node:fs";
import { Decoder, Machine, read, readModel, TczError } from "../../dist/core.js";

const [folder, ...models] = process.argv.slice(2);
const blank = (_, width, height) => Promise.resolve(new Uint8Array(4 * width * height));
const kernels = readFileSync(new URL("../../dist/kernels.wasm", import.meta.url));
const module = await WebAssembly.compile(kernels);
const decoders = [];
for (const path of models) {
  const model = await readModel(async (name) => Uint8Array.from(readFileSync(`${path}/${name}`)));
  decoders.push(new Decoder(await Machine.start(module, 1), model, blank));
}
const reasons = {};
for (const name of readdirSync(folder)) {
  const data = Uint8Array.from(readFileSync(`${folder}/${name}`));
  try {
    const { modelId } = read(data);
    const decoder = decoders.find(({ model }) => model.id.startsWith(modelId)) ?? decoders[0];
    await decoder.decode(data);
    reasons[name] = "";
  } catch (e) {
    if (!(e instanceof TczError)) throw new Error(name, { cause: e });
    reasons[name] = `${e.kind}: ${e.message}`;
  }
}
console.log(JSON.stringify(reasons));
