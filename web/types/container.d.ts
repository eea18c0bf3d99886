import { type SectionName } from "./sections.js";
export declare const TILE = 1024;
/** The largest picture, and section after inflation, that is accepted. */
export interface Limits {
    /** Width times height. */
    maxPixels: number;
    /** Bytes. Sections of pixels are limited by the picture's size. */
    maxSection: number;
}
export declare const DEFAULT_LIMITS: Limits;
export interface Header {
    /** Pixels. */
    width: number;
    height: number;
    /** From 0, the smallest file, to 1000, the best. */
    setting: number;
    /** The first five bytes of the model's id, in hexadecimal. */
    modelId: string;
    /** The picture is grey: its channels are equal. */
    grey: boolean;
    /** Number of sections. */
    sections: number;
    /** Bytes of the header. */
    size: number;
}
export interface TczFile extends Header {
    /** One payload per tile group, from left to right and from above to below. */
    tiles: Uint8Array[];
    bodies: Partial<Record<SectionName, Uint8Array>>;
}
/** The header at the beginning of a file. Checksums are not verified here, but by `read`. */
export declare function readHeader(data: Uint8Array, limits?: Limits): Header;
/** The content of a file, with every byte verified. */
export declare function read(data: Uint8Array, limits?: Limits): TczFile;
