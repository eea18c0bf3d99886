// The memory and the kernels in WebAssembly, and the threads that share them.

import type { Values } from "./model.js";

/** A number of units of work, done by one kernel. */
type Kernel = (p: number, from: number, to: number, scratch: number) => void;

interface Kernels extends Record<string, unknown> {
  start(c: number, words: number, count: number): void;
  finished(c: number): number;
  pass(
    c: number,
    count: number,
    indices: number,
    out: number,
    tables: number,
    order: number,
    counts: number,
    trellis: number,
  ): number;
  points(p: number): void;
}

// Not of the namespace WebAssembly: programs for Node have declarations of it only with the DOM's.

/** A `WebAssembly.Memory`. */
export interface Memory {
  readonly buffer: ArrayBufferLike;
  grow(pages: number): number;
}

/** A `WebAssembly.Module`. */
export type Module = object;

/** What a thread needs to take part. */
export interface Shared {
  memory: Memory;
  module: Module;
}

/** Kernels that threads share, by the number that names them in the control block. */
const NAMES = [
  "context",
  "dense",
  "embed",
  "lapColumns",
  "lapRows",
  "means",
  "modulate",
  "near",
  "pixels",
  "place",
  "scale",
  "shuffle",
  "tokens",
  "windows",
] as const;
export type KernelName = (typeof NAMES)[number];

const PAGE = 1 << 16;
const FIRST_PAGES = 64;
const MOST_PAGES = 65536;
const LEAST_PAGES = 8192; // the largest part of a picture takes 6000, with the released model

// The control block, 32-bit integers: which job this is, the next unit, threads at work, the
// kernel, units, units at a time, scratch memory, bytes of it for each thread, whether a thread has
// failed; from PARAMETERS on the numbers of the job. It stands before all else, but not at 0, which means "none".
const CONTROL = 1024;
const [JOB, NEXT, BUSY, KERNEL, UNITS, STEP, SCRATCH, SIZE, FAILED] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
const PARAMETERS = CONTROL + 64;
const FREE = 4096;
const SPINS = 2000; // looks at the control block before a thread goes to sleep

function control(memory: Memory): Int32Array {
  return new Int32Array(memory.buffer, CONTROL, 16);
}

function work(kernels: Kernels, block: Int32Array, thread: number): void {
  const kernel = kernels[NAMES[block[KERNEL]!]!] as Kernel;
  const units = block[UNITS]!;
  const step = block[STEP]!;
  const scratch = block[SCRATCH]! + thread * block[SIZE]!;
  for (;;) {
    const from = Atomics.add(block, NEXT, step);
    if (from >= units) return;
    kernel(PARAMETERS, from, Math.min(from + step, units), scratch);
  }
}

/** Memory that can grow as far as the browser allows: some reserve all of it, and refuse 4 GB. */
function memoryFor(shared: boolean): Memory {
  for (let maximum = MOST_PAGES; ; maximum /= 2) {
    try {
      return new WebAssembly.Memory({ initial: FIRST_PAGES, maximum, shared });
    } catch (e) {
      if (maximum <= LEAST_PAGES) throw e;
    }
  }
}

async function instantiate({ memory, module }: Shared): Promise<Kernels> {
  const env = { memory: memory as WebAssembly.Memory };
  const instance = await WebAssembly.instantiate(module, { env });
  return instance.exports as unknown as Kernels;
}

/** Takes part in jobs until one fails; in a worker of its own. `ready` is called before the first one. */
export async function help(shared: Shared, thread: number, ready: () => void): Promise<never> {
  const kernels = await instantiate(shared);
  const block = control(shared.memory);
  let job = Atomics.load(block, JOB);
  ready();
  for (;;) {
    for (let i = 0; i < SPINS && Atomics.load(block, JOB) === job; i++);
    Atomics.wait(block, JOB, job);
    job = Atomics.load(block, JOB);
    try {
      work(kernels, block, thread);
    } catch (e) {
      Atomics.store(block, FAILED, 1);
      throw e;
    } finally {
      if (Atomics.sub(block, BUSY, 1) === 1) Atomics.notify(block, BUSY);
    }
  }
}

export class Machine {
  private block: Int32Array;
  private top = FREE;

  private constructor(
    readonly kernels: Kernels,
    private readonly memory: Memory,
    private helpers: number,
  ) {
    this.block = control(memory);
  }

  /**
   * `enlist` starts `threads - 1` workers that call `help`, and resolves when they are ready. More
   * than one thread needs shared memory.
   */
  static async start(
    module: Module,
    threads: number,
    enlist: (shared: Shared, threads: number) => Promise<void>,
  ): Promise<Machine> {
    const shared = threads > 1;
    const memory = memoryFor(shared);
    const kernels = await instantiate({ memory, module });
    if (shared) await enlist({ memory, module }, threads);
    return new Machine(kernels, memory, threads - 1);
  }

  /** Address of `bytes` new bytes, at a multiple of 64. Their values are old. */
  alloc(bytes: number): number {
    const address = this.top;
    this.top = Math.ceil((address + bytes) / 64) * 64; // `&` knows 31 bits only
    // The kernels may read some bytes behind the end of a vector.
    const missing = this.top + 1024 - this.memory.buffer.byteLength;
    if (missing > 0) {
      this.memory.grow(Math.max(Math.ceil(missing / PAGE), 64));
      this.block = control(this.memory);
    }
    return address;
  }

  /** Bytes of the memory. */
  get size(): number {
    return this.memory.buffer.byteLength;
  }

  /** Calls `use`, then frees all that it has allocated. */
  within<T>(use: () => T): T {
    const top = this.top;
    try {
      return use();
    } finally {
      this.top = top;
    }
  }

  f32(address: number, length: number): Float32Array {
    return new Float32Array(this.memory.buffer, address, length);
  }

  i32(address: number, length: number): Int32Array {
    return new Int32Array(this.memory.buffer, address, length);
  }

  i16(address: number, length: number): Int16Array {
    return new Int16Array(this.memory.buffer, address, length);
  }

  u8(address: number, length: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, address, length);
  }

  /** Copies values to new memory, with `room` for so many. */
  put(values: Values | Int16Array, room = values.length): number {
    const size = values.BYTES_PER_ELEMENT;
    const address = this.alloc(size * room);
    this.u8(address, size * room).fill(0);
    this.u8(address, size * values.length).set(
      new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
    );
    return address;
  }

  zeros(bytes: number): number {
    const address = this.alloc(bytes);
    this.u8(address, bytes).fill(0);
    return address;
  }

  /** Does all units of a job, with all threads; each has `scratch` bytes of its own. Where a helper
   * fails, the job fails, and later ones are done without helpers. */
  run(kernel: KernelName, numbers: number[], units: number, scratch = 0, step = 1): void {
    if (units < 1) return;
    this.within(() => {
      const size = (scratch + 1023) & ~1023;
      const address = size ? this.alloc(size * (this.helpers + 1)) : 0;
      this.i32(PARAMETERS, numbers.length).set(numbers);
      const { block } = this;
      block[KERNEL] = NAMES.indexOf(kernel);
      block[UNITS] = units;
      block[STEP] = step;
      block[SCRATCH] = address;
      block[SIZE] = size;
      Atomics.store(block, NEXT, 0);
      if (!this.helpers || units <= step) {
        work(this.kernels, block, 0);
        return;
      }
      Atomics.store(block, BUSY, this.helpers);
      Atomics.add(block, JOB, 1);
      Atomics.notify(block, JOB);
      try {
        work(this.kernels, block, 0);
      } finally {
        for (let busy; (busy = Atomics.load(block, BUSY));) {
          let i = 0;
          while (i < SPINS && Atomics.load(block, BUSY) === busy) i++;
          if (i === SPINS) Atomics.wait(block, BUSY, busy);
        }
        if (Atomics.load(block, FAILED)) this.helpers = 0;
      }
      if (Atomics.exchange(block, FAILED, 0)) throw new Error("a thread of the decoder has failed");
    });
  }

  /** Calls a kernel that one thread does alone. */
  points(numbers: number[]): void {
    this.i32(PARAMETERS, numbers.length).set(numbers);
    this.kernels.points(PARAMETERS);
  }
}
