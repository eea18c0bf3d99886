// The page for people: look at .tcz pictures, compare them, save them.
//
// Pictures are dropped or chosen, or `files.json` beside this page lists them (`tccodec view` and
// `tccodec gallery` write their own).

import {
  configure,
  decode,
  readHeader,
  toBitmap,
  toPng,
  TczError,
  type Picture,
} from "../src/index.js";
import { fitted } from "../src/canvas.js";
import { View } from "./view.js";

interface Item {
  name: string;
  load: () => Promise<Uint8Array>;
  /** Address of a small picture. */
  preview?: string;
  /** Its bytes, while it is the current one. */
  data?: Uint8Array;
}

const LARGE = 40_000_000; // pixels; larger pictures are shown at half their size
const PAUSE = 150; // milliseconds after the last move of the slider
const LEAST_DIVIDER = 120; // pixels; in smaller pictures it goes from edge to edge of the stage

function element<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page lacks ${id}`);
  return found;
}

function plain(id: string): HTMLElement {
  return element(id, HTMLElement);
}

const stage = plain("stage");
const canvas = element("picture", HTMLCanvasElement);
const original = element("original", HTMLCanvasElement);
const divider = plain("divider");
const split = element("split", HTMLInputElement);
const realism = element("realism", HTMLInputElement);
const list = plain("list");
const progress = element("progress", HTMLProgressElement);

const items: Item[] = [];
let current = -1;
let shown: Picture | undefined;
let showing = Promise.resolve(); // until the current picture is shown
let small = Promise.resolve(); // until the pictures of the list are there
let turn = 0; // counts what is asked for, so that an old answer is not drawn

const view = new View(stage, plain("layer"), drawDivider);

function say(message: string, { note = false } = {}): void {
  const said = plain("said");
  said.textContent = message;
  said.hidden = !message;
  said.classList.toggle("note", note);
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function size(bytes: number): string {
  if (bytes < 1e3) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(2)} MB`;
}

/** Draws all pixels if the browser has a canvas for them, else as many as any browser has. */
function draw(target: HTMLCanvasElement, bitmap: ImageBitmap): void {
  const { width, height } = bitmap;
  const least = fitted(width, height);
  [target.width, target.height] = [width, height];
  const large = least[0] < width || least[1] < height;
  if (large && !paints(target)) [target.width, target.height] = least;
  const context = target.getContext("2d")!;
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, target.width, target.height);
  target.hidden = false;
  bitmap.close();
}

/** Whether something drawn in the last corner of a canvas is there; nothing is left of it. */
function paints(target: HTMLCanvasElement): boolean {
  const [x, y] = [target.width - 1, target.height - 1];
  const context = target.getContext("2d");
  const one = new OffscreenCanvas(1, 1).getContext("2d")!;
  context?.fillRect(x, y, 1, 1);
  one.drawImage(target, x, y, 1, 1, 0, 0, 1, 1);
  context?.clearRect(x, y, 1, 1);
  return one.getImageData(0, 0, 1, 1).data[3] !== 0;
}

/** Decodes the current picture and shows it: a small one first if it is another one than before. */
async function show(fresh: boolean): Promise<void> {
  const item = items[current];
  if (!item) return;
  const own = ++turn;
  try {
    const data = item.data ?? (await item.load());
    if (own !== turn) return;
    item.data = data;
    const { width, height } = readHeader(data);
    say("");
    const bits = ((8 * data.length) / (width * height)).toFixed(2);
    const facts = `${width} × ${height} · ${size(data.length)} · ${bits} bpp`;
    plain("facts").textContent = facts;
    progress.hidden = false;
    progress.removeAttribute("value");
    const wanted = width * height > LARGE ? 1 / 2 : 1;
    if (fresh) view.show(width, height);
    const first = fresh ? await smallOf(item) : undefined;
    if (own === turn && first) draw(canvas, first);
    else first?.close();
    for (const scale of fresh && !first ? [1 / 8, wanted] : [wanted]) {
      const start = performance.now();
      const picture = await decode(data, {
        scale,
        realism: Number(realism.value),
        onProgress: (done) => {
          if (own === turn) progress.value = done;
        },
      });
      const took = (performance.now() - start) / 1000;
      const bitmap = await toBitmap(picture);
      if (own !== turn) {
        bitmap.close();
        return;
      }
      draw(canvas, bitmap);
      if (scale !== wanted) continue;
      shown = picture;
      usable(true);
      const half = scale === 1 ? "" : " · shown at half its size";
      plain("facts").textContent = `${facts} · decoded in ${took.toFixed(2)} s${half}`;
    }
  } catch (error) {
    if (own !== turn) return;
    say(`${item.name}: ${reason(error)}`);
    usable(Boolean(shown));
    if (error instanceof TczError && error.kind === "BadOption") {
      plain("amount").textContent = realism.value = "0";
    }
  }
  progress.hidden = true;
}

/** The small picture that is listed with an item; none if its file is missing or broken. */
async function smallOf({ preview }: Item): Promise<ImageBitmap | undefined> {
  if (!preview) return undefined;
  try {
    return await createImageBitmap(await (await fetch(preview)).blob());
  } catch {
    return undefined;
  }
}

/** Whether there is a picture to save and to compare. */
function usable(yes: boolean): void {
  for (const id of ["save", "compare"]) element(id, HTMLButtonElement).disabled = !yes;
}

function select(index: number): void {
  const item = items[index];
  if (!item) return;
  delete items[current]?.data;
  current = index;
  shown = undefined;
  canvas.hidden = true;
  forgetOriginal();
  const name = item.name.split("/").at(-1)!;
  plain("name").textContent = document.title = name;
  canvas.setAttribute("aria-label", name);
  plain("facts").textContent = "";
  for (const [i, button] of Array.from(list.children).entries()) {
    button.setAttribute("aria-current", String(i === index));
  }
  list.children[index]?.scrollIntoView({ block: "nearest", inline: "nearest" });
  showing = show(true);
}

/** A button with a small picture, in the list. */
function listed(item: Item, index: number): void {
  const button = document.createElement("button");
  button.type = "button";
  button.title = item.name;
  button.setAttribute("aria-label", item.name);
  button.addEventListener("click", () => {
    select(index);
  });
  const target = document.createElement("canvas");
  button.append(target);
  list.append(button);
  new IntersectionObserver((entries, observer) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    // One after the other, and the current picture before them.
    small = small.then(() => showing).then(() => preview(item, target));
  }).observe(button);
}

async function preview(item: Item, target: HTMLCanvasElement): Promise<void> {
  try {
    let bitmap = await smallOf(item);
    bitmap ??= await toBitmap(await decode(item.data ?? (await item.load()), { scale: 1 / 8 }));
    draw(target, bitmap);
  } catch (error) {
    const button = target.parentElement!;
    button.title = `${item.name}: ${reason(error)}`;
    button.classList.add("bad");
  }
}

function add(found: Item[]): void {
  if (!found.length) return;
  const first = items.length;
  items.push(...found);
  delete document.body.dataset.empty;
  if (items.length > 1) {
    items.slice(list.children.length).forEach((item, i, { length }) => {
      listed(item, items.length - length + i);
    });
  }
  select(first);
}

/** Pictures that were dropped or chosen; another picture file than .tcz becomes the original. */
async function take(files: File[]): Promise<void> {
  const isTcz = (file: File): boolean => /\.tcz$/i.test(file.name);
  const found = files.filter(isTcz);
  add(
    found.map((file) => ({
      name: file.webkitRelativePath || file.name,
      load: async () => new Uint8Array(await file.arrayBuffer()),
    })),
  );
  const other = files.find((file) => !isTcz(file) && file.type.startsWith("image/"));
  if (other && current >= 0) await compareWith(other);
  else if (!found.length) say("there is no .tcz file among these");
}

/** All files in what was dropped, also those in folders. */
async function filesIn(entry: FileSystemEntry): Promise<File[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => {
      (entry as FileSystemFileEntry).file(resolve, reject);
    });
    return [file];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: File[] = [];
  for (;;) {
    // It gives a hundred at a time.
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) => {
      reader.readEntries(resolve, reject);
    });
    if (!entries.length) return found;
    for (const inner of entries) found.push(...(await filesIn(inner)));
  }
}

// Comparing

async function compareWith(file: File): Promise<void> {
  try {
    const bitmap = await createImageBitmap(file);
    await showing;
    if (!shown) {
      bitmap.close();
      return;
    }
    const { width, height } = view.size;
    const same = bitmap.width === width && bitmap.height === height;
    const found = `${bitmap.width} × ${bitmap.height}`;
    draw(original, bitmap);
    divider.hidden = split.hidden = false;
    plain("compare").textContent = "Stop comparing";
    say(same ? "" : `${file.name} has ${found} pixels and is stretched`, { note: true });
    drawDivider();
  } catch {
    say(`${file.name}: the browser cannot read this picture`);
  }
}

function forgetOriginal(): void {
  original.hidden = divider.hidden = split.hidden = true;
  plain("compare").textContent = "Compare";
}

function drawDivider(): void {
  if (original.hidden) return;
  const x = (Number(split.value) / 100) * stage.clientWidth;
  divider.style.left = `${x}px`;
  // As high as the picture, if there is room for its words.
  const [top, bottom] = view.rows;
  const fits = bottom - top > LEAST_DIVIDER;
  divider.style.top = `${fits ? top : 0}px`;
  divider.style.bottom = `${fits ? stage.clientHeight - bottom : 0}px`;
  const column = Math.min(Math.max(view.column(x), 0), view.size.width);
  original.style.clipPath = `inset(0 0 0 ${column}px)`;
}

divider.addEventListener("pointerdown", (event) => {
  divider.setPointerCapture(event.pointerId);
});
divider.addEventListener("pointermove", (event) => {
  if (!divider.hasPointerCapture(event.pointerId)) return;
  const { left, width } = stage.getBoundingClientRect();
  split.value = String((100 * (event.clientX - left)) / width);
  drawDivider();
});
split.addEventListener("input", drawDivider);

// Saving, theme, files

async function save(): Promise<void> {
  await showing;
  const data = items[current]?.data;
  if (!shown || !data) return;
  const name = plain("name").textContent;
  const whole = shown.width === view.size.width;
  try {
    const picture = whole ? shown : await decode(data, { realism: Number(realism.value) });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await toPng(picture, true));
    link.download = `${name.replace(/\.tcz$/i, "")}.png`;
    link.click();
    URL.revokeObjectURL(link.href);
  } catch (error) {
    say(`${name} cannot be saved: ${reason(error)}`);
  }
}

function theme(): void {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = root.dataset.theme ?? (dark ? "dark" : "light");
  root.dataset.theme = now === "dark" ? "light" : "dark";
}

function choose(id: string): () => void {
  return () => {
    element(id, HTMLInputElement).click();
  };
}

function compare(): void {
  if (element("compare", HTMLButtonElement).disabled) return;
  if (original.hidden) choose("originals")();
  else forgetOriginal();
}

for (const id of ["files", "originals"]) {
  const input = element(id, HTMLInputElement);
  input.addEventListener("change", () => {
    void take([...(input.files ?? [])]);
    input.value = "";
  });
}

let pause: ReturnType<typeof setTimeout>;
realism.addEventListener("input", () => {
  plain("amount").textContent = realism.value;
  clearTimeout(pause);
  pause = setTimeout(() => {
    showing = show(false);
  }, PAUSE);
});

function turnRealism(): void {
  realism.value = Number(realism.value) ? "0" : "1";
  realism.dispatchEvent(new Event("input"));
}

const actions: [key: string, id: string, act: () => void][] = [
  ["o", "open", choose("files")],
  ["", "choose", choose("files")],
  ["s", "save", () => void save()],
  ["", "theme", theme],
  ["-", "out", () => { view.step(-1); }],
  ["+", "in", () => { view.step(1); }],
  ["=", "in", () => { view.step(1); }],
  ["0", "fit", () => { view.fit(); }],
  ["1", "actual", () => { view.actual(); }],
  ["c", "compare", compare],
  ["r", "", turnRealism],
  ["n", "", () => { select(current + 1); }],
  ["p", "", () => { select(current - 1); }],
  ["Escape", "", () => { say(""); forgetOriginal(); }],
  ["ArrowLeft", "", () => { view.pan(60, 0); }],
  ["ArrowRight", "", () => { view.pan(-60, 0); }],
  ["ArrowUp", "", () => { view.pan(0, 60); }],
  ["ArrowDown", "", () => { view.pan(0, -60); }],
]; // prettier-ignore
for (const [, id, act] of actions) if (id) plain(id).onclick = act;
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  // A slider has its own use for the arrows.
  if (event.target instanceof HTMLInputElement && event.key.startsWith("Arrow")) return;
  const found = actions.find(([key]) => key.toLowerCase() === event.key.toLowerCase());
  if (!found) return;
  event.preventDefault();
  found[2]();
});

for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    stage.classList.add("over");
  });
}
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) stage.classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  stage.classList.remove("over");
  const dropped = [...(event.dataTransfer?.items ?? [])];
  const entries = dropped.flatMap((item) => item.webkitGetAsEntry() ?? []);
  void Promise.all(entries.map(filesIn)).then((files) => take(files.flat()));
});

/** The pictures that the page's server offers, if it offers some. */
async function offered(): Promise<Item[]> {
  const response = await fetch("files.json").catch(() => undefined);
  if (!response?.ok) return [];
  const { models, files } = (await response.json()) as {
    models: string[];
    files: { name: string; url: string; preview?: string }[];
  };
  configure({ models, keep: !("local" in document.body.dataset) });
  return files.map(({ name, url, preview }) => ({
    name,
    ...(preview && { preview }),
    load: async () => {
      const answer = await fetch(url);
      if (!answer.ok) throw new TczError("UnreadableFile", `status ${answer.status}`);
      return new Uint8Array(await answer.arrayBuffer());
    },
  }));
}

const found = await offered().catch(() => []); // a server may send a page that says there are none
delete document.body.dataset.loading;
add(found);
