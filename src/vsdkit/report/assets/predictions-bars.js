"use strict";

/* F1, precision and recall of each relation as bars; each row is a button that filters. */
vsdkit.bars = (place, data, choose) => {
  const { html, button, count, number } = vsdkit.dom;
  const MEASURES = [["f1", "F1"], ["precision", "precision"], ["recall", "recall"]];

  function bar(key, value) {
    const made = html("span", { class: `bar ${key}` });
    made.style.setProperty("--share", (value ?? 0) / 100);
    return html("span", { class: "measure" }, made, html("span", { class: "bar-number" }, number(value)));
  }

  /* Out of sight of screen readers: each button says its measures' names itself. */
  const head = () => html("p", { class: "bars-head quiet", "aria-hidden": "true" }, html("span", {}, "gold"),
    MEASURES.map(([, word]) => html("span", {}, word)));

  function relation(row, state) {
    const index = data.relations.findIndex(({ label }) => label === row.relation);
    const told = MEASURES.map(([key, word]) => `${word} ${number(row[key])}`).join(", ");
    const pressed = state.relation === index && state.predicted === null;
    return html("li", {}, button({
      class: "relation-bars", "aria-pressed": String(pressed),
      "aria-label": `${row.relation}: ${told}; gold ${count(row.gold)}`,
    }, () => choose({ relation: pressed ? null : index, predicted: null }),
    html("span", { class: "relation-name" }, row.relation, " ", html("span", { class: "quiet" }, count(row.gold))),
    MEASURES.map(([key]) => bar(key, row[key]))));
  }

  /** Show the bars of a state's system, the chosen relation pressed. */
  function show(state) {
    const held = [...place.querySelectorAll("button")].indexOf(document.activeElement);
    const rows = data.systems[state.system].by_relation ?? [];
    place.replaceChildren(head(), html("ul", { class: "by-relation" }, rows.map((row) => relation(row, state))));
    if (held >= 0) place.querySelectorAll("button")[held]?.focus({ preventScroll: true });
  }

  return { show };
};
