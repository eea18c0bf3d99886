// Latents to pixels (docs/reference/format.md, section 9). The names are those of that section.

import type { Gpu } from "./gpu.js";
import type { KernelName, Machine } from "./machine.js";
import type { Model, Tensors } from "./model.js";
import { Weights, type Block, type Linear } from "./weights.js";

const BLOCK = 16;
const CELL = 4;
const LEVELS = 16; // grey levels in a unit of what the network adds
const LINEAR_UNIT = 64; // and of what it sees of the linear picture
const SEGMENT = 64; // tokens at a time; the kernels' number
const ACCUMULATE = 1;
const HSWISH = 2;
const TOKENS = 64; // of a job's units, where these are tokens

/** Latents of a part of the picture, in sixteenths of a step: `[h][w][A]` and `[2 h][2 w][E]`. */
export interface Part {
  h: number;
  w: number;
  coarse: Int32Array;
  fine: Int32Array;
  /** Fine channels from this one on are zero. */
  used: number;
}

/** The pixels that are wanted of a part, after reduction. */
export interface Crop {
  left: number;
  top: number;
  width: number;
  height: number;
}

export class Synthesis {
  private readonly weights: Weights;
  private readonly net;
  /** Where the weights end in memory. */
  private readonly end: number;
  /** What does the jobs, if it is not the machine. */
  private gpu: Gpu | undefined;

  constructor(
    private readonly machine: Machine,
    private readonly model: Model,
  ) {
    const { config } = model;
    const std = model.tensor("tcae.std").values as Float32Array;
    const matrix = lappedMatrix();
    const weights = new Weights(machine, model);
    const steps = weights.row(
      () => model.tensor("tcae.log_step"),
      (row) => row.map((v) => 2 ** v / 16),
    );
    this.weights = weights;
    const renderer = config.renderer && {
      embed: weights.linear("renderer.embed", { divide: LINEAR_UNIT }),
      modulate: weights.linear("renderer.modulate"),
      near: weights.near("renderer.dw"),
      mlp: weights.mlp("renderer", undefined, true),
      out: weights.linear("renderer.out", { gain: LEVELS }),
      small: weights.linear("small", { gain: LEVELS }),
    };
    this.net = {
      steps,
      merge: machine.put(model.tensor("tcae.shortcut.merge").values),
      basis: machine.put(model.tensor("tcae.shortcut.basis").values),
      matrix: machine.put(matrix),
      transposed: machine.put(matrix.map((_, i) => matrix[(i % 16) * 16 + (i >> 4)]!)),
      // They see y; u = y / std.
      coarse1: weights.linear("coarse1", { divide: std.subarray(0, model.coarse) }),
      coarse2: weights.linear("coarse2"),
      fine1: weights.linear("fine1", { divide: std.subarray(model.coarse) }),
      fine2: weights.linear("fine2"),
      blocks2: weights.blocks("blocks2", config.dec_blocks2),
      renderer,
      last: renderer ? undefined : {
        split: weights.linear("split"),
        embed: weights.linear("embed", { divide: LINEAR_UNIT }),
        blocks1: weights.blocks("blocks1", config.dec_blocks1),
        blend: config.blend ? weights.near("blend.dw") : undefined,
        out: weights.linear("out", { gain: LEVELS }),
      }, // prettier-ignore
    };
    this.end = machine.alloc(0);
  }

  /** Makes what follows for a setting and a realism. `second`: the tensors for realism 1. */
  use(setting: number, realism: number, second?: Tensors): void {
    this.weights.use(setting, realism, second);
  }

  // Jobs

  private run(kernel: KernelName, numbers: number[], units: number, scratch = 0, step = 1): void {
    if (this.gpu) this.gpu.run(kernel, numbers, units);
    else this.machine.run(kernel, numbers, units, scratch, step);
  }

  /** A layer on tokens; `first` inputs only, if the others are zero. New memory if `out` is 0. */
  private dense(
    x: number,
    count: number,
    layer: Linear,
    mode = 0,
    out = 0,
    first = layer.inputs,
  ): number {
    const { weights, bias, inputs, outputs } = layer;
    const to = out || this.machine.alloc(4 * count * outputs);
    const numbers = [x, 4 * inputs, weights, 32, 32 * inputs, bias, to, 4 * outputs, first, outputs, mode]; // prettier-ignore
    this.run("dense", numbers, count, 0, TOKENS);
    return to;
  }

  private shuffle(x: number, h: number, w: number, n: number, channels: number): number {
    if (n === 1) return x;
    const out = this.machine.alloc(4 * h * w * n * n * channels);
    this.run("shuffle", [x, out, w, n, channels], h);
    return out;
  }

  private nearby(x: number, h: number, w: number, near: number[], out: number): void {
    this.run("near", [x, out, h, w, ...near], h);
  }

  /** Blocks in a row. `x` is overwritten; where the result is, is returned. */
  private through(blocks: Block[], x: number, h: number, w: number): number {
    const { machine } = this;
    const { window: side, head_dim: size } = this.model.config;
    let other = blocks.length ? machine.alloc(4 * h * w * blocks[0]!.channels) : 0;
    for (const { near, attention, mlp, hidden, channels } of blocks) {
      this.nearby(x, h, w, near, other);
      [x, other] = [other, x];
      if (!attention) {
        const scratch = 4 * SEGMENT * (channels + hidden);
        this.run("tokens", [x, channels, ...mlp], h * w, scratch, SEGMENT);
        continue;
      }
      const { norm, qkv, places, proj, shift } = attention;
      const count = (length: number): number =>
        Math.ceil((length + (shift && side - shift)) / side);
      const tokens = side * side;
      const padded = Math.ceil(tokens / 8) * 8;
      const scratch = Math.max(4 * channels * tokens + (size + tokens) * padded, (channels + hidden) * tokens); // prettier-ignore
      const numbers = [
        x, h, w, channels, side, shift, channels / size, count(w), norm.scale, norm.shift,
        qkv.weights, qkv.bias, places, proj.weights, proj.bias, 0, ...mlp,
      ]; // prettier-ignore
      const bytes = 4 * (tokens * channels + scratch);
      this.run("windows", numbers, count(h) * count(w), bytes);
    }
    return x;
  }

  /** A layer placed by patch(n) and added to planes. */
  private place(
    x: number,
    layer: Linear,
    planes: number,
    h: number,
    w: number,
    n: number,
    add: boolean,
  ): void {
    const { weights, bias, inputs } = layer;
    const numbers = [x, inputs, weights, 32, 32 * inputs, bias, planes, w, h, n, Number(add), 0, 0];
    this.run("place", numbers, h, 4 * SEGMENT * 3 * n * n);
  }

  private embed(
    planes: number,
    h: number,
    w: number,
    n: number,
    layer: Linear,
    x: number,
    mode: number,
  ): void {
    const numbers = [planes, w, h, n, layer.weights, layer.bias, x, layer.outputs, mode];
    this.run("embed", numbers, h, 4 * SEGMENT * 3 * n * n);
  }

  /** RGBA of a part of the picture, reduced by `factor`. `grey`: red, green and blue are equal.
   * With a GPU the promise is rejected if that fails. */
  async picture(
    part: Part,
    factor: number,
    crop: Crop,
    grey: boolean,
    gpu: Gpu | undefined,
  ): Promise<Uint8Array> {
    const { machine, net } = this;
    const { h, w } = part;
    this.gpu = gpu;
    return machine.within(() => {
      const [width, height] = [32 * w, 32 * h];
      const planes = machine.alloc(12 * width * height);
      const [coarse, fine] = this.scaled(part);
      this.linearPicture(part, coarse, fine, planes);
      const { token } = this.model;
      const [rows, columns] = [height / token, width / token];
      const small = net.renderer && factor >= CELL;
      let from = planes;
      if (small) {
        from = machine.alloc((12 * width * height) / factor ** 2);
        this.run("means", [planes, width, factor, from, 0], (3 * height) / factor);
      }
      machine.within(() => {
        const t = this.tokens(part, coarse, fine);
        if (!small) {
          this.correct(t, rows, columns, planes);
          return;
        }
        const layer = (net.renderer as Exclude<typeof net.renderer, 0>).small;
        const added = machine.alloc((12 * width * height) / CELL ** 2);
        this.place(t, layer, added, rows, columns, token / CELL, false);
        const numbers = [added, width / CELL, factor / CELL, from, 1];
        this.run("means", numbers, (3 * height) / factor);
      });
      const out = machine.alloc(4 * crop.width * crop.height);
      const [reduction, scale] = small ? [1, factor] : [factor, 1];
      this.run(
        "pixels",
        [
          from, width / scale, height / scale, reduction, out, crop.left, crop.width, crop.top,
          Number(grey),
        ], // prettier-ignore
        crop.height,
      );
      const bytes = 4 * crop.width * crop.height;
      const weights = { bytes: this.end, version: this.weights.version };
      return gpu?.result(out, bytes, weights) ?? machine.u8(out, bytes).slice();
    });
  }

  /** y at coarse and at fine sites. */
  private scaled({ h, w, coarse, fine }: Part): [coarse: number, fine: number] {
    const { machine, model, net } = this;
    const scale = (values: Int32Array, sites: number, channels: number, first: number): number => {
      const x = machine.put(values);
      this.gpu?.input(x, 4 * values.length);
      const steps = net.steps + 4 * first;
      this.run("scale", [x, x, channels, steps], sites, 0, TOKENS);
      return x;
    };
    return [
      scale(coarse, h * w, model.coarse, 0),
      scale(fine, 4 * h * w, model.fine, model.coarse),
    ];
  }

  private linearPicture({ h, w, used }: Part, coarse: number, fine: number, planes: number): void {
    const { machine, model, net } = this;
    const [width, height] = [32 * w, 32 * h];
    const a = model.coarse;
    const low = a / 4;
    machine.within(() => {
      const merged = machine.alloc(4 * h * w * a);
      const merge = [coarse, 4 * a, net.merge, 4 * a, 32, 0, merged, 4 * a, a, a, 0];
      this.run("dense", merge, h * w, 0, TOKENS);
      const x = this.shuffle(merged, h, w, 2, low);
      const row = 3 * BLOCK * BLOCK * 4;
      const numbers = [
        x, low, net.basis, row, 32, 0, planes, 2 * w, 2 * h, BLOCK, 0,
        fine, used, net.basis + low * row, model.fine,
      ]; // prettier-ignore
      this.run("place", numbers, 2 * h, SEGMENT * row);
    });
    this.run("lapColumns", [planes, width, net.matrix], 3 * height, 4 * width);
    const borders = height / BLOCK - 1;
    const numbers = [planes, width, net.transposed, borders, height];
    this.run("lapRows", numbers, 3 * borders, 64 * width);
  }

  /** The tokens t after the blocks of the first stage; memory stays allocated. */
  private tokens({ h, w, used }: Part, coarse: number, fine: number): number {
    const { net, model } = this;
    const opened = this.dense(coarse, h * w, net.coarse1, HSWISH);
    const parts = this.dense(opened, h * w, net.coarse2);
    const x = this.shuffle(parts, h, w, 2, net.fine1.outputs);
    this.dense(fine, 4 * h * w, net.fine1, ACCUMULATE | HSWISH, x, used);
    const wide = this.dense(x, 4 * h * w, net.fine2);
    const n = BLOCK / model.token;
    const t = this.shuffle(wide, 2 * h, 2 * w, n, model.config.dim2);
    return this.through(net.blocks2, t, 2 * h * n, 2 * w * n);
  }

  /** Adds what the network corrects to the linear picture. */
  private correct(t: number, h: number, w: number, planes: number): void {
    const { machine, net } = this;
    const { config, token } = this.model;
    if (net.renderer) {
      const { embed, modulate, near, mlp, out } = net.renderer;
      const n = token / CELL;
      const cells = h * w * n * n;
      const c = embed.outputs;
      const z = machine.alloc(4 * cells * c);
      this.embed(planes, n * h, n * w, CELL, embed, z, 0);
      const numbers = [t, modulate.inputs, modulate.weights, modulate.bias, z, w, n, c];
      this.run("modulate", numbers, h, 4 * SEGMENT * modulate.outputs);
      const seen = machine.alloc(4 * cells * c);
      this.nearby(z, n * h, n * w, near, seen);
      const scratch = 4 * SEGMENT * mlp[1];
      this.run("tokens", [seen, c, ...mlp[0]], cells, scratch, SEGMENT);
      this.place(seen, out, planes, n * h, n * w, CELL, true);
      return;
    }
    const { split, embed, blocks1, blend, out } = net.last!;
    const n = config.staged ? 2 : 1;
    const divided = this.dense(t, h * w, split);
    let m = this.shuffle(divided, h, w, n, config.dim1);
    const [rows, columns] = [n * h, n * w];
    this.embed(planes, rows, columns, config.patch, embed, m, ACCUMULATE);
    m = this.through(blocks1, m, rows, columns);
    if (blend) {
      const seen = machine.alloc(4 * rows * columns * config.dim1);
      this.nearby(m, rows, columns, blend, seen);
      m = seen;
    }
    this.place(m, out, planes, rows, columns, config.patch, true);
  }
}

/** P of section 9.3. */
function lappedMatrix(): Float32Array {
  const s = (k: number, i: number): number =>
    0.5 * Math.cos((Math.PI * (2 * i + 1) * k) / 16) * (k ? 1 : Math.SQRT1_2);
  const t = (k: number, i: number): number =>
    0.5 * Math.cos((Math.PI * (2 * i + 1) * (2 * k + 1)) / 32);
  const v = (i: number, j: number): number => {
    let sum = 0;
    for (let k = 0; k < 8; k++) sum += s(k, 7 - i) * t(k, 7 - j);
    return sum;
  };
  return Float32Array.from({ length: 256 }, (_, at) => {
    const [i, j] = [at >> 4, at & 15];
    const [a, b] = [i & 7, j & 7];
    const one = Number(a === b);
    const turned = Number(a + b === 7);
    if (i < 8) return (j < 8 ? one + v(7 - a, 7 - b) : turned - v(7 - a, b)) / 2;
    return (j < 8 ? turned - v(a, 7 - b) : one + v(a, b)) / 2;
  });
}
