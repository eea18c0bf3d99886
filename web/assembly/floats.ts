// What the kernels of the synthesis share: vectors of four 32-bit floats.
//
// FMA is a constant of the compiler's command line: 1 in the build for machines with relaxed SIMD,
// where a product and a sum are one instruction.

export const ACCUMULATE = 1; // add to what stands in the output
export const HSWISH = 2; // pass the result through hswish

@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  if (FMA) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

@inline
export function hswish(v: v128): v128 {
  const inner = f32x4.min(
    f32x4.max(f32x4.add(v, f32x4.splat(3)), f32x4.splat(0)),
    f32x4.splat(6),
  );
  return f32x4.mul(f32x4.mul(v, inner), f32x4.splat(f32(1.0 / 6.0)));
}

/** exp(v) for v <= 0: a polynomial of degree five on an interval around 0, times a power of two. */
@inline
export function exponential(v: v128): v128 {
  v = f32x4.max(v, f32x4.splat(-87));
  const n = f32x4.nearest(f32x4.mul(v, f32x4.splat(1.4426950408889634)));
  let r = f32x4.sub(v, f32x4.mul(n, f32x4.splat(0.693359375)));
  r = f32x4.add(r, f32x4.mul(n, f32x4.splat(2.12194440e-4)));
  let p = madd(f32x4.splat(1.9875691500e-4), r, f32x4.splat(1.3981999507e-3));
  p = madd(p, r, f32x4.splat(8.3334519073e-3));
  p = madd(p, r, f32x4.splat(4.1665795894e-2));
  p = madd(p, r, f32x4.splat(1.6666665459e-1));
  p = madd(p, r, f32x4.splat(5.0000001201e-1));
  p = madd(p, f32x4.mul(r, r), f32x4.add(r, f32x4.splat(1)));
  const power = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
  return f32x4.mul(p, power);
}

@inline
export function total(v: v128): f32 {
  return (
    f32x4.extract_lane(v, 0) +
    f32x4.extract_lane(v, 1) +
    f32x4.extract_lane(v, 2) +
    f32x4.extract_lane(v, 3)
  );
}

/** Eight sums to where they belong; `count` of them if fewer. */
@inline
function put(out: usize, a: v128, b: v128, count: i32, mode: i32): void {
  if (count >= 8) {
    if (mode & ACCUMULATE) {
      a = f32x4.add(a, v128.load(out));
      b = f32x4.add(b, v128.load(out, 16));
    }
    if (mode & HSWISH) {
      a = hswish(a);
      b = hswish(b);
    }
    v128.store(out, a);
    v128.store(out, b, 16);
  } else putSome(out, a, b, count, mode);
}

function putSome(out: usize, a: v128, b: v128, count: i32, mode: i32): void {
  for (let i = 0; i < count; i++) {
    let v = a;
    if (mode & ACCUMULATE) v = f32x4.add(v, f32x4.splat(load<f32>(out)));
    if (mode & HSWISH) v = hswish(v);
    store<f32>(out, f32x4.extract_lane(v, 0));
    out += 4;
    // Move the next one to the first place.
    a = v128.shuffle<f32>(a, b, 1, 2, 3, 4);
    b = v128.shuffle<f32>(b, b, 1, 2, 3, 4);
  }
}

/**
 * out[r][j] = sum over i < k of x[r][i] w[i][j], plus bias[j], for j < n.
 *
 * Rows of `x` and `out` are `xs` and `os` bytes apart. The columns of `w` come in panels of eight:
 * panel p begins at `w + p * ps`, and its rows are `ws` bytes apart. `bias` is 0 for none.
 */
export function product(
  x: usize, xs: i32, w: usize, ws: i32, ps: i32, bias: usize, out: usize, os: i32,
  rows: i32, k: i32, n: i32, mode: i32,
): void {
  for (let j = 0; j < n; j += 8) {
    const panel = w + (j >> 3) * ps;
    let b0 = f32x4.splat(0);
    let b1 = b0;
    if (bias) {
      b0 = v128.load(bias + 4 * j);
      b1 = v128.load(bias + 4 * j, 16);
    }
    let a = x;
    let to = out + 4 * j;
    let r = 0;
    for (; r + 4 <= rows; r += 4) {
      const b = a + xs;
      const c = b + xs;
      const d = c + xs;
      let a0 = b0, a1 = b1, c0 = b0, c1 = b1, d0 = b0, d1 = b1, e0 = b0, e1 = b1;
      let at = panel;
      for (let i = 0; i < k; i++) {
        const w0 = v128.load(at);
        const w1 = v128.load(at, 16);
        const o = i << 2;
        let s = v128.load_splat<f32>(a + o);
        a0 = madd(s, w0, a0);
        a1 = madd(s, w1, a1);
        s = v128.load_splat<f32>(b + o);
        c0 = madd(s, w0, c0);
        c1 = madd(s, w1, c1);
        s = v128.load_splat<f32>(c + o);
        d0 = madd(s, w0, d0);
        d1 = madd(s, w1, d1);
        s = v128.load_splat<f32>(d + o);
        e0 = madd(s, w0, e0);
        e1 = madd(s, w1, e1);
        at += ws;
      }
      put(to, a0, a1, n - j, mode);
      put(to + os, c0, c1, n - j, mode);
      put(to + 2 * os, d0, d1, n - j, mode);
      put(to + 3 * os, e0, e1, n - j, mode);
      a = d + xs;
      to += 4 * os;
    }
    for (; r < rows; r++) {
      let a0 = b0;
      let a1 = b1;
      let at = panel;
      for (let i = 0; i < k; i++) {
        const s = v128.load_splat<f32>(a + (i << 2));
        a0 = madd(s, v128.load(at), a0);
        a1 = madd(s, v128.load(at, 16), a1);
        at += ws;
      }
      put(to, a0, a1, n - j, mode);
      a += xs;
      to += os;
    }
  }
}

/** Rows of `dim` values with mean 0 and variance 1, times `scale` plus `shift`. */
export function normalise(
  x: usize, out: usize, rows: i32, dim: i32, scale: usize, shift: usize,
): void {
  const end = 4 * dim;
  const even = end & ~15;
  for (let r = 0; r < rows; r++) {
    let sums = f32x4.splat(0);
    for (let i = 0; i < even; i += 16) sums = f32x4.add(sums, v128.load(x + i));
    let mean = total(sums);
    for (let i = even; i < end; i += 4) mean += load<f32>(x + i);
    mean /= f32(dim);
    const m = f32x4.splat(mean);
    sums = f32x4.splat(0);
    for (let i = 0; i < even; i += 16) {
      const d = f32x4.sub(v128.load(x + i), m);
      sums = madd(d, d, sums);
    }
    let variance = total(sums);
    for (let i = even; i < end; i += 4) {
      const d = load<f32>(x + i) - mean;
      variance += d * d;
    }
    const factor: f32 = 1 / sqrt<f32>(variance / f32(dim) + f32(1e-5));
    const f = f32x4.splat(factor);
    for (let i = 0; i < even; i += 16) {
      const d = f32x4.mul(f32x4.sub(v128.load(x + i), m), f);
      v128.store(out + i, madd(d, v128.load(scale + i), v128.load(shift + i)));
    }
    for (let i = even; i < end; i += 4) {
      const d = (load<f32>(x + i) - mean) * factor;
      store<f32>(out + i, d * load<f32>(scale + i) + load<f32>(shift + i));
    }
    x += end;
    out += end;
  }
}

/** Rows of 2 n values: the first half times the hswish of the second, in the first half's place. */
export function gate(x: usize, rows: i32, n: i32): void {
  const half = 4 * n;
  for (let r = 0; r < rows; r++) {
    let i = 0;
    for (; i + 16 <= half; i += 16) {
      const v = f32x4.mul(v128.load(x + i), hswish(v128.load(x + half + i)));
      v128.store(x + i, v);
    }
    for (; i < half; i += 4) {
      const switched = hswish(f32x4.splat(load<f32>(x + half + i)));
      store<f32>(x + i, load<f32>(x + i) * f32x4.extract_lane(switched, 0));
    }
    x += 2 * half;
  }
}
