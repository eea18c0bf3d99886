// The container: header, tile groups, sections, checksums, limits (docs/reference/format.md, 1-5).

import { crc32, equal, hex, little, readVarint, varint } from "./bytes.js";
import { badFile, TczError } from "./errors.js";
import { numberOf, unpack, type SectionName } from "./sections.js";

export const TILE = 1024; // pixels per side of a tile group
const MAGIC = Uint8Array.of(0x89, 0x54, 0x43, 0x5a);
const VERSION = 1;
const FIXED = 10; // bytes before the width
const GREY = 1;
const SECTIONS = 2;
const MAX_SETTING = 1000;
const MAX_SIDE = 65535;
const MAX_TILE = 1 << 24; // bytes
const MAX_SECTIONS = 32;
const CHECKSUM = 4; // bytes

/** The largest picture, and section after inflation, that is accepted. */
export interface Limits {
  /** Width times height. */
  maxPixels: number;
  /** Bytes. Sections of pixels are limited by the picture's size. */
  maxSection: number;
}

export const DEFAULT_LIMITS: Limits = { maxPixels: 200_000_000, maxSection: 1 << 25 };

export interface Header {
  /** Pixels. */
  width: number;
  height: number;
  /** From 0, the smallest file, to 1000, the best. */
  setting: number;
  /** The first five bytes of the model's id, in hexadecimal. */
  modelId: string;
  /** The picture is grey: its channels are equal. */
  grey: boolean;
  /** Number of sections. */
  sections: number;
  /** Bytes of the header. */
  size: number;
}

export interface TczFile extends Header {
  /** One payload per tile group, from left to right and from above to below. */
  tiles: Uint8Array[];
  bodies: Partial<Record<SectionName, Uint8Array>>;
}

/** The header at the beginning of a file. Checksums are not verified here, but by `read`. */
export function readHeader(data: Uint8Array, limits: Limits = DEFAULT_LIMITS): Header {
  if (!data.length) throw badFile("the file is empty");
  if (!equal(data.subarray(0, 4), MAGIC)) throw badFile("this is not a .tcz file");
  if (data.length < FIXED) throw badFile("the file is cut short inside its header");
  const version = data[4]! >> 4;
  const flags = data[4]! & 15;
  if (version !== VERSION) {
    throw badFile(`format version ${version}; this program reads version ${VERSION}`);
  }
  if (flags & ~(GREY | SECTIONS)) {
    throw badFile("the file uses a feature of a later version of the format");
  }
  const [width, afterWidth] = readVarint(data, FIXED);
  const [height, afterHeight] = readVarint(data, afterWidth);
  checkSize(width, height, limits);
  const [setting, afterSetting] = readVarint(data, afterHeight);
  if (setting > MAX_SETTING) throw badFile(`setting ${setting} is above ${MAX_SETTING}`);
  let [sections, size] = [0, afterSetting];
  if (flags & SECTIONS) {
    [sections, size] = readVarint(data, size);
    if (sections < 1 || sections > MAX_SECTIONS) {
      throw badFile(`the header announces ${sections} sections, not 1 .. ${MAX_SECTIONS}`);
    }
  }
  const modelId = hex(data.subarray(5, FIXED));
  return { width, height, setting, modelId, grey: Boolean(flags & GREY), sections, size };
}

function checkSize(width: number, height: number, limits: Limits): void {
  const refuse = (what: string): never => {
    throw new TczError("LimitExceeded", what);
  };
  if (width < 1 || height < 1) refuse(`a picture of ${width} x ${height} pixels has no pixels`);
  if (Math.max(width, height) > MAX_SIDE) {
    refuse(`${width} x ${height} pixels: a side may have at most ${MAX_SIDE} pixels`);
  }
  if (width * height > limits.maxPixels) {
    const most = Number((limits.maxPixels / 1e6).toPrecision(6));
    refuse(`${width} x ${height} pixels is above the limit of ${most} megapixels`);
  }
}

/** The content of a file, with every byte verified. */
export function read(data: Uint8Array, limits: Limits = DEFAULT_LIMITS): TczFile {
  const header = readHeader(data, limits);
  const raw = data.subarray(0, header.size);
  const [lengths, start] = tileLengths(data, header);
  let at = start;
  let before: Uint8Array = new Uint8Array(0);
  const take = (length: number, covered: Uint8Array): Uint8Array | undefined => {
    if (length > data.length - at - CHECKSUM) throw badFile("the file is cut short");
    const sum = data.subarray(at, at + CHECKSUM);
    const body = data.subarray(at + CHECKSUM, at + CHECKSUM + length);
    at += CHECKSUM + length;
    const right = equal(sum, little(crc32(before, raw, covered, varint(length), body)));
    before = sum;
    return right ? body : undefined;
  };
  const tiles = lengths.map((length, index) => {
    const body = take(length, varint(index));
    if (body) return body;
    const where = lengths.length > 1 ? ` in tile group ${index} of ${lengths.length}` : "";
    throw badFile(`the file is damaged${where}: the checksum does not match`);
  });
  const bodies: TczFile["bodies"] = {};
  let last = 0;
  for (let i = 0; i < header.sections; i++) {
    const tag = data[at];
    if (tag === undefined) throw badFile("the file is cut short: a section is missing");
    const [length, next] = readVarint(data, at + 1);
    at = next;
    const stored = take(length, Uint8Array.of(tag));
    if (!stored) throw badFile("the file is damaged in a section: the checksum does not match");
    if (numberOf(tag) <= last) throw badFile("the sections of the file are out of order");
    last = numberOf(tag);
    const section = unpack(tag, stored, header.width * header.height, limits);
    if (section) bodies[section[0]] = section[1];
  }
  if (at !== data.length) {
    throw badFile(`${data.length - at} bytes follow the end of the file's content`);
  }
  if (bodies.exact && (bodies.blocks || tiles.some((tile) => tile.length))) {
    throw badFile("the file holds its pixels twice");
  }
  return { ...header, tiles, bodies };
}

function tileLengths(data: Uint8Array, header: Header): [number[], number] {
  const count = Math.ceil(header.width / TILE) * Math.ceil(header.height / TILE);
  const stored = header.sections ? count : count - 1;
  if (stored + count * CHECKSUM > data.length - header.size) {
    throw badFile(`the file is too short for its ${count} tile group${count > 1 ? "s" : ""}`);
  }
  const lengths: number[] = [];
  const add = (length: number): void => {
    if (length > MAX_TILE) throw badFile(`a tile group of ${length} bytes is above ${MAX_TILE}`);
    lengths.push(length);
  };
  let at = header.size;
  let length;
  for (let i = 0; i < stored; i++) {
    [length, at] = readVarint(data, at);
    add(length);
  }
  const room = data.length - at - count * CHECKSUM - lengths.reduce((a, b) => a + b, 0);
  if (room < 0) throw badFile("the file is cut short");
  if (!header.sections) add(room);
  return [lengths, at];
}
