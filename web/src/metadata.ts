// What a file says about its picture, checked as docs/reference/format.md, section 5, says.

import { isUtf8, readVarint } from "./bytes.js";
import type { TczFile } from "./container.js";
import { badFile } from "./errors.js";
import { numbersIn } from "./exif.js";

const ORIENTATION = 274;
const [ACROSS, DOWN, UNIT] = [282, 283, 296];
const INCH = 2;
const FACTORS: Record<number, number> = { [INCH]: 1, 3: 2.54 }; // 3: a centimetre
const METRE_STEP = 0.013; // in pixels per inch, half of one pixel per metre
const ASSUMED = 72_000; // thousandths of a pixel per inch, which say nothing

type Resolution = readonly [across: number, down: number]; // thousandths of a pixel per inch

/** Refuses text that is not UTF-8, EXIF that would turn the picture, and a resolution that is none or
 * that EXIF has as well. */
export function checkMetadata({ xmp, comment, exif, resolution }: TczFile["bodies"]): void {
  for (const [name, body] of Object.entries({ xmp, comment })) {
    if (body && !isUtf8(body)) throw badFile(`the ${name} section is not valid UTF-8`);
  }
  const numbers = exif ? numbersIn(exif) : [];
  if (numbers.some(([tag, value]) => tag === ORIENTATION && value !== 1)) {
    throw badFile("the exif section has an orientation, but pixels are stored upright");
  }
  if (!resolution) return;
  const own = unpacked(resolution);
  const known = resolutionIn(new Map(numbers));
  if (known?.every((value, i) => value === own[i])) {
    throw badFile("the resolution section says what the exif section says already");
  }
}

function unpacked(body: Uint8Array): Resolution {
  const [across, at] = readVarint(body, 0);
  const [down, end] = readVarint(body, at);
  if (end !== body.length || !across || !down) {
    throw badFile("the resolution section is not as it should be");
  }
  return [across, down];
}

/** What EXIF says, undefined if that is nothing. */
function resolutionIn(tags: Map<number, number>): Resolution | undefined {
  const factor = FACTORS[tags.get(UNIT) ?? INCH] ?? NaN;
  const [across, down] = [ACROSS, DOWN].map((tag) => (tags.get(tag) ?? NaN) * factor);
  if (![across!, down!].every((value) => value >= 0.001 && value < 1e6)) return undefined;
  const found = [thousandths(across!), thousandths(down!)] as const;
  return found.every((value) => value === ASSUMED) ? undefined : found;
}

/** Rounded as the writer rounds: whole numbers that metric units moved are restored. */
function thousandths(value: number): number {
  const whole = Math.round(value);
  if (Math.abs(value - whole) < METRE_STEP) return 1000 * whole;
  const found = Math.round(1000 * Number(value.toFixed(3)));
  // Halves of a thousandth, which are sixteenths, go to the even one. `toFixed` rounds them up.
  return (16 * value) % 2 === 1 && found % 2 ? found - 1 : found;
}
