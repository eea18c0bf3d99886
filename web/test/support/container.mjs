// Numbers and checksums of the container, written once more for the tests.

import { crc32 as zlibCrc32 } from "node:zlib";

export const crc32 = (data) => zlibCrc32(Uint8Array.from(data));
export const little = (value) => [0, 8, 16, 24].map((shift) => (value >>> shift) & 255);

export function varint(value) {
  const out = [];
  for (; value > 127; value = Math.floor(value / 128)) out.push((value % 128) | 128);
  return [...out, value];
}
