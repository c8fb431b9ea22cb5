"use strict";

/* What gold says of an entry and what each system answered, task by task. */
vsdkit.answers = (data) => {
  const { html, number, line } = vsdkit.dom;
  const names = data.relations.map(({ label }) => label);
  const LISTED_PROBABILITIES = 3; // in the list; alone, an entry shows all
  const LEAST_PROBABILITY = 0.005; // less is shown as 0 %

  /** Return a verdict as a sign and a word. */
  function verdictMark(letter) {
    const verdict = data.verdicts[letter];
    return verdict && html("span", { class: "verdict", "data-verdict": letter },
      html("span", { "aria-hidden": "true" }, verdict.sign), ` ${verdict.word}`);
  }

  const quoted = (text) => html("q", {}, text);

  /* Probabilities are from 0 to 1, and every other number from 0 to 100. */
  const shown = (sort, value) => number(value, sort.value === "probability" ? 3 : 1);

  /** Return the numbers of a system's row that can be sorted by. */
  function numbers(entry, system, task) {
    const found = data.sorts
      .filter((sort) => sort.task === task && data.value(system, sort.key, entry) !== null)
      .map((sort) => html("span", { class: "number" },
        // The label starts with its task, which is told already.
        `${sort.label.replace(/^\d+ /, "")} `,
        html("b", {}, shown(sort, data.value(system, sort.key, entry)))));
    return found.length ? found : null;
  }

  function pairs(found) {
    const known = Object.entries(found ?? {});
    return known.length
      ? html("span", { class: "quiet" }, "mBLEU-4 of sentences ",
        known.map(([pair, value]) => `${pair.replace("-", "–")}: ${number(value)}`).join(", "))
      : null;
  }

  function chips(word, sign, kind, tuples) {
    return tuples.length
      ? html("div", { class: "chips", "data-kind": kind },
        html("span", { class: "chips-word" }, `${sign} ${word}`),
        html("span", { class: "chips-list" },
          tuples.map((tuple) => html("span", { class: "chip" }, tuple.join(" · ")))))
      : null;
  }

  /**
   * Return the SPICE tuples of a sentence: matched, missing from it, made up by it.
   * @param {?number} best Which reference it was held against; 0 or none: the first, or all.
   */
  function tupleLine(tuples, missing, best) {
    const of = (letter) => (tuples ?? []).filter(([, told]) => told === letter).map(([tuple]) => tuple);
    const groups = [
      chips("matched", "✓", "matched", of("m")),
      chips("missing", "−", "missing", missing ?? []),
      chips("made up", "+", "made-up", of("x")),
    ].filter(Boolean);
    return groups.length ? html("div", { class: "tuples", "aria-label": "SPICE tuples", role: "group" }, groups,
      best ? html("span", { class: "stated" }, `against reference ${best + 1}`) : null) : null;
  }

  function sentence(text, stated, spice) {
    return html("p", { class: "sentence" }, text ? quoted(text) : html("span", { class: "quiet" }, "(empty)"),
      stated && html("span", { class: "stated" }, ` states ${stated.length ? stated.join(", ") : "no relation"}`),
      spice === null || spice === undefined ? null
        : html("span", { class: "number" }, " SPICE ", html("b", {}, number(spice))));
  }

  function sentences(answer, details) {
    const shown = answer.map((text, place) => html("li", {},
      sentence(text, details.stated?.[place], details.by_sentence?.[place]),
      tupleLine(details.tuples?.[place], details.missing?.[place], details.best?.[place])));
    return html("ol", { class: "sentences" }, shown);
  }

  function probabilities(found, large) {
    if (!found) return null;
    let ordered = Object.entries(found).sort((one, other) => other[1] - one[1]);
    if (!large && ordered.length > LISTED_PROBABILITIES + 1) {
      const rest = ordered.splice(LISTED_PROBABILITIES);
      ordered = [...ordered, ["others", rest.reduce((sum, [, share]) => sum + share, 0)]];
    }
    return html("ul", { class: "probabilities", "aria-label": "probabilities" }, ordered.map(([label, share]) => {
      const bar = html("span", { class: "bar", "aria-hidden": "true" });
      bar.style.setProperty("--share", Math.min(1, Math.max(0, share)));
      const told = share < LEAST_PROBABILITY ? "0" : (100 * share).toFixed(0);
      return html("li", {}, html("span", {}, label), bar, html("span", {}, `${told} %`));
    }));
  }

  /** Return what a system said to a task, by what kind of thing an answer is. */
  function said(entry, system, task, details) {
    if (task === 1) {
      const label = data.label(system, entry);
      const text = label !== null && label >= 0 ? names[label] : details?.answer;
      return text ? html("p", { class: "label" }, text) : null;
    }
    if (!details || details.answer === null || details.answer === undefined) return null;
    if (Array.isArray(details.answer)) return sentences(details.answer, details);
    return [sentence(details.answer, details.stated), tupleLine(details.tuples, details.missing, details.best)];
  }

  const note = (word, text) => (text === null || text === undefined || text === "" ? null
    : html("p", { class: "note" }, html("span", { class: "quiet" }, `${word} `), line(text)));

  function answerCell(entry, system, task, { details, large }) {
    const letter = data.verdict(system, task, entry);
    const name = data.systems[system].name;
    const of = details?.systems?.[system]?.[task];
    const counted = numbers(entry, system, task);
    const between = pairs(of?.mbleu4_by_pair);
    return html("div", { class: "cell", role: "group", "aria-label": `${name}, task ${task}` },
      html("p", { class: "cell-head" }, html("span", { class: "system" }, name), verdictMark(letter)),
      said(entry, system, task, of),
      of?.error && html("p", { class: "note error" }, html("b", {}, "error "), of.error),
      note("because", of?.because),
      note("raw", of?.raw),
      probabilities(of?.probabilities, large),
      counted || between ? html("p", { class: "numbers" }, counted, between) : null);
  }

  function goldCell(entry, task, details) {
    const gold = data.gold(entry).map((relation) => names[relation]);
    const references = details?.references?.[task] ?? [];
    return html("div", { class: "cell gold", role: "group", "aria-label": `gold, task ${task}` },
      html("p", { class: "cell-head" }, html("span", { class: "system" }, "gold")),
      task === 1
        ? html("p", { class: "label" }, gold.join(", ") || "–")
        : html("ul", { class: "references" }, references.map((text) => html("li", {}, quoted(text)))));
  }

  function question(entry, task) {
    // A function as replacement: "$&" in a tag is text.
    const asked = (data.summary.questions?.[task] ?? "")
      .replaceAll("{subject}", () => data.subject(entry))
      .replaceAll("{object}", () => data.object(entry));
    return asked ? html("p", { class: "question quiet" }, asked) : null;
  }

  /** Return a section of a task: question, gold, each system's answer. */
  function section(entry, task, known) {
    const several = data.systems.length > 1;
    const differs = several && data.differs(entry, task);
    const cells = html("div", { class: "cells" }, goldCell(entry, task, known.details),
      data.systems.map((_, system) => answerCell(entry, system, task, known)));
    return html("section", { class: "task", "data-differs": differs, "aria-label": `task ${task}` },
      html("div", { class: "task-head" },
        html("h3", {}, html("b", {}, String(task)), ` ${vsdkit.TASKS[task]}`),
        differs ? html("span", { class: "differs" }, "≠ differ") : null,
        question(entry, task)),
      cells);
  }

  /**
   * Return the sections of an entry.
   * @param {number} entry
   * @param {?number} task Only this one, or null.
   * @param {{details: ?Object, large: boolean}} known No details: they are not there yet, and only
   *   what is known without them is told. Large: all of them are shown.
   */
  function all(entry, task, known) {
    const present = data.tasks.filter((of) => (task === null || of === task)
      && (data.isAsked(of, entry) || known.details?.references?.[of]));
    return present.map((of) => section(entry, of, known));
  }

  return { all, verdictMark };
};
