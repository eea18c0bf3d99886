// The worker that decodes, and that its helpers help. One file at a time.

import { readHeader } from "./container.js";
import type { Options } from "./decoder.js";
import { TczError } from "./errors.js";
import { Decoders, type Settings } from "./load.js";
import type { Shared } from "./machine.js";
import type { Answer, Request } from "./messages.js";

let decoders: Decoders | undefined;
let queue: Promise<void> = Promise.resolve();

const PATIENCE = 10_000; // milliseconds; browsers let workers above some number wait for ever

/** Starts helpers, each in a worker of its own: all or none. What ends them is the result. */
async function enlist(shared: Shared, threads: number): Promise<() => void> {
  const helpers: Worker[] = [];
  let late: ReturnType<typeof setTimeout>;
  const end = (): void => {
    for (const helper of helpers) helper.terminate();
  };
  const ready = new Promise<void>((resolve, reject) => {
    const fail = (): void => {
      reject(new Error("a thread cannot be started"));
    };
    late = setTimeout(fail, PATIENCE);
    let missing = threads - 1;
    for (let thread = 1; thread < threads; thread++) {
      const helper = new Worker(new URL("helper.js", import.meta.url), { type: "module" });
      helpers.push(helper);
      helper.onmessage = ({ data }) => {
        if (data !== "ready") fail();
        else if (!--missing) resolve();
      };
      helper.onerror = fail;
      helper.postMessage({ shared, thread });
    }
  });
  try {
    await ready;
  } catch (e) {
    end();
    throw e;
  } finally {
    clearTimeout(late!);
  }
  return end;
}

function configure(settings: Settings): void {
  decoders = new Decoders(settings, enlist);
}

async function decode(id: number, data: Uint8Array, options: Options): Promise<void> {
  const answer = (message: Answer, transfer: Transferable[] = []): void => {
    postMessage(message, { transfer });
  };
  try {
    const { modelId } = readHeader(data, options.limits);
    const decoder = await decoders!.get(modelId);
    const onProgress = (done: number): void => {
      answer({ id, done });
    };
    const picture = await decoder.decode(data, { ...options, onProgress });
    answer({ id, picture }, [picture.data.buffer]);
  } catch (e) {
    const { kind, message } = e instanceof TczError ? e : { kind: undefined, message: String(e) };
    answer({ id, kind, message });
  }
}

onmessage = ({ data: request }: MessageEvent<Request>) => {
  if ("settings" in request) configure(request.settings);
  else queue = queue.then(() => decode(request.id, request.data, request.options));
};
