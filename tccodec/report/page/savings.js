// "If you now use X at quality Q": the folder in every codec at the same quality.
(function savings() {
  const root = $("#savings");
  if (!root || !DATA.savings) return;
  const now = $("#now");
  const setting = $("#setting");
  const metric = $("#same");
  const bars = $(".bars", root);
  const note = $(".note", root);
  const state = { metric: DATA.headline, now: DATA.anchor, quality: DATA.example };

  const entries = () => DATA.savings[state.metric]?.[state.now] || [];
  function fill() {
    const list = entries().map(([q]) => q);
    if (!list.includes(state.quality)) state.quality = list[Math.floor(list.length / 2)];
    options(
      setting,
      list.map((q) => [q, `${CODEC[state.now].knob} ${q}`]),
      state.quality,
    );
    draw();
  }
  function draw() {
    const saving = entries().find(([q]) => q === state.quality);
    if (!saving) {
      bars.replaceChildren(el("p", { class: "muted" }, "No picture can be compared here."));
      note.textContent = "";
      return;
    }
    const rows = DATA.codecs
      .filter((c) => saving[1][c.name])
      .map((c) => {
        const [own, size_, count] = saving[1][c.name];
        return {
          codec: c.name,
          ratio: size_ / own,
          bytes: (size_ / own) * saving[1][state.now][0],
          count,
        };
      });
    const { label, knob } = CODEC[state.now];
    $(".chosen", root).textContent =
      `${label}, ${knob} ${state.quality}, and the same ${METRIC[state.metric].label}:`;
    const most = Math.max(...rows.map((r) => r.bytes));
    const whole = saving[1][state.now][2];
    rows.sort((a, b) => a.bytes - b.bytes);
    bars.replaceChildren(
      ...rows.map((r) => {
        const own = r.codec === state.now;
        const cls = own ? "muted" : kind(r.ratio);
        const part = r.count < whole ? ` (from ${r.count} of ${whole} pictures)` : "";
        return el(
          "div",
          { class: "row" },
          el("span", { class: own ? "name" : "" }, CODEC[r.codec].label),
          el(
            "div",
            { class: "track" },
            el("i", {
              style: `--c:${colour(r.codec)};width:${Math.max(0.5, (62 * r.bytes) / most)}%`,
            }),
            el(
              "span",
              { class: "amount" },
              el("b", {}, size(r.bytes)),
              " ",
              el("span", { class: cls }, own ? "what you use now" : change(r.ratio) + part),
            ),
          ),
        );
      }),
    );
    const missing = DATA.codecs.filter((c) => !saving[1][c.name]).map((c) => c.label);
    note.textContent = missing.length ? `Not measured at this quality: ${missing.join(", ")}.` : "";
  }
  options(
    now,
    DATA.codecs.map((c) => [c.name, c.label]),
    state.now,
  );
  options(
    metric,
    DATA.metrics.filter((m) => DATA.savings[m.name]).map((m) => [m.name, m.label]),
    state.metric,
  );
  now.addEventListener("change", () => {
    state.now = now.value;
    fill();
  });
  metric.addEventListener("change", () => {
    state.metric = metric.value;
    fill();
  });
  setting.addEventListener("change", () => {
    state.quality = Number(setting.value);
    draw();
  });
  fill();
})();
