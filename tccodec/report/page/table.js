// The table per picture: sorting, filtering, and bytes at equal quality by any metric.
(function table() {
  const root = $("#pictures table");
  if (!root) return;
  const body = root.tBodies[0];
  const rows = [...body.rows];
  const heads = [...root.tHead.rows[0].cells];
  const value = (row, column) => {
    const cell = row.cells[column];
    if (cell.dataset.v !== undefined) return cell.dataset.v === "" ? null : Number(cell.dataset.v);
    return cell.textContent.trim().toLowerCase();
  };
  function sort(column, down) {
    heads.forEach((h, i) => {
      if (h.dataset.sort) {
        h.setAttribute("aria-sort", i === column ? (down ? "descending" : "ascending") : "none");
      }
    });
    const sign = down ? -1 : 1;
    // what has no value stays at the end, whichever way
    const order = rows
      .map((r) => [value(r, column), r])
      .sort(([a], [b]) => {
        if (a === null || b === null) return (a === null) - (b === null);
        return (
          sign * (typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true }))
        );
      });
    body.append(...order.map(([, r]) => r));
  }
  heads.forEach((head, i) => {
    if (!head.dataset.sort) return;
    $("button", head).addEventListener("click", () => {
      const was = head.getAttribute("aria-sort");
      sort(i, was === "ascending" || (was === "none" && head.dataset.sort === "down"));
    });
  });
  const filter = $("#filter");
  const count = $("#count");
  filter.addEventListener("input", () => {
    const text = filter.value.toLowerCase();
    let shown = 0;
    for (const row of rows) {
      row.hidden = !row.cells[0].textContent.toLowerCase().includes(text);
      shown += !row.hidden;
    }
    count.textContent = `${shown} of ${rows.length}`;
  });
  const metric = $("#by");
  options(
    metric,
    DATA.metrics.filter((m) => DATA.ratios[m.name]).map((m) => [m.name, m.label]),
    DATA.headline,
  );
  const say = () => {
    $("#pictures .chosen").textContent = `By ${METRIC[metric.value].label}:`;
  };
  say();
  metric.addEventListener("change", () => {
    say();
    for (const row of rows) {
      const ratios = DATA.ratios[metric.value][+row.dataset.i] || {};
      for (const cell of row.cells) {
        if (!cell.dataset.codec) continue;
        const ratio = ratios[cell.dataset.codec] ?? null;
        cell.dataset.v = ratio === null ? "" : ratio;
        cell.className = ratio === null ? "self" : kind(ratio);
        cell.textContent = change(ratio);
      }
    }
    const sorted = heads.findIndex((h) => h.getAttribute("aria-sort") !== "none" && h.dataset.sort);
    if (sorted >= 0) sort(sorted, heads[sorted].getAttribute("aria-sort") === "descending");
  });
  root.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-open]");
    if (!link) return;
    event.preventDefault();
    const index = +link.dataset.open;
    const shown = DATA.shown.findIndex((s) => s.index === index);
    if (shown >= 0 && window.openViewer) window.openViewer(shown);
    else if (window.showCurvesOf) window.showCurvesOf(index);
  });
})();
