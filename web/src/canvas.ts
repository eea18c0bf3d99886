// Which canvases every browser shows. One that is too large stays blank, and nothing says so.

const MOST = 1 << 24; // pixels, in Safari on iOS
const SIDE = 1 << 14; // pixels; half of what Chrome and Firefox take

/** The size of a canvas for a picture: the picture's own if it fits, else one of the same form. */
export function fitted(width: number, height: number): [width: number, height: number] {
  const scale = Math.min(1, SIDE / Math.max(width, height), Math.sqrt(MOST / (width * height)));
  const part = (side: number): number => Math.max(1, Math.floor(side * scale));
  return [part(width), part(height)];
}
