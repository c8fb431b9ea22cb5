"use strict";

/* The state of the page, and the address that holds it: #relation=on&verdict=wrong&sort=2.spice. */
vsdkit.address = (data) => {
  /** The address of the plain page. Not empty: an empty one scrolls to the page's top. */
  const PLAIN = "#all";
  const LONGEST_TEXT = 200;
  const START = Object.freeze({
    system: 0,
    relation: null, // an index of relations
    predicted: null, // an index of relations, -1: none
    task: null,
    verdict: null, // a letter
    tag: "",
    text: "",
    sentences: false,
    sort: null, // a key of sorts; null: gold's order
    lowFirst: false,
    differ: data.systems.length > 1,
    grid: false,
    entry: null, // the id of the one that is open alone
  });

  const relationName = (index) => data.relations[index].short ?? data.relations[index].label;

  /** Return what stands under a name, or undefined where the page has no such thing. */
  function relationNamed(text) {
    const index = data.relations.findIndex(({ label, short }) => text === short || text === label);
    return index < 0 ? undefined : index;
  }

  const oneOf = (text, values) => values.find((value) => String(value) === text);
  const flag = { read: (text) => (text === "1" ? true : undefined), write: () => "1" };
  const words = {
    read: (text) => (text.length <= LONGEST_TEXT ? text : undefined),
    write: (text) => text,
  };

  /* How each part of the state is read from the address and written to it. */
  const PARTS = {
    system: {
      // Counted from 1, as people do.
      read: (text) => oneOf(text, data.systems.map((_, system) => system + 1)) - 1,
      write: (system) => system + 1,
    },
    relation: { read: relationNamed, write: relationName },
    predicted: {
      read: (text) => (text === "none" ? -1 : relationNamed(text)),
      write: (index) => (index < 0 ? "none" : relationName(index)),
    },
    task: { read: (text) => oneOf(text, data.tasks), write: String },
    verdict: {
      read: (text) =>
        Object.keys(data.verdicts).find((letter) => data.verdicts[letter].word === text),
      write: (letter) => data.verdicts[letter].word,
    },
    tag: words,
    text: words,
    sentences: flag,
    sort: { read: (text) => oneOf(text, data.sorts.map(({ key }) => key)), write: String },
    lowFirst: {
      name: "order",
      read: (text) => ({ low: true, high: false })[text],
      write: () => "low",
    },
    differ: {
      read: (text) => (data.systems.length > 1 ? { 1: true, 0: false }[text] : undefined),
      write: Number,
    },
    grid: { name: "view", read: (text) => (text === "pictures" || undefined), write: () => "pictures" },
    entry: { read: (text) => (data.find(text) === null ? undefined : text), write: String },
  };

  /**
   * Return the state that an address asks for, and what it asks for that is not on this page.
   * @param {string} hash With its #.
   * @returns {?{state: Object, refused: string[]}} null: the address is of a place in the page.
   */
  function read(hash) {
    if (hash !== "" && hash !== "#" && hash !== PLAIN && !hash.includes("=")) return null;
    const state = { ...START };
    const refused = [];
    const names = new Map(Object.entries(PARTS).map(([key, part]) => [part.name ?? key, key]));
    for (const [name, text] of new URLSearchParams(hash === PLAIN ? "" : hash.slice(1))) {
      const key = names.get(name);
      const value = key && PARTS[key].read(text);
      if (value === undefined || Number.isNaN(value)) refused.push(name.slice(0, 20));
      else state[key] = value;
    }
    return { state, refused };
  }

  /** Return the address of a state; what is as at the start is left out. */
  function write(state) {
    const asked = new URLSearchParams();
    for (const [key, part] of Object.entries(PARTS)) {
      if (state[key] !== START[key]) asked.set(part.name ?? key, part.write(state[key]));
    }
    return asked.size ? `#${asked}` : PLAIN;
  }

  return { START, read, write };
};
