"use strict";
// Everything that is shown is created here, from text nodes: text from a model is never parsed as HTML.
window.voe = {};

/** Text without characters that a browser obeys or hides: a diff must be shown in the order that it has. */
voe.visible = (text) => String(text).replaceAll(
  /[{{hazards}}]/gu, "\ufffd");

/** Properties that are compared or followed, and not read by a person. */
const UNSEEN = new Set(["value", "href", "src"]);

/** An element. `props` may hold class, title, href, dataset, attributes in `attrs`, and handlers in `on`. */
voe.el = (tag, props, ...children) => {
  const node = document.createElement(tag);
  const { class: name, dataset, on, attrs, ...rest } = props ?? {};
  if (name) node.className = name;
  Object.assign(node.dataset, dataset ?? {});
  for (const [key, value] of Object.entries(attrs ?? {})) node.setAttribute(key, voe.visible(value));
  for (const [key, handler] of Object.entries(on ?? {})) node.addEventListener(key, handler);
  for (const [key, value] of Object.entries(rest)) node[key] = typeof value === "string" && !UNSEEN.has(key) ? voe.visible(value) : value;
  node.append(...children.flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => child instanceof Node ? child : voe.visible(child)));
  return node;
};

voe.number = (n) => (n === null || n === undefined ? "–" : Math.round(n).toLocaleString("en").replaceAll(",", "\u00a0"));
voe.short = (n) => {
  if (n === null || n === undefined) return "–";
  for (const [size, unit] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) if (n >= size) return (n / size).toPrecision(3) + unit;
  return String(Math.round(n));
};
voe.duration = (s) => {
  if (s === null || s === undefined) return "–";
  if (s < 10) return s.toFixed(1) + " s";
  if (s < 60) return Math.round(s) + " s";
  if (s < 3600) return `${Math.floor(s / 60)} min ${String(Math.floor(s % 60)).padStart(2, "0")} s`;
  return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")} min`;
};

/** A badge: a word with a class that colours it. */
voe.badge = (word, kind) => voe.el("span", { class: "badge " + (kind ?? word).replaceAll(/[^a-z_]/g, "_") }, word);

/** A diff, a line an element, so that colours are classes. */
voe.diff = (text) => {
  const kind = (line) => {
    if (/^(diff|index|new|old|deleted|similarity|rename|copy|Binary) |^(\+\+\+|---)( |$)/.test(line)) return "file";
    if (line.startsWith("@@")) return "hunk";
    if (line.startsWith("+")) return "added";
    if (line.startsWith("-")) return "removed";
    return "";
  };
  const lines = text.replace(/\n$/, "").split("\n").map((line) => voe.el("span", { class: kind(line) }, line + "\n"));
  return voe.el("pre", { class: "diff" }, lines);
};

/** A text: short ones whole, long ones with head and tail until asked for. */
voe.text = (raw, name, lines = 18) => {
  const text = String(raw);
  const all = text.replace(/\s+$/, "").split("\n");
  const pre = voe.el("pre", { class: name ?? "" });
  if (all.length <= lines + 4 && text.length < 6000) {
    pre.textContent = voe.visible(text);
    return pre;
  }
  const head = all.slice(0, Math.ceil(lines * 0.7)).join("\n").slice(0, 4000);
  const tail = all.slice(all.length - Math.floor(lines * 0.3)).join("\n").slice(-1500);
  const button = voe.el("button", { type: "button", class: "more" }, `… ${voe.number(all.length)} lines, ${voe.short(text.length)} characters: show all`);
  button.addEventListener("click", () => { pre.textContent = voe.visible(text); });
  pre.append(voe.visible(head) + "\n", button, "\n" + voe.visible(tail));
  return pre;
};

/** A table of texts, numeric columns to the right. */
voe.table = ({ columns, numeric, rows }) => {
  const cell = (tag, text, i) => voe.el(tag, { class: numeric?.[i] ? "n" : "" }, text);
  return voe.el("div", { class: "scroll" }, voe.el("table", {},
    voe.el("thead", {}, voe.el("tr", {}, columns.map((text, i) => cell("th", text, i)))),
    voe.el("tbody", {}, rows.map((row) => voe.el("tr", {}, row.map((text, i) => cell("td", text, i)))))));
};
