// Places and files of the repository.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

export const ROOT = new URL("../../../", import.meta.url);
export const MODEL = "models/tcae-s/";

export const bytes = (path) => Uint8Array.from(readFileSync(new URL(path, ROOT)));
export const sha256 = (data) => createHash("sha256").update(data).digest("hex");

/** Name -> hashes of the file and of its latents. */
export const GOLDEN = JSON.parse(readFileSync(new URL("tests/golden/golden.json", ROOT), "utf8"));
export const tcz = (name) => bytes(`tests/golden/${name}.tcz`);
