// Optional sections of a file (docs/reference/format.md, section 5).

import { readVarint } from "./bytes.js";
import { badFile, TczError } from "./errors.js";
import { inflate, InflateError } from "./inflate.js";
import type { Limits } from "./container.js";

const NUMBER = 63;
const DEFLATED = 64;
const ANCILLARY = 128;

interface Rule {
  number: number;
  ancillary: boolean;
  /** Bytes of the body at most; sections of pixels are limited by the picture, and not deflated. */
  limit: (pixels: number, limits: Limits) => number;
  pixels?: boolean;
  /** What is wrong with a body, if anything. */
  check?: (body: Uint8Array) => string | undefined;
}

const text = (_: number, limits: Limits): number => limits.maxSection;
const RULES = {
  alpha: { number: 1, ancillary: false, limit: (n) => 2 * n + 4096, pixels: true },
  exact: { number: 2, ancillary: false, limit: (n) => 4 * n + 4096, pixels: true },
  blocks: { number: 3, ancillary: false, limit: (n) => 4 * n + 4096, pixels: true },
  icc: { number: 16, ancillary: true, limit: text },
  exif: { number: 17, ancillary: true, limit: text },
  xmp: { number: 18, ancillary: true, limit: text },
  comment: { number: 19, ancillary: true, limit: text },
  source: {
    number: 20,
    ancillary: true,
    limit: () => 100,
    check: (body) =>
      body.length && body.every((byte) => byte >= 0x20 && byte < 0x7f)
        ? undefined
        : "section source is not the name of a mode in printable ASCII",
  },
  resolution: { number: 21, ancillary: true, limit: text },
  preview: { number: 22, ancillary: true, limit: text },
} satisfies Record<string, Rule>;

export type SectionName = keyof typeof RULES;

export const numberOf = (tag: number): number => tag & NUMBER;

/** Name and body of a section, or undefined for one that is unknown and may be skipped. */
export function unpack(
  tag: number,
  stored: Uint8Array,
  pixels: number,
  limits: Limits,
): [SectionName, Uint8Array] | undefined {
  const entries = Object.entries(RULES) as [SectionName, Rule][];
  const found = entries.find(([, rule]) => rule.number === numberOf(tag));
  if (!found) {
    if (tag & ANCILLARY) return undefined;
    throw badFile(`the file needs section ${numberOf(tag)}, which this version does not know`);
  }
  const [name, rule] = found;
  if (rule.pixels && tag & DEFLATED) throw badFile(`the ${name} section is deflated twice`);
  if (Boolean(tag & ANCILLARY) !== rule.ancillary) {
    throw badFile(`section ${name} has a wrong ancillary bit`);
  }
  const limit = rule.limit(pixels, limits);
  const deflated = Boolean(tag & DEFLATED);
  const [length, at] = deflated ? readVarint(stored, 0) : [stored.length, 0];
  if (length > limit) {
    throw new TczError("LimitExceeded", `${name} of ${length} bytes is above ${limit}`);
  }
  const body = deflated ? inflated(name, stored.subarray(at), length) : stored;
  const wrong = rule.check?.(body);
  if (wrong) throw badFile(wrong);
  return [name, body];
}

function inflated(name: string, stored: Uint8Array, length: number): Uint8Array {
  try {
    return inflate(stored, length);
  } catch (e) {
    if (!(e instanceof InflateError)) throw e;
    const end = e.reason === "length" ? " to the length it announces" : "";
    throw badFile(`${name} does not inflate${end}`);
  }
}
