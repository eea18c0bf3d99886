// Pictures as PNG files: what every browser shows and saves, with the profile of their colours.

import { crc32 } from "./bytes.js";
import type { Picture } from "./decoder.js";
import { adler32 } from "./inflate.js";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10];
const STORED = 65535; // bytes of a block that is not compressed
const SUB = 1; // the filter that needs no other row

type Bytes = Uint8Array<ArrayBuffer>;

function big(value: number): Bytes {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

function chunk(name: string, body: Bytes): Bytes[] {
  const kind = Uint8Array.from(name, (letter) => letter.charCodeAt(0));
  return [big(body.length), kind, body, big(crc32(kind, body))];
}

/** Which of the four samples of a pixel a PNG holds, and its colour type. */
function layout({ data, grey, icc }: Picture): { samples: number[]; colour: number } {
  let opaque = true;
  for (let i = 3; i < data.length && opaque; i += 4) opaque = data[i] === 255;
  const space = icc && String.fromCharCode(...icc.subarray(16, 20));
  const one = grey && space !== "RGB ";
  if (one) return opaque ? { samples: [0], colour: 0 } : { samples: [0, 3], colour: 4 };
  return opaque ? { samples: [0, 1, 2], colour: 2 } : { samples: [0, 1, 2, 3], colour: 6 };
}

/** A PNG file; `small` takes time to compress it. */
export async function toPng(picture: Picture, small = false): Promise<Blob> {
  const { width, height, data, icc } = picture;
  const { samples, colour } = layout(picture);
  const n = samples.length;
  const rows = new Uint8Array(height * (1 + width * n));
  let at = 0;
  for (let y = 0; y < height; y++) {
    rows[at++] = small ? SUB : 0;
    for (let x = 0; x < width; x++) {
      const pixel = 4 * (y * width + x);
      for (const sample of samples) {
        const left = small && x ? data[pixel - 4 + sample]! : 0;
        rows[at++] = data[pixel + sample]! - left;
      }
    }
  }
  const header = Uint8Array.of(...big(width), ...big(height), 8, colour, 0, 0, 0);
  const profile = icc && [
    ...chunk("iCCP", await joined([Uint8Array.from("ICC Profile\0\0", (c) => c.charCodeAt(0)), await deflated(icc)])), // prettier-ignore
  ];
  return new Blob(
    [
      Uint8Array.from(SIGNATURE),
      ...chunk("IHDR", header),
      ...(profile ?? []),
      ...chunk("IDAT", small ? await deflated(rows) : await joined(stored(rows))),
      ...chunk("IEND", new Uint8Array(0)),
    ],
    { type: "image/png" },
  );
}

async function joined(parts: BlobPart[]): Promise<Bytes> {
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

async function deflated(data: Uint8Array): Promise<Bytes> {
  const stream = new Blob([data as Bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** A zlib stream that is not compressed. */
function stored(data: Bytes): Bytes[] {
  const parts = [Uint8Array.of(0x78, 0x01)];
  for (let at = 0; at < data.length; at += STORED) {
    const body = data.subarray(at, at + STORED);
    const last = Number(at + STORED >= data.length);
    const n = body.length;
    parts.push(Uint8Array.of(last, n, n >> 8, ~n, ~n >> 8), body);
  }
  return [...parts, big(adler32(data))];
}
