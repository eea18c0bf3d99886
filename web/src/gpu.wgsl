// Kernels of the synthesis for WebGPU (docs/reference/format.md, section 9).
//
// They work on a copy of the memory of the kernels in WebAssembly, at the same addresses. A job's
// numbers are those of assembly/synthesis.ts where a comment says nothing else. Addresses are in
// bytes. Most kernels compute one value in each thread; the last number is how many there are.
//
// HEAD is put before this text: values in a head of the attention.

const THREADS = 64;
const ACCUMULATE = 1; // add to what stands in the output
const HSWISH = 2; // pass the result through hswish

struct Job { numbers: array<vec4<i32>, 5> }

// Not floats: the bits of a whole number are no float that a GPU keeps as it is.
@group(0) @binding(0) var<storage, read_write> memory: array<u32>;
@group(0) @binding(1) var<uniform> job: Job;

fn at(i: i32) -> i32 { return job.numbers[i / 4][i % 4]; }
fn address(i: i32) -> i32 { return at(i) / 4; }
fn load(i: i32) -> f32 { return bitcast<f32>(memory[i]); }
fn store(i: i32, v: f32) { memory[i] = bitcast<u32>(v); }
fn hswish(v: f32) -> f32 { return v * clamp(v + 3, 0, 6) / 6; }

/// Workgroups stand in rows, as one row has a limit.
fn number(group: vec3u, groups: vec3u) -> i32 { return i32(group.y * groups.x + group.x); }

/// The value that a thread computes, or -1.
fn unit(group: vec3u, groups: vec3u, thread: u32) -> i32 {
  let i = number(group, groups) * THREADS + i32(thread);
  return select(-1, i, i < at(19));
}

// A workgroup multiplies ROWS rows by COLUMNS columns, STEP inputs at a time, and each of its
// threads four rows by eight columns.
const ROWS = 32;
const COLUMNS = 64;
const STEP = 16;
var<workgroup> tokens: array<f32, 512>; // ROWS x STEP
var<workgroup> weights: array<f32, 1024>; // STEP x COLUMNS

/// out = x w + bias: as `dense`, then the number of rows.
@compute @workgroup_size(64)
fn dense(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let x = address(0); let xs = address(1);
  let w = address(2); let ws = address(3); let ps = address(4);
  let inputs = at(8); let outputs = at(9); let mode = at(10); let rows = at(11);
  let thread = i32(index);
  let row = i32(group.y) * ROWS;
  let column = i32(group.x) * COLUMNS;
  let ownRow = thread / 8 * 4;
  let ownColumn = thread % 8 * 8;
  var sums: array<array<f32, 8>, 4>;
  for (var first = 0; first < inputs; first += STEP) {
    for (var i = thread; i < ROWS * STEP; i += THREADS) {
      let r = row + i / STEP;
      let input = first + i % STEP;
      var v = 0.0;
      if (r < rows && input < inputs) { v = load(x + r * xs + input); }
      tokens[i] = v;
    }
    for (var i = thread; i < STEP * COLUMNS; i += THREADS) {
      let input = first + i / COLUMNS;
      let output = column + i % COLUMNS;
      var v = 0.0;
      if (input < inputs && output < outputs) {
        v = load(w + output / 8 * ps + input * ws + output % 8);
      }
      weights[i] = v;
    }
    workgroupBarrier();
    for (var i = 0; i < STEP; i++) {
      for (var r = 0; r < 4; r++) {
        let v = tokens[(ownRow + r) * STEP + i];
        for (var c = 0; c < 8; c++) { sums[r][c] += v * weights[i * COLUMNS + ownColumn + c]; }
      }
    }
    workgroupBarrier();
  }
  for (var r = 0; r < 4; r++) {
    for (var c = 0; c < 8; c++) {
      let output = column + ownColumn + c;
      if (row + ownRow + r >= rows || output >= outputs) { continue; }
      let to = address(6) + (row + ownRow + r) * address(7) + output;
      var v = sums[r][c];
      if (at(5) != 0) { v += load(address(5) + output); }
      if ((mode & ACCUMULATE) != 0) { v += load(to); }
      if ((mode & HSWISH) != 0) { v = hswish(v); }
      store(to, v);
    }
  }
}

var<workgroup> parts: array<f32, 64>;

/// The sum of a value over the threads of a workgroup.
fn total(value: f32, thread: u32) -> f32 {
  parts[thread] = value;
  for (var n = 32u; n > 0; n /= 2) {
    workgroupBarrier();
    if (thread < n) { parts[thread] += parts[thread + n]; }
  }
  let sum = workgroupUniformLoad(&parts[0]);
  workgroupBarrier();
  return sum;
}

/// Tokens with mean 0 and variance 1: in, out, channels, scale, shift, tokens. A workgroup each.
@compute @workgroup_size(64)
fn norm(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let channels = at(2);
  let token = min(number(group, groups), at(5) - 1); // all threads must reach the barriers
  let x = address(0) + token * channels;
  var sum = 0.0;
  for (var c = i32(thread); c < channels; c += THREADS) { sum += load(x + c); }
  let mean = total(sum, thread) / f32(channels);
  sum = 0;
  for (var c = i32(thread); c < channels; c += THREADS) {
    let off = load(x + c) - mean;
    sum += off * off;
  }
  let factor = 1 / sqrt(total(sum, thread) / f32(channels) + 1e-5);
  for (var c = i32(thread); c < channels; c += THREADS) {
    let v = (load(x + c) - mean) * factor;
    store(address(1) + token * channels + c, v * load(address(3) + c) + load(address(4) + c));
  }
}

/// Attention: qkv of all tokens, out, height, width, channels, window, shift, heads, windows in a
/// row, biases by places, windows. A workgroup for each head of each window, a thread for each
/// token. One pass: sums are scaled down when a higher score comes.
@compute @workgroup_size(64)
fn attention(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let h = at(2); let w = at(3); let d = at(4); let side = at(5);
  let heads = at(7);
  let whole = side * side;
  let window = number(group, groups) / heads;
  if (window >= at(10)) { return; }
  let head = number(group, groups) % heads;
  let before = select(0, side - at(6), at(6) != 0);
  let top = window / at(8) * side - before;
  let left = window % at(8) * side - before;
  for (var own = i32(thread); own < whole; own += THREADS) {
    let y = top + own / side;
    let x = left + own % side;
    if (y < 0 || x < 0 || y >= h || x >= w) { continue; }
    let query = address(0) + (y * w + x) * 3 * d + head * HEAD;
    var most = -1e30;
    var weight = 0.0;
    var sums: array<f32, HEAD>;
    for (var other = 0; other < whole; other++) {
      let y = top + other / side;
      let x = left + other % side;
      if (y < 0 || x < 0 || y >= h || x >= w) { continue; }
      let key = address(0) + ((y * w + x) * 3 + 1) * d + head * HEAD;
      var score = load(address(9) + (head * whole + own) * whole + other);
      for (var i = 0; i < HEAD; i++) { score += load(query + i) * load(key + i); }
      let highest = max(most, score);
      let old = exp(most - highest);
      let new_ = exp(score - highest);
      weight = weight * old + new_;
      for (var i = 0; i < HEAD; i++) { sums[i] = sums[i] * old + new_ * load(key + d + i); }
      most = highest;
    }
    let out = address(1) + (y * w + x) * d + head * HEAD;
    for (var i = 0; i < HEAD; i++) { store(out + i, sums[i] / weight); }
  }
}

/// Values of the first half of a row times the hswish of the second: rows, values in a half.
@compute @workgroup_size(64)
fn gate(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  let x = address(0) + i / at(1) * 2 * at(1) + i % at(1);
  store(x, load(x) * hswish(load(x + at(1))));
}

@compute @workgroup_size(64)
fn scale(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  let v = f32(bitcast<i32>(memory[address(0) + i]));
  store(address(1) + i, v * load(address(3) + i % at(2)));
}

@compute @workgroup_size(64)
fn shuffle(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let to = unit(group, groups, thread);
  if (to < 0) { return; }
  let w = at(2); let n = at(3); let d = at(4);
  let x = to / d % (w * n);
  let y = to / d / (w * n);
  let part = (y / n * w + x / n) * n * n + y % n * n + x % n;
  store(address(1) + to, load(address(0) + part * d + to % d));
}

@compute @workgroup_size(64)
fn near(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let to = unit(group, groups, thread);
  if (to < 0) { return; }
  let h = at(2); let w = at(3); let d = at(4); let side = at(5);
  let c = to % d;
  let x = to / d % w - side / 2;
  let y = to / d / w - side / 2;
  var sum = load(address(7) + c);
  for (var i = max(0, -y); i < min(side, h - y); i++) {
    for (var j = max(0, -x); j < min(side, w - x); j++) {
      let weight = load(address(6) + (i * side + j) * d + c);
      sum += weight * load(address(0) + ((y + i) * w + x + j) * d + c);
    }
  }
  store(address(1) + to, sum);
}

/// Where a value of a patch stands in planes: cells in a row, cells in a column, n.
fn inPlanes(i: i32, across: i32, down: i32, n: i32) -> i32 {
  let value = i % (3 * n * n);
  let cell = i / (3 * n * n);
  let y = cell / across * n + value / n % n;
  let x = cell % across * n + value % n;
  return (value / (n * n) * down * n + y) * across * n + x;
}

/// Patches into planes: patches, planes, cells in a row, cells in a column, n, whether to add.
@compute @workgroup_size(64)
fn place(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  let to = address(1) + inPlanes(i, at(2), at(3), at(4));
  var v = load(address(0) + i);
  if (at(5) != 0) { v += load(to); }
  store(to, v);
}

/// Planes as patches: the numbers of `place`.
@compute @workgroup_size(64)
fn patches(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  store(address(0) + i, load(address(1) + inPlanes(i, at(2), at(3), at(4))));
}

/// z = shift + z (1 + gain): shifts and gains of each token, z, tokens in a row, cells per side of a
/// token, channels of z.
@compute @workgroup_size(64)
fn modulate(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  let w = at(2); let n = at(3); let c = at(4);
  let half = n * n * c;
  let x = i / c % (w * n);
  let y = i / c / (w * n);
  let token = y / n * w + x / n;
  let shift = address(0) + token * 2 * half + (y % n * n + x % n) * c + i % c;
  let z = load(address(1) + i);
  store(address(1) + i, z + load(shift) + z * load(shift + half));
}

/// 16 samples at `start`, `step` apart, times a matrix whose rows and columns are so far apart.
fn lap(start: i32, step: i32, matrix: i32, down: i32, across: i32) {
  var samples: array<f32, 16>;
  for (var i = 0; i < 16; i++) { samples[i] = load(start + i * step); }
  for (var j = 0; j < 16; j++) {
    var sum = 0.0;
    for (var i = 0; i < 16; i++) { sum += samples[i] * load(matrix + i * down + j * across); }
    store(start + j * step, sum);
  }
}

@compute @workgroup_size(64)
fn lapColumns(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  let width = at(1);
  let borders = width / 16 - 1;
  let start = address(0) + i / borders * width + 8 + 16 * (i % borders);
  lap(start, 1, address(2), 16, 1);
}

@compute @workgroup_size(64)
fn lapRows(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  let width = at(1);
  let borders = at(3);
  let border = i / width;
  let row = border / borders * at(4) + border % borders * 16 + 8;
  lap(address(0) + row * width + i % width, width, address(2), 1, 16);
}

/// The sum of `factor x factor` samples from one of them on.
fn sumOf(first: i32, width: i32, factor: i32) -> f32 {
  var sum = 0.0;
  for (var y = 0; y < factor; y++) {
    for (var x = 0; x < factor; x++) { sum += load(first + y * width + x); }
  }
  return sum;
}

@compute @workgroup_size(64)
fn means(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  let width = at(1); let factor = at(2);
  let columns = width / factor;
  let first = address(0) + i / columns * factor * width + i % columns * factor;
  var mean = sumOf(first, width, factor) / f32(factor * factor);
  if (at(4) != 0) { mean += load(address(3) + i); }
  store(address(3) + i, mean);
}

@compute @workgroup_size(64)
fn pixels(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  let width = at(1); let factor = at(3); let columns = at(6);
  let first = address(0) + ((at(7) + i / columns) * width + at(5) + i % columns) * factor;
  var levels: array<u32, 3>;
  for (var c = 0; c < 3; c++) {
    let mean = sumOf(first + c * width * at(2), width, factor) / f32(factor * factor);
    levels[c] = u32(round(clamp(mean + 128, 0, 255)));
  }
  if (at(8) != 0) {
    let grey = (levels[0] + levels[1] + levels[2] + 1) / 3;
    levels = array(grey, grey, grey);
  }
  memory[address(4) + i] = levels[0] | (levels[1] << 8) | (levels[2] << 16) | 0xff000000;
}
