// Where the picture stands in the stage: zoom, drag, pinch, wheel.

const LEAST = 1 / 32; // or less, where the whole picture is smaller
const MOST = 32;
const STEP = 1.25;
const COARSE = 3; // screen pixels per pixel from which pixels are shown as squares

interface Point {
  x: number;
  y: number;
}

export class View {
  private scale = 1;
  private x = 0;
  private y = 0;
  /** Of the picture, in its own pixels. */
  size = { width: 1, height: 1 };
  private fitted = true;
  private readonly pointers = new Map<number, Point>();

  constructor(
    private readonly stage: HTMLElement,
    private readonly layer: HTMLElement,
    /** Called after each change of place or scale. */
    private readonly moved: () => void,
  ) {
    stage.addEventListener("pointerdown", (event) => {
      this.down(event);
    });
    stage.addEventListener("pointermove", (event) => {
      this.move(event);
    });
    for (const end of ["pointerup", "pointercancel"] as const) {
      stage.addEventListener(end, ({ pointerId }) => {
        this.pointers.delete(pointerId);
        if (!this.pointers.size) stage.classList.remove("dragged");
      });
    }
    stage.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        this.zoom(2 ** (-event.deltaY / 300), this.inside(event));
      },
      { passive: false },
    );
    new ResizeObserver(() => {
      if (this.fitted) this.fit();
      else this.place();
    }).observe(stage);
  }

  /** Shows a picture of another size, whole; one of the same size stays where the last one was. */
  show(width: number, height: number): void {
    const same = width === this.size.width && height === this.size.height;
    this.size = { width, height };
    this.layer.style.width = `${width}px`;
    this.layer.style.height = `${height}px`;
    if (!same) this.fit();
  }

  /** The whole picture, but no pixel larger than one of the screen. */
  fit(): void {
    this.scale = this.whole;
    this.centre();
    this.fitted = true;
  }

  /** The scale of the whole picture. */
  private get whole(): number {
    const { clientWidth: w, clientHeight: h } = this.stage;
    const { width, height } = this.size;
    return Math.min(w / width, h / height, 1 / devicePixelRatio);
  }

  /** One pixel of the picture for one of the screen. */
  actual(): void {
    const { clientWidth: w, clientHeight: h } = this.stage;
    this.zoom(1 / devicePixelRatio / this.scale, { x: w / 2, y: h / 2 });
  }

  step(direction: 1 | -1): void {
    const { clientWidth: w, clientHeight: h } = this.stage;
    this.zoom(STEP ** direction, { x: w / 2, y: h / 2 });
  }

  pan(dx: number, dy: number): void {
    this.fitted = false;
    this.x += dx;
    this.y += dy;
    this.place();
  }

  /** A place of the stage, from the left, as a column of the picture. */
  column(x: number): number {
    return (x - this.x) / this.scale;
  }

  /** Top and bottom of what the stage shows of the picture. */
  get rows(): [top: number, bottom: number] {
    const bottom = this.y + this.scale * this.size.height;
    return [Math.max(this.y, 0), Math.min(bottom, this.stage.clientHeight)];
  }

  private inside({ clientX, clientY }: MouseEvent): Point {
    const { left, top } = this.stage.getBoundingClientRect();
    return { x: clientX - left, y: clientY - top };
  }

  private zoom(factor: number, at: Point): void {
    const least = Math.min(LEAST, this.whole);
    const scale = Math.min(MOST, Math.max(least, this.scale * factor));
    const ratio = scale / this.scale;
    this.fitted = false;
    this.scale = scale;
    this.x = at.x - (at.x - this.x) * ratio;
    this.y = at.y - (at.y - this.y) * ratio;
    this.place();
  }

  private down(event: PointerEvent): void {
    if (!(event.target instanceof Element) || event.target.closest("button, #divider")) return;
    this.pointers.set(event.pointerId, this.inside(event));
    this.stage.setPointerCapture(event.pointerId);
    this.stage.classList.add("dragged");
  }

  private move(event: PointerEvent): void {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = this.inside(event);
    const others = [...this.pointers].filter(([id]) => id !== event.pointerId);
    this.pointers.set(event.pointerId, now);
    const other = others[0]?.[1];
    if (!other) {
      this.pan(now.x - before.x, now.y - before.y);
      return;
    }
    const apart = (p: Point): number => Math.hypot(p.x - other.x, p.y - other.y);
    this.zoom(apart(now) / Math.max(apart(before), 1), {
      x: (now.x + other.x) / 2,
      y: (now.y + other.y) / 2,
    });
  }

  private centre(): void {
    const { clientWidth: w, clientHeight: h } = this.stage;
    this.x = (w - this.size.width * this.scale) / 2;
    this.y = (h - this.size.height * this.scale) / 2;
    this.place();
  }

  /** Draws it there; a part of the picture always stays in the stage. */
  private place(): void {
    const { clientWidth: w, clientHeight: h } = this.stage;
    const [width, height] = [this.size.width * this.scale, this.size.height * this.scale];
    const within = (at: number, length: number, room: number): number =>
      length <= room
        ? Math.min(Math.max(at, 0), room - length)
        : Math.min(Math.max(at, room - length), 0);
    this.x = within(this.x, width, w);
    this.y = within(this.y, height, h);
    this.layer.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
    this.layer.classList.toggle("large", this.scale * devicePixelRatio >= COARSE);
    this.moved();
  }
}
