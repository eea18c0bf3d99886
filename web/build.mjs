// Builds dist/: the kernels as WebAssembly, the scripts as bundles.
//
//   node build.mjs [FOLDER]     [dist]

import { mkdir } from "node:fs/promises";
import asc from "assemblyscript/asc";
import { build } from "esbuild";

const out = process.argv[2] ?? "dist";
const root = import.meta.dirname;

/** The kernels: for memory that threads share or not, with fused products and sums or not. */
async function kernels(shared, fused) {
  const name = `kernels${shared ? "-shared" : ""}${fused ? "-fused" : ""}.wasm`;
  const options = [
    "--outFile", `${out}/${name}`, "-O3", "--runtime", "stub", "--noAssert", "--importMemory",
    "--initialMemory", "64", "--maximumMemory", "65536", "--enable", "simd",
    ...(shared ? ["--sharedMemory", "--enable", "threads"] : []),
    ...(fused ? ["--enable", "relaxed-simd"] : []),
    "--use", `FMA=${Number(fused)}`,
  ]; // prettier-ignore
  const { error, stderr } = await asc.main(["assembly/index.ts", ...options], { baseDir: root });
  if (error) throw new Error(`${error.message}\n${stderr}`);
}

process.chdir(root);
await mkdir(out, { recursive: true });
for (const shared of [false, true]) for (const fused of [false, true]) await kernels(shared, fused);
await build({
  entryPoints: {
    core: "src/core.ts",
    helper: "src/helper.ts",
    tccodec: "src/index.ts",
    worker: "src/worker.ts",
  },
  outdir: out,
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "none",
});
