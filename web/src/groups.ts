// The groups of latents that a smaller picture needs (docs/reference/format.md, section 9.9).

import { atSetting, type Model } from "./model.js";

const BLOCK = 16;

/** How many groups a picture reduced by `factor` needs at a setting. */
export function groupsFor(model: Model, setting: number, factor: number): number {
  const { sizes } = model;
  if (factor === 1) return sizes.length;
  const share = shares(model, factor);
  const variance = model.tensor("tcae.std").values.map((v) => v * v);
  const step = atSetting(model.tensor("tcae.log_step"), setting).map((v) => 2 ** v);
  let noise = 0;
  share.forEach((v, i) => (noise += v * Math.min(step[i]! ** 2 / 12, variance[i]!)));
  let count = sizes.length;
  let first = share.length;
  let lost = 0;
  while (count > 1) {
    const end = first;
    first -= sizes[count - 1]!;
    for (let i = first; i < end; i++) lost += share[i]! * variance[i]!;
    if (lost > Math.max(noise / 6, 0.25)) break;
    count--;
  }
  return count;
}

/** How much of the reduced picture is each channel's. */
function shares(model: Model, factor: number): Float64Array {
  const basis = model.tensor("tcae.shortcut.basis").values;
  const merge = model.tensor("tcae.shortcut.merge").values;
  const side = BLOCK / factor;
  const values = 3 * side * side;
  const rows = basis.length / (3 * BLOCK * BLOCK);
  const small = new Float64Array(rows * values); // the basis, reduced
  for (let i = 0; i < basis.length; i++) {
    const [y, x] = [(i >> 4) & 15, i & 15];
    const place = Math.floor(i / 256) * side * side + Math.floor(y / factor) * side;
    small[place + Math.floor(x / factor)]! += basis[i]! / factor ** 2;
  }
  const low = model.coarse / 4;
  const out = new Float64Array(model.coarse + model.fine);
  for (let c = 0; c < model.coarse; c++) {
    for (let quadrant = 0; quadrant < 4; quadrant++) {
      const row = merge.subarray(c * model.coarse + quadrant * low, c * model.coarse + (quadrant + 1) * low); // prettier-ignore
      for (let v = 0; v < values; v++) {
        let sum = 0;
        for (let k = 0; k < low; k++) sum += row[k]! * small[k * values + v]!;
        out[c]! += sum * sum;
      }
    }
  }
  for (let k = low; k < rows; k++) {
    let sum = 0;
    for (let v = 0; v < values; v++) sum += small[k * values + v]! ** 2;
    out[model.coarse + k - low] = 4 * sum;
  }
  return out.map((v) => (v * factor ** 2) / 3072);
}
