// Two codecs on one picture at one rate: a divider to drag, zoom to single pixels, keys for all.
(function viewer() {
  const root = $("#viewer");
  if (!root || !DATA.shown.length) return;
  const stage = $(".stage", root);
  const divider = $(".divider", stage);
  const strip = $(".strip", root);
  const printed = [...$(".pair", root).children];
  const sides = ["left", "right"].map((n) => ({
    img: $(`.${n}-side img`, stage),
    tag: $(`.tag.${n}`, stage),
    read: $(`.read .${n}`, root),
    select: $(`#${n}`),
  }));
  const codecs = DATA.codecs
    .map((c) => c.name)
    .filter((c) => DATA.shown.some((s) => s.variants[c]));
  const state = {
    picture: 0,
    rate: Math.min(1, DATA.rates.length - 1),
    pair: ["original", "original"],
    at: 0.5,
    zoom: 0,
    x: 0,
    y: 0,
  };
  state.pair[0] = codecs.includes(DATA.anchor) ? DATA.anchor : "original";
  state.pair[1] = codecs.includes(DATA.focus)
    ? DATA.focus
    : codecs.find((c) => c !== state.pair[0]) || "original";

  const media = new Map();
  function address(id) {
    if (!media.has(id)) {
      const holder = document.getElementById(id);
      media.set(id, `data:${holder.dataset.type};base64,${holder.textContent.trim()}`);
    }
    return media.get(id);
  }
  const picture = () => DATA.shown[state.picture];
  const variant = (codec) =>
    codec === "original"
      ? { ...picture().original, codec }
      : picture().variants[codec]?.[state.rate];
  const name = (codec) => (codec === "original" ? "Original" : CODEC[codec].label);

  // Zoom 0 fits the stage; otherwise it counts screen pixels per picture pixel.
  const fit = () => Math.min(stage.clientWidth / picture().w, stage.clientHeight / picture().h);
  const scale = () => (state.zoom ? state.zoom / devicePixelRatio : fit());
  function place() {
    const s = scale();
    const w = picture().w * s;
    const h = picture().h * s;
    const W = stage.clientWidth;
    const H = stage.clientHeight;
    // smaller than the stage: centred; larger: no empty edge
    state.x = w <= W ? (W - w) / 2 : Math.min(0, Math.max(W - w, state.x));
    state.y = h <= H ? (H - h) / 2 : Math.min(0, Math.max(H - h, state.y));
    for (const { img } of sides) {
      img.style.transform = `translate(${state.x}px, ${state.y}px) scale(${s})`;
      img.classList.toggle("pixels", s * devicePixelRatio >= 2);
    }
    const px = state.at * W;
    $(".right-side", stage).style.clipPath = `inset(0 0 0 ${px}px)`;
    divider.style.left = `${px}px`;
    stage.classList.toggle("zoomed", w > W + 1 || h > H + 1);
    stage.setAttribute("aria-valuenow", Math.round(state.at * 100));
  }
  function layout() {
    // the stage takes the picture's shape, so that nothing of it is empty
    const room = Math.min(innerHeight * 0.74, 780);
    const wide = $(".holder", root).clientWidth;
    const shape = picture().w / picture().h;
    const height = Math.max(200, Math.min(room, wide / shape));
    stage.style.height = `${height}px`;
    stage.style.width = `${Math.min(wide, Math.max(260, height * shape))}px`;
    place();
  }
  function zoomTo(zoom, cx = stage.clientWidth / 2, cy = stage.clientHeight / 2) {
    const before = scale();
    state.zoom = zoom;
    const k = scale() / before;
    state.x = cx - (cx - state.x) * k;
    state.y = cy - (cy - state.y) * k;
    for (const b of $("#zoom").children) {
      b.setAttribute("aria-pressed", String(Number(b.dataset.zoom) === zoom));
    }
    place();
  }
  const levels = [0, 1, 2, 4, 8];
  function zoomBy(step, cx, cy) {
    const i = levels.findIndex((z) => z === state.zoom);
    zoomTo(levels[Math.min(levels.length - 1, Math.max(0, i + step))], cx, cy);
  }

  function heading(codec, v) {
    if (!v) {
      return [el("b", {}, name(codec)), el("div", { class: "muted" }, "not coded at this rate")];
    }
    if (codec === "original") {
      return [
        el("b", {}, "Original"),
        el("div", {}, `${size(picture().bytes)} as it is in the folder`),
      ];
    }
    const facts = [
      el("b", {}, name(codec)),
      ` ${CODEC[codec].knob} ${+v.quality.toFixed(2)}`,
      el("div", {}, `${size(v.bytes)}, ${v.bpp.toPrecision(3)} bits per pixel`),
    ];
    if (Math.abs(v.bpp / v.wanted - 1) > 0.08) {
      facts.push(el("div", { class: "bad" }, `the nearest it comes to ${v.wanted}`));
    }
    if (!v.exact) {
      facts.push(el("div", { class: "muted small" }, "carried here as AVIF 4:4:4 of high quality"));
    }
    return facts;
  }
  // Scores side by side, the better one in bold.
  function scores(pair) {
    const score = (v, m) => v?.scores?.[m.name] ?? null;
    return DATA.metrics
      .filter((m) => pair.some((v) => score(v, m) !== null))
      .map((m) => {
        const [a, b] = pair.map((v) => score(v, m));
        const sign = m.axis === "negative" ? -1 : 1;
        const cell = (mine, other) => {
          const better = mine !== null && other !== null && sign * (mine - other) > 0;
          const text = mine === null ? "" : fixed(mine, m.digits) + (m.unit ? ` ${m.unit}` : "");
          return el("td", { class: better ? "better" : null }, text);
        };
        return el("tr", {}, cell(a, b), el("th", { scope: "row" }, m.label), cell(b, a));
      });
  }
  function show() {
    sides.forEach((side, i) => {
      const codec = state.pair[i];
      const v = variant(codec);
      side.img.src = v ? address(v.media) : address(picture().original.media);
      side.img.width = picture().w;
      side.img.height = picture().h;
      side.img.alt = printed[i].alt = `${picture().name}, ${name(codec)}`;
      printed[i].src = side.img.src;
      side.tag.textContent =
        codec === "original"
          ? "Original"
          : v
            ? `${name(codec)}, ${size(v.bytes)}`
            : `${name(codec)}: none`;
      side.read.style.setProperty("--c", colour(codec));
      side.read.replaceChildren(...heading(codec, v));
    });
    $(".scores tbody", root).replaceChildren(...scores(state.pair.map(variant)));
    const p = picture();
    const part = p.part ? ` \u00b7 shown: ${p.w} \u00d7 ${p.h} pixels of it` : "";
    $(".caption", root).textContent = `${p.name} \u00b7 ${p.full[0]} \u00d7 ${p.full[1]}${part}`;
    [...strip.children].forEach((b, i) =>
      b.setAttribute("aria-pressed", String(i === state.picture)),
    );
    layout();
  }
  function open(index) {
    state.picture = (index + DATA.shown.length) % DATA.shown.length;
    state.x = state.y = 0;
    const b = strip.children[state.picture];
    strip.scrollTo({ left: b.offsetLeft - strip.clientWidth / 2 + b.clientWidth / 2 });
    show();
  }
  const setRate = (i) => {
    pickRate(i);
  };

  strip.replaceChildren(
    ...DATA.shown.map((s, i) =>
      el(
        "button",
        { type: "button", "aria-pressed": "false", title: s.name, onclick: () => open(i) },
        el("img", { src: s.thumb, alt: s.name }),
        s.reason || `${i + 1}`,
      ),
    ),
  );
  const entries = [["original", "Original"], ...codecs.map((c) => [c, CODEC[c].label])];
  sides.forEach((side, i) => {
    options(side.select, entries, state.pair[i]);
    side.select.addEventListener("change", () => {
      state.pair[i] = side.select.value;
      show();
    });
  });
  const pickRate = choice(
    $("#rates"),
    DATA.rates.map((r, i) => [i, String(r)]),
    state.rate,
    (i) => {
      state.rate = i;
      show();
    },
  );
  $("#zoom").replaceChildren(
    ...levels.map((z) =>
      el(
        "button",
        {
          type: "button",
          "data-zoom": z,
          "aria-pressed": String(z === 0),
          onclick: () => zoomTo(z),
        },
        z ? `${z}\u00d7` : "fit",
      ),
    ),
  );
  $("#swap").addEventListener("click", swap);
  function swap() {
    state.pair.reverse();
    sides.forEach((side, i) => {
      side.select.value = state.pair[i];
    });
    show();
  }

  // Pointers: near the divider, or anywhere while the picture fits, the divider moves; a zoomed
  // picture is moved; two fingers zoom.
  const pointers = new Map();
  let drag = null;
  let pinch = null;
  stage.addEventListener("pointerdown", (e) => {
    pointers.set(e.pointerId, e);
    try {
      stage.setPointerCapture(e.pointerId);
    } catch {
      /* a pointer that is gone already */
    }
    if (pointers.size === 2) {
      const [a, b] = [...pointers.values()];
      pinch = { gap: Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY), zoom: state.zoom };
      drag = null;
      return;
    }
    const r = stage.getBoundingClientRect();
    const near = Math.abs(e.clientX - r.left - state.at * r.width) < 24;
    drag =
      stage.classList.contains("zoomed") && !near
        ? { pan: true, x: e.clientX - state.x, y: e.clientY - state.y }
        : { pan: false };
    stage.classList.toggle("dragging", drag.pan);
    if (!drag.pan) {
      state.at = Math.min(1, Math.max(0, (e.clientX - r.left) / r.width));
      place();
    }
  });
  stage.addEventListener("pointermove", (e) => {
    if (!pointers.has(e.pointerId)) return;
    pointers.set(e.pointerId, e);
    const r = stage.getBoundingClientRect();
    if (pinch && pointers.size === 2) {
      const [a, b] = [...pointers.values()];
      const k = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY) / pinch.gap;
      const from = levels.indexOf(pinch.zoom);
      const to = Math.min(levels.length - 1, Math.max(0, from + Math.round(Math.log2(k))));
      if (levels[to] !== state.zoom) {
        zoomTo(
          levels[to],
          (a.clientX + b.clientX) / 2 - r.left,
          (a.clientY + b.clientY) / 2 - r.top,
        );
      }
      return;
    }
    if (!drag) return;
    if (drag.pan) {
      state.x = e.clientX - drag.x;
      state.y = e.clientY - drag.y;
    } else state.at = Math.min(1, Math.max(0, (e.clientX - r.left) / r.width));
    place();
  });
  for (const kind of ["pointerup", "pointercancel"]) {
    stage.addEventListener(kind, (e) => {
      pointers.delete(e.pointerId);
      pinch = drag = null;
      stage.classList.remove("dragging");
    });
  }
  stage.addEventListener("dblclick", (e) => {
    const r = stage.getBoundingClientRect();
    zoomTo(state.zoom ? 0 : 2, e.clientX - r.left, e.clientY - r.top);
  });
  // the wheel scrolls the page, as everywhere; with Ctrl, or as a pinch on a touchpad, it zooms
  stage.addEventListener(
    "wheel",
    (e) => {
      if (!e.ctrlKey && !e.metaKey) return;
      e.preventDefault();
      const r = stage.getBoundingClientRect();
      zoomBy(e.deltaY < 0 ? 1 : -1, e.clientX - r.left, e.clientY - r.top);
    },
    { passive: false },
  );

  const held = { key: null, at: 0.5 };
  stage.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const nudge = (dx, dy) => {
      state.x += dx;
      state.y += dy;
      place();
    };
    const acts = {
      ArrowLeft: () =>
        e.shiftKey ? nudge(60, 0) : ((state.at = Math.max(0, state.at - 0.02)), place()),
      ArrowRight: () =>
        e.shiftKey ? nudge(-60, 0) : ((state.at = Math.min(1, state.at + 0.02)), place()),
      ArrowUp: () =>
        e.shiftKey ? nudge(0, 60) : setRate(Math.min(DATA.rates.length - 1, state.rate + 1)),
      ArrowDown: () => (e.shiftKey ? nudge(0, -60) : setRate(Math.max(0, state.rate - 1))),
      n: () => open(state.picture + 1),
      p: () => open(state.picture - 1),
      x: swap,
      0: () => zoomTo(0),
      "+": () => zoomBy(1),
      "=": () => zoomBy(1),
      "-": () => zoomBy(-1),
      " ": () => {
        if (held.key === null) {
          held.key = " ";
          held.at = state.at;
          state.at = state.at > 0.5 ? 0 : 1;
          place();
        }
      },
    };
    const act =
      acts[e.key] ||
      (/^[1-9]$/.test(e.key) && +e.key <= DATA.rates.length ? () => setRate(+e.key - 1) : null);
    if (!act) return;
    e.preventDefault();
    act();
  });
  stage.addEventListener("keyup", (e) => {
    if (e.key === " " && held.key !== null) {
      held.key = null;
      state.at = held.at;
      place();
    }
  });
  let width = 0;
  new ResizeObserver(() => {
    const w = $(".holder", root).clientWidth;
    if (w !== width) {
      width = w;
      layout();
    }
  }).observe($(".holder", root));
  window.openViewer = (i) => {
    open(i);
    root.scrollIntoView();
    stage.focus({ preventScroll: true });
  };
  open(0);
})();
