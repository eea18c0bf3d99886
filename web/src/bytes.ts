// Numbers and checksums of the container (docs/reference/format.md, section 1).

import { badFile } from "./errors.js";

const TABLE = new Uint32Array(256).map((_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

/** CRC-32 of several pieces, one after the other. */
export function crc32(...pieces: Uint8Array[]): number {
  let c = 0xffffffff;
  for (const piece of pieces) {
    // By index: engines iterate over the bytes more slowly, above all the first time.
    for (let i = 0, n = piece.length; i < n; i++) c = TABLE[(c ^ piece[i]!) & 255]! ^ (c >>> 8);
  }
  return ~c >>> 0;
}

/** A number below 2^32 in four bytes, the lowest first. */
export function little(value: number): Uint8Array {
  return Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
}

/** A number below 2^35 as a varint. */
export function varint(value: number): Uint8Array {
  const out = [];
  for (; value > 127; value = Math.floor(value / 128)) out.push((value % 128) | 128);
  return Uint8Array.from([...out, value]);
}

export function readVarint(data: Uint8Array, at: number): [value: number, end: number] {
  let value = 0;
  for (let i = 0; i < 5; i++) {
    const byte = data[at + i];
    if (byte === undefined) throw badFile("the file is cut short inside a number");
    value += (byte & 127) * 128 ** i;
    if (byte < 128) {
      if (byte === 0 && i) {
        throw badFile("the file holds a number that is not in its shortest form");
      }
      return [value, at + i + 1];
    }
  }
  throw badFile("the file holds a number of more than five bytes");
}

export function hex(data: Uint8Array): string {
  return Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

export function isUtf8(data: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(data);
    return true;
  } catch {
    return false;
  }
}
