// The worker that decodes, and that its helpers help. One file at a time.

import { readHeader } from "./container.js";
import type { Options } from "./decoder.js";
import { TczError } from "./errors.js";
import { Decoders, type Settings } from "./load.js";
import type { Shared } from "./machine.js";
import type { Answer, Request } from "./messages.js";

let decoders: Decoders | undefined;
let queue: Promise<void> = Promise.resolve();

/** Starts helpers, each in a worker of its own. */
async function enlist(shared: Shared, threads: number): Promise<void> {
  const ready = Array.from({ length: threads - 1 }, (_, i) => {
    const helper = new Worker(new URL("helper.js", import.meta.url), { type: "module" });
    return new Promise<void>((resolve, reject) => {
      helper.onmessage = () => {
        resolve();
      };
      helper.onerror = () => {
        reject(new TczError("BadOption", "a thread cannot be started"));
      };
      helper.postMessage({ shared, thread: i + 1 });
    });
  });
  await Promise.all(ready);
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
