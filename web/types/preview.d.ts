/** The preview in the bytes of a `.tcz` file, undefined if there is none that can be shown. */
export declare function preview(file: Uint8Array): Promise<ImageBitmap | undefined>;
