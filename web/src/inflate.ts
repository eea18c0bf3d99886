// Inflates zlib streams (RFC 1950 and 1951).
//
// The browser can do that, too, but it neither tells where a stream ends nor stops at a length, and
// both decide whether a file is valid.

const LENGTHS = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258]; // prettier-ignore
const LENGTH_BITS = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0]; // prettier-ignore
const DISTANCES = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577]; // prettier-ignore
const DISTANCE_BITS = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13]; // prettier-ignore
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** Why a stream does not inflate: it is damaged, or it does not have the length that it should. */
export class InflateError extends Error {
  constructor(readonly reason: "damaged" | "length") {
    super(reason);
  }
}

/** How many codes each length has, and the symbols in the order of their codes. */
interface Codes {
  counts: Uint16Array;
  symbols: Uint16Array;
}

/** `whole`: a set that leaves codes unused is refused, even if it has one code of one bit only. */
function codes(lengths: number[] | Uint8Array, whole = false): Codes {
  const counts = new Uint16Array(16);
  for (const length of lengths) counts[length]!++;
  counts[0] = 0;
  const places = new Uint16Array(16);
  let left = 1;
  for (let n = 1; n < 16; n++) {
    left = 2 * left - counts[n]!;
    if (left < 0) throw new InflateError("damaged");
    if (n < 15) places[n + 1] = places[n]! + counts[n]!;
  }
  const longest = counts.findLastIndex((count) => count);
  if (left > 0 && longest > 0 && (whole || longest > 1)) throw new InflateError("damaged");
  const symbols = new Uint16Array(lengths.length);
  for (let i = 0; i < lengths.length; i++) if (lengths[i]) symbols[places[lengths[i]!]!++] = i;
  return { counts, symbols };
}

const FIXED = {
  literals: codes([
    ...Array<number>(144).fill(8),
    ...Array<number>(112).fill(9),
    ...Array<number>(24).fill(7),
    ...Array<number>(8).fill(8),
  ]),
  distances: codes(Array<number>(32).fill(5)),
};

class Inflater {
  private at = 2;
  private bits = 0;
  private have = 0;
  private done = 0;

  constructor(
    private readonly data: Uint8Array,
    private readonly out: Uint8Array,
  ) {}

  private take(count: number): number {
    while (this.have < count) {
      const byte = this.data[this.at++];
      if (byte === undefined) throw new InflateError("length");
      this.bits |= byte << this.have;
      this.have += 8;
    }
    const value = this.bits & ((1 << count) - 1);
    this.bits >>>= count;
    this.have -= count;
    return value;
  }

  private symbol({ counts, symbols }: Codes): number {
    let code = 0;
    let first = 0;
    let index = 0;
    for (let n = 1; n < 16; n++) {
      code |= this.take(1);
      const count = counts[n]!;
      if (code - count < first) return symbols[index + code - first]!;
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    throw new InflateError("damaged");
  }

  private put(byte: number): void {
    if (this.done === this.out.length) throw new InflateError("length");
    this.out[this.done++] = byte;
  }

  private stored(): void {
    this.bits = this.have = 0;
    const [a, b, c, d] = this.data.subarray(this.at, this.at + 4);
    if (d === undefined) throw new InflateError("length");
    const length = a! | (b! << 8);
    if (length !== (~(c! | (d << 8)) & 0xffff)) throw new InflateError("damaged");
    const body = this.data.subarray(this.at + 4, this.at + 4 + length);
    this.at += 4 + length;
    if (body.length < length || this.done + length > this.out.length) {
      throw new InflateError("length");
    }
    this.out.set(body, this.done);
    this.done += length;
  }

  private compressed(literals: Codes, distances: Codes): void {
    for (;;) {
      const symbol = this.symbol(literals);
      if (symbol === 256) return;
      if (symbol < 256) {
        this.put(symbol);
        continue;
      }
      if (symbol > 285) throw new InflateError("damaged");
      const length = LENGTHS[symbol - 257]! + this.take(LENGTH_BITS[symbol - 257]!);
      const far = this.symbol(distances);
      if (far > 29) throw new InflateError("damaged");
      const distance = DISTANCES[far]! + this.take(DISTANCE_BITS[far]!);
      if (distance > this.done) throw new InflateError("damaged");
      for (let i = 0; i < length; i++) this.put(this.out[this.done - distance]!);
    }
  }

  private dynamic(): void {
    const counts = [this.take(5) + 257, this.take(5) + 1] as const;
    if (counts[0] > 286 || counts[1] > 30) throw new InflateError("damaged");
    const own = new Uint8Array(19);
    for (let i = 0, n = this.take(4) + 4; i < n; i++) own[ORDER[i]!] = this.take(3);
    const names = codes(own, true);
    const lengths: number[] = [];
    while (lengths.length < counts[0] + counts[1]) {
      const symbol = this.symbol(names);
      if (symbol < 16) lengths.push(symbol);
      else if (symbol === 16) {
        const last = lengths.at(-1);
        if (last === undefined) throw new InflateError("damaged");
        for (let n = this.take(2) + 3; n; n--) lengths.push(last);
      } else {
        for (let n = symbol === 17 ? this.take(3) + 3 : this.take(7) + 11; n; n--) lengths.push(0);
      }
    }
    if (lengths.length > counts[0] + counts[1] || !lengths[256]) throw new InflateError("damaged");
    this.compressed(codes(lengths.slice(0, counts[0])), codes(lengths.slice(counts[0])));
  }

  run(): void {
    const [method, flags] = this.data;
    if (method === undefined || flags === undefined) throw new InflateError("length");
    const right = (method & 15) === 8 && method >> 4 < 8 && !(flags & 32);
    if (!right || (method * 256 + flags) % 31) throw new InflateError("damaged");
    for (let last = 0; !last;) {
      last = this.take(1);
      const kind = this.take(2);
      if (kind === 0) this.stored();
      else if (kind === 1) this.compressed(FIXED.literals, FIXED.distances);
      else if (kind === 2) this.dynamic();
      else throw new InflateError("damaged");
    }
    if (this.done !== this.out.length) throw new InflateError("length");
    const sum = this.data.subarray(this.at);
    if (sum.length !== 4) throw new InflateError("length");
    const adler = adler32(this.out);
    if ([24, 16, 8, 0].some((shift, i) => ((adler >>> shift) & 255) !== sum[i])) {
      throw new InflateError("damaged");
    }
  }
}

export function adler32(data: Uint8Array): number {
  let a = 1;
  let b = 0;
  for (let start = 0; start < data.length; start += 3800) {
    const end = Math.min(start + 3800, data.length);
    for (let i = start; i < end; i++) b += a += data[i]!;
    a %= 65521;
    b %= 65521;
  }
  return ((b << 16) | a) >>> 0;
}

/** The `length` bytes of a zlib stream that is all of `data`; else an `InflateError`. */
export function inflate(data: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(length);
  new Inflater(data, out).run();
  return out;
}
