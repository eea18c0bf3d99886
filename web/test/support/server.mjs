// Serves the repository on a port of this machine, as a page with threads needs it.

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { ROOT } from "./files.mjs";

const TYPES = {
  html: "text/html",
  js: "text/javascript",
  css: "text/css",
  json: "application/json",
  png: "image/png",
  wasm: "application/wasm",
};

/**
 * Address and a function that ends it. `isolated`: pages may use threads. `pages`: by path, HTML or
 * the bytes of other files, or a function that gives them. `policy`: a Content-Security-Policy of all answers.
 * `slow`: is given the names of files in /slow/ that are asked for, and the answers, which never end.
 */
export async function serve({ isolated = true, pages = {}, policy, slow } = {}) {
  const headers = {
    ...(isolated && {
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-embedder-policy": "require-corp",
    }),
    ...(policy && { "content-security-policy": policy }),
  };
  const server = createServer(async ({ url }, response) => {
    const { pathname } = new URL(url, "http://localhost");
    if (slow && pathname.startsWith("/slow/")) {
      response.writeHead(200, headers);
      response.write("begun");
      slow(pathname.slice("/slow/".length), response);
      return;
    }
    const found = { "/blank.html": "<!doctype html><title>blank</title>", ...pages }[pathname];
    const page = typeof found === "function" ? await found() : found;
    if (page) {
      const type = typeof page === "string" ? TYPES.html : "application/octet-stream";
      response.writeHead(200, { ...headers, "content-type": type });
      response.end(page);
      return;
    }
    // The page finds the model beside its scripts, as it will where it is published.
    const path = pathname
      .replace("/web/dist/models/", "/models/")
      .replace("/page/service-worker.js", "/web/dist/service-worker.js");
    try {
      const data = await readFile(new URL(`.${path}`, ROOT));
      const type = TYPES[path.split(".").at(-1)] ?? "application/octet-stream";
      response.writeHead(200, { ...headers, "content-type": type });
      response.end(data);
    } catch {
      response.writeHead(404, headers);
      response.end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = `http://localhost:${server.address().port}/`;
  return { address, close: () => server.close() };
}
