// An ICC profile like sRGB whose red and blue are exchanged: what it converts is easy to check.

const RED = [0.43607, 0.22249, 0.01392];
const GREEN = [0.38515, 0.71687, 0.09708];
const BLUE = [0.14307, 0.06061, 0.7141];
const WHITE = [0.9642, 1, 0.82491];
const CURVE = [2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045]; // of sRGB, as parametric type 3

const fixed = (value) => {
  const n = Math.round(value * 65536);
  return [n >> 24, n >> 16, n >> 8, n].map((x) => x & 255);
};
const int = (n) => [n >> 24, n >> 16, n >> 8, n].map((x) => x & 255);
const ascii = (text) => [...text].map((c) => c.charCodeAt(0));
const xyz = (values) => [...ascii("XYZ "), ...int(0), ...values.flatMap(fixed)];
const words = (text) => [
  ...ascii("mluc"),
  ...[0, 1, 12].flatMap(int),
  ...ascii("enUS"),
  ...int(2 * text.length),
  ...int(28),
  ...ascii(text).flatMap((c) => [0, c]),
];

/** The profile, version 4.3. */
export function exchangedRedAndBlue() {
  const curve = [...ascii("para"), ...int(0), 0, 3, 0, 0, ...CURVE.flatMap(fixed)];
  const tags = Object.entries({
    desc: words("red is blue"),
    cprt: words("none"),
    wtpt: xyz(WHITE),
    rXYZ: xyz(BLUE),
    gXYZ: xyz(GREEN),
    bXYZ: xyz(RED),
    rTRC: curve,
    gTRC: curve,
    bTRC: curve,
  });
  const table = [];
  const body = [];
  const start = 128 + 4 + 12 * tags.length;
  for (const [name, data] of tags) {
    table.push(...ascii(name), ...int(start + body.length), ...int(data.length));
    body.push(...data, ...new Array(-data.length & 3).fill(0));
  }
  const size = start + body.length;
  const head = [
    ...int(size),
    ...int(0),
    4,
    0x30,
    0,
    0,
    ...ascii("mntrRGB XYZ "),
    ...new Array(12).fill(0),
    ...ascii("acsp"),
    ...new Array(28).fill(0),
    ...WHITE.flatMap(fixed),
    ...new Array(48).fill(0),
  ];
  return Uint8Array.from([...head, ...int(tags.length), ...table, ...body]);
}
