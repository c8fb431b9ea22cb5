"use strict";

/* The controls over the list: they show a state, and tell what a person wants of it. */
vsdkit.controls = (form, data, { change, filter }) => {
  const { html, byId, count } = vsdkit.dom;
  const fields = form.elements;
  /** A search waits so long for the next letter, in ms. */
  const PAUSE = 150;

  const option = (value, text) => html("option", { value }, text);

  function fillSelects() {
    const relations = data.relations.map(({ label }, index) => [index, label]);
    const counts = data.relations.map(() => 0);
    for (let entry = 0; entry < data.size; entry += 1) {
      for (const relation of data.gold(entry)) counts[relation] += 1;
    }
    fields.system.append(...data.systems.map(({ name }, index) => option(index, name)));
    fields.relation.append(option("", "all"),
      ...relations.map(([index, label]) => option(index, `${label} (${count(counts[index])})`)));
    fields.predicted.append(option("", "anything"),
      ...relations.map(([index, label]) => option(index, label)), option(-1, "none"));
    fields.task.append(option("", "all"),
      ...data.tasks.map((task) => option(task, `${task} ${vsdkit.TASKS[task]}`)));
    fields.sort.append(option("", "order of gold"),
      ...data.sorts.map(({ key, label }) => option(key, label)));
    const several = data.systems.length > 1;
    for (const name of ["system", "differ"]) form.querySelector(`[data-of=${name}]`).hidden = !several;
    form.querySelector("[data-of=predicted]").hidden = !data.tasks.includes(1);
  }

  function showVerdicts(state) {
    const counts = filter.countVerdicts(state);
    const shown = Object.entries(data.verdicts)
      .filter(([letter]) => counts[letter] || letter === state.verdict)
      .map(([letter, { word, sign }]) => option(letter, `${sign} ${word} (${count(counts[letter] ?? 0)})`));
    fields.verdict.replaceChildren(option("", "any"), ...shown);
  }

  const number = (text) => (text === "" ? null : Number(text));

  /* What each control tells of the state. */
  const READ = {
    system: (field) => ({ system: Number(field.value) }),
    relation: (field) => ({ relation: number(field.value) }),
    predicted: (field) => ({ predicted: number(field.value) }),
    task: (field) => ({ task: number(field.value) }),
    verdict: (field) => ({ verdict: field.value || null }),
    tag: (field) => ({ tag: field.value.trim() }),
    text: (field) => ({ text: field.value.trim() }),
    sentences: (field) => ({ sentences: field.checked }),
    // What is wrong with the answers comes first: the low end of numbers where high is better.
    sort: (field) => ({ sort: field.value || null, lowFirst: worstIsLow(field.value) }),
    differ: (field) => ({ differ: field.checked }),
    grid: (field) => ({ grid: field.checked }),
  };

  const worstIsLow = (key) => data.sorts.some((sort) => sort.key === key && sort.better === "higher");

  let waiting = 0;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", ({ target }) => {
    clearTimeout(waiting);
    if (target.name in READ) change(READ[target.name](target));
  });
  fields.text.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => change(READ.text(fields.text), { replace: true }), PAUSE);
  });
  // Thousands of tags: they are listed when someone wants to choose one.
  fields.tag.addEventListener("focus", () => {
    byId("tags").append(...[...data.countTags()].map(([tag, times]) =>
      html("option", { value: tag, label: `${tag} (${count(times)})` })));
  }, { once: true });
  byId("direction").addEventListener("click", () =>
    change({ lowFirst: byId("direction").dataset.low !== "true" }));

  /** Show a state in the controls; those that filter are marked. */
  function show(state) {
    showVerdicts(state);
    const text = (value) => (value === null ? "" : String(value));
    for (const name of ["system", "relation", "predicted", "task", "verdict", "tag", "sort"]) {
      fields[name].value = text(state[name]);
    }
    // A search that is being typed is left as it is.
    if (fields.text.value.trim() !== state.text) fields.text.value = state.text;
    for (const name of ["sentences", "differ", "grid"]) fields[name].checked = state[name];
    for (const name of ["relation", "predicted", "task", "verdict", "tag", "text", "sort"]) {
      fields[name].toggleAttribute("data-set", Boolean(text(state[name])));
    }
    byId("direction").hidden = state.sort === null;
    byId("direction").dataset.low = state.lowFirst;
    byId("direction").textContent = state.lowFirst ? "low first" : "high first";
  }

  // An entry that is scrolled to stops below the bar, however many lines the bar has.
  new ResizeObserver(() =>
    document.documentElement.style.setProperty("--bar", `${form.offsetHeight}px`)).observe(form);

  fillSelects();
  return { show };
};
