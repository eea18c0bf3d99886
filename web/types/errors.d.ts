/** What is wrong, as the Python package names it. */
export type Kind = "BadFile" | "BadModel" | "BadOption" | "LimitExceeded" | "UnknownModel" | "UnreadableFile";
/** Everything that bad input can cause: one sentence that says what is wrong. */
export declare class TczError extends Error {
    readonly kind: Kind;
    constructor(kind: Kind, message: string);
}
export declare function badFile(message: string): TczError;
