// The Chromium of this machine.

import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const places = [process.env.TCCODEC_CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]; // prettier-ignore
export const executablePath = places.find((path) => path && existsSync(path));

/** For `node:test`: why browser tests are skipped, or false. */
export const missing = executablePath ? false : "no Chromium here; TCCODEC_CHROMIUM names one";

export function launch(more = []) {
  return chromium.launch({ executablePath, args: ["--no-sandbox", ...more] });
}
