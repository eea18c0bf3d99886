// A model: its configuration, its tensors, its id (docs/reference/format.md, section 7).

import { hex } from "./bytes.js";
import { TczError } from "./errors.js";
import { sha256 } from "./sha256.js";

/** The shapes of a model that decoding depends on: the object `model` of `config.json`. */
export interface Config {
  patch: number;
  staged: boolean;
  dim1: number;
  dim2: number;
  dec_blocks1: number;
  dec_blocks2: number;
  head_dim: number;
  window: number;
  dw_kernel: number;
  groups: number[];
  coarse: number;
  blend: number;
  hyper: number;
  hidden: number;
  fine_hidden: number;
  signed_groups: number;
  knots: number;
  gated: boolean;
  dec_attention: number;
  renderer: number;
  one_pass: number;
  centroids: boolean;
  /** The first table whose symbols have two quantisers; 0: no table. */
  trellis: number;
  /** Distances between points, in sixteenths of a step: of tables before `trellis`, of the others. */
  spacing: number[];
  start: number[];
}

const DEFAULTS = {
  gated: false,
  dec_attention: 1,
  renderer: 0,
  one_pass: 0,
  centroids: false,
  trellis: 0,
  spacing: [16, 16],
  start: [],
};
const FORMAT = 1;
/** So many table indices there are; the tables from this one on are of second quantisers. */
export const SCALES = 64;

export type Values = Float32Array | Int8Array | Uint8Array | Int32Array;

export interface Tensor {
  values: Values;
  shape: number[];
}

export type Tensors = Map<string, Tensor>;

export class Model {
  /** Channels of each group at one of its own sites. */
  readonly sizes: number[];
  /** Channels of all coarse groups, and of all fine ones at a quadrant. */
  readonly coarse: number;
  readonly fine: number;
  /** Pixels per side of a token of the first stage. */
  readonly token: number;

  constructor(
    readonly id: string,
    readonly config: Config,
    readonly tensors: Tensors,
    /** Reads the tensors for realism 1; undefined if the model has none. */
    readonly realism?: () => Promise<Tensors>,
  ) {
    const { groups, coarse, patch, staged } = config;
    this.sizes = groups.map((n, g) => (g < coarse ? n : n / 4));
    const sum = (a: number, b: number): number => a + b;
    this.coarse = this.sizes.slice(0, coarse).reduce(sum, 0);
    this.fine = this.sizes.slice(coarse).reduce(sum, 0);
    this.token = patch * (staged ? 2 : 1);
  }

  tensor(name: string): Tensor {
    const found = this.tensors.get(name);
    if (!found) throw bad(`the tensor ${name} is missing`);
    return found;
  }

  /** Of `count` blocks those that attend; every second of them has shifted windows. */
  attending(count: number): number[] {
    const every = this.config.dec_attention;
    const found = [];
    if (every)
      for (let i = Math.min(every, count) - 1; i >= 0 && i < count; i += every) found.push(i);
    return found;
  }
}

/** The files of a model folder that hold weights: all, and those of the decoder for realism 1. */
export const [WEIGHTS, REALISM] = ["model.safetensors", "realism.safetensors"] as const;

/** The files of a model folder, and how to get them. `id`: that of the weights in the file. */
export type Fetcher = (name: string, id?: string) => Promise<Uint8Array<ArrayBuffer>>;

/** The model in a folder. Its weights are compared with its id. */
export async function readModel(get: Fetcher): Promise<Model> {
  const { format, model_id: id, model, realism } = configIn(await get("config.json"));
  if (format !== FORMAT) throw bad(`format ${format}; this program reads format ${FORMAT}`);
  if (!model) throw bad("config.json names no model");
  const config = { ...DEFAULTS, ...model } as unknown as Config;
  // Integer and real tables agree only if knots are a whole number of settings apart.
  if (1000 % (config.knots - 1) !== 0) {
    throw bad(`knots - 1 must divide 1000, not be ${config.knots - 1}`);
  }
  checkQuantisers(config);
  const checked = async (file: string, wanted: string): Promise<Tensors> => {
    const [tensors, spelled] = readTensors(file, await get(file, wanted));
    if ((await contentId(model, spelled)) !== wanted) {
      throw bad(`${file}: not the weights that config.json names`);
    }
    return tensors;
  };
  const tensors = await checked(WEIGHTS, id);
  const second = realism && ((): Promise<Tensors> => checked(REALISM, realism.id));
  return new Model(id, config, tensors, second);
}

function checkQuantisers({ trellis, spacing, centroids }: Config): void {
  const within = (n: number, least: number, most: number): boolean =>
    Number.isInteger(n) && n >= least && n <= most;
  if (trellis !== 0 && (!within(trellis, 2, SCALES - 1) || centroids)) {
    throw bad("trellis must be 0 or 2 to 63, and not together with centroids");
  }
  const pair = Array.isArray(spacing) && spacing.length === 2;
  if (!pair || !spacing.every((n) => within(n, 2, 64))) {
    throw bad("spacing must be two numbers from 2 to 64");
  }
  const [near, far] = spacing as [number, number];
  // The second quantiser's points are half a distance nearer.
  if (far % 2) throw bad("the second spacing must be even");
  if (!trellis && (near !== 16 || far !== 16)) throw bad("spacing other than 16 needs a trellis");
}

interface ConfigFile {
  format?: number;
  model_id: string;
  model?: Record<string, unknown>;
  realism?: { id: string };
}

/** What `config.json` says. A server may as well have sent a page that says there is none. */
export function configIn(data: Uint8Array): ConfigFile {
  const found = parsed("config.json", data) as Partial<ConfigFile>;
  if (typeof found.model_id !== "string") throw bad("config.json names no model");
  return found as ConfigFile;
}

/** The object in JSON. */
function parsed(file: string, data: Uint8Array): object {
  let found: unknown;
  try {
    found = JSON.parse(new TextDecoder().decode(data));
  } catch {
    // As below.
  }
  if (typeof found !== "object" || !found) throw bad(`${file} is damaged`);
  return found;
}

function bad(message: string): TczError {
  return new TczError("BadModel", message);
}

const WIDENED = new Float32Array(1 << 16).map((_, bits) => {
  const exponent = (bits >> 10) & 31;
  const fraction = (bits & 1023) / 1024;
  const value = exponent ? (1 + fraction) * 2 ** (exponent - 15) : fraction * 2 ** -14;
  return bits & 0x8000 ? -value : value;
});

/** By type its name, how to read values of it, and the bytes of one. */
const TYPES: Record<string, [name: string, read: (bytes: ArrayBuffer) => Values, size: number]> = {
  F16: ["float16", (b) => Float32Array.from(new Uint16Array(b), (bits) => WIDENED[bits]!), 2],
  F32: ["float32", (b) => new Float32Array(b), 4],
  I8: ["int8", (b) => new Int8Array(b), 1],
  U8: ["uint8", (b) => new Uint8Array(b), 1],
  I32: ["int32", (b) => new Int32Array(b), 4],
};

/** Name, type, shape and bytes of a tensor, as the id covers them. */
type Spelled = [name: string, text: string, bytes: Uint8Array<ArrayBuffer>];

type Head = Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>;

function readTensors(file: string, data: Uint8Array<ArrayBuffer>): [Tensors, Spelled[]] {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const start = data.length < 8 ? Infinity : 8 + Number(view.getBigUint64(0, true));
  if (start > data.length) throw bad(`${file} is cut short`);
  const head = parsed(file, data.subarray(8, start)) as Head;
  const tensors: Tensors = new Map();
  const spelled: Spelled[] = [];
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(head)) {
    if (name === "__metadata__") continue;
    const type = TYPES[dtype];
    if (!type) throw bad(`the tensor ${name} is ${dtype}`);
    const bytes = data.subarray(start + data_offsets[0], start + data_offsets[1]);
    const count = shape.reduce((a, b) => a * b, 1);
    if (bytes.length !== count * type[2]) throw bad(`${file} is cut short`);
    // A copy, as a typed array must begin at a multiple of its element's size.
    tensors.set(name, { values: type[1](bytes.slice().buffer), shape });
    const dims = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
    spelled.push([name, `${name}|torch.${type[0]}|(${dims})|`, bytes]);
  }
  return [tensors, spelled];
}

/** The id of tensors and of the shapes that belong to them. */
async function contentId(model: Record<string, unknown>, spelled: Spelled[]): Promise<string> {
  const encoder = new TextEncoder();
  const parts: Uint8Array<ArrayBuffer>[] = [encoder.encode(python(model))];
  // By code units, not by language.
  for (const [, text, bytes] of spelled.sort(([a], [b]) => (a < b ? -1 : 1))) {
    parts.push(encoder.encode(text), bytes);
  }
  const all = new Uint8Array(await new Blob(parts).arrayBuffer());
  return hex((await sha256(all)).subarray(0, 8));
}

/** The settings that are floats: Python writes one as `1.0` where JavaScript writes `1`. */
const FLOATS = new Set(["lambda_min", "lambda_max"]);

/** JSON as Python writes it, with the keys in ascending order. */
function python(model: Record<string, unknown>): string {
  const entries = Object.entries(model).sort(([a], [b]) => (a < b ? -1 : 1));
  const spelled = entries.map(([key, value]) => {
    const isFloat = FLOATS.has(key) && typeof value === "number";
    return `${ascii(key)}: ${isFloat ? float(value) : plain(value)}`;
  });
  return `{${spelled.join(", ")}}`;
}

function plain(value: unknown): string {
  return Array.isArray(value) ? `[${value.map(plain).join(", ")}]` : ascii(value);
}

/** JSON of one value, in printable ASCII. */
function ascii(value: unknown): string {
  const escape = (c: string): string => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(value).replace(/[^ -~]/g, escape);
}

function float(value: number): string {
  if (value !== 0 && (Math.abs(value) < 1e-4 || Math.abs(value) >= 1e16)) {
    // 1e-7 in JavaScript is 1e-07 in Python.
    return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
  }
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

/** The row of a table at a setting 0 .. 1000, with linear interpolation between its knots. */
export function atSetting({ values, shape }: Tensor, setting: number): Float32Array {
  const [knots, n] = shape as [number, number];
  const position = (setting * (knots - 1)) / 1000;
  const k = Math.min(Math.floor(position), knots - 2);
  const f = position - k;
  return Float32Array.from(
    { length: n },
    (_, i) => values[k * n + i]! * (1 - f) + values[(k + 1) * n + i]! * f,
  );
}
