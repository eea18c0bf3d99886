// The section blocks: a picture for blocks of 64 x 64 pixels, which counts there instead of what the
// latents show (docs/reference/format.md, section 5).

import { avif } from "./av1.js";
import { readVarint } from "./bytes.js";
import { badFile } from "./errors.js";
import { lossless, threeOf, type ImageDecoder } from "./lossless.js";
import type { TczFile } from "./container.js";

export const BLOCK = 64;
const AV1 = 3;

/** Which blocks of a file are in the section, in raster order, and its picture, 3 samples a pixel. */
export interface Blocks {
  columns: number;
  mask: boolean[];
  samples: Uint8Array;
}

/** The content of the section; undefined without it. */
export async function blocks(file: TczFile, decode: ImageDecoder): Promise<Blocks | undefined> {
  const body = file.bodies.blocks;
  if (!body) return undefined;
  const method = body[0];
  if (method !== 1 && method !== 2 && method !== AV1) {
    throw badFile("the blocks section uses a method that this version does not know");
  }
  const columns = Math.ceil(file.width / BLOCK);
  const count = columns * Math.ceil(file.height / BLOCK);
  const mask: boolean[] = [];
  let at = 1;
  for (let apart = false; mask.length < count; apart = !apart) {
    const [run, end] = readVarint(body, at);
    if (run > count - mask.length || (run === 0 && (apart || mask.length))) {
      throw badFile("the blocks section has runs that do not fit the picture");
    }
    mask.push(...new Array<boolean>(run).fill(apart));
    at = end;
  }
  if (!mask.includes(true)) throw badFile("the blocks section holds no block");
  if (!mask.includes(false) && file.tiles.some((tile) => tile.length)) {
    throw badFile("the file holds its pixels twice");
  }
  const data = body.subarray(at);
  if (method !== AV1) {
    return { columns, mask, samples: await lossless(file, "blocks", method, data, decode) };
  }
  const container = avif(data, (w, h) => w === file.width && h === file.height);
  try {
    const rgba = await decode(container, file.width, file.height, "image/avif");
    return { columns, mask, samples: threeOf(rgba) };
  } catch {
    throw badFile("the blocks section cannot be decoded");
  }
}
