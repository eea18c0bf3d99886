// Chooses what runs the synthesis: a GPU, or the kernels in WebAssembly.

import { TczError } from "./errors.js";
import { Gpu } from "./gpu.js";
import type { Machine } from "./machine.js";
import type { Model, Tensors } from "./model.js";
import { Synthesis, type Crop, type Part } from "./synthesis.js";

const MOST = 6 << 20; // pixels that go through the synthesis together, with what lies around them
const PER_PIXEL = 100; // bytes of a GPU's memory, about

export type Device = "gpu" | "cpu";

/** What the weights depend on. `second`: the tensors for realism 1. */
export interface Look {
  setting: number;
  realism: number;
  second: Tensors | undefined;
}

export class Painter {
  private readonly synthesis: Synthesis;
  /** By whether a program that acts as a GPU will do. */
  private readonly gpus = new Map<boolean, Promise<Gpu | undefined>>();

  constructor(
    private readonly machine: Machine,
    private readonly model: Model,
  ) {
    this.synthesis = new Synthesis(machine, model);
  }

  /** The GPU to use, undefined for none. */
  async gpu(device?: Device): Promise<Gpu | undefined> {
    if (device === "cpu") return undefined;
    const software = device === "gpu";
    const gpu = this.gpus.get(software) ?? this.open(software).catch(() => undefined);
    this.gpus.set(software, gpu);
    const found = await gpu;
    if (software && !found) throw new TczError("BadOption", "no GPU can be used here");
    return found;
  }

  /** Pixels that may go through the synthesis together. */
  most(gpu: Gpu | undefined): number {
    return gpu ? Math.min(MOST, gpu.room / PER_PIXEL) : MOST;
  }

  /** RGBA of a part of the picture, as in `Synthesis.picture`. The processor goes on where a GPU
   * fails, and that is not tried again. */
  async picture(
    look: Look,
    part: Part,
    factor: number,
    crop: Crop,
    grey: boolean,
    gpu: Gpu | undefined,
  ): Promise<Uint8Array> {
    const { synthesis } = this;
    synthesis.use(look.setting, look.realism, look.second);
    if (gpu) {
      try {
        return await synthesis.picture(part, factor, crop, grey, gpu);
      } catch {
        for (const software of this.gpus.keys())
          this.gpus.set(software, Promise.resolve(undefined));
      }
      synthesis.use(look.setting, look.realism, look.second);
    }
    return synthesis.picture(part, factor, crop, grey, undefined);
  }

  /** A GPU, if the pixels that it gives are right. */
  private async open(software: boolean): Promise<Gpu | undefined> {
    const gpu = await Gpu.open(this.machine, this.model.config.head_dim, software);
    if (!gpu) return undefined;
    const [h, w] = [2, 3];
    const latents = (count: number): Int32Array => Int32Array.from({ length: count }, (_, i) => ((i * 7919) % 97) - 48); // prettier-ignore
    const { coarse, fine } = this.model;
    const part = { h, w, coarse: latents(h * w * coarse), fine: latents(4 * h * w * fine), used: fine }; // prettier-ignore
    const crop = { left: 0, top: 0, width: 32 * w, height: 32 * h };
    this.synthesis.use(500, 0);
    const found = await this.synthesis.picture(part, 1, crop, false, gpu);
    this.synthesis.use(500, 0);
    const wanted = await this.synthesis.picture(part, 1, crop, false, undefined);
    return found.every((v, i) => Math.abs(v - wanted[i]!) <= 1) ? gpu : undefined;
  }
}
