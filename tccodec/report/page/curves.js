// Rate-quality curves: metric, source and scale can be chosen, codecs switched, values read off.
(function curves() {
  const root = $("#chart");
  if (!root) return;
  const state = { metric: DATA.headline, source: "", log: true, off: new Set(), at: null };
  const box = $(".chart", root);
  const tip = el("div", { class: "tip", hidden: true });
  let plot = null;

  // Points and samples as [log rate, value]. Python has sampled the curve, at equal steps of log
  // rate from each point to the next.
  function curveOf(codec) {
    const curves = state.source === "" ? DATA.curves : DATA.pictures[+state.source].curves;
    const curve = curves[codec]?.[state.metric];
    if (!curve) return { points: [], line: [] };
    const [rates, values] = curve;
    const logs = rates.map(Math.log);
    const steps = (values.length - 1) / (rates.length - 1) || 1;
    const line = values.map((v, k) => {
      const i = Math.floor(k / steps);
      const part = (k % steps) / steps;
      return [part ? logs[i] + part * (logs[i + 1] - logs[i]) : logs[i], v];
    });
    return { points: line.filter((_, k) => k % steps === 0), line };
  }
  // The value at a log rate, or null outside the samples.
  function valueAt(line, at) {
    const i = line.findIndex(([x]) => x >= at);
    if (i < 0 || (i === 0 && line[0][0] > at)) return null;
    if (line[i][0] === at) return line[i][1];
    const [[x0, y0], [x1, y1]] = [line[i - 1], line[i]];
    return y0 + ((at - x0) / (x1 - x0)) * (y1 - y0);
  }
  function ticks(low, high, wanted) {
    const raw = (high - low) / wanted;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw);
    const out = [];
    for (let v = Math.ceil(low / step) * step; v <= high + 1e-9; v += step) out.push(+v.toFixed(9));
    return out;
  }

  function draw() {
    const m = METRIC[state.metric];
    const width = Math.max(280, box.clientWidth);
    const narrow = width < 560;
    const height = narrow ? 330 : Math.min(480, width * 0.48);
    const left = 46;
    const right = 12;
    const top = 26;
    const bottom = 42;
    const shown = DATA.codecs.map((c) => c.name).filter((c) => !state.off.has(c));
    const all = shown.map((c) => ({ codec: c, ...curveOf(c) })).filter((c) => c.points.length);
    const svg = el("svg", {
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      tabindex: 0,
      role: "img",
      "aria-label": `${m.label} against bits per pixel; arrow keys read values`,
    });
    box.replaceChildren(svg, tip);
    tip.hidden = true;
    if (!all.length) {
      svg.append(
        el("text", { x: width / 2, y: height / 2, "text-anchor": "middle" }, "No points to draw"),
      );
      plot = null;
      return;
    }
    const fx = state.log ? (log) => log : Math.exp;
    const xs = all.flatMap((c) => c.points.map(([log]) => fx(log)));
    const ys = all.flatMap((c) => c.points.map(([, v]) => v));
    // a single point, or points of one value, would make an axis of no length
    const pad = (a, b, k) => {
      const margin = (b - a) * k || 0.1;
      return [a - margin, b + margin];
    };
    const [x0, x1] = pad(state.log ? Math.min(...xs) : 0, Math.max(...xs), 0.025);
    const [y0, y1] = pad(Math.min(...ys), Math.max(...ys), 0.05);
    const X = (log) => left + ((fx(log) - x0) / (x1 - x0)) * (width - left - right);
    const Y = (v) => top + ((y1 - v) / (y1 - y0)) * (height - top - bottom);
    const grid = el("g", { style: "stroke:var(--grid)" });
    const words = el("g");
    if (DATA.window) {
      const edge = (v) => Math.min(width - right, Math.max(left, X(Math.log(Math.max(v, 1e-9)))));
      const [a, b] = DATA.window.map(edge);
      svg.append(
        el("rect", {
          x: a,
          y: top,
          width: b - a,
          height: height - top - bottom,
          style: "fill:var(--soft)",
        }),
      );
    }
    for (const v of ticks(y0, y1, 6)) {
      grid.append(el("line", { x1: left, x2: width - right, y1: Y(v), y2: Y(v) }));
      words.append(
        el(
          "text",
          { x: left - 8, y: Y(v) + 4, "text-anchor": "end" },
          minus(m.axis === "negative" ? Math.abs(v) : v),
        ),
      );
    }
    const steps = state.log
      ? [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20].filter(
          (v) => Math.log(v) > x0 && Math.log(v) < x1,
        )
      : ticks(Math.max(0, x0), x1, narrow ? 5 : 9);
    for (const v of steps) {
      grid.append(
        el("line", { y1: top, y2: height - bottom, x1: X(Math.log(v)), x2: X(Math.log(v)) }),
      );
      words.append(
        el(
          "text",
          { x: X(Math.log(v)), y: height - bottom + 18, "text-anchor": "middle" },
          String(v),
        ),
      );
    }
    words.append(
      el(
        "text",
        { x: left, y: 14, class: "title" },
        m.axis_label + (m.axis === "negative" ? " (lower is better, axis upside down)" : ""),
      ),
    );
    words.append(
      el(
        "text",
        { x: width - right, y: height - 6, "text-anchor": "end" },
        "bits per pixel, whole files",
      ),
    );
    svg.append(grid, words);
    // the report's subject is drawn last, on top
    for (const { codec, points, line } of all.reverse()) {
      const strong = codec === DATA.focus;
      const style = `stroke:${colour(codec)}`;
      const d = `M${line.map(([x, y]) => `${X(x).toFixed(1)} ${Y(y).toFixed(1)}`).join("L")}`;
      svg.append(
        el("path", {
          d,
          class: "curve",
          "data-codec": codec,
          fill: "none",
          style,
          "stroke-width": strong ? 3 : 2,
          "stroke-linecap": "round",
          "stroke-linejoin": "round",
          "stroke-dasharray": CODEC[codec].half ? "6 5" : null,
        }),
      );
      for (const [a, b] of points) {
        svg.append(
          el("circle", {
            cx: X(a),
            cy: Y(b),
            r: strong ? 3.6 : 2.8,
            style: `fill:${colour(codec)}`,
          }),
        );
      }
    }
    const cross = el("g", { visibility: "hidden" });
    svg.append(cross);
    plot = { svg, cross, all, m, Y, x0, x1, left, right, top, bottom, width, height };
    svg.addEventListener("pointermove", (e) => {
      const r = svg.getBoundingClientRect();
      read(
        x0 +
          ((((e.clientX - r.left) * width) / r.width - left) / (width - left - right)) * (x1 - x0),
      );
    });
    svg.addEventListener("pointerleave", hide);
    svg.addEventListener("blur", hide);
    svg.addEventListener("keydown", (e) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
      if (e.key === "Escape") hide();
      if (!step) return;
      e.preventDefault();
      read((state.at ?? (x0 + x1) / 2) + (step * (x1 - x0)) / 60);
    });
  }
  function hide() {
    if (plot) plot.cross.setAttribute("visibility", "hidden");
    tip.hidden = true;
    state.at = null;
  }

  // Everything at one rate, best codec first.
  function read(at) {
    const { cross, all, m, Y, x0, x1, left, right, top, bottom, width, height, svg } = plot;
    at = Math.min(Math.max(at, x0), x1);
    state.at = at;
    const rate = state.log ? Math.exp(at) : at;
    const px = left + ((at - x0) / (x1 - x0)) * (width - left - right);
    const rows = all
      .map((c) => [c.codec, valueAt(c.line, Math.log(rate))])
      .filter(([, v]) => v !== null)
      .sort((a, b) => b[1] - a[1]);
    cross.replaceChildren(
      el("line", {
        x1: px,
        x2: px,
        y1: top,
        y2: height - bottom,
        style: "stroke:var(--muted)",
        "stroke-dasharray": "3 3",
      }),
      ...rows.map(([c, v]) =>
        el("circle", {
          cx: px,
          cy: Y(v),
          r: 5,
          style: `fill:${colour(c)};stroke:var(--card)`,
          "stroke-width": 2,
        }),
      ),
    );
    cross.setAttribute("visibility", "visible");
    tip.replaceChildren(
      el("b", {}, `${rate.toPrecision(2)} bits per pixel`),
      el(
        "table",
        {},
        ...rows.map(([c, v]) =>
          el(
            "tr",
            {},
            el(
              "td",
              {},
              el("span", { class: "dot", style: `--c:${colour(c)}` }),
              ` ${CODEC[c].label}`,
            ),
            el("td", {}, axisText(m, v)),
          ),
        ),
      ),
    );
    tip.hidden = rows.length === 0;
    const scale = svg.getBoundingClientRect().width / width;
    const x = px * scale;
    const fits = x + 16 + tip.offsetWidth <= box.clientWidth;
    tip.style.left = `${fits ? x + 16 : Math.max(0, x - 16 - tip.offsetWidth)}px`;
    tip.style.top = `${top + 8}px`;
  }

  choice(
    $("#metrics"),
    DATA.metrics
      .filter((m) => DATA.codecs.some((c) => DATA.curves[c.name]?.[m.name]))
      .map((m) => [m.name, m.label]),
    state.metric,
    (v) => {
      state.metric = v;
      draw();
    },
  );
  choice(
    $("#scale"),
    [
      [true, "log"],
      [false, "linear"],
    ],
    true,
    (v) => {
      state.log = v;
      draw();
    },
  );
  const source = $("#source");
  options(source, [["", "mean of all pictures"], ...DATA.pictures.map((p, i) => [i, p.name])], "");
  source.addEventListener("change", () => {
    state.source = source.value;
    draw();
  });
  $(".chips", root).replaceChildren(
    ...DATA.codecs.map((c) =>
      el(
        "button",
        {
          class: "chip",
          type: "button",
          "aria-pressed": "true",
          onclick: (e) => {
            const off = !state.off.delete(c.name) && state.off.add(c.name);
            e.currentTarget.setAttribute("aria-pressed", String(!off));
            draw();
          },
        },
        el("span", { class: "dot", style: `--c:${colour(c.name)}` }),
        c.label,
      ),
    ),
  );
  let last = 0;
  new ResizeObserver(() => {
    if (box.clientWidth !== last) {
      last = box.clientWidth;
      draw();
    }
  }).observe(box);
  window.showCurvesOf = (index) => {
    source.value = String(index);
    state.source = String(index);
    draw();
    root.scrollIntoView();
  };
})();
