// AV1 still pictures without their AVIF container (docs/reference/format.md, section 5): the two OBUs
// are checked, and the container is built again, because that is what browsers read.

import { badFile } from "./errors.js";

const SEQUENCE = 0x0a;
const FRAME = 0x32;
const PLAIN = "the blocks section holds no AV1 of the form that is allowed";

interface Sequence {
  level: number;
  grey: boolean;
  width: number;
  height: number;
}

/** An AVIF file around the OBUs; refuses those of another form, and sizes that do not fit. */
export function avif(
  body: Uint8Array,
  fits: (width: number, height: number) => boolean,
): Uint8Array<ArrayBuffer> {
  const { level, grey, width, height } = sequenceOf(body);
  if (!fits(width, height)) throw badFile("the blocks section has not the size of the picture");
  const full = [0, 0, 0, 0];
  const properties = box("ipco", [
    ...box("ispe", [...full, ...big(width, 4), ...big(height, 4)]),
    ...box("pixi", [...full, ...(grey ? [1, 8] : [3, 8, 8, 8])]),
    ...box("av1C", [0x81, (grey ? 0 : 1 << 5) | level, grey ? 0x1c : 0, 0]),
    ...box("colr", [...letters("nclx"), 0, 1, 0, 13, 0, 6, 0x80]),
  ]);
  const association = box("ipma", [...full, ...big(1, 4), 0, 1, 4, 1, 2, 0x83, 4]);
  const item = box("infe", [2, 0, 0, 0, 0, 1, 0, 0, ...letters("av01"), 0]);
  const meta = (offset: number): number[] =>
    box("meta", [
      ...full,
      ...box("hdlr", [...full, 0, 0, 0, 0, ...letters("pict"), ...new Array<number>(13).fill(0)]),
      ...box("pitm", [...full, 0, 1]),
      ...box("iloc", [
        ...[...full, 0x44, 0, 0, 1, 0, 1, 0, 0, 0, 1],
        ...[...big(offset, 4), ...big(body.length, 4)],
      ]),
      ...box("iinf", [...full, 0, 1, ...item]),
      ...box("iprp", [...properties, ...association]),
    ]);
  const head = box("ftyp", [...letters("avif"), 0, 0, 0, 0, ...letters("avifmif1miaf")]);
  const start = [...head, ...meta(head.length + meta(0).length + 8)];
  const mdat = [...big(body.length + 8, 4), ...letters("mdat")];
  const out = new Uint8Array(start.length + mdat.length + body.length);
  out.set(start);
  out.set(mdat, start.length);
  out.set(body, start.length + mdat.length);
  return out;
}

const letters = (name: string): number[] => Array.from(name, (c) => c.charCodeAt(0));

const big = (value: number, bytes: number): number[] =>
  Array.from({ length: bytes }, (_, i) => (value >>> (8 * (bytes - 1 - i))) & 255);

const box = (name: string, body: number[]): number[] => [
  ...big(body.length + 8, 4),
  ...letters(name),
  ...body,
];

/** The sequence header, if one frame of the allowed form follows it. */
function sequenceOf(body: Uint8Array): Sequence {
  const [header, after] = obu(body, SEQUENCE);
  const [, rest] = obu(after, FRAME);
  let at = 0;
  const take = (count: number): number => {
    let value = 0;
    for (; count > 0; count--, at++) value = 2 * value + (((header[at >> 3] ?? 0) >> (7 - (at & 7))) & 1); // prettier-ignore
    return value;
  };
  const [profile, still, reduced, level] = [take(3), take(1), take(1), take(5)];
  const [wide, high] = [take(4) + 1, take(4) + 1];
  const [width, height] = [take(wide) + 1, take(high) + 1];
  take(6); // tools: none of them changes what is decoded to
  const deep = take(1);
  const grey = profile === 0 && take(1) === 1;
  if (rest.length || deep || !still || !reduced || !(profile === 1 || grey)) throw badFile(PLAIN);
  return { level, grey, width, height };
}

/** The content of the first OBU and what follows it. */
function obu(body: Uint8Array, kind: number): [content: Uint8Array, rest: Uint8Array] {
  let length = 0;
  for (let i = 0; i < 4 && body[0] === kind; i++) {
    const byte = body[1 + i];
    if (byte === undefined) break;
    length += (byte & 127) * 128 ** i;
    if (byte < 128) {
      if (length > body.length - 2 - i) break;
      return [body.subarray(2 + i, 2 + i + length), body.subarray(2 + i + length)];
    }
  }
  throw badFile(PLAIN);
}
