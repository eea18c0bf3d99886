export declare class TczPicture extends HTMLElement {
    static readonly observedAttributes: string[];
    /** Those in the page. */
    private static readonly all;
    /** Those of them that are out of sight, in the order in which they left it. */
    private static readonly left;
    private readonly canvas;
    /** The alt text, in the page where there is no picture to show. */
    private readonly words;
    private readonly seen;
    private readonly resized;
    /** Whether it is in the window, or less than half a window away. */
    private near;
    private data;
    private header;
    /** Counts what is asked for: an older answer is not drawn over a newer one. */
    private turn;
    /** What of it is under way. */
    private running;
    /** Ends the fetch of its file. */
    private fetching;
    /** The scale of what is drawn, 0 if that is not what is wanted. */
    private shown;
    /** Whether anything of this picture is drawn. */
    private drawn;
    /** Whether little of it is left, since it gave way to others. */
    private small;
    /** Whether it could not be shown when that was tried last. */
    private failed;
    /** What the console was told of it: it is asked for again each time that it comes near. */
    private told;
    constructor();
    adoptedCallback(): void;
    connectedCallback(): void;
    disconnectedCallback(): void;
    /** Nobody waits for what is under way. */
    private stop;
    /** For screen readers: an empty alt, as with `<img>`, is that of a picture to pass over. */
    private describe;
    attributeChangedCallback(name: string, before: string | null, now: string | null): void;
    get src(): string;
    set src(value: string);
    get alt(): string;
    set alt(value: string);
    get realism(): number;
    set realism(value: number);
    /** The largest reduction that shows no fewer pixels than the screen, or a canvas, has here. */
    private wanted;
    /** As many pixels as are shown now; what failed is not asked for again. */
    private again;
    /** Shows what is wanted and neither there nor under way. */
    private show;
    private fetched;
    /** Shows the alt text instead of the picture. */
    private describeInPlace;
    /** Says what is wrong: to listeners, and in the console unless one of them prevents that. */
    private tell;
    /** Room for a picture, before anything is decoded: as large as the picture in the page, however
     * few pixels the canvas has. */
    private makeRoom;
    /** Takes away what was drawn: it is another picture than the one that is named. Where no header says
     * how large that one is, nothing is left of the room either. */
    private clear;
    /** Draws a bitmap of any scale over the whole canvas, which gets as many pixels as are shown. False
     * if something else is wanted by now. */
    private draw;
    /** Draws over the whole canvas, which gets at least so many columns. */
    private paint;
    /** Leaves little of what is drawn. It is as if it had not been decoded. */
    private shrink;
    /** Leaves little of what is drawn out of sight, where all canvases together are too large. */
    private static makeWay;
}
declare global {
    interface HTMLElementTagNameMap {
        "tcz-picture": TczPicture;
    }
}
