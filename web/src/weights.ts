// The weights of the synthesis, as the kernels want them. Some depend on the realism, and some rows
// on the setting: these are written anew when it changes.

import type { Machine } from "./machine.js";
import { atSetting, type Model, type Tensor, type Tensors } from "./model.js";

/** A layer, packed for the kernels: panels of eight outputs. */
export interface Linear {
  weights: number;
  bias: number;
  inputs: number;
  outputs: number;
}

export interface Norm {
  scale: number;
  shift: number;
}

export interface Block {
  near: number[];
  attention?: { norm: Norm; qkv: Linear; places: number; proj: Linear; shift: number };
  mlp: number[];
  hidden: number;
  channels: number;
}

export class Weights {
  /** Grows whenever weights are written. */
  version = 0;
  private setting = -1;
  private realism = 0;
  private second: Tensors | undefined;
  /** Writes weights that depend on the realism, and rows that depend on the setting as well. */
  private readonly byRealism: (() => void)[] = [];
  private readonly bySetting: (() => void)[] = [];

  constructor(
    private readonly machine: Machine,
    private readonly model: Model,
  ) {}

  /** Makes what follows for a setting and a realism. `second`: the tensors for realism 1. */
  use(setting: number, realism: number, second?: Tensors): void {
    if (realism !== this.realism) {
      this.realism = realism;
      this.second = second;
      for (const write of this.byRealism) write();
    } else if (setting === this.setting) return;
    this.setting = setting;
    this.version++;
    for (const write of this.bySetting) write();
  }

  /** Where `change` of the row of a table at the setting stands. */
  row(table: () => Tensor, change: (row: Float32Array) => Float32Array): number {
    const address = this.machine.alloc(4 * table().shape[1]!);
    this.bySetting.push(() => {
      const row = change(atSetting(table(), this.setting));
      this.machine.f32(address, row.length).set(row);
    });
    return address;
  }

  /** Values of a tensor of the decoder, for the realism. */
  private values(name: string): ArrayLike<number> {
    const first = this.model.tensor(`tcae.decoder.${name}`).values;
    const other = this.realism ? this.second?.get(name)?.values : undefined;
    if (!other) return first;
    return Float32Array.from(first, (v, i) => v + this.realism * (other[i]! - v));
  }

  private shape(name: string): number[] {
    return this.model.tensor(`tcae.decoder.${name}`).shape;
  }

  private now(write: () => void): void {
    write();
    this.byRealism.push(write);
  }

  /** A layer. Its results are multiplied by `gain`, its inputs divided by `divide`. */
  linear(
    name: string,
    { gain = 1, divide = 1 }: { gain?: number; divide?: number | Float32Array } = {},
  ): Linear {
    const { machine } = this;
    const [outputs, inputs] = this.shape(`${name}.weight`) as [number, number];
    const panels = Math.ceil(outputs / 8);
    const weights = machine.zeros(32 * panels * inputs);
    const bias = machine.zeros(32 * panels);
    this.now(() => {
      const from = this.values(`${name}.weight`);
      const to = machine.f32(weights, 8 * panels * inputs);
      for (let o = 0; o < outputs; o++) {
        const start = (o >> 3) * 8 * inputs + (o & 7);
        for (let i = 0; i < inputs; i++) {
          const divisor = typeof divide === "number" ? divide : divide[i]!;
          to[start + 8 * i] = (from[o * inputs + i]! * gain) / divisor;
        }
      }
      const row = this.values(`${name}.bias`);
      machine.f32(bias, outputs).forEach((_, o, out) => (out[o] = row[o]! * gain));
    });
    return { weights, bias, inputs, outputs };
  }

  /** Channels, side, weights and bias of a depthwise convolution, with the identity beside it. */
  near(name: string): number[] {
    const { machine } = this;
    const [channels, , side] = this.shape(`${name}.weight`) as [number, number, number];
    const taps = side * side;
    const weights = machine.alloc(4 * taps * channels);
    const bias = machine.alloc(4 * channels);
    this.now(() => {
      const from = this.values(`${name}.weight`);
      const to = machine.f32(weights, taps * channels);
      for (let c = 0; c < channels; c++) {
        for (let t = 0; t < taps; t++) {
          to[t * channels + c] = from[c * taps + t]! + Number(t === taps >> 1);
        }
      }
      machine.f32(bias, channels).set(this.values(`${name}.bias`));
    });
    return [channels, side, weights, bias];
  }

  private norm(name: string): Norm {
    const shape = this.shape(`${name}.table`);
    const channels = shape[1]! / 2;
    const scale = this.row(
      () => ({ values: Float32Array.from(this.values(`${name}.table`)), shape }),
      (row) => row.map((v, i) => (i < channels ? v + 1 : v)),
    );
    return { scale, shift: scale + 4 * channels };
  }

  /** What the kernels know of an MLP. */
  mlp(name: string, norm: Norm | undefined, gated: boolean): [numbers: number[], hidden: number] {
    const fc1 = this.linear(`${name}.fc1`);
    const fc2 = this.linear(`${name}.fc2`);
    const numbers = [
      norm?.scale ?? 0, norm?.shift ?? 0, fc1.weights, fc1.bias, fc2.weights, fc2.bias,
      fc2.inputs, Number(gated),
    ]; // prettier-ignore
    return [numbers, fc1.outputs];
  }

  blocks(name: string, count: number): Block[] {
    const attend = this.model.attending(count);
    return Array.from({ length: count }, (_, i) => {
      const block = `${name}.${i}`;
      const near = this.near(`${block}.dw`);
      const norm = this.norm(`${block}.norm2`);
      const [mlp, hidden] = this.mlp(block, norm, this.model.config.gated);
      const turn = attend.indexOf(i);
      const attention = turn < 0 ? undefined : this.attention(block, turn % 2 === 1);
      return { near, attention, mlp, hidden, channels: near[0]! };
    });
  }

  private attention(block: string, shifted: boolean): NonNullable<Block["attention"]> {
    const { machine } = this;
    const { window: side, head_dim: size } = this.model.config;
    const name = `${block}.attn`;
    const tokens = side * side;
    const [heads, places] = this.shape(`${name}.bias`) as [number, number];
    const address = machine.alloc(4 * heads * tokens * tokens);
    this.now(() => {
      const from = this.values(`${name}.bias`);
      const to = machine.f32(address, heads * tokens * tokens);
      for (let i = 0; i < to.length; i++) {
        const [own, other] = [Math.floor(i / tokens) % tokens, i % tokens];
        const down = Math.floor(own / side) - Math.floor(other / side) + side - 1;
        const right = (own % side) - (other % side) + side - 1;
        to[i] = from[Math.floor(i / tokens / tokens) * places + down * (2 * side - 1) + right]!;
      }
    });
    const qkv = this.linear(`${name}.qkv`);
    this.now(() => {
      // The queries are divided by the root of their size, once and for all.
      const factor = 1 / Math.sqrt(size);
      const count = qkv.outputs / 3;
      const bias = machine.f32(qkv.bias, count);
      bias.forEach((v, o) => (bias[o] = v * factor));
      const weights = machine.f32(qkv.weights, Math.ceil(count / 8) * 8 * qkv.inputs);
      for (let i = 0; i < weights.length; i++) {
        const output = Math.floor(i / 8 / qkv.inputs) * 8 + (i & 7);
        if (output < count) weights[i]! *= factor;
      }
    });
    const norm = this.norm(`${block}.norm1`);
    const proj = this.linear(`${name}.proj`);
    return { norm, qkv, places: address, proj, shift: shifted ? side >> 1 : 0 };
  }
}
