// What a page uses: `decode`, and pictures as bitmaps and files.

import type { Options, Picture } from "./decoder.js";
import { TczError } from "./errors.js";
import type { Settings } from "./load.js";
import type { Answer, Request } from "./messages.js";
import { toPng } from "./png.js";

export { readHeader, type Header, type Limits } from "./container.js";
export type { Options, Picture, Region } from "./decoder.js";
export { TczError, type Kind } from "./errors.js";
export type { Settings } from "./load.js";
export { preview } from "./preview.js";
export { toPng };

const MOST_THREADS = 8;

interface Waiting {
  resolve: (picture: Picture) => void;
  reject: (error: unknown) => void;
  onProgress?: (done: number) => void;
}

let settings: Settings = {
  models: [new URL("models/tcae-s/", import.meta.url).href],
  threads: globalThis.crossOriginIsolated
    ? Math.min(navigator.hardwareConcurrency || 1, MOST_THREADS)
    : 1,
  base: new URL(".", import.meta.url).href,
  keep: true,
};
let worker: Worker | undefined;
let last = 0;
const waiting = new Map<number, Waiting>();

/**
 * Where the model folders are (addresses that end in `/`; by default `models/tcae-s/` beside this
 * script), how many threads decode, where the package's files are, and whether the browser keeps the
 * weights. Before the first picture.
 */
export function configure(changes: Partial<Settings>): void {
  const absolute = (url: string): string => new URL(url, document.baseURI).href;
  settings = { ...settings, ...changes };
  settings.models = settings.models.map(absolute);
  settings.base = absolute(settings.base);
  worker?.postMessage({ settings } satisfies Request);
}

function started(): Worker {
  if (worker) return worker;
  const address = new URL("worker.js", settings.base);
  const own = new Worker(address, { type: "module" });
  own.onmessage = ({ data: answer }: MessageEvent<Answer>) => {
    const found = waiting.get(answer.id);
    if (!found) return; // it has been refused
    const { resolve, reject, onProgress } = found;
    if ("done" in answer) {
      onProgress?.(answer.done);
      return;
    }
    waiting.delete(answer.id);
    if ("picture" in answer) resolve(answer.picture);
    else if (answer.kind) reject(new TczError(answer.kind, answer.message));
    else reject(new Error(answer.message));
  };
  own.onerror = ({ message }) => {
    if (worker !== own) return;
    own.terminate();
    worker = undefined; // the next picture starts another one
    const said = message || `the decoder's worker cannot be started: ${address.href}`;
    for (const { reject } of waiting.values()) reject(new Error(said));
    waiting.clear();
  };
  own.postMessage({ settings } satisfies Request);
  worker = own;
  return own;
}

/** The picture in the bytes of a `.tcz` file. A `TczError` says what is wrong with them. */
export async function decode(
  file: Blob | ArrayBuffer | Uint8Array,
  { onProgress, ...options }: Options = {},
): Promise<Picture> {
  const bytes = file instanceof Blob ? await file.arrayBuffer() : file;
  // A copy: the caller keeps its own.
  const data = new Uint8Array(bytes).slice();
  const id = ++last;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject, ...(onProgress && { onProgress }) });
    started().postMessage({ id, data, options } satisfies Request, [data.buffer]);
  });
}

/** A bitmap to draw. The browser converts its colours if the file has a profile. */
export async function toBitmap(picture: Picture): Promise<ImageBitmap> {
  if (picture.icc) return createImageBitmap(await toPng(picture));
  return createImageBitmap(new ImageData(picture.data, picture.width, picture.height));
}
