// A thread that takes part in the jobs of the worker that started it.

import { help, type Shared } from "./machine.js";

onmessage = ({ data }: MessageEvent<{ shared: Shared; thread: number }>) => {
  void help(data.shared, data.thread, () => {
    postMessage("ready");
  });
};
