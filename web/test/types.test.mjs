// The declarations, as a program in TypeScript sees them.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const PACKAGE = join(import.meta.dirname, "..");
const PROGRAM = `
import { configure, decode, TczError, toBitmap, type Picture, type Settings } from "tccodec";
import { Decoder, Machine, readModel } from "tccodec/core";
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
console.log(Decoder, Machine, readModel);
// @ts-expect-error there is no such option
await decode(new Uint8Array(3), { realisme: 1 });
`;

test("a program has the types of what it imports", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tccodec-"));
  try {
    await mkdir(join(folder, "node_modules"));
    await symlink(PACKAGE, join(folder, "node_modules", "tccodec"));
    await writeFile(join(folder, "program.mts"), PROGRAM);
    const compiler = join(PACKAGE, "node_modules", "typescript", "bin", "tsc");
    const options = ["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext"];
    const { status, stdout } = spawnSync(process.execPath, [compiler, ...options, "program.mts"], {
      cwd: folder,
      encoding: "utf8",
    });
    assert.equal(status, 0, stdout);
  } finally {
    await rm(folder, { recursive: true });
  }
});
