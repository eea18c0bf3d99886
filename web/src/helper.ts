// A thread that takes part in the jobs of the worker that started it. It says when it is ready, or that
// it never will be: browsers report no rejected promise of a worker.

import { help, type Shared } from "./machine.js";

onmessage = ({ data }: MessageEvent<{ shared: Shared; thread: number }>) => {
  help(data.shared, data.thread, () => {
    postMessage("ready");
  }).catch(() => {
    postMessage("failed");
  });
};
onmessageerror = () => {
  postMessage("failed"); // the memory cannot be shared with it
};
