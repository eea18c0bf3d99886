// A service worker after which `<img src="photo.tcz">` works: it answers requests of images for
// `.tcz` files with PNG files.
//
// Parts of its own address say where the package is (`base`) and which model folders there are
// (`model`, as often as needed, seen from there), and turn more on. `isolate`: pages are
// cross-origin isolated and may use threads, also where the server cannot say so. `offline`: what
// the page has loaded once from its own server is kept, and shown when that cannot be reached; so many
// pictures (500 if there is no number) and as many other files, those that were fetched last.

import { readHeader } from "./container.js";
import { TczError } from "./errors.js";
import { Decoders } from "./load.js";
import { toPng } from "./png.js";
import { turns } from "./turns.js";

declare const self: ServiceWorkerGlobalScope;

const KEPT = { page: "tccodec-page", pictures: "tccodec-pictures" };
const parameters = new URL(self.location.href).searchParams;
const most = Math.max(0, Math.floor(Number(parameters.get("offline")))) || 500;
const base = parameters.get("base") ?? new URL(".", self.location.href).href;
const models = parameters.getAll("model");
const decoders = new Decoders(
  {
    models: (models.length ? models : ["models/tcae-s/"]).map((url) => new URL(url, base).href),
    base,
    keep: true,
    threads: 1, // a service worker cannot wait for other threads
  },
  () => Promise.reject(new Error("a service worker has no helpers")),
);
/** A page may ask for all of its pictures at once, and each needs room for its pixels. */
const inTurn = turns();

self.addEventListener("install", () => void self.skipWaiting());
for (const name of ["activate", "message"] as const)
  self.addEventListener(name, (event) => {
    event.waitUntil(self.clients.claim()); // a message comes from a page that it left out
  });
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin } = new URL(request.url);
  if (request.method !== "GET") return;
  const own = origin === self.location.origin;
  if (request.mode === "navigate" && parameters.has("offline")) event.waitUntil(tidy());
  if (request.destination === "image" && isTcz(request)) {
    const wanted = async (): Promise<boolean> =>
      !request.signal.aborted && Boolean(await self.clients.get(event.clientId));
    event.respondWith(picture(request, own, wanted));
  } else if (own && (parameters.has("isolate") || parameters.has("offline"))) {
    event.respondWith(page(request));
  }
});

function isTcz({ url }: Request): boolean {
  return new URL(url).pathname.toLowerCase().endsWith(".tcz");
}

/** `wanted`: whether the page that asks is still there when its picture's turn comes. */
async function picture(
  request: Request,
  own: boolean,
  wanted: () => Promise<boolean>,
): Promise<Response> {
  const response = await (own && parameters.has("offline") ? kept(request) : fetch(request));
  if (!response.ok || response.type === "opaque") return response;
  try {
    const data = new Uint8Array(await response.arrayBuffer());
    const decoder = await decoders.get(readHeader(data).modelId);
    const png = await inTurn(async () =>
      (await wanted()) ? toPng(await decoder.decode(data)) : undefined,
    );
    if (!png) return Response.error();
    return new Response(png, { headers: { "content-type": "image/png" } });
  } catch (e) {
    const reason = e instanceof TczError ? e.message : String(e);
    console.error(`${request.url}: ${reason}`);
    return new Response(reason, { status: 415, headers: { "content-type": "text/plain" } });
  }
}

async function page(request: Request): Promise<Response> {
  const response = await (parameters.has("offline") ? kept(request) : fetch(request));
  if (!parameters.has("isolate") || response.status === 0) return response;
  const headers = new Headers(response.headers);
  headers.set("cross-origin-opener-policy", "same-origin");
  headers.set("cross-origin-embedder-policy", "require-corp");
  return new Response(response.body, { status: response.status, headers });
}

let fresh = new Set<string>(); // addresses of what is kept since the last tidying began

/** Leaves what was fetched last. Pictures do not drive out the page that shows them. */
async function tidy(): Promise<void> {
  const later = (fresh = new Set());
  for (const name of Object.values(KEPT)) {
    const store = await caches.open(name);
    const old = (await store.keys()).slice(0, -most); // in the order in which they came
    for (const request of old) if (!later.has(request.url)) await store.delete(request);
  }
}

/** The server's answer, or the last one that it gave. Weights are kept elsewhere (`load.ts`). */
async function kept(request: Request): Promise<Response> {
  const isPicture = request.destination === "image" || isTcz(request);
  const store = await caches.open(isPicture ? KEPT.pictures : KEPT.page);
  try {
    const response = await fetch(request);
    if (response.status === 200 && !request.url.includes(".safetensors")) {
      fresh.add(request.url);
      await store.put(request, response.clone()).catch(() => undefined); // it may be full
    }
    return response;
  } catch (e) {
    const old = await store.match(request, { ignoreVary: true });
    if (old) return old;
    throw e;
  }
}
