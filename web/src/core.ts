// The decoder itself, for Node and for workers of your own.

export {
  DEFAULT_LIMITS,
  read,
  readHeader,
  type Header,
  type Limits,
  type TczFile,
} from "./container.js";
export { Decoder, type Options, type Picture, type Region } from "./decoder.js";
export { TczError, type Kind } from "./errors.js";
export type { ImageDecoder } from "./lossless.js";
export { help, Machine, type Memory, type Module, type Shared } from "./machine.js";
export { Model, readModel, type Fetcher } from "./model.js";
