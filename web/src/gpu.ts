// The jobs of the synthesis on a GPU. It has a copy of the memory of the kernels in WebAssembly, at
// the same addresses: weights and latents are copied there, and pixels back.

import shader from "./gpu.wgsl";
import type { KernelName, Machine } from "./machine.js";

const THREADS = 64; // of a workgroup
const MOST_GROUPS = 1 << 15; // in a row; every GPU takes twice as many
const [ROWS, COLUMNS] = [32, 64]; // that a workgroup of `dense` computes
const TOKENS = 1 << 14; // that go through the layers of an MLP together
const COUNT = 19; // the place of the last number of a job
const SLOT = 256; // bytes between the numbers of two jobs
const MOST_MEMORY = 1 << 30;
const ACCUMULATE = 1;
const HSWISH = 2;

interface Job {
  kernel: string;
  numbers: number[];
  groups: [across: number, down: number];
}

/** The first numbers of a job; a kernel that takes fewer has fewer. */
type Five = [number, number, number, number, number];
type Numbers = [...Five, ...Five, ...Five];

/** Kernels that are one here as well: how many values a job computes. */
const VALUES: Partial<Record<KernelName, (n: number[], units: number) => number>> = {
  scale: (n, units) => units * n[2]!,
  shuffle: (n, units) => units * n[2]! * n[3]! ** 2 * n[4]!,
  near: (n, units) => units * n[3]! * n[4]!,
  lapColumns: (n, units) => units * (n[1]! / 16 - 1),
  lapRows: (n, units) => units * n[1]!,
  means: (n, units) => (units * n[1]!) / n[2]!,
  pixels: (n, units) => units * n[6]!,
};

export class Gpu {
  /** Bytes that the memory may have. */
  readonly room: number;
  private readonly pipelines = new Map<string, GPUComputePipeline>();
  private readonly module: GPUShaderModule;
  private readonly layout: GPUBindGroupLayout;
  private memory: GPUBuffer | undefined;
  private weights = -1; // the version that is in memory
  private jobs: Job[] = [];
  private inputs: [address: number, bytes: number][] = [];

  private constructor(
    private readonly device: GPUDevice,
    private readonly machine: Machine,
    head: number,
  ) {
    this.room = device.limits.maxStorageBufferBindingSize;
    this.module = device.createShaderModule({ code: `const HEAD = ${head};\n${shader}` });
    const visibility = GPUShaderStage.COMPUTE;
    this.layout = device.createBindGroupLayout({
      entries: [
        { binding: 0, visibility, buffer: { type: "storage" } },
        { binding: 1, visibility, buffer: { type: "uniform", hasDynamicOffset: true } },
      ],
    });
  }

  /** The GPU of this machine; undefined without one. `head`: values in a head of the attention.
   * `software`: a program that acts as a GPU will do. */
  static async open(machine: Machine, head: number, software: boolean): Promise<Gpu | undefined> {
    // Not all browsers have it, and Node has not.
    const { navigator } = globalThis as { navigator?: { gpu?: GPU } };
    const adapter = await navigator?.gpu?.requestAdapter({ powerPreference: "high-performance" });
    if (!adapter || (adapter.info.isFallbackAdapter && !software)) return undefined;
    const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
    const most = Math.min(maxBufferSize, maxStorageBufferBindingSize, MOST_MEMORY);
    const requiredLimits = { maxBufferSize: most, maxStorageBufferBindingSize: most };
    return new Gpu(await adapter.requestDevice({ requiredLimits }), machine, head);
  }

  /** Notes values in the machine's memory that the jobs need. */
  input(address: number, bytes: number): void {
    this.inputs.push([address, bytes]);
  }

  /** Notes a job; its numbers and units are those of `Machine.run`. */
  run(kernel: KernelName, numbers: number[], units: number): void {
    const count = VALUES[kernel];
    if (count) this.values(kernel, numbers, count(numbers, units));
    else if (kernel === "dense") this.dense(numbers, units);
    else this.machine.within(() => {
      if (kernel === "tokens") this.mlp(numbers[0]!, units, numbers[1]!, numbers.slice(2));
      else if (kernel === "windows") this.windows(numbers, units);
      else if (kernel === "place") this.place(numbers);
      else if (kernel === "embed") this.embed(numbers);
      else if (kernel === "modulate") this.modulate(numbers, units);
      else throw new Error(`${kernel} does not run on a GPU`);
    }); // prettier-ignore
  }

  private job(kernel: string, numbers: number[], across: number, down: number): void {
    if (across && down) this.jobs.push({ kernel, numbers, groups: [across, down] });
  }

  /** A job of so many workgroups. */
  private groups(kernel: string, numbers: number[], count: number): void {
    const down = Math.ceil(count / MOST_GROUPS);
    this.job(kernel, numbers, Math.ceil(count / down), down);
  }

  /** A job that computes so many values, one in each thread. */
  private values(kernel: string, numbers: number[], count: number): void {
    const all = [...numbers, ...new Array<number>(COUNT - numbers.length).fill(0), count];
    this.groups(kernel, all, Math.ceil(count / THREADS));
  }

  private dense(numbers: number[], rows: number): void {
    const across = Math.ceil(numbers[9]! / COLUMNS);
    this.job("dense", [...numbers, rows], across, Math.ceil(rows / ROWS));
  }

  /** A layer of packed weights on tokens that stand one after the other. */
  private linear(
    x: number, inputs: number, weights: number, bias: number, out: number, outputs: number,
    rows: number, mode = 0, stride = inputs,
  ): void {
    const layer = [weights, 32, 32 * inputs, bias, out, 4 * outputs, inputs, outputs, mode];
    this.dense([x, 4 * stride, ...layer], rows);
  } // prettier-ignore

  /** A block's MLP, in place: `numbers` as in `tokens`, from those of the norm on. */
  private mlp(x: number, count: number, channels: number, numbers: number[]): void {
    const [scale, shift, weights1, bias1, weights2, bias2, hidden, gated] = numbers as Numbers;
    const width = gated ? 2 * hidden : hidden;
    const most = Math.min(count, TOKENS);
    const normal = scale ? this.machine.alloc(4 * most * channels) : 0;
    const inner = this.machine.alloc(4 * most * width);
    for (let first = 0; first < count; first += TOKENS) {
      const rows = Math.min(TOKENS, count - first);
      const own = x + 4 * first * channels;
      if (scale) this.groups("norm", [own, normal, channels, scale, shift, rows], rows);
      const seen = scale ? normal : own;
      this.linear(seen, channels, weights1, bias1, inner, width, rows, gated ? 0 : HSWISH);
      if (gated) this.values("gate", [inner, hidden], rows * hidden);
      this.linear(inner, hidden, weights2, bias2, own, channels, rows, ACCUMULATE, width);
    }
  }

  private windows(numbers: number[], windows: number): void {
    // prettier-ignore
    const [
      x, h, w, d, side, shift, heads, across, scale, offset, qkv, qkvBias, places, proj, projBias,
    ] = numbers as Numbers;
    const count = h * w;
    this.machine.within(() => {
      const normal = this.machine.alloc(4 * count * d); // and later the results of the heads
      const parts = this.machine.alloc(12 * count * d);
      this.groups("norm", [x, normal, d, scale, offset, count], count);
      this.linear(normal, d, qkv, qkvBias, parts, 3 * d, count);
      const attention = [parts, normal, h, w, d, side, shift, heads, across, places, windows];
      this.groups("attention", attention, windows * heads);
      this.linear(normal, d, proj, projBias, x, d, count, ACCUMULATE);
    });
    this.mlp(x, count, d, numbers.slice(16));
  }

  private place(numbers: number[]): void {
    const [x, inputs, w, ws, ps, bias, planes, across, down, n, add, second, inputs2, w2, stride2] =
      numbers as Numbers;
    const size = 3 * n * n;
    const cells = across * down;
    const patches = this.machine.alloc(4 * cells * size);
    this.dense([x, 4 * inputs, w, ws, ps, bias, patches, 4 * size, inputs, size, 0], cells);
    if (inputs2) {
      const layer = [second, 4 * stride2, w2, ws, ps, 0, patches, 4 * size, inputs2, size];
      this.dense([...layer, ACCUMULATE], cells);
    }
    this.values("place", [patches, planes, across, down, n, add], cells * size);
  }

  private embed(numbers: number[]): void {
    const [planes, across, down, n, weights, bias, x, channels, mode] = numbers as Numbers;
    const size = 3 * n * n;
    const cells = across * down;
    const patches = this.machine.alloc(4 * cells * size);
    this.values("patches", [patches, planes, across, down, n], cells * size);
    this.linear(patches, size, weights, bias, x, channels, cells, mode);
  }

  private modulate(numbers: number[], rows: number): void {
    const [t, inputs, weights, bias, z, across, n, channels] = numbers as Numbers;
    const size = n * n * channels;
    const count = rows * across;
    const halves = this.machine.alloc(8 * count * size);
    this.linear(t, inputs, weights, bias, halves, 2 * size, count);
    this.values("modulate", [halves, z, across, n, channels], count * size);
  }

  /** Runs the jobs; what stands at an address then. Rejects if the GPU fails. `weights`: the bytes
   * at the beginning of the machine's memory that hold them, of a version. */
  async result(
    address: number,
    bytes: number,
    weights: { bytes: number; version: number },
  ): Promise<Uint8Array> {
    const { device, jobs, inputs } = this;
    [this.jobs, this.inputs] = [[], []];
    const kinds = ["validation", "out-of-memory", "internal"] as const;
    for (const kind of kinds) device.pushErrorScope(kind);
    const staging = this.submit(jobs, inputs, address, bytes, weights);
    const errors = await Promise.all(kinds.map(() => device.popErrorScope()));
    const error = errors.find((e) => e !== null);
    if (error) throw new Error(error.message);
    await staging.mapAsync(GPUMapMode.READ);
    const out = new Uint8Array(staging.getMappedRange()).slice(0, bytes);
    staging.destroy();
    return out;
  }

  /** A buffer to which the result will be copied. */
  private submit(
    jobs: Job[],
    inputs: [number, number][],
    address: number,
    bytes: number,
    weights: { bytes: number; version: number },
  ): GPUBuffer {
    const { device, machine } = this;
    const { queue } = device;
    const size = machine.size;
    if (!this.memory || this.memory.size < size) {
      if (size > this.room) throw new Error(`the GPU has no buffer of ${size} bytes`);
      this.memory?.destroy();
      const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
      this.memory = device.createBuffer({ size, usage });
      this.weights = -1;
    }
    const { memory } = this;
    const fill = (from: number, count: number): void => {
      // The memory may be shared, which the type does not know.
      queue.writeBuffer(memory, from, machine.u8(from, count) as Uint8Array<ArrayBuffer>);
    };
    if (this.weights !== weights.version) fill(0, weights.bytes);
    this.weights = weights.version;
    for (const [from, count] of inputs) fill(from, count);
    const numbers = device.createBuffer({
      size: SLOT * jobs.length,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    const values = new Int32Array((SLOT / 4) * jobs.length);
    jobs.forEach((job, i) => {
      values.set(job.numbers, (SLOT / 4) * i);
    });
    queue.writeBuffer(numbers, 0, values);
    const group = device.createBindGroup({
      layout: this.layout,
      entries: [
        { binding: 0, resource: { buffer: memory } },
        { binding: 1, resource: { buffer: numbers, size: 4 * (COUNT + 1) } },
      ],
    });
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    jobs.forEach(({ kernel, groups }, i) => {
      pass.setPipeline(this.pipeline(kernel));
      pass.setBindGroup(0, group, [SLOT * i]);
      pass.dispatchWorkgroups(...groups);
    });
    pass.end();
    const whole = Math.ceil(bytes / 4) * 4;
    const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ;
    const staging = device.createBuffer({ size: whole, usage });
    encoder.copyBufferToBuffer(memory, address, staging, 0, whole);
    queue.submit([encoder.finish()]);
    numbers.destroy();
    return staging;
  }

  private pipeline(entryPoint: string): GPUComputePipeline {
    let found = this.pipelines.get(entryPoint);
    if (!found) {
      const layout = this.device.createPipelineLayout({ bindGroupLayouts: [this.layout] });
      const compute = { module: this.module, entryPoint };
      found = this.device.createComputePipeline({ layout, compute });
      this.pipelines.set(entryPoint, found);
    }
    return found;
  }
}
