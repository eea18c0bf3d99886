// After this script, `<img src="photo.tcz">` works in all pages beside it and below it.
//
//   <script type="module" src="tccodec/images.js"></script>
//
// `service-worker.js` must lie in the folder of the page: a service worker sees only what lies
// beside it and below it. Parts of the script's address turn more on: `?isolate` threads, where
// the server does not send the headers for them, `&offline` pages that open without network.

const own = new URL(import.meta.url);
const worker = new URL("service-worker.js", document.baseURI);
worker.search = own.search;
worker.searchParams.set("base", new URL(".", own).href);

/** Asks once more for the pictures that no service worker has answered, or will: those whose files are
 * still on their way. */
function again(): void {
  for (const image of document.images) {
    const ask = (): void => {
      image.setAttribute("src", image.src);
    };
    const address = image.currentSrc || image.src;
    if (!/^[^?#]*\.tcz([?#]|$)/i.test(address)) continue; // it may be no URL
    if (!image.complete) image.addEventListener("error", ask, { once: true });
    else if (!image.naturalWidth) ask();
  }
}

if ("serviceWorker" in navigator) {
  const { controller } = navigator.serviceWorker;
  let forced = false;
  navigator.serviceWorker.addEventListener("controllerchange", () => {
    // Only a page that is loaded anew can become isolated, or be kept with all that it loads.
    const isolate = own.searchParams.has("isolate") && !crossOriginIsolated;
    const anew = !controller && !forced && (isolate || own.searchParams.has("offline"));
    if (anew) location.reload();
    else again();
  });
  const { active } = await navigator.serviceWorker.register(worker);
  if (active?.state === "activated" && !navigator.serviceWorker.controller) {
    // Shift and reload leave out a worker that is there: it takes the page when it is asked to. The page
    // is not loaded anew: tools for developers can leave the worker out every time.
    forced = true;
    active.postMessage("claim");
  }
}
