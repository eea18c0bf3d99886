// What the page and the worker tell each other.

import type { Options, Picture } from "./decoder.js";
import type { Kind } from "./errors.js";
import type { Settings } from "./load.js";

export type Request = { settings: Settings } | { id: number; data: Uint8Array; options: Options };

export type Answer =
  | { id: number; done: number }
  | { id: number; picture: Picture }
  | { id: number; kind: Kind | undefined; message: string };
