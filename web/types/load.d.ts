import { Decoder } from "./decoder.js";
import { type Shared } from "./machine.js";
export interface Settings {
    /** Addresses of model folders, absolute. */
    models: string[];
    /** Threads that decode; more than one need a page that is cross-origin isolated. */
    threads: number;
    /** Folder of the kernels and scripts. */
    base: string;
    /** Whether the browser keeps the weights for the next time. */
    keep: boolean;
}
/** Starts helpers, as for `Machine.start`, and gives what ends them. */
type Enlist = (shared: Shared, threads: number) => Promise<() => void>;
/** Decoders by the ids of models; each model is loaded once. */
export declare class Decoders {
    private readonly settings;
    private readonly enlist;
    private readonly found;
    constructor(settings: Settings, enlist: Enlist);
    /** The decoder for a model id of a file, ten hexadecimal digits. */
    get(id: string): Promise<Decoder>;
    /** From the first folder that works. What is wrong with others matters only if none does. */
    private load;
    /** From one folder; undefined if another model is in it. */
    private loadFrom;
    private start;
}
export {};
