import type { Limits } from "./container.js";
declare const RULES: {
    alpha: {
        number: number;
        ancillary: false;
        limit: (n: number) => number;
        pixels: true;
    };
    exact: {
        number: number;
        ancillary: false;
        limit: (n: number) => number;
        pixels: true;
    };
    blocks: {
        number: number;
        ancillary: false;
        limit: (n: number) => number;
        pixels: true;
    };
    icc: {
        number: number;
        ancillary: true;
        limit: (_: number, limits: Limits) => number;
    };
    exif: {
        number: number;
        ancillary: true;
        limit: (_: number, limits: Limits) => number;
    };
    xmp: {
        number: number;
        ancillary: true;
        limit: (_: number, limits: Limits) => number;
    };
    comment: {
        number: number;
        ancillary: true;
        limit: (_: number, limits: Limits) => number;
    };
    source: {
        number: number;
        ancillary: true;
        limit: () => number;
        check: (body: Uint8Array<ArrayBufferLike>) => "section source is not the name of a mode in printable ASCII" | undefined;
    };
    resolution: {
        number: number;
        ancillary: true;
        limit: (_: number, limits: Limits) => number;
    };
    preview: {
        number: number;
        ancillary: true;
        limit: (_: number, limits: Limits) => number;
    };
};
export type SectionName = keyof typeof RULES;
export declare const numberOf: (tag: number) => number;
/** Name and body of a section, or undefined for one that is unknown and may be skipped. */
export declare function unpack(tag: number, stored: Uint8Array, pixels: number, limits: Limits): [SectionName, Uint8Array] | undefined;
export {};
