import { Gpu } from "./gpu.js";
import type { Machine } from "./machine.js";
import type { Model, Tensors } from "./model.js";
import { type Crop, type Part } from "./synthesis.js";
export type Device = "gpu" | "cpu";
/** What the weights depend on. `second`: the tensors for realism 1. */
export interface Look {
    setting: number;
    realism: number;
    second: Tensors | undefined;
}
export declare class Painter {
    private readonly machine;
    private readonly model;
    private readonly synthesis;
    /** By whether a program that acts as a GPU will do. */
    private readonly gpus;
    constructor(machine: Machine, model: Model);
    /** The GPU to use, undefined for none. */
    gpu(device?: Device): Promise<Gpu | undefined>;
    /** Pixels that may go through the synthesis together. */
    most(gpu: Gpu | undefined): number;
    /** RGBA of a part of the picture, as in `Synthesis.picture`. The processor goes on where a GPU
     * fails, and that is not tried again. */
    picture(look: Look, part: Part, factor: number, crop: Crop, grey: boolean, gpu: Gpu | undefined): Promise<Uint8Array>;
    /** A GPU, if the pixels that it gives are right. */
    private open;
}
