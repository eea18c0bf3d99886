// Kernels of the entropy model (docs/reference/format.md, section 8): all in integers, all exact.
//
// Activations and features are 16-bit integers, so that eight products are one instruction. Sums
// have 32 bits. The numbers and addresses of a job stand in a row of 32-bit integers at `p`.

const SITES = 32; // that go through the layers together
const LARGEST = 32767; // mean
const FEATURES = 4095; // the last magnitude that the table of features tells from the next
const PRECISION = 24; // bits of a probability
const SCALES = 64; // table indices; the tables from this one on are of second quantisers
const TABLES = 128; // with those, at most
const BLOCKS = 64; // symbols of a chain, but for the last ones
const ESCAPE_ORDER = 4;
const ESCAPE_END = 17; // one more bit than an escape may have

@inline
function at(p: usize, i: i32): i32 {
  return load<i32>(p + (i << 2));
}

@inline
function lanes(v: v128): i32 {
  return (
    i32x4.extract_lane(v, 0) +
    i32x4.extract_lane(v, 1) +
    i32x4.extract_lane(v, 2) +
    i32x4.extract_lane(v, 3)
  );
}

/**
 * `rows` rows of `k` activations (a multiple of 8) through a layer: weights in blocks of four
 * outputs and eight inputs, biases (with half a unit, to round), shifts, number of outputs and of
 * inputs (multiples of 8). Inputs from `k` on are zero. Hidden layers give 0 .. 127, 16 bits; the
 * others 32 bits.
 */
function layer(q: usize, x: usize, rows: i32, k: i32, out: usize, hidden: bool): void {
  const n = at(q, 3);
  for (let o = 0; o < n; o += 4) {
    const weights: usize = at(q, 0) + 2 * o * at(q, 4);
    const bias: usize = at(q, 1) + 4 * o;
    const shift: usize = at(q, 2) + 4 * o;
    for (let r = 0; r < rows; r += 2) {
      // If the number of rows is odd, one row of old values goes along.
      const a = x + 2 * r * k;
      const b = a + 2 * k;
      let a0 = i32x4.splat(0), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
      let w = weights;
      for (let i = 0; i < 2 * k; i += 16) {
        const va = v128.load(a + i), vb = v128.load(b + i);
        let v = v128.load(w);
        a0 = i32x4.add(a0, i32x4.dot_i16x8_s(va, v));
        b0 = i32x4.add(b0, i32x4.dot_i16x8_s(vb, v));
        v = v128.load(w, 16);
        a1 = i32x4.add(a1, i32x4.dot_i16x8_s(va, v));
        b1 = i32x4.add(b1, i32x4.dot_i16x8_s(vb, v));
        v = v128.load(w, 32);
        a2 = i32x4.add(a2, i32x4.dot_i16x8_s(va, v));
        b2 = i32x4.add(b2, i32x4.dot_i16x8_s(vb, v));
        v = v128.load(w, 48);
        a3 = i32x4.add(a3, i32x4.dot_i16x8_s(va, v));
        b3 = i32x4.add(b3, i32x4.dot_i16x8_s(vb, v));
        w += 64;
      }
      const first = out + (hidden ? 2 : 4) * (r * n + o);
      put(first, bias, shift, lanes(a0), lanes(a1), lanes(a2), lanes(a3), hidden);
      if (r + 1 < rows) {
        const second = first + (hidden ? 2 : 4) * n;
        put(second, bias, shift, lanes(b0), lanes(b1), lanes(b2), lanes(b3), hidden);
      }
    }
  }
}

@inline
function put(
  out: usize, bias: usize, shift: usize, a: i32, b: i32, c: i32, d: i32, hidden: bool,
): void {
  a = (a + at(bias, 0)) >> at(shift, 0);
  b = (b + at(bias, 1)) >> at(shift, 1);
  c = (c + at(bias, 2)) >> at(shift, 2);
  d = (d + at(bias, 3)) >> at(shift, 3);
  if (hidden) {
    store<i16>(out, i16(min(max(a, 0), 127)));
    store<i16>(out, i16(min(max(b, 0), 127)), 2);
    store<i16>(out, i16(min(max(c, 0), 127)), 4);
    store<i16>(out, i16(min(max(d, 0), 127)), 6);
  } else {
    store<i32>(out, a);
    store<i32>(out, b, 4);
    store<i32>(out, c, 8);
    store<i32>(out, d, 12);
  }
}

/**
 * Sites through a network. Units: sites of the list.
 *
 * p: list of sites (y << 16 | x), height, width, parts, their number, inputs (rounded up to a
 * multiple of 8), layers, what happens to the results, and from 8 on what that needs.
 * A part: map, channels, down, right, 1 if it is the mean of the four neighbours. A layer: as in
 * `layer`.
 *
 * What happens: 0, the results of a site are those of its four quadrants in the map [8], of the
 * height [9] and width [10], of [11] channels. 1, they are means and table indices of [11] latents:
 * they go, by sites of the list, to [8] (32 bits) and [9] (8 bits); [10] has the bases.
 */
export function context(p: usize, from: i32, to: i32, scratch: usize): void {
  const k = at(p, 5), layers = at(p, 6);
  const x = scratch;
  const free = x + 2 * (SITES + 1) * k;
  for (let first = from; first < to; first += SITES) {
    const rows = min(SITES, to - first);
    for (let r = 0; r < rows; r++) gather(p, at(at(p, 0), first + r), x + 2 * r * k);
    let inputs = x;
    let width = k;
    let out = free;
    for (let i = 0; i < layers; i++) {
      const q = p + 48 + 20 * i;
      const hidden = !at(p, 7) || i < layers - 1;
      layer(q, inputs, rows, width, out, hidden);
      inputs = out;
      width = at(q, 3);
      out += 4 * (SITES + 1) * width;
    }
    for (let r = 0; r < rows; r++) {
      if (at(p, 7)) predicted(p, first + r, inputs + 4 * r * width);
      else quadrants(p, at(at(p, 0), first + r), inputs + 2 * r * width);
    }
  }
}

function gather(p: usize, site: i32, x: usize): void {
  const y = site >>> 16, column = site & 0xffff;
  const h = at(p, 1), w = at(p, 2);
  const end = x + 2 * at(p, 5);
  for (let i = 0; i < at(p, 4); i++) {
    const part: usize = at(p, 3) + 20 * i;
    const size = 2 * at(part, 1);
    if (at(part, 4)) around(at(part, 0), y, column, h, w, size, x);
    else {
      const row = y + at(part, 2), place = column + at(part, 3);
      if (row >= 0 && row < h && place >= 0 && place < w) {
        memory.copy(x, at(part, 0) + (row * w + place) * size, size);
      } else memory.fill(x, 0, size);
    }
    x += size;
  }
  memory.fill(x, 0, end - x);
}

/** Means of the four neighbours, channel by channel; zero outside. */
function around(map: usize, y: i32, x: i32, h: i32, w: i32, size: i32, out: usize): void {
  const here = map + (y * w + x) * size;
  for (let i = 0; i < size; i += 2) {
    let sum = 2;
    if (y > 0) sum += load<i16>(here + i - w * size);
    if (y + 1 < h) sum += load<i16>(here + i + w * size);
    if (x > 0) sum += load<i16>(here + i - size);
    if (x + 1 < w) sum += load<i16>(here + i + size);
    store<i16>(out + i, i16(sum >> 2));
  }
}

function quadrants(p: usize, site: i32, x: usize): void {
  const y = 2 * (site >>> 16), column = 2 * (site & 0xffff);
  const size = 2 * at(p, 11);
  for (let i = 0; i < 2; i++) {
    for (let j = 0; j < 2; j++) {
      if (y + i < at(p, 9) && column + j < at(p, 10)) {
        memory.copy(at(p, 8) + ((y + i) * at(p, 10) + column + j) * size, x, size);
      }
      x += size;
    }
  }
}

function predicted(p: usize, site: i32, x: usize): void {
  const n = at(p, 11);
  const means: usize = at(p, 8) + 4 * site * n;
  const indices: usize = at(p, 9) + site * n;
  for (let i = 0; i < n; i++) {
    store<i32>(means + 4 * i, min(max(at(x, i), -LARGEST), LARGEST));
    const index = (at(at(p, 10), i) + at(x, n + i) + 8) >> 4;
    store<u8>(indices + i, u8(min(max(index, 0), 63)));
  }
}

// The coder: at `c` its state, 64 bits, the address of the words and how many are left.

/** Begin a tile group's code of `count` words. */
export function start(c: usize, words: usize, count: i32): void {
  store<usize>(c, words, 8);
  store<i32>(c, count, 12);
  store<u64>(c, 0);
  while (load<i32>(c, 12) && load<u64>(c) < 0x100000000) pull(c);
}

function pull(c: usize): void {
  const left = load<i32>(c, 12) - 1;
  store<i32>(c, left, 12);
  store<u64>(c, (load<u64>(c) << 32) | load<u32>(load<usize>(c, 8) + 4 * left));
}

/** Whether all is decoded and nothing left over. */
export function finished(c: usize): bool {
  return !load<u64>(c) && !load<i32>(c, 12);
}

/** One symbol; its `n` intervals begin at the numbers at `left`, where their end stands, too. */
function symbol(c: usize, left: usize, n: i32): i32 {
  let state = load<u64>(c);
  const q = u32(state) & ((1 << PRECISION) - 1);
  let low = 0;
  while (n > 1) {
    const half = n >> 1;
    if (load<u32>(left + 4 * (low + half)) <= q) low += half;
    n -= half;
  }
  const begin = load<u32>(left + 4 * low);
  const size = load<u32>(left + 4 * low + 4) - begin;
  state = (state >> PRECISION) * size + q - begin;
  store<u64>(c, state);
  if (state < 0x100000000 && load<i32>(c, 12)) pull(c);
  return low;
}

/** The next symbol of a chain goes to `out`; the chain's next state is returned. */
@inline
function link(c: usize, table: usize, state: i32, out: usize): i32 {
  const radius = at(table, 1);
  const s = symbol(c, at(table, 0), 2 * radius + 2) - radius;
  store<i32>(out, s);
  return (state >> 1) | (((popcnt(state & 0b01101) + s) & 1) << 4);
}

/**
 * The symbols of all chains of a pass, `n` in sorted `order`. Where quantiser 1 is in use, its table,
 * `second` behind that of quantiser 0, takes the place of the index. An escape gives one more than
 * the largest magnitude. `room` is for two numbers a chain.
 */
function chains(
  c: usize, n: i32, indices: usize, out: usize, tables: usize, order: usize, second: i32,
  room: usize,
): void {
  const count = (n + BLOCKS - 1) / BLOCKS;
  const states = room + 4 * count;
  for (let j = 0; j < count; j++) store<u8>(states + j, j & 31);
  for (let begin = 0; begin < n; begin += count) {
    const end = min(begin + count, n);
    const block = states - begin; // from here a symbol's place in the order leads to its state
    let i = begin;
    while (i < end) {
      // Symbols with one index: at once those of quantiser 0, and then the others.
      const index = load<u8>(indices + at(order, i));
      const table: usize = tables + 8 * index;
      let later = 0;
      for (; i < end; i++) {
        const place = at(order, i);
        if (load<u8>(indices + place) != index) break;
        const state = load<u8>(block + i);
        if (state & 16) {
          store<i32>(room + 4 * later, i);
          later++;
        } else store<u8>(block + i, link(c, table, state, out + 4 * place));
      }
      for (let k = 0; k < later; k++) {
        const j = at(room, k);
        const place = at(order, j);
        store<u8>(indices + place, index + second);
        const state = load<u8>(block + j);
        store<u8>(block + j, link(c, table + 8 * second, state, out + 4 * place));
      }
    }
  }
}

/**
 * The symbols of a pass, `count` at `out`, given their tables' `indices`. `tables`: for each the
 * address of its intervals and the largest magnitude that it has. `order` has room for `count`
 * numbers and for two more a chain. From the index `trellis` on there are two quantisers: the tables
 * in use take the places of these indices. False if an escape is longer than the format allows.
 */
export function pass(
  c: usize, count: i32, indices: usize, out: usize, tables: usize, order: usize, counts: usize,
  trellis: i32,
): bool {
  memory.fill(out, 0, 4 * count);
  memory.fill(counts, 0, 4 * SCALES);
  for (let i = 0; i < count; i++) {
    const place = counts + 4 * load<u8>(indices + i);
    store<i32>(place, load<i32>(place) + 1);
  }
  let total = 0, single = 0; // all that are coded; those with one quantiser
  for (let t = 2; t < SCALES; t++) {
    const here = at(counts, t);
    store<i32>(counts + 4 * t, total);
    total += here;
    if (t < trellis) single = total;
  }
  for (let i = 0; i < count; i++) {
    const t = load<u8>(indices + i);
    if (t < 2) continue;
    const place = at(counts, t);
    store<i32>(counts + 4 * t, place + 1);
    store<i32>(order + 4 * place, i);
  }
  let escapes = 0;
  for (let i = 0; i < single; i++) {
    const place = at(order, i);
    const t: usize = tables + 8 * load<u8>(indices + place);
    const radius = at(t, 1);
    const s = symbol(c, at(t, 0), 2 * radius + 2) - radius;
    if (s > radius) {
      // The order is read from its beginning on, so it has room for the escapes.
      store<i32>(order + 4 * escapes, place);
      escapes++;
    } else store<i32>(out + 4 * place, s);
  }
  if (single < total) {
    const rest = order + 4 * single;
    chains(c, total - single, indices, out, tables, rest, SCALES - trellis, order + 4 * count);
    // Escapes stand in the sorted order, not in that of the blocks.
    for (let i = single; i < total; i++) {
      const place = at(order, i);
      if (at(out, place) <= at(tables + 8 * load<u8>(indices + place), 1)) continue;
      store<i32>(order + 4 * escapes, place);
      escapes++;
    }
  }
  const bit: usize = tables + 8 * TABLES; // the intervals of a bit
  for (let i = 0; i < escapes; i++) {
    let length = ESCAPE_ORDER;
    while (symbol(c, bit, 2)) if (++length == ESCAPE_END) return false;
    let u = 1;
    for (let b = 0; b < length; b++) u = 2 * u + symbol(c, bit, 2);
    u -= 1 << ESCAPE_ORDER;
    const place = at(order, i);
    const magnitude = (u >> 1) + at(tables + 8 * load<u8>(indices + place), 1) + 1;
    store<i32>(out + 4 * place, u & 1 ? -magnitude : magnitude);
  }
  return true;
}

/**
 * Latents and their features from the symbols of a pass. p: list of sites, their number, symbols,
 * means, tables in use, latents at a site, centroids [4][64] or 0, where the latents of the first
 * site of the tile group go, bytes from one row to the next, from one site to the next, features,
 * width of the map, whether they have signs, the table of features, the first table with two
 * quantisers, distances between the points of tables before it and from it on.
 */
export function points(p: usize): void {
  const n = at(p, 5), features = at(p, 12) ? 2 * n : n, table: usize = at(p, 13);
  const trellis = at(p, 14), near = at(p, 15), far = at(p, 16);
  for (let i = 0; i < at(p, 1); i++) {
    const site = at(at(p, 0), i);
    const y = site >>> 16, x = site & 0xffff;
    const out: usize = at(p, 7) + y * at(p, 8) + x * at(p, 9);
    let feature: usize = at(p, 10) + 2 * (y * at(p, 11) + x) * features;
    for (let j = 0; j < n; j++) {
      const e = i * n + j;
      const s = at(at(p, 2), e);
      let v = at(at(p, 3), e);
      if (s) {
        const t: i32 = load<u8>(at(p, 4) + e);
        v += (t < trellis ? near : far) * s;
        let moved = 0;
        if (at(p, 6)) moved = at(at(p, 6), SCALES * min(abs(s), 3) + t);
        else if (t >= SCALES) moved = -(far >> 1);
        v += s < 0 ? -moved : moved;
      }
      store<i32>(out + 4 * j, v);
      const magnitude = load<i8>(table + min(abs(v), FEATURES));
      if (at(p, 12)) {
        store<i16>(feature, i16(v < 0 ? -magnitude : magnitude));
        store<i16>(feature + 2 * n, i16(magnitude));
      } else store<i16>(feature, i16(magnitude));
      feature += 2;
    }
  }
}
