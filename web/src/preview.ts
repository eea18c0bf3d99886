// The preview in a file: a small picture that needs no model (docs/reference/format.md, section 5).

import { avif } from "./av1.js";
import { read } from "./container.js";

const MAX_BYTES = 1000;
const MAX_SIDE = 128; // pixels

/** The preview in the bytes of a `.tcz` file, undefined if there is none that can be shown. */
export async function preview(file: Uint8Array): Promise<ImageBitmap | undefined> {
  try {
    const body = read(file).bodies.preview;
    if (!body || body.length > MAX_BYTES) return undefined;
    const data = avif(body, (width, height) => Math.max(width, height) <= MAX_SIDE);
    return await createImageBitmap(new Blob([data], { type: "image/avif" }));
  } catch {
    return undefined; // what is wrong with the file is said when it is decoded
  }
}
