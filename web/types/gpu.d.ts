import type { KernelName, Machine } from "./machine.js";
export declare class Gpu {
    private readonly device;
    private readonly machine;
    /** Bytes that the memory may have. */
    readonly room: number;
    private readonly pipelines;
    private readonly module;
    private readonly layout;
    private memory;
    private weights;
    private jobs;
    private inputs;
    private constructor();
    /** The GPU of this machine; undefined without one. `head`: values in a head of the attention.
     * `software`: a program that acts as a GPU will do. */
    static open(machine: Machine, head: number, software: boolean): Promise<Gpu | undefined>;
    /** Notes values in the machine's memory that the jobs need. */
    input(address: number, bytes: number): void;
    /** Notes a job; its numbers and units are those of `Machine.run`. */
    run(kernel: KernelName, numbers: number[], units: number): void;
    private job;
    /** A job of so many workgroups. */
    private groups;
    /** A job that computes so many values, one in each thread. */
    private values;
    private dense;
    /** A layer of packed weights on tokens that stand one after the other. */
    private linear;
    /** A block's MLP, in place: `numbers` as in `tokens`, from those of the norm on. */
    private mlp;
    private windows;
    private place;
    private embed;
    private modulate;
    /** Runs the jobs; what stands at an address then. Rejects if the GPU fails. `weights`: the bytes
     * at the beginning of the machine's memory that hold them, of a version. */
    result(address: number, bytes: number, weights: {
        bytes: number;
        version: number;
    }): Promise<Uint8Array>;
    /** A buffer to which the result will be copied. */
    private submit;
    private pipeline;
}
