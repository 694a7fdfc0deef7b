"use strict";
// Text from records only ever becomes text nodes here: nothing sets innerHTML.

function make(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function drawn(name, attributes) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

// ---- theme

const themeButton = document.getElementById("theme");
const prefersDark = matchMedia("(prefers-color-scheme: dark)");

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : prefersDark.matches;
}

function nameTheme() {
  themeButton.textContent = isDark() ? "Light" : "Dark";
  themeButton.setAttribute("aria-label", `Switch to ${isDark() ? "light" : "dark"} colours`);
}

themeButton.hidden = false;
themeButton.addEventListener("click", () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  nameTheme();
});
prefersDark.addEventListener("change", nameTheme);
nameTheme();

// ---- tables: sorting and filtering

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

function compare(a, b, numeric, sign) {
  if (!a || !b) return a ? -1 : b ? 1 : 0; // what is absent comes last in both directions
  return sign * (numeric ? parseFloat(a) - parseFloat(b) : collator.compare(a, b));
}

function sortBy(table, header) {
  const ascending = header.getAttribute("aria-sort") !== "ascending";
  const column = header.cellIndex;
  for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
  header.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const rows = [...table.tBodies[0].rows].map((row) => [row.cells[column].textContent, row]);
  const numeric = header.classList.contains("num");
  rows.sort(([a], [b]) => compare(a, b, numeric, ascending ? 1 : -1));
  table.tBodies[0].append(...rows.map(([, row]) => row));
}

function facet(table, header) {
  const values = new Set([...table.tBodies[0].rows].map((row) => row.cells[header.cellIndex].textContent));
  if (values.size < 2 || values.size > 60) return null;
  const options = [...values].sort(collator.compare).map((value) => make("option", { value: `=${value}` }, value || "(none)"));
  const select = make("select", { "data-column": header.cellIndex }, make("option", { value: "" }, "all"), ...options);
  return make("label", {}, header.textContent, select);
}

function addFilters(table) {
  if (table.tBodies[0].rows.length < 5) return;
  const words = make("input", { type: "search", placeholder: "words" });
  const count = make("output", { "aria-live": "polite" });
  const facets = [...table.tHead.rows[0].cells].filter((th) => "facet" in th.dataset).map((th) => facet(table, th));
  const tools = make("div", { class: "tools" }, make("label", {}, "filter", words), ...facets.filter(Boolean), count);
  const apply = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = [...tools.querySelectorAll("select")].filter((select) => select.value);
    let shown = 0;
    for (const row of table.tBodies[0].rows) {
      const text = [...row.cells].map((cell) => cell.textContent).join(" ").toLowerCase();
      const fits = chosen.every((select) => `=${row.cells[select.dataset.column].textContent}` === select.value);
      row.hidden = !(fits && wanted.every((word) => text.includes(word)));
      shown += !row.hidden;
    }
    count.textContent = `${shown} of ${table.tBodies[0].rows.length} rows`;
  };
  tools.addEventListener("input", apply);
  table.closest(".table").prepend(tools);
  apply();
}

for (const table of document.querySelectorAll("table.sortable")) {
  for (const header of table.tHead.rows[0].cells)
    header.querySelector("button").addEventListener("click", () => sortBy(table, header));
  if (!table.classList.contains("own-filters")) addFilters(table);
}

// ---- charts: values under the pointer and by arrow keys, legends, data as tables

const tip = document.getElementById("tip");
const said = document.getElementById("said");

class Panel {
  constructor(chart, svg, panel) {
    this.chart = chart;
    this.svg = svg;
    this.at = svg.querySelector(".at");
    this.values = panel.values;
    this.y = panel.y;
    this.place = -1;
    svg.addEventListener("pointermove", (event) => this.point(event));
    svg.addEventListener("pointerdown", (event) => this.point(event));
    svg.addEventListener("pointerleave", () => this.leave());
    svg.addEventListener("keydown", (event) => this.key(event));
    svg.addEventListener("blur", () => this.leave());
  }

  get stops() {
    const seen = this.values.filter(([s]) => !this.chart.off.has(s));
    if (this.chart.kind !== "lines") return seen.sort((a, b) => a[1] - b[1] || a[2] - b[2]).map((value) => [value]);
    const byPlace = new Map();
    for (const value of seen) byPlace.set(value[1], [...(byPlace.get(value[1]) ?? []), value]);
    return [...byPlace].sort(([a], [b]) => a - b).map(([, values]) => values.sort((a, b) => a[2] - b[2]));
  }

  point(event) {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.svg.getScreenCTM().inverse());
    const lines = this.chart.kind === "lines";
    const distance = ([value]) => Math.hypot(value[1] - point.x, lines ? 0 : value[2] - point.y);
    const stops = this.stops;
    if (!stops.length) return;
    const nearest = stops.reduce((best, stop) => (distance(stop) < distance(best) ? stop : best));
    this.place = stops.indexOf(nearest);
    this.show(nearest);
  }

  key(event) {
    const stops = this.stops;
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (event.key === "Escape") this.leave();
    else if (step && stops.length) {
      event.preventDefault();
      this.place = Math.min(Math.max(this.place + step, 0), stops.length - 1);
      said.textContent = this.show(stops[this.place]);
    }
  }

  show(stop) {
    const [, x, , xText] = stop[0];
    const lines = this.chart.kind === "lines";
    const rows = stop.map((value) => [value, ...this.chart.read(value)]);
    const head = lines ? `${this.chart.x} ${xText}` : [rows[0][1], stop[0][6]].filter(Boolean).join(", ");
    const body = lines
      ? rows.map(([value, name, text]) => [value[0], name, text])
      : [[-2, this.chart.x, xText], [-2, this.y, rows[0][2]]];
    tip.replaceChildren(make("b", {}, head), ...body.map(([s, name, text]) => this.line(s, name, text)));
    this.at.replaceChildren(...stop.map((value) => drawn("circle", { cx: value[1], cy: value[2], r: lines ? 3.5 : 7 })));
    if (lines) this.at.append(drawn("path", { d: `M${x} 10V190` }));
    tip.hidden = false;
    this.settle(x);
    return [head, ...body.map(([, name, text]) => `${name}: ${text}`)].join("; ");
  }

  line(s, name, text) {
    const label = make("span", {}, name);
    if (s > -2) label.prepend(make("i", s < 0 ? {} : { class: `s${s % 6}` }));
    return make("div", {}, label, make("span", {}, text));
  }

  settle(x) {
    const box = this.svg.getBoundingClientRect();
    const wide = document.documentElement.clientWidth;
    const middle = box.left + (x / this.svg.viewBox.baseVal.width) * box.width;
    const left = middle + 14 + tip.offsetWidth < wide ? middle + 14 : middle - 14 - tip.offsetWidth;
    tip.style.left = `${Math.max(4, Math.min(left, wide - tip.offsetWidth - 4)) + scrollX}px`;
    tip.style.top = `${Math.max(4, box.top + 6) + scrollY}px`;
  }

  leave() {
    tip.hidden = true;
    this.at.replaceChildren();
    this.place = -1;
  }
}

class Chart {
  constructor(figure) {
    Object.assign(this, JSON.parse(figure.querySelector("script").textContent));
    this.off = new Set();
    this.figure = figure;
    figure.querySelectorAll(".panel > svg").forEach((svg, i) => new Panel(this, svg, this.panels[i]));
    for (const button of figure.querySelectorAll(".legend button"))
      button.addEventListener("click", () => this.toggle(button));
    const details = make("details", {}, make("summary", {}, "Data of this chart"));
    details.addEventListener("toggle", () => details.childElementCount > 1 || details.append(this.table()));
    figure.append(details);
  }

  read([s, , , , text, seeds = ""]) {
    return [s < 0 ? "truth" : this.names[s], seeds === "" ? text : `${text} (${seeds} seed${seeds === 1 ? "" : "s"})`];
  }

  toggle(button) {
    const hide = button.getAttribute("aria-pressed") === "true";
    button.setAttribute("aria-pressed", String(!hide));
    const s = Number(button.dataset.s);
    this.off[hide ? "add" : "delete"](s);
    for (const series of this.figure.querySelectorAll(`g[data-s="${s}"]`)) series.classList.toggle("off", hide);
  }

  table() {
    const shown = new Set(this.panels.map(({ y }) => y));
    const head = ["of", "panel", "estimator", this.x, shown.size > 1 ? "value" : [...shown][0], "seeds", "point"];
    const rows = this.panels.flatMap(({ title, y, values }) =>
      values.map(([s, , , x, text, seeds = "", point = ""]) =>
        [shown.size > 1 ? y : "", title, s < 0 ? "truth" : this.names[s], x, text, seeds, point])
    );
    const used = head.map((_, i) => rows.some((row) => row[i] !== ""));
    const cells = (row, name) => row.filter((_, i) => used[i]).map((text) => make(name, {}, String(text)));
    const heads = cells(head, "th");
    for (const th of heads) th.setAttribute("scope", "col");
    const body = make("tbody", {}, ...rows.map((row) => make("tr", {}, ...cells(row, "td"))));
    const table = make("table", {}, make("thead", {}, make("tr", {}, ...heads)), body);
    return make("div", { class: "scroll", role: "region", tabindex: 0, "aria-label": "Data" }, table);
  }
}

for (const figure of document.querySelectorAll("figure.chart")) new Chart(figure);
