import type { Values } from "./model.js";
interface Kernels extends Record<string, unknown> {
    start(c: number, words: number, count: number): void;
    finished(c: number): number;
    pass(c: number, count: number, indices: number, out: number, tables: number, order: number, counts: number, trellis: number): number;
    points(p: number): void;
}
/** A `WebAssembly.Memory`. */
export interface Memory {
    readonly buffer: ArrayBufferLike;
    grow(pages: number): number;
}
/** A `WebAssembly.Module`. */
export type Module = object;
/** What a thread needs to take part. */
export interface Shared {
    memory: Memory;
    module: Module;
}
/** Kernels that threads share, by the number that names them in the control block. */
declare const NAMES: readonly ["context", "dense", "embed", "lapColumns", "lapRows", "means", "modulate", "near", "pixels", "place", "scale", "shuffle", "tokens", "windows"];
export type KernelName = (typeof NAMES)[number];
/** Takes part in jobs until one fails; in a worker of its own. `ready` is called before the first one. */
export declare function help(shared: Shared, thread: number, ready: () => void): Promise<never>;
export declare class Machine {
    readonly kernels: Kernels;
    private readonly memory;
    private helpers;
    private block;
    private top;
    private constructor();
    /**
     * `enlist` starts `threads - 1` workers that call `help`, and resolves when they are ready. More
     * than one thread needs shared memory.
     */
    static start(module: Module, threads: number, enlist: (shared: Shared, threads: number) => Promise<void>): Promise<Machine>;
    /** Address of `bytes` new bytes, at a multiple of 64. Their values are old. */
    alloc(bytes: number): number;
    /** Bytes of the memory. */
    get size(): number;
    /** Calls `use`, then frees all that it has allocated. */
    within<T>(use: () => T): T;
    f32(address: number, length: number): Float32Array;
    i32(address: number, length: number): Int32Array;
    i16(address: number, length: number): Int16Array;
    u8(address: number, length: number): Uint8Array;
    /** Copies values to new memory, with `room` for so many. */
    put(values: Values | Int16Array, room?: number): number;
    zeros(bytes: number): number;
    /** Does all units of a job, with all threads; each has `scratch` bytes of its own. Where a helper
     * fails, the job fails, and later ones are done without helpers. */
    run(kernel: KernelName, numbers: number[], units: number, scratch?: number, step?: number): void;
    /** Calls a kernel that one thread does alone. */
    points(numbers: number[]): void;
}
export {};
