// SHA-256 (FIPS 180-4): the browser's own, which only secure pages have, or the one below.

const START = Uint32Array.of(0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19); // prettier-ignore
const ROUNDS = 64;
const BLOCK = 64; // bytes

/** 32 bits of the fractions of the cube roots of the first primes. */
const CONSTANTS = new Int32Array(ROUNDS);
for (let n = 2, count = 0; count < ROUNDS; n++) {
  let prime = true;
  for (let d = 2; d * d <= n; d++) prime &&= n % d > 0;
  if (prime) CONSTANTS[count++] = (Math.cbrt(n) % 1) * 2 ** 32;
}

/** The digest, 32 bytes. */
export async function sha256(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const { subtle } = crypto as { subtle?: SubtleCrypto };
  if (!subtle) return digest(data);
  return new Uint8Array(await subtle.digest("SHA-256", data));
}

function digest(data: Uint8Array): Uint8Array {
  const state = Int32Array.from(START);
  const whole = data.length - (data.length % BLOCK);
  compress(state, data.subarray(0, whole));
  // The rest of it, a bit that is 1, zeros, and the length in bits.
  const rest = data.length - whole;
  const end = new Uint8Array(rest + 9 > BLOCK ? 2 * BLOCK : BLOCK);
  end.set(data.subarray(whole));
  end[rest] = 0x80;
  new DataView(end.buffer).setBigUint64(end.length - 8, 8n * BigInt(data.length));
  compress(state, end);
  const out = new DataView(new ArrayBuffer(4 * state.length));
  state.forEach((word, i) => {
    out.setInt32(4 * i, word);
  });
  return new Uint8Array(out.buffer);
}

/** Changes the state by blocks of 64 bytes. */
function compress(state: Int32Array, data: Uint8Array): void {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const w = new Int32Array(ROUNDS);
  for (let at = 0; at < data.length; at += BLOCK) {
    for (let i = 0; i < 16; i++) w[i] = view.getInt32(at + 4 * i);
    for (let i = 16; i < ROUNDS; i++) {
      const [x, y] = [w[i - 15]!, w[i - 2]!];
      const s0 = turned(x, 7) ^ turned(x, 18) ^ (x >>> 3);
      const s1 = turned(y, 17) ^ turned(y, 19) ^ (y >>> 10);
      w[i] = w[i - 16]! + s0 + w[i - 7]! + s1;
    }
    let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number]; // prettier-ignore
    for (let i = 0; i < ROUNDS; i++) {
      const s1 = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25);
      const t1 = h + s1 + ((e & f) ^ (~e & g)) + CONSTANTS[i]! + w[i]!;
      const s0 = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22);
      const t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + t1) | 0, c, b, a, (t1 + t2) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((word, i) => (state[i]! += word));
  }
}

function turned(x: number, by: number): number {
  return (x >>> by) | (x << (32 - by));
}
