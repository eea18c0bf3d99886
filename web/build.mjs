// Builds dist/, the kernels as WebAssembly and the scripts as bundles, and types/, their declarations
// for TypeScript. Types are checked on the way.
//
//   node build.mjs [FOLDER]     where to put dist/ and types/   [beside this file]

import { spawnSync } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import asc from "assemblyscript/asc";
import { build } from "esbuild";

const root = import.meta.dirname;
const target = resolve(process.argv[2] ?? root);
const out = join(target, "dist");

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

/** Makes a folder to build to. Only the package's own are emptied: others may hold anything. */
async function prepared(folder) {
  if (target === root) await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
}

/** Declarations of what a program may import, and of what these mention. */
async function declarations(folder) {
  const emitted = await mkdtemp(join(tmpdir(), "tccodec-"));
  try {
    const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
    const options = ["--declaration", "--emitDeclarationOnly", "--outDir", emitted];
    const { status } = spawnSync(process.execPath, [compiler, ...options], { stdio: "inherit" });
    if (status) throw new Error("the types are wrong");
    await prepared(folder);
    const names = ["index", "element", "core"];
    for (const name of names) {
      const file = join(emitted, "src", `${name}.d.ts`);
      await copyFile(file, join(folder, `${name}.d.ts`));
      for (const [, other] of (await readFile(file, "utf8")).matchAll(/from "\.\/(\w+)\.js"/g))
        if (!names.includes(other)) names.push(other);
    }
  } finally {
    await rm(emitted, { recursive: true });
  }
}

process.chdir(root);
await declarations(join(target, "types"));
await prepared(out);
for (const shared of [false, true]) for (const fused of [false, true]) await kernels(shared, fused);
const common = {
  absWorkingDir: root, // esbuild takes the one that the process started in
  outdir: out,
  bundle: true,
  target: "es2022",
  minify: true,
  loader: { ".wgsl": "text" },
  legalComments: "none",
};
/** The element uses the package as the page does: one worker for both. */
const asOneFile = {
  name: "as one file",
  setup({ onResolve }) {
    onResolve({ filter: /^\.{1,2}\/(src\/)?index\.js$/ }, () => ({
      path: "./tccodec.js",
      external: true,
    }));
  },
};
const modules = { core: "core", element: "element", helper: "helper", images: "images", tccodec: "index", worker: "worker" }; // prettier-ignore
await build({
  ...common,
  entryPoints: Object.fromEntries(
    Object.entries(modules).map(([name, source]) => [name, `src/${source}.ts`]),
  ),
  format: "esm",
  plugins: [asOneFile],
});
await build({ ...common, entryPoints: ["demo/demo.ts"], format: "esm", plugins: [asOneFile] });
for (const name of ["index.html", "demo.css", "files.json"])
  await copyFile(`demo/${name}`, `${out}/${name}`);
// Not a module: not all browsers take modules as service workers.
await build({ ...common, entryPoints: ["src/service-worker.ts"], format: "iife" });
