"use strict";

/* The entries of a page, asked for by their number in the order of gold: the one place that knows
   how the pieces "summary", "entries" and "details-NNN" are laid out. */
vsdkit.readEntries = (summary, columns) => {
  const NO_ROW = "-";
  /* A sign beside each verdict's word: colour alone tells nothing. */
  const SIGNS = { R: "✓", W: "✗", N: "○", U: "?", M: "∅", E: "!" };
  const verdicts = Object.fromEntries(Object.entries(summary.verdicts ?? {})
    .filter(([letter]) => letter !== NO_ROW)
    .map(([letter, word]) => [letter, { word, sign: SIGNS[letter] ?? "•" }]));
  const tasks = summary.tasks ?? [];
  const relations = summary.relations ?? [];
  const systems = summary.systems ?? [];
  const sorts = summary.sorts ?? [];
  const size = columns.id.length;
  const places = new Map(columns.id.map((id, entry) => [id, entry]));
  const texts = new Array(size);
  let tags = null;

  const image = (entry) => columns.images[columns.image[entry]];

  /** Return the label of task 1: an index of relations, -1 (no label), or null (no row). */
  const label = (system, entry) => columns.systems[system].label?.[entry] ?? null;

  /** Return a letter of verdicts, or "-" where gold has no row. */
  const verdict = (system, task, entry) => columns.systems[system].verdicts?.[task]?.[entry] ?? NO_ROW;

  /** Return whether gold has a row of the task. */
  const isAsked = (task, entry) => systems.some((_, system) => verdict(system, task, entry) !== NO_ROW);

  const value = (system, key, entry) => columns.systems[system].values?.[key]?.[entry] ?? null;

  /** Return whether systems differ in verdict or label; sentences nearly always differ in words. */
  function differs(entry, task = null) {
    const told = (system, of) =>
      verdict(system, of, entry) + (of === 1 ? label(system, entry) ?? -1 : "");
    return (task === null ? tasks : [task]).some((of) =>
      systems.some((_, system) => told(system, of) !== told(0, of)));
  }

  /** Return subject box, object box: {top, bottom, left, right}, or null for each unknown. */
  function boxes(entry) {
    const edges = columns.boxes?.[entry] ?? [];
    const box = ([top, bottom, left, right]) =>
      (Number.isFinite(top) && Number.isFinite(right) ? { top, bottom, left, right } : null);
    return [box(edges.slice(0, 4)), box(edges.slice(4, 8))];
  }

  /** Return [width, height] of the picture, or of what the boxes reach where it is not known. */
  function extent(entry) {
    const known = columns.sizes?.[columns.image[entry]];
    if (known) return known;
    const found = boxes(entry).filter(Boolean);
    if (!found.length) return null;
    // A margin of a twentieth: a box that ends with the drawing would seem to be cut off.
    return [Math.max(...found.map((box) => box.right)), Math.max(...found.map((box) => box.bottom))]
      .map((edge) => Math.ceil(edge * 1.05));
  }

  /** Return the thumbnail's path, if it is one inside the page's folder of thumbnails. */
  function thumbnail(entry) {
    const path = columns.thumbnails?.[columns.image[entry]] ?? "";
    return /^thumbs\/[\w-][\w.-]*$/.test(path) ? path : null;
  }

  /** Return what is searched besides sentences, in lower case. */
  function text(entry) {
    texts[entry] ??= [columns.id[entry], image(entry), columns.subject[entry],
      columns.object[entry]].join("\n").toLowerCase();
    return texts[entry];
  }

  /** Return a map of each tag to the number of entries that have it, the most frequent first. */
  function countTags() {
    if (tags === null) {
      const counts = new Map();
      for (let entry = 0; entry < size; entry += 1) {
        for (const tag of new Set([columns.subject[entry], columns.object[entry]])) {
          counts.set(tag, (counts.get(tag) ?? 0) + 1);
        }
      }
      tags = new Map([...counts].sort((one, other) => other[1] - one[1]));
    }
    return tags;
  }

  const chunks = Math.ceil(size / summary.chunk);

  /** Return a promise of a list of details; its file is loaded when it is first wanted. */
  const chunk = (number) => vsdkit.load(`details-${String(number).padStart(3, "0")}`);

  /** Return a promise of an entry's sentences and what is known of them. */
  const details = async (entry) =>
    (await chunk(Math.floor(entry / summary.chunk)))[entry % summary.chunk];

  return {
    summary, tasks, relations, systems, sorts, verdicts, size, chunks,
    id: (entry) => columns.id[entry],
    image,
    subject: (entry) => columns.subject[entry],
    object: (entry) => columns.object[entry],
    /** Return the indices of the gold relations. */
    gold: (entry) => columns.relations?.[entry] ?? [],
    find: (id) => places.get(id) ?? null,
    label, verdict, isAsked, value, differs, boxes, extent, thumbnail, text, countTags, chunk, details,
  };
};

/** What the tasks are called. */
vsdkit.TASKS = { 1: "relation", 2: "one sentence", 3: "three sentences" };
