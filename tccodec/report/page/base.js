"use strict";
// Helpers shared by the page's parts. DATA is the report; the page loads nothing.
const DATA = JSON.parse(document.getElementById("data").textContent);
const $ = (selector, root = document) => root.querySelector(selector);
const METRIC = Object.fromEntries(DATA.metrics.map((m) => [m.name, m]));
const CODEC = Object.fromEntries(DATA.codecs.map((c) => [c.name, c]));
const colour = (codec) => (CODEC[codec] ? `var(--k${CODEC[codec].colour})` : "var(--muted)");

// el("p", {class: "x", onclick: f}, "text", child): one element, text always as text.
function el(tag, attributes = {}, ...children) {
  const svg = ["svg", "g", "path", "line", "circle", "text", "rect", "clipPath", "title"].includes(
    tag,
  );
  const node = svg
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) {
      node.setAttribute(name, value === true ? "" : value);
    }
  }
  node.append(...children.filter((c) => c !== null && c !== undefined));
  return node;
}

const minus = (text) => String(text).replace("-", "\u2212");
const fixed = (value, digits) =>
  value === null || value === undefined ? "\u2013" : minus(value.toFixed(digits));

function size(count) {
  for (const [unit, scale] of [
    ["GB", 1e9],
    ["MB", 1e6],
    ["kB", 1e3],
  ]) {
    if (count >= scale * 0.9995) {
      const value = count / scale;
      return `${value >= 99.5 ? value.toFixed(0) : Number(value.toPrecision(3))} ${unit}`;
    }
  }
  return `${Math.round(count)} B`;
}

function change(ratio) {
  if (ratio === null || ratio === undefined) return "\u2013";
  const value = (ratio - 1) * 100;
  const text = value.toFixed(Math.abs(value) < 9.95 ? 1 : 0);
  if (Number(text) === 0) return "0.0 %";
  return `${value > 0 ? "+" : ""}${minus(text)} %`;
}
// The class of a change of bytes; none for what is shown as zero.
function kind(ratio) {
  if (Number(((ratio - 1) * 100).toFixed(1)) === 0) return "";
  return ratio < 1 ? "good" : "bad";
}

// A value of a curve's axis as text: decibels, or the score itself.
function axisText(metric, value) {
  const score = fixed(
    metric.axis === "negative" ? -value : value,
    metric.axis === "db" ? 2 : metric.digits,
  );
  const unit = metric.axis === "db" ? "dB" : metric.unit;
  return unit ? `${score} ${unit}` : score;
}

function options(select, entries, chosen) {
  select.replaceChildren(
    ...entries.map(([value, text]) => {
      const option = el("option", { value }, text);
      option.selected = String(value) === String(chosen);
      return option;
    }),
  );
}

// Buttons of which one is pressed.
function choice(root, entries, chosen, act) {
  const buttons = entries.map(([value, text]) =>
    el(
      "button",
      { type: "button", "aria-pressed": String(value === chosen), onclick: () => pick(value) },
      text,
    ),
  );
  function pick(value) {
    entries.forEach(([v], i) => buttons[i].setAttribute("aria-pressed", String(v === value)));
    act(value);
  }
  root.replaceChildren(...buttons);
  return pick;
}

document.documentElement.classList.add("js");
(function theme() {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let own = null;
  try {
    own = localStorage.getItem("tccodec-theme");
  } catch {
    /* a file: page may not have storage */
  }
  const apply = () => root.setAttribute("data-theme", own || (dark.matches ? "dark" : "light"));
  dark.addEventListener("change", apply);
  apply();
  $("#theme").addEventListener("click", () => {
    own = root.getAttribute("data-theme") === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("tccodec-theme", own);
    } catch {
      /* as above */
    }
    apply();
  });
  // paper is white
  addEventListener("beforeprint", () => root.setAttribute("data-theme", "light"));
  addEventListener("afterprint", apply);
})();
