// One model in one memory: the bytes of a file -> pixels.

import { read, TILE, type Limits, type TczFile } from "./container.js";
import { Entropy, type Latents } from "./entropy.js";
import { TczError } from "./errors.js";
import { groupsFor } from "./groups.js";
import { BLOCK, blocks, type Blocks } from "./blocks.js";
import { averaged, plane, type ImageDecoder } from "./lossless.js";
import type { Machine } from "./machine.js";
import { checkMetadata } from "./metadata.js";
import type { Model, Tensors } from "./model.js";
import { Painter, type Device, type Look } from "./painter.js";
import { latentsFor, windowPeriod, type Span } from "./reach.js";

const SITES = TILE / 32; // per side of a tile group

/** Left, top, width, height in pixels of the whole picture. */
export type Region = readonly [number, number, number, number];

export interface Options {
  /** 0 .. 1: from the picture of least error to the one of most natural texture. */
  realism?: number;
  /** Only what this part of the picture depends on is decoded. */
  region?: Region;
  /** 1, 1/2, 1/4 or 1/8: a smaller picture for less work. */
  scale?: number;
  limits?: Limits;
  /** What runs the network. By default a GPU if there is one that WebGPU may use, and the processor
   * if there is none or it fails. `"gpu"` takes a program that acts as a GPU as well, and is refused
   * without any; `"cpu"` takes the processor. */
  device?: Device;
  /** Called with the part of the work that is done, 0 .. 1. */
  onProgress?: (done: number) => void;
}

/** Pixels as `ImageData` has them, and what the file says of their colours. */
export interface Picture {
  width: number;
  height: number;
  /** RGBA, 8 bits each; alpha is not multiplied in. */
  data: Uint8ClampedArray<ArrayBuffer>;
  grey: boolean;
  /** The ICC profile of the pixels; without one they are sRGB. They are not converted. */
  icc?: Uint8Array;
}

interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export class Decoder {
  private readonly entropy: Entropy;
  private readonly painter: Painter;
  private second: Promise<Tensors> | undefined;

  constructor(
    machine: Machine,
    readonly model: Model,
    private readonly decodeImage: ImageDecoder,
  ) {
    this.entropy = new Entropy(machine, model);
    this.painter = new Painter(machine, model);
  }

  /** The picture in a file. A `TczError` says what is wrong with it, or with an option. */
  async decode(data: Uint8Array, options: Options = {}): Promise<Picture> {
    const file = read(data, options.limits);
    const { realism = 0, onProgress } = options;
    this.checkModel(file);
    const factor = reduction(options.scale ?? 1);
    const second = await this.realistic(realism);
    const box = reduced(checkedRegion(options.region, file), factor);
    const width = box.right - box.left;
    const height = box.bottom - box.top;
    checkMetadata(file.bodies);
    const alpha = await this.plane(file, "alpha", factor, box);
    const exact = await this.plane(file, "exact", factor, box);
    const apart = await blocks(file, this.decodeImage);
    const out = room(4 * width * height, file);
    if (exact) {
      for (let i = 0; i < width * height; i++) {
        for (let c = 0; c < 3; c++) out[4 * i + c] = exact[3 * i + c]!;
        out[4 * i + 3] = 255;
      }
    } else {
      if (!apart || apart.mask.includes(false)) {
        const look = { setting: file.setting, realism, second };
        await this.paint(file, box, factor, out, look, options);
      }
      if (apart) overlay(apart, file, box, factor, out);
    }
    if (alpha) for (let i = 0; i < alpha.length; i++) out[4 * i + 3] = alpha[i]!;
    onProgress?.(1);
    const { icc } = file.bodies;
    return { width, height, data: out, grey: file.grey, ...(icc && { icc: icc.slice() }) };
  }

  /** All latents of a file as one map, `[h][w][C]`, quadrants side by side in their channels: what
   * `tests/golden/golden.json` has the hash of. */
  latents(data: Uint8Array): Int32Array {
    const file = read(data);
    this.checkModel(file);
    const { groups, coarse } = this.model.config;
    const { sizes } = this.model;
    const [w, h] = [Math.ceil(file.width / 32), Math.ceil(file.height / 32)];
    const last = Math.max(
      ...file.tiles.map((tile) => 32 - Math.clz32(this.entropy.present(tile)[0])),
    );
    const channels = groups.slice(0, last).reduce((a, b) => a + b, 0);
    const out = new Int32Array(h * w * channels);
    const tile = this.tiles(file, groups.length);
    for (let y = 0; y < h; y++) {
      for (let x = 0; x < w; x++) {
        const found = tile(Math.floor(x / SITES), Math.floor(y / SITES));
        const [row, column] = [y % SITES, x % SITES];
        let at = (y * w + x) * channels;
        let [first, firstFine] = [0, 0];
        for (let g = 0; g < last; g++) {
          const n = sizes[g]!;
          if (g < coarse) {
            const start = (row * found.w + column) * this.model.coarse + first;
            out.set(found.coarse.subarray(start, start + n), at);
            at += n;
            first += n;
            continue;
          }
          for (let quadrant = 0; quadrant < 4; quadrant++) {
            const site = (2 * row + (quadrant >> 1)) * 2 * found.w + 2 * column + (quadrant & 1);
            const start = site * this.model.fine + firstFine;
            out.set(found.fine.subarray(start, start + n), at);
            at += n;
          }
          firstFine += n;
        }
      }
    }
    return out;
  }

  private checkModel(file: TczFile): void {
    if (this.model.id.startsWith(file.modelId)) return;
    throw new TczError(
      "UnknownModel",
      `the file was made with model ${file.modelId}, not with ${this.model.id.slice(0, 10)}`,
    );
  }

  private async realistic(realism: number): Promise<Tensors | undefined> {
    if (!(realism >= 0 && realism <= 1)) {
      throw new TczError("BadOption", `realism must be from 0 to 1, not ${realism}`);
    }
    if (!realism) return undefined;
    if (!this.model.realism) {
      throw new TczError("BadOption", "the model has no decoder for realism; only realism 0 works");
    }
    this.second ??= this.model.realism();
    try {
      return await this.second;
    } catch (e) {
      this.second = undefined; // the next try may find the network
      throw e;
    }
  }

  private async plane(
    file: TczFile,
    section: "alpha" | "exact",
    factor: number,
    box: Box,
  ): Promise<Uint8Array | undefined> {
    const whole = await plane(file, section, this.decodeImage);
    if (!whole) return undefined;
    const channels = section === "alpha" ? 1 : 3;
    const small = averaged(whole, file.width, file.height, channels, factor);
    const stride = Math.ceil(file.width / factor) * channels;
    const row = (box.right - box.left) * channels;
    const out = new Uint8Array(row * (box.bottom - box.top));
    for (let y = box.top; y < box.bottom; y++) {
      const start = y * stride + box.left * channels;
      out.set(small.subarray(start, start + row), (y - box.top) * row);
    }
    return out;
  }

  /** The latents of each tile group, decoded when they are asked for and kept for a while. */
  private tiles(
    file: TczFile,
    groups: number,
  ): (column: number, row: number) => Latents & { w: number } {
    const [w, h] = [Math.ceil(file.width / 32), Math.ceil(file.height / 32)];
    const columns = Math.ceil(w / SITES);
    const kept = new Map<number, Latents & { w: number }>();
    return (column, row) => {
      const index = row * columns + column;
      let found = kept.get(index);
      if (!found) {
        // What lies more than two rows above is not needed any more.
        for (const old of kept.keys()) if (old < (row - 2) * columns) kept.delete(old);
        const size = [
          Math.min(SITES, h - row * SITES),
          Math.min(SITES, w - column * SITES),
        ] as const;
        const tile = file.tiles[index]!;
        found = { ...this.entropy.decode(tile, file.setting, ...size, groups), w: size[1] };
        kept.set(index, found);
      }
      return found;
    };
  }

  /** The pixels of a box, in coordinates of the reduced picture, to RGBA. */
  private async paint(
    file: TczFile,
    box: Box,
    factor: number,
    out: Uint8ClampedArray,
    look: Look,
    { device, onProgress }: Options,
  ): Promise<void> {
    const { painter } = this;
    const gpu = await painter.gpu(device);
    const groups = groupsFor(this.model, file.setting, factor);
    const tile = this.tiles(file, groups);
    const { sizes, config } = this.model;
    const last = Math.min(groups, Math.max(...file.tiles.map((t) => 32 - Math.clz32(this.entropy.present(t)[0])))); // prettier-ignore
    const used = sizes.slice(config.coarse, last).reduce((a, b) => a + b, 0);
    const stride = 4 * (box.right - box.left);
    const parts = this.parts(file, box, factor, painter.most(gpu));
    for (const [i, part] of parts.entries()) {
      const columns = latentsFor([part.left * factor, part.right * factor], file.width, this.model);
      const rows = latentsFor([part.top * factor, part.bottom * factor], file.height, this.model);
      const latents = this.gathered(tile, columns, rows);
      const crop = {
        left: part.left - (32 * columns[0]) / factor,
        top: part.top - (32 * rows[0]) / factor,
        width: part.right - part.left,
        height: part.bottom - part.top,
      };
      const whole = { ...latents, used };
      const pixels = await painter.picture(look, whole, factor, crop, file.grey, gpu);
      for (let y = 0; y < crop.height; y++) {
        const row = pixels.subarray(4 * y * crop.width, 4 * (y + 1) * crop.width);
        out.set(row, (part.top - box.top + y) * stride + 4 * (part.left - box.left));
      }
      onProgress?.((i + 1) / parts.length);
    }
  }

  /** A box in parts that are small enough to go through the synthesis at once. */
  private parts(file: TczFile, box: Box, factor: number, most: number): Box[] {
    const period = 32 * windowPeriod(this.model);
    const side = (from: number, to: number, size: number): number => {
      const [low, high] = latentsFor([from * factor, to * factor], size, this.model);
      return 32 * (high - low);
    };
    const cut = (from: number, to: number, length: number): Span[] => {
      const spans: Span[] = [];
      for (let at = from; at < to; at = spans.at(-1)![1]) {
        const end = (Math.floor((at * factor) / period) * period + length) / factor;
        spans.push([at, Math.min(to, end)]);
      }
      return spans;
    };
    const width = side(box.left, box.right, file.width);
    const height = side(box.top, box.bottom, file.height);
    // The margin around a part in the middle of a large picture.
    const [low, high] = latentsFor([1 << 14, (1 << 14) + period], 1 << 16, this.model);
    const margin = 32 * (high - low) - period;
    const down = (length: number): number => Math.max(period, Math.floor(length / period) * period);
    let columns: Span[] = [[box.left, box.right]];
    let rows: Span[] = [[box.top, box.bottom]];
    if (width * height > most) {
      const strip = most / width - margin;
      if (strip >= margin) rows = cut(box.top, box.bottom, down(strip));
      else {
        const length = down(Math.sqrt(most) - margin);
        rows = cut(box.top, box.bottom, length);
        columns = cut(box.left, box.right, length);
      }
    }
    return rows.flatMap(([top, bottom]) =>
      columns.map(([left, right]) => ({ left, top, right, bottom })),
    );
  }

  /** The latents of a rectangle, from the tile groups that it touches. */
  private gathered(
    tile: (column: number, row: number) => Latents & { w: number },
    columns: Span,
    rows: Span,
  ): { h: number; w: number } & Latents {
    const [h, w] = [rows[1] - rows[0], columns[1] - columns[0]];
    const { coarse: a, fine: e } = this.model;
    const coarse = new Int32Array(h * w * a);
    const fine = new Int32Array(4 * h * w * e);
    for (let row = Math.floor(rows[0] / SITES); row * SITES < rows[1]; row++) {
      for (let column = Math.floor(columns[0] / SITES); column * SITES < columns[1]; column++) {
        const found = tile(column, row);
        const left = Math.max(columns[0], column * SITES);
        const right = Math.min(columns[1], (column + 1) * SITES);
        const copy = (
          from: Int32Array,
          to: Int32Array,
          n: number,
          y: number,
          scale: number,
        ): void => {
          const start = ((y - scale * row * SITES) * scale * found.w + scale * (left - column * SITES)) * n; // prettier-ignore
          const values = from.subarray(start, start + scale * (right - left) * n);
          to.set(values, ((y - scale * rows[0]) * scale * w + scale * (left - columns[0])) * n);
        };
        const top = Math.max(rows[0], row * SITES);
        const bottom = Math.min(rows[1], (row + 1) * SITES);
        for (let y = top; y < bottom; y++) copy(found.coarse, coarse, a, y, 1);
        for (let y = 2 * top; y < 2 * bottom; y++) copy(found.fine, fine, e, y, 2);
      }
    }
    return { h, w, coarse, fine };
  }
}

function room(bytes: number, { width, height }: TczFile): Uint8ClampedArray<ArrayBuffer> {
  try {
    return new Uint8ClampedArray(bytes);
  } catch {
    throw new TczError(
      "LimitExceeded",
      `not enough memory for a picture of ${width} x ${height} pixels`,
    );
  }
}

function reduction(scale: number): number {
  for (const factor of [1, 2, 4, 8]) if (scale === 1 / factor) return factor;
  throw new TczError(
    "BadOption",
    `a picture can be decoded at scale 1, 1/2, 1/4 or 1/8, not ${scale}`,
  );
}

function checkedRegion(region: Region | undefined, { width, height }: TczFile): Region {
  if (!region) return [0, 0, width, height];
  const [left, top, w, h] = region;
  const whole = region.every((n) => Number.isInteger(n));
  if (!whole || left < 0 || top < 0 || w < 1 || h < 1 || left + w > width || top + h > height) {
    throw new TczError(
      "BadOption",
      `the region ${region.join()} is not inside the picture of ${width} x ${height} pixels`,
    );
  }
  return region;
}

function reduced([left, top, width, height]: Region, factor: number): Box {
  return {
    left: Math.floor(left / factor),
    top: Math.floor(top / factor),
    right: Math.ceil((left + width) / factor),
    bottom: Math.ceil((top + height) / factor),
  };
}

/** Puts the pixels of the section blocks over those of the latents. */
function overlay(
  { columns, mask, samples }: Blocks,
  file: TczFile,
  box: Box,
  factor: number,
  out: Uint8ClampedArray,
): void {
  const small = averaged(samples, file.width, file.height, 3, factor);
  const stride = Math.ceil(file.width / factor);
  const side = BLOCK / factor;
  let to = 0;
  for (let y = box.top; y < box.bottom; y++) {
    for (let x = box.left; x < box.right; x++, to += 4) {
      if (!mask[Math.floor(y / side) * columns + Math.floor(x / side)]) continue;
      const from = 3 * (y * stride + x);
      for (let c = 0; c < 3; c++) out[to + c] = small[from + c]!;
      out[to + 3] = 255;
    }
  }
}
