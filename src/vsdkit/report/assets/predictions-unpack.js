"use strict";

/* Undo what predictions/packing.py does to the pieces of data; what its columns hold and why is
   told there. Whoever calls vsdkit.load gets whole entries and details. */
vsdkit.unpack = (() => {
  const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  const PAIRS = ["1-2", "1-3", "2-3"];
  const SENTENCES = ["2", "3"];
  const PACKED = new Set(["asked", "answer", "mbleu4_by_pair", "graphs", "matched", "lost", "missing"]);

  function entries({ packed: _, ...packed }) {
    let place = 0;
    const image = packed.image.map((step) => (place += step));
    const id = packed.id.map((short, entry) => {
      const name = packed.images[image[entry]];
      if (short === 0) return name;
      return short === 1 ? name.slice(0, name.lastIndexOf(".")) : short;
    });
    return { ...packed, image, id };
  }

  function details(packed) {
    return Array.from({ length: packed.count }, (_, row) => oneEntry(packed, row));
  }

  function oneEntry(packed, row) {
    const entry = {};
    const references = {};
    for (const task of SENTENCES) {
      const texts = packed.references[task]?.[row];
      if (texts) references[task] = texts;
    }
    if (Object.keys(references).length) entry.references = references;
    if ((packed.boxes_agree?.[row] ?? null) !== null) entry.boxes_agree = packed.boxes_agree[row];
    const texts = [...new Set(SENTENCES.flatMap((task) => references[task] ?? []))];
    const known = { texts, graphs: new Map(), references };
    entry.systems = packed.systems.map((tasks) => {
      const answers = {};
      for (const [task, columns] of Object.entries(tasks)) {
        if (columns.asked?.[row] === 0) continue;
        answers[task] = oneAnswer(columns, row, task, known);
      }
      return answers;
    });
    return entry;
  }

  function oneAnswer(columns, row, task, known) {
    const answer = { answer: columns.answer?.[row] ?? null };
    if (task !== "1") answer.answer = readAnswer(answer.answer, known.texts);
    for (const [name, column] of Object.entries(columns)) {
      if (!PACKED.has(name) && column[row] !== null) answer[name] = column[row];
    }
    const pairs = columns.mbleu4_by_pair?.[row];
    if (pairs) answer.mbleu4_by_pair = Object.fromEntries(PAIRS.map((name, place) => [name, pairs[place]]));
    if (columns.graphs?.[row]) Object.assign(answer, readTuples(columns, row, task, answer.answer, known));
    return answer;
  }

  /* A number is the sentence's first place in the entry. */
  function readAnswer(answer, texts) {
    if (answer === null) return null;
    if (Array.isArray(answer)) return answer.map((one) => readAnswer(one, texts));
    if (typeof answer === "number") return texts[answer];
    texts.push(answer);
    return answer;
  }

  function readTuples(columns, row, task, answer, known) {
    const graphs = columns.graphs[row];
    const sentences = answer === null ? graphs.map(() => "") : [answer].flat();
    const tuples = graphs.map((graph, place) => {
      const text = sentences[place];
      if (graph !== 0) known.graphs.set(text, readGraph(graph, text));
      const marks = columns.matched[row][place];
      return known.graphs.get(text).map((words, one) => [words, marks[one] === "1" ? "m" : "x"]);
    });
    const lost = readGraph(columns.lost[row], (known.references[task] ?? []).join(" "));
    const marks = columns.missing?.[row] ?? null;
    const missing = graphs.map((_, place) =>
      lost.filter((_, one) => marks === null || marks[place][one] === "1"));
    return task === "3" ? { tuples, missing } : { tuples: tuples[0], missing: missing[0] };
  }

  function readGraph(graph, anchor) {
    if (typeof graph !== "string") return graph;
    if (graph === "") return [];
    const found = anchor.match(/[A-Za-z0-9]+/g) ?? [];
    const tokens = [...new Set(found.map((token) => token.toLowerCase()))];
    const readWord = (word) => word.startsWith("'")
      ? word.slice(1)
      : Array.from(word, (letter) => tokens[LETTERS.indexOf(letter)]).join(" ");
    return graph.split(";").map((words) => words.split(",").map(readWord));
  }

  function unpack(name, value) {
    if (!value.packed) return value;
    return name === "entries" ? entries(value) : details(value);
  }

  const loadPacked = vsdkit.load;
  const whole = new Map();
  vsdkit.load = (name) => {
    if (!whole.has(name)) whole.set(name, loadPacked(name).then((value) => unpack(name, value)));
    return whole.get(name);
  };

  return unpack;
})();
