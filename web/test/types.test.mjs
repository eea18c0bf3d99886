// The declarations, as a program in TypeScript sees them.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const PACKAGE = join(import.meta.dirname, "..");
const PAGE = `
import { configure, decode, TczError, toBitmap, type Picture, type Settings } from "tccodec";
import "tccodec/element";

const settings: Partial<Settings> = { threads: 2, models: ["/models/tcae-s/"] };
configure(settings);
try {
  const options = { realism: 1, region: [0, 0, 8, 8], scale: 1 / 2 } as const;
  const picture: Picture = await decode(new Uint8Array(3), options);
  console.log((await toBitmap(picture)).width);
} catch (e) {
  if (e instanceof TczError) console.log(e.kind);
}
document.createElement("tcz-picture").realism = 1;
// @ts-expect-error there is no such option
await decode(new Uint8Array(3), { realisme: 1 });
`;

const CORE = `
import { Decoder, help, Machine, readModel, TczError, type Shared } from "tccodec/core";

declare const compiled: object; // of WebAssembly.compile, which no declarations for Node have
const none = () => Promise.reject(new TczError("BadOption", "no decoder of WebP here"));
const model = await readModel(async () => new Uint8Array(3));
const decoder = new Decoder(await Machine.start(compiled, 1, none), model, none);
const { width, data }: { width: number; data: Uint8ClampedArray } =
  await decoder.decode(new Uint8Array(3), { scale: 1 / 2 });
export const [both, answers] = [width + data.length, (shared: Shared) => help(shared, 1, () => {})];
// @ts-expect-error a module is no number
await Machine.start(3, 1, none);
`;
const SHARED = `
import { Machine, type Shared } from "tccodec/core";

const memory = new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true });
const module = await WebAssembly.compile(new Uint8Array(3));
export const shared: Shared = { memory, module };
await Machine.start(module, 2, async ({ module }) => console.log(WebAssembly.Module.exports(module)));
`;

/** What the compiler says of a program, with these libraries and no declarations of other packages. */
async function said(program, ...lib) {
  const folder = await mkdtemp(join(tmpdir(), "tccodec-"));
  try {
    await mkdir(join(folder, "node_modules"));
    await symlink(PACKAGE, join(folder, "node_modules", "tccodec"));
    await writeFile(join(folder, "program.mts"), program);
    const options = {
      noEmit: true,
      strict: true,
      skipLibCheck: false,
      target: "es2022",
      module: "nodenext",
      types: [],
      lib,
    };
    await writeFile(
      join(folder, "tsconfig.json"),
      JSON.stringify({ compilerOptions: options, files: ["program.mts"] }),
    );
    const compiler = join(PACKAGE, "node_modules", "typescript", "bin", "tsc");
    const { stdout } = spawnSync(process.execPath, [compiler], { cwd: folder, encoding: "utf8" });
    return stdout;
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("a page has the types of what it imports", async () => {
  assert.equal(await said(PAGE, "ES2022", "DOM"), "");
});

for (const more of [[], ["DOM"], ["WebWorker"]]) {
  test(`the decoder needs no types beside ${["ES2022", ...more].join(", ")}`, async () => {
    assert.equal(await said(CORE, "ES2022", ...more), "");
  });
}

test("what is WebAssembly in a page is it for the decoder", async () => {
  assert.equal(await said(SHARED, "ES2022", "DOM"), "");
});
