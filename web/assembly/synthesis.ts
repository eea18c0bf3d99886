// Kernels of the synthesis (docs/reference/format.md, section 9).
//
// Each one does the units `from` to `to` (exclusive) of a job, so that several threads can share
// one: rows of a map, windows, or borders. Its numbers and addresses stand in a row of 32-bit
// integers at `p`. `scratch` is memory of the thread alone.
//
// Maps are `[height][width][channels]`, planes `[3][height][width]`, all in 32-bit floats.

import { exponential, gate, hswish, madd, normalise, product, ACCUMULATE, HSWISH } from "./floats";

const SEGMENT = 64; // tokens that go through the layers of an MLP together

@inline
function at(p: usize, i: i32): i32 {
  return load<i32>(p + (i << 2));
}

/** Latents in sixteenths, int32, times the step of their channel: in, out, channels, steps. Units:
 * sites. */
export function scale(p: usize, from: i32, to: i32, scratch: usize): void {
  const n = at(p, 2);
  const steps: usize = at(p, 3);
  for (let site = from; site < to; site++) {
    const x: usize = at(p, 0) + 4 * site * n;
    const out: usize = at(p, 1) + 4 * site * n;
    let i = 0;
    for (; i + 4 <= n; i += 4) {
      const v = f32x4.convert_i32x4_s(v128.load(x + 4 * i));
      v128.store(out + 4 * i, f32x4.mul(v, v128.load(steps + 4 * i)));
    }
    for (; i < n; i++) {
      store<f32>(out + 4 * i, f32(load<i32>(x + 4 * i)) * load<f32>(steps + 4 * i));
    }
  }
}

/** A layer on rows of tokens: x, xs, w, ws, ps, bias, out, os, k, n, mode as in `product`. */
export function dense(p: usize, from: i32, to: i32, scratch: usize): void {
  for (let r = from; r < to; r += SEGMENT) {
    product(
      at(p, 0) + r * at(p, 1), at(p, 1), at(p, 2), at(p, 3), at(p, 4), at(p, 5),
      at(p, 6) + r * at(p, 7), at(p, 7), min(SEGMENT, to - r), at(p, 8), at(p, 9), at(p, 10),
    );
  }
}

/** shuffle(n): in, out, width, n, d. Units: rows of the map that goes in. */
export function shuffle(p: usize, from: i32, to: i32, scratch: usize): void {
  const w = at(p, 2), n = at(p, 3), d = 4 * at(p, 4);
  for (let y = from; y < to; y++) {
    let x: usize = at(p, 0) + y * w * n * n * d;
    for (let column = 0; column < w; column++) {
      for (let i = 0; i < n; i++) {
        const row = (y * n + i) * w * n + column * n;
        memory.copy(at(p, 1) + row * d, x, n * d);
        x += n * d;
      }
    }
  }
}

/** near(): in, out, height, width, channels, side of the kernel, weights [side * side][channels]
 * with the identity in them, bias. Units: rows. */
export function near(p: usize, from: i32, to: i32, scratch: usize): void {
  const h = at(p, 2), w = at(p, 3), d = at(p, 4), side = at(p, 5);
  const reach = side >> 1;
  const token = 4 * d;
  const even = token & ~15;
  for (let y = from; y < to; y++) {
    const top = max(0, reach - y), bottom = min(side, h + reach - y);
    for (let x = 0; x < w; x++) {
      const left = max(0, reach - x), right = min(side, w + reach - x);
      const out: usize = at(p, 1) + (y * w + x) * token;
      const start: usize = at(p, 0) + ((y - reach) * w + x - reach) * token;
      for (let c = 0; c < even; c += 16) {
        let sum = v128.load(at(p, 7) + c);
        for (let i = top; i < bottom; i++) {
          let m: usize = start + (i * w + left) * token + c;
          let k: usize = at(p, 6) + (i * side + left) * token + c;
          for (let j = left; j < right; j++) {
            sum = madd(v128.load(m), v128.load(k), sum);
            m += token;
            k += token;
          }
        }
        v128.store(out + c, sum);
      }
      for (let c = even; c < token; c += 4) {
        let sum = load<f32>(at(p, 7) + c);
        for (let i = top; i < bottom; i++) {
          for (let j = left; j < right; j++) {
            const k = load<f32>(at(p, 6) + (i * side + j) * token + c);
            sum += k * load<f32>(start + (i * w + j) * token + c);
          }
        }
        store<f32>(out + c, sum);
      }
    }
  }
}

/** The MLP of a block on `rows` tokens at `x`, in place. The numbers at `q`: scale and shift of the
 * norm (0: no norm), weights and bias of fc1 and fc2, hidden width, whether it is gated. */
function mlp(q: usize, x: usize, rows: i32, d: i32, scratch: usize): void {
  const hidden = at(q, 6), gated = at(q, 7);
  let seen = x;
  if (at(q, 0)) {
    normalise(x, scratch, rows, d, at(q, 0), at(q, 1));
    seen = scratch;
    scratch += 4 * rows * d;
  }
  const width = gated ? 2 * hidden : hidden;
  product(
    seen, 4 * d, at(q, 2), 32, 32 * d, at(q, 3), scratch, 4 * width, rows, d, width,
    gated ? 0 : HSWISH,
  );
  if (gated) gate(scratch, rows, hidden);
  product(
    scratch, 4 * width, at(q, 4), 32, 32 * hidden, at(q, 5), x, 4 * d, rows, hidden, d,
    ACCUMULATE,
  );
}

/** A block's MLP: tokens, channels, then as in `mlp`. Units: tokens. */
export function tokens(p: usize, from: i32, to: i32, scratch: usize): void {
  const d = at(p, 1);
  for (let r = from; r < to; r += SEGMENT) {
    mlp(p + 8, at(p, 0) + 4 * r * d, min(SEGMENT, to - r), d, scratch);
  }
}

/** Attention and MLP of a block, in place: map, height, width, channels, window, shift, heads,
 * windows in a row, scale and shift of the norm, weights and bias of qkv, bias by places
 * [head][token][token], weights and bias of proj, nothing, then as in `mlp`. Units: windows. */
export function windows(p: usize, from: i32, to: i32, scratch: usize): void {
  const h = at(p, 1), w = at(p, 2), d = at(p, 3), side = at(p, 4), shift = at(p, 5);
  const before = shift ? side - shift : 0;
  for (let unit = from; unit < to; unit++) {
    const row = unit / at(p, 7) * side - before;
    const column = (unit % at(p, 7)) * side - before;
    const top = max(0, row), left = max(0, column);
    const height = min(h, row + side) - top, width = min(w, column + side) - left;
    const count = height * width;
    const x = scratch;
    const map: usize = at(p, 0) + 4 * (top * w + left) * d;
    for (let y = 0; y < height; y++) {
      memory.copy(x + 4 * y * width * d, map + 4 * y * w * d, 4 * width * d);
    }
    const free = x + 4 * count * d;
    const corner = (top - row) * side + left - column;
    attention(p, x, count, width, corner, free);
    mlp(p + 64, x, count, d, free);
    for (let y = 0; y < height; y++) {
      memory.copy(map + 4 * y * w * d, x + 4 * y * width * d, 4 * width * d);
    }
  }
}

/** Attention of one window: `x` has `count` tokens in rows of `width`; the first stands at the
 * place `corner` of a whole window. */
function attention(
  p: usize, x: usize, count: i32, width: i32, corner: i32, scratch: usize,
): void {
  const d = at(p, 3), side = at(p, 4), heads = at(p, 6);
  const size = d / heads;
  const whole = side * side;
  const padded = (count + 7) & ~7;
  const normal = scratch; // and later the results of the heads
  const qkv = normal + 4 * count * d;
  const keys = qkv + 12 * count * d;
  const scores = keys + 4 * size * padded;
  normalise(x, normal, count, d, at(p, 8), at(p, 9));
  product(normal, 4 * d, at(p, 10), 32, 32 * d, at(p, 11), qkv, 12 * d, count, d, 3 * d, 0);
  for (let head = 0; head < heads; head++) {
    const query = qkv + 4 * head * size;
    for (let t = 0; t < count; t++) {
      const key = query + 4 * d + 12 * t * d;
      for (let i = 0; i < size; i++) {
        store<f32>(keys + 4 * (i * padded + t), load<f32>(key + 4 * i));
      }
    }
    product(query, 12 * d, keys, 4 * padded, 32, 0, scores, 4 * padded, count, size, count, 0);
    const near: usize = at(p, 12) + 4 * head * whole * whole;
    for (let t = 0; t < count; t++) {
      const own: usize = near + 4 * (corner + (t / width) * side + (t % width)) * whole;
      const score = scores + 4 * t * padded;
      if (count == whole) {
        for (let i = 0; i + 4 <= count; i += 4) {
          v128.store(score + 4 * i, f32x4.add(v128.load(score + 4 * i), v128.load(own + 4 * i)));
        }
        for (let i = count & ~3; i < count; i++) {
          store<f32>(score + 4 * i, load<f32>(score + 4 * i) + load<f32>(own + 4 * i));
        }
      } else {
        for (let i = 0; i < count; i++) {
          const other = corner + (i / width) * side + (i % width);
          store<f32>(score + 4 * i, load<f32>(score + 4 * i) + load<f32>(own + 4 * other));
        }
      }
      softmax(score, count, padded);
    }
    product(
      scores, 4 * padded, query + 8 * d, 12 * d, 32, 0, normal + 4 * head * size, 4 * d,
      count, count, size, 0,
    );
  }
  product(normal, 4 * d, at(p, 13), 32, 32 * d, at(p, 14), x, 4 * d, count, d, d, ACCUMULATE);
}

function softmax(x: usize, count: i32, padded: i32): void {
  for (let i = count; i < padded; i++) store<f32>(x + 4 * i, -1e30);
  let highest = v128.load(x);
  for (let i = 4; i < padded; i += 4) highest = f32x4.max(highest, v128.load(x + 4 * i));
  const most = f32x4.splat(
    max(
      max(f32x4.extract_lane(highest, 0), f32x4.extract_lane(highest, 1)),
      max(f32x4.extract_lane(highest, 2), f32x4.extract_lane(highest, 3)),
    ),
  );
  let sums = f32x4.splat(0);
  for (let i = 0; i < padded; i += 4) {
    const v = exponential(f32x4.sub(v128.load(x + 4 * i), most));
    v128.store(x + 4 * i, v);
    sums = f32x4.add(sums, v);
  }
  const sum =
    f32x4.extract_lane(sums, 0) + f32x4.extract_lane(sums, 1) +
    f32x4.extract_lane(sums, 2) + f32x4.extract_lane(sums, 3);
  const factor = f32x4.splat(1 / sum);
  for (let i = 0; i < padded; i += 4) {
    v128.store(x + 4 * i, f32x4.mul(v128.load(x + 4 * i), factor));
  }
}

/** A layer whose results are placed by patch(n) in planes: x, k, w, ws, ps, bias, planes, cells in
 * a row, cells in a column, n, whether they are added. Up to two layers are summed: x, k and w of
 * the second (k 0: none). Units: rows of cells. */
export function place(p: usize, from: i32, to: i32, scratch: usize): void {
  const k = at(p, 1), ws = at(p, 3), ps = at(p, 4);
  const cells = at(p, 7), n = at(p, 9), more = at(p, 12);
  const values = 3 * n * n;
  const width = 4 * cells * n;
  const plane = width * at(p, 8) * n;
  for (let y = from; y < to; y++) {
    for (let x = 0; x < cells; x += SEGMENT) {
      const count = min(SEGMENT, cells - x);
      const first = y * cells + x;
      product(
        at(p, 0) + 4 * first * k, 4 * k, at(p, 2), ws, ps, at(p, 5), scratch, 4 * values,
        count, k, values, 0,
      );
      if (more) {
        product(
          at(p, 11) + 4 * first * at(p, 14), 4 * at(p, 14), at(p, 13), ws, ps, 0, scratch,
          4 * values, count, more, values, ACCUMULATE,
        );
      }
      for (let c = 0; c < 3; c++) {
        for (let i = 0; i < n; i++) {
          let to: usize = at(p, 6) + c * plane + (y * n + i) * width + 4 * x * n;
          let value = scratch + 4 * (c * n + i) * n;
          for (let cell = 0; cell < count; cell++) {
            for (let j = 0; j < 4 * n; j += 16) {
              let v = v128.load(value + j);
              if (at(p, 10)) v = f32x4.add(v, v128.load(to + j));
              v128.store(to + j, v);
            }
            to += 4 * n;
            value += 4 * values;
          }
        }
      }
    }
  }
}

/** Patches of planes through a layer, added to tokens: planes, cells in a row, in a column, n,
 * weights, bias, tokens, channels, whether to add. Units: rows of cells. */
export function embed(p: usize, from: i32, to: i32, scratch: usize): void {
  const cells = at(p, 1), n = at(p, 3), d = at(p, 7);
  const values = 3 * n * n;
  const width = 4 * cells * n;
  const plane = width * at(p, 2) * n;
  for (let y = from; y < to; y++) {
    for (let x = 0; x < cells; x += SEGMENT) {
      const count = min(SEGMENT, cells - x);
      for (let c = 0; c < 3; c++) {
        for (let i = 0; i < n; i++) {
          let seen: usize = at(p, 0) + c * plane + (y * n + i) * width + 4 * x * n;
          let value = scratch + 4 * (c * n + i) * n;
          for (let cell = 0; cell < count; cell++) {
            for (let j = 0; j < 4 * n; j += 16) v128.store(value + j, v128.load(seen + j));
            seen += 4 * n;
            value += 4 * values;
          }
        }
      }
      product(
        scratch, 4 * values, at(p, 4), 32, 32 * values, at(p, 5),
        at(p, 6) + 4 * (y * cells + x) * d, 4 * d, count, values, d, at(p, 8),
      );
    }
  }
}

/** The renderer's z = shift + z (1 + gain): tokens, their channels, weights, bias, z, tokens in a
 * row, cells per side of a token, channels of z. Units: rows of tokens. */
export function modulate(p: usize, from: i32, to: i32, scratch: usize): void {
  const d = at(p, 1), w = at(p, 5), n = at(p, 6), c = 4 * at(p, 7);
  const half = n * n * c;
  const values = half / 2;
  for (let y = from; y < to; y++) {
    for (let x = 0; x < w; x += SEGMENT) {
      const count = min(SEGMENT, w - x);
      product(
        at(p, 0) + 4 * (y * w + x) * d, 4 * d, at(p, 2), 32, 32 * d, at(p, 3), scratch,
        2 * half, count, d, values, 0,
      );
      for (let t = 0; t < count; t++) {
        for (let i = 0; i < n; i++) {
          let value = scratch + 2 * t * half + i * n * c;
          let z: usize = at(p, 4) + ((y * n + i) * w * n + (x + t) * n) * c;
          let end = z + n * c;
          for (; z + 16 <= end; z += 16) {
            const own = v128.load(z);
            const v = madd(own, v128.load(value + half), f32x4.add(own, v128.load(value)));
            v128.store(z, v);
            value += 16;
          }
          for (; z < end; z += 4) {
            const own = load<f32>(z);
            store<f32>(z, own + load<f32>(value) + own * load<f32>(value + half));
            value += 4;
          }
        }
      }
    }
  }
}

/** The lapped filter across the borders between columns: planes, width, matrix [16][16]. Units:
 * rows of all planes. */
export function lapColumns(p: usize, from: i32, to: i32, scratch: usize): void {
  const borders = at(p, 1) / 16 - 1;
  for (let r = from; r < to; r++) {
    const x: usize = at(p, 0) + 4 * r * at(p, 1) + 32;
    product(x, 64, at(p, 2), 64, 32, 0, scratch, 64, borders, 16, 16, 0);
    memory.copy(x, scratch, 64 * borders);
  }
}

/** And between rows: planes, width, the matrix transposed, borders in a plane, height. Units:
 * borders of all planes. */
export function lapRows(p: usize, from: i32, to: i32, scratch: usize): void {
  const width = 4 * at(p, 1), borders = at(p, 3);
  for (let r = from; r < to; r++) {
    const row = (r / borders) * at(p, 4) + (r % borders) * 16 + 8;
    const x: usize = at(p, 0) + row * width;
    product(at(p, 2), 64, x, width, 32, 0, scratch, width, 16, 16, at(p, 1), 0);
    memory.copy(x, scratch, 16 * width);
  }
}

@inline
function level(v: f32): i32 {
  return i32(nearest<f32>(min<f32>(max<f32>(v + 128, 0), 255)));
}

/** Planes to RGBA: planes, width, height, factor, out, first column, columns, first row, grey.
 * Means of `factor x factor`; alpha is 255. Units: rows that come out. */
export function pixels(p: usize, from: i32, to: i32, scratch: usize): void {
  const width = 4 * at(p, 1), plane = width * at(p, 2), factor = at(p, 3);
  const columns = at(p, 6);
  const share: f32 = 1 / f32(factor * factor);
  for (let r = from; r < to; r++) {
    let out: usize = at(p, 4) + 4 * r * columns;
    let x: usize = at(p, 0) + (at(p, 7) + r) * factor * width + 4 * at(p, 5) * factor;
    for (let i = 0; i < columns; i++) {
      let red: f32 = 0, green: f32 = 0, blue: f32 = 0;
      for (let a = 0; a < factor; a++) {
        for (let b = 0; b < factor; b++) {
          const own = x + a * width + 4 * b;
          red += load<f32>(own);
          green += load<f32>(own + plane);
          blue += load<f32>(own + 2 * plane);
        }
      }
      let r = level(red * share), g = level(green * share), b = level(blue * share);
      if (at(p, 8)) r = g = b = (r + g + b + 1) / 3;
      store<u32>(out, r | (g << 8) | (b << 16) | 0xff000000);
      out += 4;
      x += 4 * factor;
    }
  }
}

/** Means of `factor x factor` of planes: in, width, factor, out, whether they are added to what is
 * there. Units: rows of all planes that come out. */
export function means(p: usize, from: i32, to: i32, scratch: usize): void {
  const width = at(p, 1), factor = at(p, 2), columns = width / factor;
  const share: f32 = 1 / f32(factor * factor);
  for (let r = from; r < to; r++) {
    const x: usize = at(p, 0) + 4 * r * factor * width;
    const out: usize = at(p, 3) + 4 * r * columns;
    for (let i = 0; i < columns; i++) {
      let sum: f32 = 0;
      for (let a = 0; a < factor; a++) {
        for (let b = 0; b < factor; b++) sum += load<f32>(x + 4 * (a * width + i * factor + b));
      }
      sum *= share;
      if (at(p, 4)) sum += load<f32>(out + 4 * i);
      store<f32>(out + 4 * i, sum);
    }
  }
}
