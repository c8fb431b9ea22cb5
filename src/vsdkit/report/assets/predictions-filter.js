"use strict";

/* Which entries a state shows, and in which order. */
vsdkit.filter = (data) => {
  let sentences = null;

  /**
   * Read every sentence of the page, for the search; nothing else needs them all.
   * @param {function(number)} tell Is told the share that is read.
   */
  async function readSentences(tell) {
    if (sentences) return;
    const found = [];
    // One after the other: the page stays alive, and the bar tells the truth.
    for (let number = 0; number < data.chunks; number += 1) {
      for (const entry of await data.chunk(number)) found.push(sentencesOf(entry));
      tell((number + 1) / data.chunks);
    }
    sentences = found;
  }

  function sentencesOf(details) {
    const references = Object.values(details.references ?? {}).flat();
    const answers = (details.systems ?? []).flatMap((system) =>
      Object.values(system ?? {}).flatMap((task) => [task?.answer, task?.raw]).flat());
    return [...references, ...answers].filter(Boolean).join("\n").toLowerCase();
  }

  function tests(state) {
    const found = [];
    const { relation, predicted, task, verdict, system } = state;
    const asked = task === null ? data.tasks : [task];
    if (relation !== null) found.push((entry) => data.gold(entry).includes(relation));
    if (predicted !== null) {
      found.push((entry) => data.isAsked(1, entry)
        && (data.label(system, entry) ?? -1) === predicted);
    }
    if (verdict !== null) {
      found.push((entry) => asked.some((of) => data.verdict(system, of, entry) === verdict));
    } else if (task !== null) {
      found.push((entry) => data.isAsked(task, entry));
    }
    if (state.tag) {
      found.push((entry) => data.subject(entry) === state.tag || data.object(entry) === state.tag);
    }
    const words = state.text.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length) {
      const within = (entry) =>
        (state.sentences && sentences ? `${data.text(entry)}\n${sentences[entry]}` : data.text(entry));
      found.push((entry) => words.every((word) => within(entry).includes(word)));
    }
    return found;
  }

  function sort(entries, { sort: key, lowFirst, system }) {
    const up = lowFirst ? 1 : -1;
    const value = (entry) => data.value(system, key, entry);
    return entries.sort((one, other) => {
      const [left, right] = [value(one), value(other)];
      // Entries without the number come last, whichever end is first.
      if (left === null || right === null) return (left === null) - (right === null);
      return up * (left - right);
    });
  }

  /** Return the entries that a state shows, in its order. */
  function apply(state) {
    const asked = tests(state);
    let found = [];
    for (let entry = 0; entry < data.size; entry += 1) {
      if (asked.every((test) => test(entry))) found.push(entry);
    }
    if (state.sort !== null) found = sort(found, state);
    if (state.differ) {
      const differing = new Set(found.filter((entry) => data.differs(entry, state.task)));
      found = [...differing, ...found.filter((entry) => !differing.has(entry))];
    }
    return found;
  }

  /** Return how many entries have each verdict, in the tasks and the system of a state. */
  function countVerdicts({ task, system }) {
    const counts = {};
    for (let entry = 0; entry < data.size; entry += 1) {
      const met = new Set((task === null ? data.tasks : [task])
        .map((of) => data.verdict(system, of, entry)));
      for (const letter of met) counts[letter] = (counts[letter] ?? 0) + 1;
    }
    return counts;
  }

  return { apply, countVerdicts, readSentences, hasSentences: () => sentences !== null };
};
