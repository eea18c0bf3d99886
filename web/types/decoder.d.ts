import { type Limits } from "./container.js";
import { type ImageDecoder } from "./lossless.js";
import type { Machine } from "./machine.js";
import type { Model } from "./model.js";
import { type Device } from "./painter.js";
/** Left, top, width, height in pixels of the whole picture. */
export type Region = readonly [number, number, number, number];
export interface Options {
    /** 0 .. 1: from the picture of least error to the one of most natural texture. */
    realism?: number;
    /** Only what this part of the picture depends on is decoded. */
    region?: Region;
    /** 1, 1/2, 1/4 or 1/8: a smaller picture for less work. */
    scale?: number;
    limits?: Limits;
    /** What runs the network. By default a GPU if there is one that WebGPU may use, and the processor
     * if there is none or it fails. `"gpu"` takes a program that acts as a GPU as well, and is refused
     * without any; `"cpu"` takes the processor. */
    device?: Device;
    /** Called with the part of the work that is done, 0 .. 1. */
    onProgress?: (done: number) => void;
}
/** Pixels as `ImageData` has them, and what the file says of their colours. */
export interface Picture {
    width: number;
    height: number;
    /** RGBA, 8 bits each; alpha is not multiplied in. */
    data: Uint8ClampedArray<ArrayBuffer>;
    grey: boolean;
    /** The ICC profile of the pixels; without one they are sRGB. They are not converted. */
    icc?: Uint8Array;
}
export declare class Decoder {
    readonly model: Model;
    private readonly decodeImage;
    private readonly entropy;
    private readonly painter;
    private second;
    constructor(machine: Machine, model: Model, decodeImage: ImageDecoder);
    /** The picture in a file. A `TczError` says what is wrong with it, or with an option. */
    decode(data: Uint8Array, options?: Options): Promise<Picture>;
    /** All latents of a file as one map, `[h][w][C]`, quadrants side by side in their channels: what
     * `tests/golden/golden.json` has the hash of. */
    latents(data: Uint8Array): Int32Array;
    private checkModel;
    private realistic;
    private plane;
    /** The latents of each tile group, decoded when they are asked for and kept for a while. */
    private tiles;
    /** The pixels of a box, in coordinates of the reduced picture, to RGBA. */
    private paint;
    /** A box in parts that are small enough to go through the synthesis at once. */
    private parts;
    /** The latents of a rectangle, from the tile groups that it touches. */
    private gathered;
}
