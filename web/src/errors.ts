/** What is wrong, as the Python package names it. */
export type Kind =
  "BadFile" | "BadModel" | "BadOption" | "LimitExceeded" | "UnknownModel" | "UnreadableFile";

/** Everything that bad input can cause: one sentence that says what is wrong. */
export class TczError extends Error {
  constructor(
    readonly kind: Kind,
    message: string,
  ) {
    super(message);
    this.name = "TczError";
  }
}

export function badFile(message: string): TczError {
  return new TczError("BadFile", message);
}
