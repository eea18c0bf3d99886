// Payloads of tile groups to latents, in integers (docs/reference/format.md, section 8).

import { readVarint } from "./bytes.js";
import { badFile, TczError } from "./errors.js";
import type { Machine } from "./machine.js";
import { SCALES, type Model, type Tensor } from "./model.js";

type Place = readonly [down: number, right: number];

const DIRECT: Place[] = [[-1, 0], [1, 0], [0, -1], [0, 1]]; // prettier-ignore
const DIAGONAL: Place[] = [[-1, -1], [-1, 1], [1, -1], [1, 1]]; // prettier-ignore
const SQUARE: Place[] = [-1, 0, 1].flatMap((i) => [-1, 0, 1].map((j): Place => [i, j]));
const HYPER_MAX = 31;
const FINER = 3; // bits by which indices are finer than means
const BYTE_GROUPS = 8; // more groups are named by a varint
const SITES = 32; // at a time; the kernel's number
const TABLES = 128; // of which the kernel knows; behind them it looks for those of a bit
const BLOCKS = 64; // symbols of a chain, as the kernel counts

/** Latents of a tile group in sixteenths of a step: `[h][w][A]` and `[2 h][2 w][E]`. */
export interface Latents {
  coarse: Int32Array;
  fine: Int32Array;
}

interface Layer {
  weights: number;
  bias: number;
  shift: number;
  /** Outputs and inputs, rounded up to multiples of 8. */
  outputs: number;
  inputs: number;
}

/** A map of 16-bit integers that networks look at. */
interface Seen {
  map: number;
  channels: number;
}

type Part = Seen & { place: Place; mean?: boolean };

interface Pass {
  sites: (y: number, x: number) => boolean;
  distance: number;
  net: string;
}

const even = (n: number): boolean => n % 2 === 0;
const LATTICE: Pass[] = [
  { sites: (y, x) => y % 4 === 0 && x % 4 === 0, distance: 2, net: "far" },
  { sites: (y, x) => y % 4 === 2 && x % 4 === 2, distance: 2, net: "far" },
  { sites: (y, x) => even(y) && even(x) && (y % 4 === 0) !== (x % 4 === 0), distance: 2, net: "far" }, // prettier-ignore
  { sites: (y, x) => !even(y) && !even(x), distance: 1, net: "diagonal" },
  { sites: (y, x) => !even(y + x), distance: 1, net: "groups.0" },
];

function checkerboard(net: string): Pass[] {
  return [
    { sites: (y, x) => even(y + x), distance: 1, net },
    { sites: (y, x) => !even(y + x), distance: 1, net },
  ];
}

const up8 = (n: number): number => Math.ceil(n / 8) * 8;

export class Entropy {
  private readonly span: number;
  private readonly layers = new Map<string, Layer>();
  private readonly tables: number;
  private readonly feature: number;
  private readonly centroids: number;
  /** The first table with two quantisers. */
  private readonly trellis: number;
  private readonly coder: number;
  private readonly counts: number;
  /** Fills biases for a setting; done again when the setting is another one. */
  private readonly biases: ((setting: number) => void)[] = [];
  private setting = -1;
  private bases: Int32Array = new Int32Array(0);
  private hyperIndex: Uint8Array = new Uint8Array(0);

  constructor(
    private readonly machine: Machine,
    private readonly model: Model,
  ) {
    const { config } = model;
    this.span = Math.floor(1000 / (config.knots - 1));
    this.trellis = config.trellis || SCALES;
    this.tables = this.readTables();
    this.feature = machine.put(model.tensor("int.feature").values);
    this.centroids = config.centroids ? this.readCentroids() : 0;
    this.coder = machine.zeros(64);
    this.counts = machine.zeros(4 * SCALES);
    this.layer("hs");
    this.layer("lift1");
    this.layer("lift2");
    for (const net of [...config.groups.map((_, g) => `groups.${g}`), "far", "diagonal"]) {
      this.layer(`${net}.fc1`);
      this.layer(`${net}.fc2`);
      this.layer(`${net}.out`, FINER);
    }
  }

  private readTables(): number {
    const counts = this.model.tensor("int.tables").values;
    const sizes = this.model.tensor("int.table_sizes").values;
    const wanted = 2 * SCALES - this.trellis;
    if (sizes.length !== wanted) {
      throw new TczError("BadModel", `the model has ${sizes.length} symbol tables, not ${wanted}`);
    }
    const entries = new Int32Array(2 * TABLES + 3);
    let at = 0;
    sizes.forEach((n, t) => {
      const left = new Int32Array(n + 1);
      for (let i = 0, sum = 0; i < n; i++) {
        sum += counts[at + i]!;
        left[i + 1] = Math.floor((sum * (2 ** 24 - n)) / 65536) + i + 1;
      }
      at += n;
      entries.set([this.machine.put(left), (n - 2) / 2], 2 * t);
    });
    entries.set([0, 2 ** 23, 2 ** 24], 2 * TABLES); // of a bit
    return this.machine.put(entries);
  }

  private readCentroids(): number {
    const rows = new Int32Array(4 * SCALES);
    rows.set(this.model.tensor("int.centroids").values, SCALES);
    return this.machine.put(rows);
  }

  private layer(name: string, finer = 0): void {
    const { machine, model } = this;
    const { values, shape } = model.tensor(`int.${name}.weight`);
    const [rows, columns] = shape as [number, number];
    const outputs = up8(rows);
    const inputs = up8(columns);
    const packed = new Int16Array(outputs * inputs);
    for (let o = 0; o < rows; o++) {
      const start = (o >> 2) * 4 * inputs + (o & 3) * 8;
      for (let i = 0; i < columns; i++) {
        packed[start + (i >> 3) * 32 + (i & 7)] = values[o * columns + i]!;
      }
    }
    const shifts = new Int32Array(outputs).fill(1);
    shifts.set(model.tensor(`int.${name}.shift`).values);
    if (finer) for (let o = rows / 2; o < rows; o++) shifts[o]! -= finer;
    const bias = machine.zeros(4 * outputs);
    const table = model.tensor(`int.${name}.bias`);
    this.biases.push((setting) => {
      const row = table.shape[0] === 1 ? table.values : this.interpolate(table, setting);
      const out = machine.i32(bias, rows);
      for (let o = 0; o < rows; o++) out[o] = row[o]! + (1 << (shifts[o]! - 1));
    });
    const weights = machine.put(packed);
    this.layers.set(name, { weights, bias, shift: machine.put(shifts), outputs, inputs });
  }

  /** The row of integers at a setting, rounded down. */
  private interpolate({ values, shape }: Tensor, setting: number): Int32Array {
    const { span } = this;
    const [knots, n] = shape as [number, number];
    const k = Math.min(Math.floor(setting / span), knots - 2);
    const f = setting - k * span;
    return Int32Array.from({ length: n }, (_, i) => {
      const mixed = values[k * n + i]! * (span - f) + values[(k + 1) * n + i]! * f;
      return Math.floor((mixed + Math.floor(span / 2)) / span);
    });
  }

  private use(setting: number): void {
    if (setting === this.setting) return;
    for (const fill of this.biases) fill(setting);
    this.bases = this.interpolate(this.model.tensor("int.base"), setting);
    const hyper = this.interpolate(this.model.tensor("int.hyper_base"), setting);
    this.hyperIndex = Uint8Array.from(hyper, (v) => Math.min(63, Math.max(0, (v + 8) >> 4)));
    this.setting = setting;
  }

  /** Which groups a payload names as present, bit by bit, and where its code begins. */
  present(payload: Uint8Array): [present: number, code: number] {
    if (!payload.length) return [0, 0];
    const count = this.model.sizes.length;
    const [present, at] = count > BYTE_GROUPS ? readVarint(payload, 0) : [payload[0]!, 1];
    if (!present || present >= 2 ** count) {
      throw badFile("a tile group names latent groups that its model does not have");
    }
    return [present, at];
  }

  /** The latents of a tile group of `h` x `w` sites; of the first `groups` groups only. */
  decode(payload: Uint8Array, setting: number, h: number, w: number, groups: number): Latents {
    const { model, machine } = this;
    const [present, at] = this.present(payload);
    const early = model.config.start.findIndex((start, g) => present & (1 << g) && start > setting);
    if (early >= 0) {
      throw badFile("a tile group names latent groups that its setting does not have");
    }
    const wanted = present & ((1 << groups) - 1);
    const sizes = [h * w * model.coarse, 4 * h * w * model.fine] as const;
    if (!wanted) return { coarse: new Int32Array(sizes[0]), fine: new Int32Array(sizes[1]) };
    const code = payload.subarray(at);
    if (code.at(-1) === 0) throw badFile("a tile group's code ends in a zero byte");
    this.use(setting);
    return machine.within(() => {
      const words = machine.put(code, Math.ceil(code.length / 4) * 4);
      machine.kernels.start(this.coder, words, Math.ceil(code.length / 4));
      const coarse = machine.zeros(4 * sizes[0]);
      const fine = machine.zeros(4 * sizes[1]);
      this.walk(wanted, h, w, coarse, fine);
      if (wanted === present && !machine.kernels.finished(this.coder)) {
        throw badFile("a tile group's code does not end where its symbols end");
      }
      return {
        coarse: machine.i32(coarse, sizes[0]).slice(),
        fine: machine.i32(fine, sizes[1]).slice(),
      };
    });
  }

  private walk(present: number, h: number, w: number, coarse: number, fine: number): void {
    const { machine, model } = this;
    const { config, sizes } = model;
    const hyper = this.hyper(h, w);
    const known: Seen[] = [];
    let features = hyper;
    let first = 0; // of the groups that are coarse or fine like the one in turn
    let channel = 0;
    const last = 32 - Math.clz32(present);
    for (let g = 0; g < last; g++) {
      const isFine = g >= config.coarse;
      if (g === config.coarse) {
        features = this.lift(hyper, known, h, w);
        first = g;
      }
      const [rows, columns] = isFine ? [2 * h, 2 * w] : [h, w];
      const n = sizes[g]!;
      const channels = g < config.signed_groups ? 2 * n : n;
      const own = { map: machine.zeros(2 * rows * columns * channels), channels };
      if (present & (1 << g)) {
        const all = isFine ? model.fine : model.coarse;
        const place = channel - (isFine ? model.coarse : 0);
        const latents = (isFine ? fine : coarse) + 4 * place;
        const before = known.slice(first);
        const bases = this.bases.subarray(channel, channel + n);
        this.group(g, { rows, columns, features, before, own, latents, all, bases });
      }
      known.push(own);
      channel += n;
    }
  }

  /** The passes of one group. */
  private group(
    g: number,
    about: {
      rows: number;
      columns: number;
      features: Seen;
      before: Seen[];
      own: Seen;
      latents: number;
      /** Channels of a site of the whole map of latents. */
      all: number;
      bases: Int32Array;
    },
  ): void {
    const { machine, model } = this;
    const { rows, columns, features, before, own, latents, all, bases } = about;
    const { one_pass: onePass, signed_groups: signed, spacing } = model.config;
    const n = model.sizes[g]!;
    const inOne = onePass > 0 && g >= onePass;
    const net = `groups.${g}`;
    const passes = g === 0 ? LATTICE : inOne ? [{ sites: () => true, distance: 1, net }] : checkerboard(net); // prettier-ignore
    const here = (seen: Seen, [down, right]: Place = [0, 0], distance = 1): Part => ({
      ...seen,
      place: [down * distance, right * distance],
    });
    const inputs = [features, ...before].map((seen) => here(seen));
    const newest = before.at(-1);
    if (newest && inOne) inputs.push({ ...newest, place: [0, 0], mean: true });
    else if (newest) inputs.push(...DIRECT.map((place) => here(newest, place)));
    const base = machine.put(bases);
    passes.forEach(({ sites, distance, net }, turn) => {
      const list: number[] = [];
      for (let y = 0; y < rows; y++) {
        for (let x = 0; x < columns; x++) if (sites(y, x)) list.push((y << 16) | x);
      }
      if (!list.length) return;
      machine.within(() => {
        const around = g ? DIRECT : [...DIRECT, ...DIAGONAL];
        // In the first pass nothing of the group is known.
        const parts = turn && !inOne ? around.map((place) => here(own, place, distance)) : [];
        const count = list.length * n;
        const means = machine.alloc(4 * count);
        const indices = machine.alloc(count);
        const address = machine.put(Int32Array.from(list));
        const layers = ["fc1", "fc2", "out"].map((layer) => `${net}.${layer}`);
        const results = [1, means, indices, base, n];
        this.run(address, list.length, rows, columns, [...inputs, ...parts], layers, results);
        const symbols = this.symbols(indices, count, this.trellis);
        machine.points([
          address, list.length, symbols, means, indices, n, this.centroids,
          latents, 4 * all * columns, 4 * all, own.map, columns, Number(g < signed), this.feature,
          this.trellis, ...spacing,
        ]); // prettier-ignore
      });
    });
  }

  private run(
    sites: number,
    count: number,
    rows: number,
    columns: number,
    parts: Part[],
    names: string[],
    results: number[],
  ): void {
    const { machine } = this;
    const table = parts.flatMap(({ map, channels, place, mean }) => [map, channels, ...place, Number(mean ?? false)]); // prettier-ignore
    const inputs = up8(parts.reduce((sum, part) => sum + part.channels, 0));
    const layers = names.map((name) => this.layers.get(name)!);
    const numbers = [
      sites, rows, columns, machine.put(Int32Array.from(table)), parts.length, inputs,
      layers.length, ...results,
      ...layers.flatMap((l) => [l.weights, l.bias, l.shift, l.outputs, l.inputs]),
    ]; // prettier-ignore
    const room = layers.reduce((sum, layer) => sum + 4 * layer.outputs, 2 * inputs);
    machine.run("context", numbers, count, (SITES + 1) * room, SITES);
  }

  /**
   * The symbols of a pass; memory for them is allocated. From the index `trellis` on there are two
   * quantisers, and the table in use takes the place of the index.
   */
  private symbols(indices: number, count: number, trellis = SCALES): number {
    const { machine, coder, tables, counts } = this;
    const out = machine.alloc(4 * count);
    const order = machine.alloc(4 * count + 8 * Math.ceil(count / BLOCKS));
    if (!machine.kernels.pass(coder, count, indices, out, tables, order, counts, trellis)) {
      throw badFile("a latent is larger than the format allows");
    }
    return out;
  }

  /** The features that the hyper-latents give to the latent sites. */
  private hyper(h: number, w: number): Seen {
    const { machine, model } = this;
    const { hyper: n, hidden } = model.config;
    const [zh, zw] = [Math.ceil(h / 2), Math.ceil(w / 2)];
    const out = { map: machine.zeros(2 * h * w * hidden), channels: hidden };
    machine.within(() => {
      const count = zh * zw * n;
      const indices = machine.alloc(count);
      for (let i = 0; i < zh * zw; i++) machine.u8(indices + i * n, n).set(this.hyperIndex);
      const z = machine.i32(this.symbols(indices, count), count);
      if (z.some((v) => Math.abs(v) > HYPER_MAX)) {
        throw badFile("a hyper-latent is larger than the format allows");
      }
      const map = machine.put(Int16Array.from(z, (v) => 4 * v));
      const parts = SQUARE.map((place) => ({ map, channels: n, place }));
      this.run(this.grid(zh, zw), zh * zw, zh, zw, parts, ["hs"], [0, out.map, h, w, hidden]);
    });
    return out;
  }

  /** The features that fine sites get from the hyper-latents and all coarse groups. */
  private lift(hyper: Seen, coarse: Seen[], h: number, w: number): Seen {
    const { machine, model } = this;
    const channels = model.config.fine_hidden;
    const out = { map: machine.zeros(8 * h * w * channels), channels };
    machine.within(() => {
      const around = SQUARE.flatMap((place) => coarse.map((seen) => ({ ...seen, place })));
      const parts: Part[] = [{ ...hyper, place: [0, 0] }, ...around];
      const results = [0, out.map, 2 * h, 2 * w, channels];
      this.run(this.grid(h, w), h * w, h, w, parts, ["lift1", "lift2"], results);
    });
    return out;
  }

  private grid(rows: number, columns: number): number {
    const list = new Int32Array(rows * columns);
    for (let i = 0; i < list.length; i++) {
      list[i] = (Math.floor(i / columns) << 16) | (i % columns);
    }
    return this.machine.put(list);
  }
}
