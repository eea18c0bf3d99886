// The numbers in EXIF, as tccodec/picture/metadata.py reads them: both must refuse the same files.

const PREFIX = "Exif\0\0"; // should not be there
const ENTRY = 12; // bytes

type Read = (view: DataView, at: number, low: boolean) => number;

/** Bytes of a value by its type, and how to read those that are numbers. */
const TYPES: Record<number, [size: number, read?: Read]> = {
  1: [1],
  2: [1],
  3: [2, (v, at, low) => v.getUint16(at, low)],
  4: [4, (v, at, low) => v.getUint32(at, low)],
  5: [8, (v, at, low) => v.getUint32(at, low) / v.getUint32(at + 4, low)],
  6: [1, (v, at) => v.getInt8(at)],
  7: [1],
  8: [2, (v, at, low) => v.getInt16(at, low)],
  9: [4, (v, at, low) => v.getInt32(at, low)],
  10: [8, (v, at, low) => v.getInt32(at, low) / v.getInt32(at + 4, low)],
  11: [4, (v, at, low) => v.getFloat32(at, low)],
  12: [8, (v, at, low) => v.getFloat64(at, low)],
};

/** Tag and first number of the entries of the first directory; NaN where there is none. */
export function numbersIn(exif: Uint8Array): [tag: number, value: number][] {
  const found: [number, number][] = [];
  let data = exif;
  while (begins(data, PREFIX)) data = data.subarray(PREFIX.length);
  const low = begins(data, "II");
  if (data.length < 8 || !(low || begins(data, "MM"))) return found;
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const start = view.getUint32(4, low);
  if (!start || start + 2 > data.length) return found;
  const end = Math.min(start + 2 + ENTRY * view.getUint16(start, low), data.length);
  for (let at = start + 2; at + ENTRY <= end; at += ENTRY) {
    const [size, read] = TYPES[view.getUint16(at + 2, low)] ?? [1];
    const bytes = size * view.getUint32(at + 4, low);
    const place = bytes > 4 ? view.getUint32(at + 8, low) : at + 8;
    const inside = bytes > 0 && place + bytes <= data.length;
    found.push([view.getUint16(at, low), read && inside ? read(view, place, low) : NaN]);
  }
  return found;
}

function begins(data: Uint8Array, text: string): boolean {
  return Array.from(text).every((letter, i) => data[i] === letter.charCodeAt(0));
}
