// The latents that a part of the picture depends on (docs/reference/format.md, section 9.10).

import type { Model } from "./model.js";

/** From, to (exclusive). */
export type Span = readonly [number, number];

const CELL = 4; // pixels per side that the renderer sees as one

function coarser([low, high]: Span, factor: number): Span {
  return [Math.floor(low / factor), Math.ceil(high / factor)];
}

/** The tokens that `count` blocks need to compute those of a span. */
function beforeBlocks(span: Span, count: number, { config, attending }: Reach): Span {
  const reach = config.dw_kernel >> 1;
  const attend = attending(count);
  let [low, high] = span;
  for (let i = count - 1; i >= 0; i--) {
    const turn = attend.indexOf(i);
    if (turn >= 0) {
      const shift = turn % 2 ? config.window >> 1 : 0;
      low = Math.floor((low - shift) / config.window) * config.window + shift;
      high = Math.ceil((high - shift) / config.window) * config.window + shift;
    }
    low -= reach;
    high += reach;
  }
  return [low, high];
}

interface Reach {
  config: Model["config"];
  attending: (count: number) => number[];
}

function gcd(a: number, b: number): number {
  return b ? gcd(b, a % b) : a;
}

/** After how many latents the windows of every stage begin at the same place again. */
export function windowPeriod({ config, token }: Model): number {
  const side = config.window * token;
  return config.dec_attention ? side / gcd(32, side) : 1;
}

/** Latents, in one direction, that the pixels of a span need, in a picture of `size` pixels. They
 * begin where windows of both stages begin. */
export function latentsFor(span: Span, size: number, model: Model): Span {
  const { config, token } = model;
  const about = { config, attending: (count: number) => model.attending(count) };
  const side = config.renderer ? CELL : config.patch;
  const reach = (config.renderer ? config.dw_kernel : config.blend) >> 1;
  const [a, b] = coarser(span, side);
  const cells = beforeBlocks([a - reach, b + reach], config.dec_blocks1, about);
  const [low, high] = coarser([cells[0] * side - 8, cells[1] * side + 8], 32);
  const tokens = beforeBlocks(coarser(cells, token / side), config.dec_blocks2, about);
  const wide = coarser(tokens, 32 / token);
  const unit = windowPeriod(model);
  const first = Math.floor(Math.min(low, wide[0]) / unit) * unit;
  return [Math.max(0, first), Math.min(Math.ceil(size / 32), Math.max(high, wide[1]))];
}
