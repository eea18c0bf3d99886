/** The shapes of a model that decoding depends on: the object `model` of `config.json`. */
export interface Config {
    patch: number;
    staged: boolean;
    dim1: number;
    dim2: number;
    dec_blocks1: number;
    dec_blocks2: number;
    head_dim: number;
    window: number;
    dw_kernel: number;
    groups: number[];
    coarse: number;
    blend: number;
    hyper: number;
    hidden: number;
    fine_hidden: number;
    signed_groups: number;
    knots: number;
    gated: boolean;
    dec_attention: number;
    renderer: number;
    one_pass: number;
    centroids: boolean;
    /** The first table whose symbols have two quantisers; 0: no table. */
    trellis: number;
    /** Distances between points, in sixteenths of a step: of tables before `trellis`, of the others. */
    spacing: number[];
    start: number[];
}
/** So many table indices there are; the tables from this one on are of second quantisers. */
export declare const SCALES = 64;
export type Values = Float32Array | Int8Array | Uint8Array | Int32Array;
export interface Tensor {
    values: Values;
    shape: number[];
}
export type Tensors = Map<string, Tensor>;
export declare class Model {
    readonly id: string;
    readonly config: Config;
    readonly tensors: Tensors;
    /** Reads the tensors for realism 1; undefined if the model has none. */
    readonly realism?: (() => Promise<Tensors>) | undefined;
    /** Channels of each group at one of its own sites. */
    readonly sizes: number[];
    /** Channels of all coarse groups, and of all fine ones at a quadrant. */
    readonly coarse: number;
    readonly fine: number;
    /** Pixels per side of a token of the first stage. */
    readonly token: number;
    constructor(id: string, config: Config, tensors: Tensors, 
    /** Reads the tensors for realism 1; undefined if the model has none. */
    realism?: (() => Promise<Tensors>) | undefined);
    tensor(name: string): Tensor;
    /** Of `count` blocks those that attend; every second of them has shifted windows. */
    attending(count: number): number[];
}
/** The files of a model folder that hold weights: all, and those of the decoder for realism 1. */
export declare const WEIGHTS: "model.safetensors", REALISM: "realism.safetensors";
/** The files of a model folder, and how to get them. `id`: that of the weights in the file. */
export type Fetcher = (name: string, id?: string) => Promise<Uint8Array<ArrayBuffer>>;
/** The model in a folder. Its weights are compared with its id. */
export declare function readModel(get: Fetcher): Promise<Model>;
interface ConfigFile {
    format?: number;
    model_id: string;
    model?: Record<string, unknown>;
    realism?: {
        id: string;
    };
}
/** What `config.json` says. A server may as well have sent a page that says there is none. */
export declare function configIn(data: Uint8Array): ConfigFile;
/** The row of a table at a setting 0 .. 1000, with linear interpolation between its knots. */
export declare function atSetting({ values, shape }: Tensor, setting: number): Float32Array;
export {};
