"use strict";

/* One entry: in the list, as a picture among pictures, and alone. */
vsdkit.entry = (data, { open }) => {
  const { html, button } = vsdkit.dom;
  const draw = vsdkit.drawing(data);
  const answers = vsdkit.answers(data);
  const names = data.relations.map(({ label }) => label);

  /** Return "subject relation object" with the marks of the two boxes' lines. */
  function line(entry) {
    const thing = (role, tag) => html("span", { class: `thing ${role}` },
      html("span", { class: "key", "aria-hidden": "true" }), html("span", { class: "out-of-sight" }, `${role} `), tag);
    const relations = data.gold(entry).map((relation) => names[relation]).join(" / ");
    return [thing("subject", data.subject(entry)), " ",
      html("span", { class: "relation" }, relations || "?"), " ", thing("object", data.object(entry))];
  }

  /**
   * Return an article of an entry, and a promise that is kept when its sentences stand in it.
   * @param {number} entry
   * @param {{task: ?number, large: boolean, heading: string}} how heading: h2 in the list.
   */
  function card(entry, { task, large = false }) {
    const title = `${large ? "alone" : "entry"}-${entry}-title`;
    const differs = data.systems.length > 1 && data.differs(entry, task);
    const made = html("div", { class: data.systems.length > 1 ? "answers several" : "answers" },
      answers.all(entry, task, { details: null, large }));
    const article = html("article", { class: large ? "entry large" : "entry", tabindex: -1,
      "aria-labelledby": title, "data-entry": entry, "data-differs": differs, "aria-busy": "true" },
    html("header", { class: "entry-head" },
      html("h2", { id: title }, line(entry)),
      differs ? html("span", { class: "differs" }, "≠ systems differ") : null,
      html("span", { class: "id quiet" }, data.id(entry)),
      large ? null : button({ class: "open", "aria-label": `open entry ${data.id(entry)} alone` },
        () => open(entry), "open")),
    html("div", { class: "entry-body" }, draw(entry, { large }), made));
    made.style.setProperty("--systems", data.systems.length);
    const ready = data.details(entry).then((details) => {
      made.replaceChildren(...[details.boxes_agree === false ? disagreement() : null,
        ...answers.all(entry, task, { details, large })].filter(Boolean));
    }).catch((error) => {
      made.append(html("p", { class: "note error" }, error.message));
    }).finally(() => article.setAttribute("aria-busy", "false"));
    return { article, ready };
  }

  const disagreement = () => html("p", { class: "note" },
    "The gold relation does not agree with where the two boxes lie.");

  /** Return a small article: the picture, the line, each system's verdicts. */
  function tile(entry, { task, system }) {
    const title = `entry-${entry}-title`;
    const marks = data.tasks.filter((of) => task === null || of === task).map((of) => {
      const letter = data.verdict(system, of, entry);
      const verdict = data.verdicts[letter];
      return verdict && html("span", { class: "verdict", "data-verdict": letter, title: `task ${of}: ${verdict.word}` },
        html("span", { "aria-hidden": "true" }, `${of} ${verdict.sign}`),
        html("span", { class: "out-of-sight" }, `task ${of}: ${verdict.word}`));
    });
    const article = html("article", { class: "tile", tabindex: -1, "aria-labelledby": title, "data-entry": entry },
      button({ class: "picture-button", "aria-label": `open entry ${data.id(entry)} alone` },
        () => open(entry), draw(entry, { still: true })),
      html("h2", { id: title }, line(entry)),
      html("p", { class: "marks" }, marks,
        data.systems.length > 1 && data.differs(entry, task) ? html("span", { class: "differs" }, "≠ differ") : null));
    return { article, ready: Promise.resolve() };
  }

  return { card, tile };
};
