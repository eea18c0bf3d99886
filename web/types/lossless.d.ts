import type { TczFile } from "./container.js";
/** Decodes a picture file: RGBA, without conversion of colours. The browser's own decoder. */
export type ImageDecoder = (file: Uint8Array, width: number, height: number, type: "image/webp" | "image/avif") => Promise<Uint8Array>;
/** Samples of the section `alpha` (one a pixel) or `exact` (three), undefined without it. */
export declare function plane(file: TczFile, section: "alpha" | "exact", decode: ImageDecoder): Promise<Uint8Array | undefined>;
/** Samples of a PNG or WebP file of the picture's size: one a pixel for `alpha`, else three. */
export declare function lossless({ width, height }: TczFile, section: "alpha" | "exact" | "blocks", method: number | undefined, data: Uint8Array, decode: ImageDecoder): Promise<Uint8Array>;
/** RGB of RGBA. */
export declare function threeOf(rgba: Uint8Array): Uint8Array;
/** Means of `factor x factor` pixels of a plane, at the edges of as many as there are. */
export declare function averaged(samples: Uint8Array, width: number, height: number, channels: number, factor: number): Uint8Array;
