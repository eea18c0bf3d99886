// Lossless picture files inside sections (docs/reference/format.md, section 5). One plain form of
// PNG and one of WebP is allowed, and checked before anything is decoded.

import { crc32, equal } from "./bytes.js";
import { badFile } from "./errors.js";
import { inflate, InflateError } from "./inflate.js";
import type { TczFile } from "./container.js";

/** Decodes a picture file: RGBA, without conversion of colours. The browser's own decoder. */
export type ImageDecoder = (
  file: Uint8Array,
  width: number,
  height: number,
  type: "image/webp" | "image/avif",
) => Promise<Uint8Array>;

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10);
const GREY = 0;
const RGB = 2;

/** Samples of the section `alpha` (one a pixel) or `exact` (three), undefined without it. */
export async function plane(
  file: TczFile,
  section: "alpha" | "exact",
  decode: ImageDecoder,
): Promise<Uint8Array | undefined> {
  const body = file.bodies[section];
  if (!body) return undefined;
  if (section === "alpha" && body.length === 2 && body[0] === 0) {
    return new Uint8Array(file.width * file.height).fill(body[1]!);
  }
  return lossless(file, section, body[0], body.subarray(1), decode);
}

/** Samples of a PNG or WebP file of the picture's size: one a pixel for `alpha`, else three. */
export async function lossless(
  { width, height }: TczFile,
  section: "alpha" | "exact" | "blocks",
  method: number | undefined,
  data: Uint8Array,
  decode: ImageDecoder,
): Promise<Uint8Array> {
  const kind = method === 1 ? "PNG" : method === 2 ? "WEBP" : undefined;
  if (!kind) throw badFile(`the ${section} section uses a method that this version does not know`);
  const size = kind === "PNG" ? pngSize(data) : webpSize(data);
  if (size[0] !== width || size[1] !== height) {
    throw badFile(`the ${section} section has not the size of the picture`);
  }
  const plain = `the ${section} section holds no ${kind} of the form that is allowed`;
  if (kind === "PNG") {
    const samples = png(data, width, height, section !== "alpha");
    if (!samples) throw badFile(plain);
    return samples;
  }
  if (!isPlainWebp(data)) throw badFile(plain);
  let rgba: Uint8Array;
  try {
    rgba = await decode(data, width, height, "image/webp");
  } catch {
    throw badFile(`the ${section} section cannot be decoded`);
  }
  if (section !== "alpha") return threeOf(rgba);
  return new Uint8Array(width * height).map((_, i) => rgba[4 * i + 1]!);
}

/** RGB of RGBA. */
export function threeOf(rgba: Uint8Array): Uint8Array {
  const out = new Uint8Array((rgba.length / 4) * 3);
  for (let i = 0; 4 * i < rgba.length; i++) {
    for (let c = 0; c < 3; c++) out[3 * i + c] = rgba[4 * i + c]!;
  }
  return out;
}

/** Means of `factor x factor` pixels of a plane, at the edges of as many as there are. */
export function averaged(
  samples: Uint8Array,
  width: number,
  height: number,
  channels: number,
  factor: number,
): Uint8Array {
  if (factor === 1) return samples;
  const w = Math.ceil(width / factor);
  const h = Math.ceil(height / factor);
  const out = new Uint8Array(w * h * channels);
  for (let y = 0; y < h; y++) {
    const bottom = Math.min((y + 1) * factor, height);
    for (let x = 0; x < w; x++) {
      const right = Math.min((x + 1) * factor, width);
      const count = (bottom - y * factor) * (right - x * factor);
      for (let c = 0; c < channels; c++) {
        let sum = count >> 1;
        for (let i = y * factor; i < bottom; i++) {
          for (let j = x * factor; j < right; j++) sum += samples[(i * width + j) * channels + c]!;
        }
        out[(y * w + x) * channels + c] = Math.floor(sum / count);
      }
    }
  }
  return out;
}

function view(data: Uint8Array): DataView {
  return new DataView(data.buffer, data.byteOffset, data.byteLength);
}

function named(data: Uint8Array, at: number, name: string): boolean {
  return Array.from(name).every((letter, i) => data[at + i] === letter.charCodeAt(0));
}

function pngSize(data: Uint8Array): [number, number] {
  if (data.length < 24 || !named(data, 12, "IHDR")) return [0, 0];
  return [view(data).getUint32(16), view(data).getUint32(20)];
}

function webpSize(data: Uint8Array): [number, number] {
  if (data.length < 25 || !named(data, 12, "VP8L")) return [0, 0];
  const bits = view(data).getUint32(21, true);
  return [(bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1];
}

function isPlainWebp(data: Uint8Array): boolean {
  const bytes = view(data);
  const chunk = bytes.getUint32(16, true);
  const whole =
    data.length === 8 + bytes.getUint32(4, true) &&
    data.length === 20 + chunk + (chunk % 2) &&
    !(chunk % 2 && data[20 + chunk]); // what fills up an odd length is zero
  const plain = data[20] === 0x2f && bytes.getUint32(21, true) < 1 << 28;
  return named(data, 0, "RIFF") && named(data, 8, "WEBP") && whole && plain;
}

/** The samples of a PNG in the form that is allowed; undefined for another one. */
function png(
  data: Uint8Array,
  width: number,
  height: number,
  colour: boolean,
): Uint8Array | undefined {
  if (!equal(data.subarray(0, 8), SIGNATURE)) return undefined;
  const packed = idats(data);
  const [depth, kind, ...others] = data.subarray(24, 29);
  const allowed = colour ? depth === 8 && kind === RGB : kind === GREY && (depth === 1 || depth === 8); // prettier-ignore
  if (!packed || !allowed || others.some((byte) => byte)) return undefined;
  const step = colour ? 3 : 1;
  const stride = Math.ceil((width * depth! * step) / 8);
  let rows: Uint8Array;
  try {
    rows = inflate(packed, (1 + stride) * height);
  } catch (e) {
    if (e instanceof InflateError) return undefined;
    throw e;
  }
  const out = unfiltered(rows, stride, height, step);
  if (!out || depth === 8) return out;
  return new Uint8Array(width * height).map((_, i) => {
    const x = i % width;
    const byte = out[Math.floor(i / width) * stride + (x >> 3)]!;
    return (byte >> (7 - (x & 7))) & 1 ? 255 : 0;
  });
}

/** All IDATs together, if these are the only chunks but IHDR and an empty IEND, with checksums. */
function idats(data: Uint8Array): Uint8Array | undefined {
  const bytes = view(data);
  const parts: Uint8Array[] = [];
  for (let at = 8, n = 0; at + 12 <= data.length; n++) {
    const end = at + 12 + bytes.getUint32(at);
    if (end > data.length) return undefined;
    const body = data.subarray(at + 4, end - 4);
    if (crc32(body) !== bytes.getUint32(end - 4)) return undefined;
    const name = ["IHDR", "IDAT", "IEND"].find((known) => named(body, 0, known));
    if (!name || (name === "IHDR") !== (n === 0) || (!n && body.length !== 17)) return undefined;
    if (name === "IEND") {
      if (end !== data.length || body.length !== 4) return undefined;
      const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
      let done = 0;
      for (const part of parts) {
        all.set(part, done);
        done += part.length;
      }
      return all;
    }
    if (name === "IDAT") parts.push(body.subarray(4));
    at = end;
  }
  return undefined;
}

/** Rows without their filters; undefined if one has a filter that does not exist. */
function unfiltered(
  rows: Uint8Array,
  stride: number,
  height: number,
  step: number,
): Uint8Array | undefined {
  const out = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    const from = y * (stride + 1);
    const to = y * stride;
    const filter = rows[from]!;
    if (filter > 4) return undefined;
    for (let x = 0; x < stride; x++) {
      const left = x >= step ? out[to + x - step]! : 0;
      const up = y ? out[to + x - stride]! : 0;
      const corner = y && x >= step ? out[to + x - stride - step]! : 0;
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter]!;
      out[to + x] = rows[from + 1 + x]! + guess;
    }
  }
  return out;
}

function paeth(left: number, up: number, corner: number): number {
  const a = Math.abs(up - corner);
  const b = Math.abs(left - corner);
  const c = Math.abs(left + up - 2 * corner);
  return a <= b && a <= c ? left : b <= c ? up : corner;
}
