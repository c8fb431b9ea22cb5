"use strict";

/* The confusion matrix: gold down, answered across, each cell a button that filters. */
vsdkit.matrix = (place, data, choose) => {
  const { html, count } = vsdkit.dom;
  /** The darkest shade takes so much of its colour: text on it keeps a contrast above 4.5. */
  const DARKEST = 45; // percent
  const NONE = -1;
  const columns = [...data.relations.map((_, index) => index), NONE];

  const short = (index) =>
    (index === NONE ? "none" : data.relations[index].short ?? data.relations[index].label);
  const label = (index) => (index === NONE ? "none" : data.relations[index].label);

  /** Return a cell's button; its row's total decides how dark it is. */
  function cell(gold, answered, value, total, state) {
    const pressed = state.relation === gold && state.predicted === answered;
    const made = html("button", {
      type: "button", "data-row": gold, "data-column": answered, tabindex: -1,
      "aria-pressed": String(pressed), class: gold === answered ? "cell-right" : "cell-wrong",
      "aria-label": `gold ${label(gold)}, answered ${label(answered)}: ${count(value)} of ${count(total)}`,
    }, value ? count(value) : "·");
    made.style.setProperty("--share", `${total ? (DARKEST * value) / total : 0}%`);
    return html("td", {}, made);
  }

  function table(state) {
    const confusion = data.systems[state.system].confusion;
    const head = html("tr", {}, html("td", {}),
      columns.map((index) => html("th", { scope: "col" }, html("span", {}, short(index)))));
    const rows = data.relations.map((_, gold) => {
      const counts = confusion[label(gold)] ?? {};
      const total = Object.values(counts).reduce((sum, value) => sum + value, 0);
      return html("tr", {}, html("th", { scope: "row" }, short(gold)),
        columns.map((answered) => cell(gold, answered, counts[label(answered)] ?? 0, total, state)));
    });
    return html("table", { class: "matrix" },
      html("caption", { class: "out-of-sight" }, `confusion matrix of ${data.systems[state.system].name}`),
      html("thead", {}, head), html("tbody", {}, rows));
  }

  const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

  /** Move the focus from cell to cell; Tab goes into the matrix once and out of it once. */
  function walk(event) {
    const from = event.target.closest("button");
    if (!from || !(event.key in STEPS)) return;
    event.preventDefault();
    const rows = [...place.querySelectorAll("tbody tr")].map((row) => [...row.querySelectorAll("button")]);
    const row = rows.findIndex((buttons) => buttons.includes(from));
    const [down, across] = STEPS[event.key];
    const to = rows[row + down]?.[rows[row].indexOf(from) + across];
    if (to) to.focus();
  }

  place.addEventListener("keydown", walk);
  place.addEventListener("focusin", ({ target }) => {
    if (!target.matches("button")) return;
    place.querySelectorAll("button[tabindex='0']").forEach((other) => other.setAttribute("tabindex", -1));
    target.setAttribute("tabindex", 0);
  });
  place.addEventListener("click", ({ target }) => {
    const pressed = target.closest("button");
    if (!pressed) return;
    const again = pressed.getAttribute("aria-pressed") === "true";
    // Its verdict follows from the cell; another one would leave nothing to show.
    choose(again ? { relation: null, predicted: null } : {
      relation: Number(pressed.dataset.row), predicted: Number(pressed.dataset.column), verdict: null, task: null,
    });
  });

  /** Show the matrix of a state's system, the chosen cell pressed. */
  function show(state) {
    const held = place.contains(document.activeElement) ? document.activeElement.dataset : null;
    place.replaceChildren(...(data.systems[state.system].confusion ? [table(state)] : []));
    const [row, column] = held ? [held.row, held.column] : [state.relation ?? 0, state.predicted ?? 0];
    const entrance = place.querySelector(`button[data-row="${row}"][data-column="${column}"]`);
    entrance?.setAttribute("tabindex", 0);
    if (held) entrance?.focus({ preventScroll: true });
  }

  return { show };
};
