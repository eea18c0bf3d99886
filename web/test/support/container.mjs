// Numbers and checksums of the container, written once more for the tests.

import { crc32 as zlibCrc32 } from "node:zlib";

export const HEAD = [0x89, 0x54, 0x43, 0x5a];
export const ID = [1, 2, 3, 4, 5];

export const crc32 = (data) => zlibCrc32(Uint8Array.from(data));
export const little = (value) => [0, 8, 16, 24].map((shift) => (value >>> shift) & 255);

export function varint(value) {
  const out = [];
  for (; value > 127; value = Math.floor(value / 128)) out.push((value % 128) | 128);
  return [...out, value];
}

/** A file whose only section is as given, with right checksums. No model decodes this payload. */
export function withSection(tag, stored, size = [10, 10], { id = ID, payload = [0x74] } = {}) {
  const front = Uint8Array.from([...HEAD, 0x12, ...id, ...size.flatMap(varint), 0, 1]);
  const count = size.reduce((n, side) => n * Math.ceil(side / 1024), 1);
  const tiles = [];
  let before = [];
  for (let i = 0; i < count; i++) {
    before = little(crc32([...before, ...front, ...varint(i), payload.length, ...payload]));
    tiles.push(...before, ...payload);
  }
  const sum = little(crc32([...before, ...front, tag, ...varint(stored.length), ...stored]));
  const lengths = new Array(count).fill(payload.length);
  return Uint8Array.from([...front, ...lengths, ...tiles, tag, ...varint(stored.length), ...sum, ...stored]); // prettier-ignore
}
