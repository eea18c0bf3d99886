// <tcz-picture src="photo.tcz" alt="...">: a picture in a page, the preview in its file first.
//
// Attributes: src, alt, realism (0 .. 1). It is as large as the picture unless a style says
// otherwise, decodes when it comes near the window, and only as many pixels as are shown. Events:
// load and error. What fails is told in the console as well, unless a listener prevents it.

import { fitted, reduced } from "./canvas.js";
import { decode, preview, readHeader, toBitmap, TczError, type Header } from "./index.js";
import { turns } from "./turns.js";

const SMALL = 1 / 8;
const LARGE = 1 << 18; // pixels; smaller pictures need no smaller one first
const MOST = 1 << 25; // pixels of all canvases; Safari on iOS shows no more than some times as many
const REST = 1 << 14; // pixels, about, of one that gives way: print shows it, and so do fast scrollers

// What is over the room of a picture takes none of it.
const STYLE = `
  :host { display: inline-block; max-width: 100%; overflow: hidden; }
  :host([hidden]) { display: none; }
  canvas { display: block; width: 100%; height: 100%; object-fit: contain; }
  span { display: block; }
  .over { width: 0; min-width: 100%; height: 0; }
`;

const sheets = new WeakMap<Document, CSSStyleSheet>();

/** The style sheet for a document: it is of no use in another one. A document without a window shows
 * nothing. It is no element: many pages allow no style in their text. */
function sheetsOf(owner: Document): CSSStyleSheet[] {
  const { defaultView } = owner;
  if (!defaultView) return [];
  let sheet = sheets.get(owner);
  if (!sheet) {
    sheet = new defaultView.CSSStyleSheet();
    sheet.replaceSync(STYLE);
    sheets.set(owner, sheet);
  }
  return [sheet];
}

/** One after the other: so does the worker, but it cannot leave out what nobody wants any more when its
 * turn comes. */
const inTurn = turns();

export class TczPicture extends HTMLElement {
  static readonly observedAttributes = ["src", "alt", "realism"];
  /** Those in the page. */
  private static readonly all = new Set<TczPicture>();
  /** Those of them that are out of sight, in the order in which they left it. */
  private static readonly left = new Set<TczPicture>();

  static {
    const follow = (): void => {
      const same = matchMedia(`(resolution: ${devicePixelRatio}dppx)`);
      const changed = (): void => {
        for (const picture of this.all) picture.again();
        follow();
      };
      same.addEventListener("change", changed, { once: true });
    };
    follow(); // where the page is enlarged, or moved to another screen
    addEventListener("beforeprint", () => {
      // The browser waits for no file.
      for (const picture of this.all) if (picture.src && !picture.drawn) picture.describeInPlace();
    });
    addEventListener("afterprint", () => {
      for (const picture of this.all) if (!picture.failed) picture.words.remove();
    });
  }

  private readonly canvas = document.createElement("canvas");
  /** The alt text, in the page where there is no picture to show. */
  private readonly words = document.createElement("span");
  private readonly seen = new IntersectionObserver(
    (entries) => {
      this.near = entries.at(-1)!.isIntersecting;
      TczPicture.left.delete(this);
      if (!this.near) {
        TczPicture.left.add(this);
        if (this.fetching) this.stop();
      }
      void this.show();
    },
    { rootMargin: "50%" },
  );
  private readonly resized = new ResizeObserver(() => {
    this.again();
  });
  /** Whether it is in the window, or less than half a window away. */
  private near = false;
  private data: Uint8Array | undefined;
  private header: Header | undefined;
  /** Counts what is asked for: an older answer is not drawn over a newer one. */
  private turn = 0;
  /** What of it is under way. */
  private running = -1;
  /** Ends the fetch of its file. */
  private fetching: AbortController | undefined;
  /** The scale of what is drawn, 0 if that is not what is wanted. */
  private shown = 0;
  /** Whether anything of this picture is drawn. */
  private drawn = false;
  /** Whether little of it is left, since it gave way to others. */
  private small = false;
  /** Whether it could not be shown when that was tried last. */
  private failed = false;
  /** What the console was told of it: it is asked for again each time that it comes near. */
  private told = "";

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = sheetsOf(this.ownerDocument);
    root.append(this.canvas);
  }

  adoptedCallback(): void {
    this.shadowRoot!.adoptedStyleSheets = sheetsOf(this.ownerDocument);
  }

  connectedCallback(): void {
    // What a page has set before this script was there hides the properties below.
    for (const name of ["src", "alt", "realism"] as const) {
      if (!Object.hasOwn(this, name)) continue;
      const early = { [name]: this[name] };
      Reflect.deleteProperty(this, name);
      Object.assign(this, early);
    }
    this.describe();
    this.seen.observe(this);
    this.resized.observe(this);
    TczPicture.all.add(this);
  }

  disconnectedCallback(): void {
    this.stop();
    this.near = false; // until it is in a page again, and looked for there
    this.seen.disconnect();
    this.resized.disconnect();
    TczPicture.all.delete(this);
    TczPicture.left.delete(this);
  }

  /** Nobody waits for what is under way. */
  private stop(): void {
    this.turn++;
    this.fetching?.abort();
    this.fetching = undefined;
  }

  /** For screen readers: an empty alt, as with `<img>`, is that of a picture to pass over. */
  private describe(): void {
    this.setAttribute("role", this.getAttribute("alt") === "" ? "none" : "img");
  }

  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (before === now) return;
    if (name === "alt") {
      this.setAttribute("aria-label", (this.words.textContent = now ?? ""));
      this.describe();
      return;
    }
    if (name === "src") {
      this.data = this.header = undefined;
      this.drawn = this.failed = false;
      this.told = "";
      this.words.remove();
      if (!now) this.clear();
    }
    this.stop();
    this.shown = 0;
    if (this.isConnected) {
      this.seen.unobserve(this); // and again, so that it looks whether the picture is in view
      this.seen.observe(this);
    }
  }

  get src(): string {
    return this.getAttribute("src") ?? "";
  }

  set src(value: string) {
    this.setAttribute("src", value);
  }

  get alt(): string {
    return this.getAttribute("alt") ?? "";
  }

  set alt(value: string) {
    this.setAttribute("alt", value);
  }

  get realism(): number {
    return Number(this.getAttribute("realism") ?? 0);
  }

  set realism(value: number) {
    this.setAttribute("realism", String(value));
  }

  /** The largest reduction that shows no fewer pixels than the screen, or a canvas, has here. */
  private wanted(): number {
    const { width, height } = this.header!;
    const most = fitted(width, height)[0];
    const shown = Math.min(this.canvas.clientWidth * devicePixelRatio, most);
    return [1 / 8, 1 / 4, 1 / 2].find((scale) => width * scale >= shown) ?? 1;
  }

  /** As many pixels as are shown now; what failed is not asked for again. */
  private again(): void {
    if (this.data) void this.show();
  }

  /** Shows what is wanted and neither there nor under way. */
  private async show(): Promise<void> {
    const { src, realism, turn } = this;
    if (!src || !this.near || turn === this.running) return;
    if (this.shown && this.shown >= this.wanted()) return;
    this.running = turn;
    try {
      if (!this.data) {
        const data = await this.fetched(src);
        if (turn !== this.turn) return;
        this.fetching = undefined;
        this.header = readHeader(data);
        this.data = data;
        this.makeRoom(this.header);
      }
      const { data } = this;
      const { width, height } = this.header!;
      const stepwise = !this.drawn && width * height > LARGE;
      if (stepwise && !this.draw(await preview(data), turn)) return;
      let scale = stepwise ? SMALL : this.wanted();
      for (; scale > this.shown; scale = this.wanted()) {
        const picture = await inTurn(() =>
          this.near && turn === this.turn ? decode(data, { scale, realism }) : undefined,
        );
        if (!picture || !this.draw(await toBitmap(picture), turn)) return;
        this.shown = scale;
      }
      this.dispatchEvent(new Event("load"));
    } catch (error) {
      if (turn !== this.turn) return;
      this.fetching = undefined;
      this.data = undefined; // so that `again` does not ask for it
      this.failed = true;
      if (!this.drawn) this.describeInPlace();
      this.tell(error);
    } finally {
      if (turn === this.running) this.running = -1;
    }
  }

  private async fetched(src: string): Promise<Uint8Array> {
    const { signal } = (this.fetching = new AbortController());
    const unreadable = (reason: string): TczError => new TczError("UnreadableFile", src + reason);
    let response: Response;
    try {
      response = await fetch(new URL(src, this.baseURI), { signal }); // it may be in another document
    } catch {
      throw unreadable(" cannot be reached");
    }
    if (!response.ok) throw unreadable(`: status ${response.status}`);
    try {
      return new Uint8Array(await response.arrayBuffer());
    } catch {
      throw unreadable(": the connection broke");
    }
  }

  /** Shows the alt text instead of the picture. */
  private describeInPlace(): void {
    this.clear();
    this.words.className = this.header ? "over" : "";
    this.canvas.before(this.words);
  }

  /** Says what is wrong: to listeners, and in the console unless one of them prevents that. */
  private tell(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    const { src } = this; // a listener may name another picture
    const said = message.startsWith(src) ? message : `${src}: ${message}`;
    const event = new ErrorEvent("error", { error, message, cancelable: true });
    if (!this.dispatchEvent(event) || said === this.told) return;
    this.told = said;
    console.error(said);
  }

  /** Room for a picture, before anything is decoded: as large as the picture in the page, however
   * few pixels the canvas has. */
  private makeRoom({ width, height }: Header): void {
    this.canvas.style.cssText = `contain: size; contain-intrinsic-size: ${width}px ${height}px; aspect-ratio: ${width} / ${height}`; // prettier-ignore
    this.words.remove();
    this.failed = false;
    if (!this.drawn) this.clear();
  }

  /** Takes away what was drawn: it is another picture than the one that is named. Where no header says
   * how large that one is, nothing is left of the room either. */
  private clear(): void {
    this.canvas.width = this.canvas.height = 0;
    if (!this.header) this.canvas.style.cssText = "";
  }

  /** Draws a bitmap of any scale over the whole canvas, which gets as many pixels as are shown. False
   * if something else is wanted by now. */
  private draw(bitmap: ImageBitmap | undefined, turn: number): boolean {
    if (turn === this.turn && bitmap) {
      this.paint(bitmap, this.header!.width * this.wanted());
      this.words.remove();
      this.drawn = true;
      this.small = false;
      TczPicture.makeWay();
    }
    bitmap?.close();
    return turn === this.turn; // it may have given way to others
  }

  /** Draws over the whole canvas, which gets at least so many columns. */
  private paint(from: CanvasImageSource, columns: number): void {
    const { canvas, header } = this;
    [canvas.width, canvas.height] = reduced(header!.width, header!.height, columns);
    const context = canvas.getContext("2d")!;
    context.imageSmoothingQuality = "high";
    context.drawImage(from, 0, 0, canvas.width, canvas.height);
  }

  /** Leaves little of what is drawn. It is as if it had not been decoded. */
  private shrink(): void {
    const { canvas } = this;
    const { width, height } = canvas;
    const columns = Math.min(width, Math.sqrt((REST * width) / height));
    const copy = document.createElement("canvas");
    [copy.width, copy.height] = [Math.ceil(columns), Math.ceil((columns * height) / width)];
    copy.getContext("2d")!.drawImage(canvas, 0, 0, copy.width, copy.height);
    this.paint(copy, columns);
    this.turn++;
    this.shown = 0;
    this.small = true;
  }

  /** Leaves little of what is drawn out of sight, where all canvases together are too large. */
  private static makeWay(): void {
    let pixels = 0;
    for (const { canvas } of this.all) pixels += canvas.width * canvas.height;
    for (const picture of this.left) {
      if (pixels <= MOST) return;
      if (!picture.drawn || picture.small) continue;
      const { canvas } = picture;
      pixels -= canvas.width * canvas.height;
      picture.shrink();
      pixels += canvas.width * canvas.height;
    }
  }
}

customElements.define("tcz-picture", TczPicture);

declare global {
  interface HTMLElementTagNameMap {
    "tcz-picture": TczPicture;
  }
}
