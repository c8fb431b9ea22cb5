"use strict";

/* F1, precision and recall of each relation as bars; each row is a button that filters. */
vsdkit.bars = (place, data, choose) => {
  const { html, button, count, number } = vsdkit.dom;
  const MEASURES = [["f1", "F1"], ["precision", "precision"], ["recall", "recall"]];

  function bar([key, word], row) {
    const made = html("span", { class: `bar ${key}` });
    made.style.setProperty("--share", (row[key] ?? 0) / 100);
    return html("span", { class: "bar-line" }, html("span", { class: "bar-word" }, word), made,
      html("span", { class: "bar-number" }, number(row[key])));
  }

  function relation(row, state) {
    const index = data.relations.findIndex(({ label }) => label === row.relation);
    const told = MEASURES.map(([key, word]) => `${word} ${number(row[key])}`).join(", ");
    const pressed = state.relation === index && state.predicted === null;
    return html("li", {}, button({
      class: "relation-bars", "aria-pressed": String(pressed),
      "aria-label": `${row.relation}: ${told}; gold ${count(row.gold)}`,
    }, () => choose({ relation: pressed ? null : index, predicted: null }),
    html("span", { class: "relation-name" }, row.relation, html("span", { class: "quiet" }, `gold ${count(row.gold)}`)),
    html("span", { class: "bar-lines" }, MEASURES.map((measure) => bar(measure, row)))));
  }

  /** Show the bars of a state's system, the chosen relation pressed. */
  function show(state) {
    const held = [...place.querySelectorAll("button")].indexOf(document.activeElement);
    const rows = data.systems[state.system].by_relation ?? [];
    place.replaceChildren(html("ul", { class: "by-relation" }, rows.map((row) => relation(row, state))));
    if (held >= 0) place.querySelectorAll("button")[held]?.focus({ preventScroll: true });
  }

  return { show };
};
