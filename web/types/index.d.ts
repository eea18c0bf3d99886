import type { Options, Picture } from "./decoder.js";
import type { Settings } from "./load.js";
import { toPng } from "./png.js";
export { readHeader, type Header, type Limits } from "./container.js";
export type { Options, Picture, Region } from "./decoder.js";
export { TczError, type Kind } from "./errors.js";
export type { Settings } from "./load.js";
export { preview } from "./preview.js";
export { toPng };
/**
 * Where the model folders are (addresses that end in `/`; by default `models/tcae-s/` beside this
 * script), how many threads decode, where the package's files are, and whether the browser keeps the
 * weights. Before the first picture.
 */
export declare function configure(changes: Partial<Settings>): void;
/** The picture in the bytes of a `.tcz` file. A `TczError` says what is wrong with them. */
export declare function decode(file: Blob | ArrayBuffer | Uint8Array, { onProgress, ...options }?: Options): Promise<Picture>;
/** A bitmap to draw. The browser converts its colours if the file has a profile. */
export declare function toBitmap(picture: Picture): Promise<ImageBitmap>;
