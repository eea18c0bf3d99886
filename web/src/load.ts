// The decoder for a file: finds its model, fetches and keeps the weights, starts the threads.

import { Decoder } from "./decoder.js";
import { TczError } from "./errors.js";
import { Machine, type Shared } from "./machine.js";
import { configIn, Model, readModel, REALISM, WEIGHTS, type Fetcher } from "./model.js";

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

const CACHE = "tccodec-models";
const PART = 4096; // pixels per side; larger canvases stay blank in some browsers

async function fetched(url: string): Promise<Uint8Array<ArrayBuffer>> {
  let response: Response;
  try {
    response = await fetch(url);
  } catch {
    throw new TczError("UnreadableFile", `${url} cannot be reached`);
  }
  if (!response.ok) throw new TczError("UnreadableFile", `${url}: status ${response.status}`);
  try {
    return await bytes(response);
  } catch {
    throw new TczError("UnreadableFile", `${url}: the connection broke`);
  }
}

async function bytes(response: Response): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await response.arrayBuffer());
}

/** The cache of weights; a page that is not secure has none. */
async function cache(): Promise<Cache | undefined> {
  try {
    return await caches.open(CACHE);
  } catch {
    return undefined;
  }
}

/** A file: those with an id, which are weights, are fetched once for each; others each time, so that
 * a new one is noticed, and taken from the cache where that fails. */
async function kept(file: string, id: string, keep: boolean): Promise<Uint8Array<ArrayBuffer>> {
  const store = keep ? await cache() : undefined;
  const url = id ? addressOf(file, id) : file;
  const old = await store?.match(url);
  if (old && id) return bytes(old);
  try {
    const data = await fetched(url);
    await store?.put(url, new Response(data)).catch(() => undefined); // it may be full
    return data;
  } catch (e) {
    if (old) return bytes(old);
    throw e;
  }
}

/** The address of weights; for others than these it is another one. */
function addressOf(file: string, id: string): string {
  return `${file}?id=${id}`;
}

/** Takes files of a folder out of the cache. */
async function forget(folder: string, unwanted: (address: string) => boolean): Promise<void> {
  const store = await cache();
  for (const { url } of (await store?.keys()) ?? []) {
    if (new URL(".", url).href === folder && unwanted(url)) await store?.delete(url);
  }
}

/** Does what needs a file of weights. One in the cache that turns out damaged is fetched again. */
async function afresh<T>(folder: string, name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (e) {
    if (!(e instanceof TczError) || e.kind !== "BadModel") throw e;
    await forget(folder, (address) => address.startsWith(`${folder}${name}`));
    return load();
  }
}

async function modelIn(folder: string, keep: boolean): Promise<Model> {
  const get: Fetcher = (name, id = "") => kept(`${folder}${name}`, id, keep);
  const model = await afresh(folder, WEIGHTS, () => readModel(get));
  const { id, config, tensors, realism } = model;
  return new Model(id, config, tensors, realism && (() => afresh(folder, REALISM, realism)));
}

/** The kernels for this machine: with fused products and sums where they exist. */
async function kernels({ threads, base, keep }: Settings): Promise<WebAssembly.Module> {
  const compiled = async (fused: string): Promise<WebAssembly.Module> => {
    const name = `kernels${threads > 1 ? "-shared" : ""}${fused}.wasm`;
    return WebAssembly.compile(await kept(new URL(name, base).href, "", keep));
  };
  try {
    return await compiled("-fused");
  } catch (e) {
    if (!(e instanceof WebAssembly.CompileError)) throw e;
    return compiled("");
  }
}

/** Decodes a picture file with the browser's decoder, in a worker. */
async function decodeImage(
  file: Uint8Array,
  width: number,
  height: number,
  type: string,
): Promise<Uint8Array> {
  const blob = new Blob([file.slice()], { type });
  const bitmap = await createImageBitmap(blob, {
    colorSpaceConversion: "none",
    premultiplyAlpha: "none",
  });
  const [w, h] = [Math.min(width, PART), Math.min(height, PART)];
  const context = new OffscreenCanvas(w, h).getContext("2d")!;
  const out = new Uint8Array(4 * width * height);
  for (let top = 0; top < height; top += h) {
    for (let left = 0; left < width; left += w) {
      const [columns, rows] = [Math.min(w, width - left), Math.min(h, height - top)];
      context.drawImage(bitmap, -left, -top);
      const { data } = context.getImageData(0, 0, columns, rows);
      for (let y = 0; y < rows; y++) {
        const row = data.subarray(4 * y * columns, 4 * (y + 1) * columns);
        out.set(row, 4 * ((top + y) * width + left));
      }
    }
  }
  bitmap.close();
  return out;
}

/** Decoders by the ids of models; each model is loaded once. */
export class Decoders {
  private readonly found = new Map<string, Promise<Decoder>>();

  constructor(
    private readonly settings: Settings,
    private readonly enlist: Enlist,
  ) {}

  /** The decoder for a model id of a file, ten hexadecimal digits. */
  get(id: string): Promise<Decoder> {
    let decoder = this.found.get(id);
    if (!decoder) {
      decoder = this.load(id);
      this.found.set(id, decoder);
      decoder.catch(() => this.found.delete(id)); // the next try may succeed
    }
    return decoder;
  }

  /** From the first folder that works. What is wrong with others matters only if none does. */
  private async load(id: string): Promise<Decoder> {
    const problems: unknown[] = [];
    for (const folder of this.settings.models) {
      try {
        const decoder = await this.loadFrom(folder, id);
        if (decoder) return decoder;
      } catch (e) {
        const isBad = e instanceof TczError && e.kind === "BadModel";
        problems.push(isBad ? new TczError(e.kind, `${folder}: ${e.message}`) : e);
      }
    }
    if (problems.length) throw problems[0];
    throw new TczError("UnknownModel", `the file was made with model ${id}, which is not here`);
  }

  /** From one folder; undefined if another model is in it. */
  private async loadFrom(folder: string, id: string): Promise<Decoder | undefined> {
    const { threads, keep } = this.settings;
    const config = await kept(`${folder}config.json`, "", keep);
    const { model_id: whole, realism } = configIn(config);
    if (!whole.startsWith(id)) return undefined;
    if (keep) {
      // Weights of older models, before there must be room for these.
      const wanted = [
        addressOf(`${folder}${WEIGHTS}`, whole),
        ...(realism ? [addressOf(`${folder}${REALISM}`, realism.id)] : []),
      ];
      await forget(folder, (address) => address.includes("?id=") && !wanted.includes(address));
    }
    const model = modelIn(folder, keep);
    try {
      return await this.start(model, threads);
    } catch (e) {
      if (threads < 2 || e instanceof TczError) throw e;
      return this.start(model, 1); // the browser may refuse threads, or memory that they can share
    }
  }

  private async start(coming: Promise<Model>, threads: number): Promise<Decoder> {
    const module = kernels({ ...this.settings, threads });
    const [compiled, model] = await Promise.all([module, coming]);
    let end: (() => void) | undefined;
    try {
      const machine = await Machine.start(compiled, threads, async (...given) => {
        end = await this.enlist(...given);
      });
      return new Decoder(machine, model, decodeImage);
    } catch (e) {
      end?.();
      throw e;
    }
  }
}
