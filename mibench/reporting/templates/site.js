
// ---- the ranking that the filters ask for

const dataOfSite = document.getElementById("data");

class Ranking {
  constructor(data) {
    this.data = data;
    this.form = document.getElementById("filters");
    this.said = document.getElementById("chosen");
    const [first, ...others] = document.querySelectorAll(".ranking");
    for (const other of others) other.hidden = true;
    this.heading = first.querySelector("h2");
    this.region = first.querySelector(".scroll");
    this.table = first.querySelector("table");
    this.few = first.querySelector(".few");
    this.selects = {};
    this.offer("quantity", Object.keys(data.quantities).map((name) => [name, name]), "what is estimated");
    for (const [name, label] of [["family", "family"], ["dimension", "dimension"], ["number", "n"]])
      this.offer(name, [], label);
    this.offer("training", [["", "any"], ["no", "no"], ["yes", "yes"]], "needs training");
    this.offer("parameters", [["", "any"], ["default", "default"], ["set", "set"]], "parameters");
    const rows = Object.values(data.quantities).flatMap((it) => it.rankings).flat();
    const seen = [...new Set(rows.map(([, , , samples]) => samples))].filter(Boolean).sort((a, b) => a - b);
    this.offer("samples", [["", "any number"], ...seen.map((it) => [it, `at most ${it}`])], "pairs seen");
    this.form.hidden = false;
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("change", (event) => this.show(event.target.name === "quantity"));
    this.show(true);
  }

  offer(name, options, label) {
    const select = make("select", { name });
    this.selects[name] = select;
    this.fill(name, options);
    this.form.append(make("label", {}, label, select));
  }

  fill(name, options) {
    const kept = this.selects[name].value;
    this.selects[name].replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
    if (options.some(([value]) => value === kept)) this.selects[name].value = kept;
    if (this.selects[name].parentElement) this.selects[name].parentElement.hidden = options.length < 2;
  }

  get quantity() {
    return this.data.quantities[this.selects.quantity.value];
  }

  show(renew) {
    const all = (values) => [["", "all"], ...(values.length > 1 ? values.map((it) => [it, it]) : [])];
    if (renew) {
      this.fill("family", all(this.quantity.families));
      this.fill("dimension", all(this.quantity.dimensions));
      this.fill("number", all(this.quantity.numbers));
    }
    const { quantity, family, dimension, number } = this.selects;
    const place = this.quantity.chosen[[family.value, dimension.value, number.value].join("|")];
    const ranked = place === undefined ? [] : this.quantity.rankings[place];
    const fitting = ranked.filter((row) => this.fits(row));
    const rows = fitting.filter(([, rank]) => rank);
    const few = fitting.filter(([, rank]) => !rank);
    this.heading.textContent = quantity.value;
    this.region.setAttribute("aria-label", `Ranking by ${quantity.value}`);
    for (const note of document.querySelectorAll("[data-quantity]"))
      note.hidden = note.dataset.quantity !== quantity.value;
    for (const header of this.region.parentElement.querySelectorAll("th")) header.setAttribute("aria-sort", "none");
    this.table.tBodies[0].replaceChildren(...rows.map((row) => this.row(row)));
    this.few.hidden = !few.length;
    this.few.querySelector("tbody").replaceChildren(...few.map((row) => this.unranked(row)));
    this.said.textContent = ranked.length
      ? `${rows.length} of ${ranked.filter(([, rank]) => rank).length} estimators`
      : "Of these cells no two estimators were measured.";
  }

  fits([estimator, , , seen]) {
    const facts = this.data.estimators[estimator];
    const { training, parameters, samples } = this.selects;
    if (training.value && facts.training !== training.value) return false;
    if (parameters.value && facts.parameters !== parameters.value) return false;
    return !samples.value || !seen || Number(seen) <= Number(samples.value);
  }

  unranked([estimator, , , , , ...counts]) {
    const facts = this.data.estimators[estimator];
    return make(
      "tr", {},
      make("td", {}, make("a", { href: facts.page }, facts.name)),
      ...counts.map((count) => make("td", { class: "num" }, String(count))),
    );
  }

  row([estimator, rank, near, samples, ...counts]) {
    const facts = this.data.estimators[estimator];
    const family = this.selects.family.value;
    const target = family ? this.data.families[family] : `${facts.page}#rows`;
    const number = (text) => make("td", { class: "num" }, String(text));
    return make(
      "tr", {},
      make("td", { class: "num" }, make("a", { href: target }, rank)),
      make("td", {}, make("a", { href: facts.page }, facts.name)),
      number(near),
      make("td", {}, facts.training),
      number(samples),
      ...counts.map(number),
    );
  }
}

if (dataOfSite) new Ranking(JSON.parse(dataOfSite.textContent));
