// Which canvases every browser shows. One that is too large stays blank, and nothing says so.

const MOST = 1 << 24; // pixels, in Safari on iOS
const SIDE = 1 << 14; // pixels; half of what Chrome and Firefox take

/** The size of a canvas for a picture: the picture's own if it fits, else one of the same form. */
export function fitted(width: number, height: number): [width: number, height: number] {
  const scale = Math.min(1, SIDE / Math.max(width, height), Math.sqrt(MOST / (width * height)));
  const part = (side: number): number => Math.max(1, Math.floor(side * scale));
  return [part(width), part(height)];
}

/** The smallest size of a canvas with at least `columns` columns that has the form of a picture, to a
 * quarter of a pixel. */
export function reduced(
  width: number,
  height: number,
  columns: number,
): [width: number, height: number] {
  for (let w = Math.max(1, Math.ceil(columns)); w < width; w++) {
    const exact = (w * height) / width;
    const h = Math.round(exact);
    if (h && 4 * Math.abs(h - exact) * Math.max(1, w / h) <= 1) return fitted(w, h);
  }
  return fitted(width, height);
}
