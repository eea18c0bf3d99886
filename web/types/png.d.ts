import type { Picture } from "./decoder.js";
/** A PNG file; `small` takes time to compress it. */
export declare function toPng(picture: Picture, small?: boolean): Promise<Blob>;
