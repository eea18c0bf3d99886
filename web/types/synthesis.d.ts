import type { Gpu } from "./gpu.js";
import type { Machine } from "./machine.js";
import type { Model, Tensors } from "./model.js";
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
export declare class Synthesis {
    private readonly machine;
    private readonly model;
    private readonly weights;
    private readonly net;
    /** Where the weights end in memory. */
    private readonly end;
    /** What does the jobs, if it is not the machine. */
    private gpu;
    constructor(machine: Machine, model: Model);
    /** Makes what follows for a setting and a realism. `second`: the tensors for realism 1. */
    use(setting: number, realism: number, second?: Tensors): void;
    private run;
    /** A layer on tokens; `first` inputs only, if the others are zero. New memory if `out` is 0. */
    private dense;
    private shuffle;
    private nearby;
    /** Blocks in a row. `x` is overwritten; where the result is, is returned. */
    private through;
    /** A layer placed by patch(n) and added to planes. */
    private place;
    private embed;
    /** RGBA of a part of the picture, reduced by `factor`. `grey`: red, green and blue are equal.
     * With a GPU the promise is rejected if that fails. */
    picture(part: Part, factor: number, crop: Crop, grey: boolean, gpu: Gpu | undefined): Promise<Uint8Array>;
    /** y at coarse and at fine sites. */
    private scaled;
    private linearPicture;
    /** The tokens t after the blocks of the first stage; memory stays allocated. */
    private tokens;
    /** Adds what the network corrects to the linear picture. */
    private correct;
}
