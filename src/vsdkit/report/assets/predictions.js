"use strict";

/* The page of predictions: holds the state, and tells every part when it changes. */
vsdkit.predictions = (data) => {
  const { byId, count } = vsdkit.dom;
  /** More entries are no paper that anybody reads. */
  const PRINTED = 200;

  const address = vsdkit.address(data);
  const filter = vsdkit.filter(data);
  let state = address.START;
  let shown = null; // what the list was made of

  const entries = vsdkit.entry(data, { open: (entry) => change({ entry: data.id(entry) }) });
  const list = vsdkit.list(byId("list"), (entry) =>
    (state.grid ? entries.tile : entries.card)(entry, state));
  const controls = vsdkit.controls(byId("filters"), data, { change, filter });
  const matrix = vsdkit.matrix(byId("matrix"), data, change);
  const bars = vsdkit.bars(byId("bars"), data, change);

  /** Change a part of the state; the address keeps it, and "back" undoes it. */
  function change(part, { replace = false } = {}) {
    const hash = address.write({ ...state, ...part });
    apply({ ...state, ...part });
    if (hash === location.hash) return;
    // Not history.pushState: browsers refuse it to pages that were opened from a disk.
    if (replace) location.replace(hash);
    else location.hash = hash;
  }

  function apply(next) {
    state = next;
    say("");
    controls.show(state);
    showOverview();
    showList();
    showAlone();
    if (state.sentences && state.text && !filter.hasSentences()) readSentences();
  }

  function showOverview() {
    const { confusion, by_relation: byRelation, name } = data.systems[state.system] ?? {};
    byId("overview").hidden = !confusion && !byRelation;
    if (byId("overview").hidden) return;
    byId("overview-system").textContent = data.systems.length > 1 ? name : "";
    matrix.show(state);
    bars.show(state);
  }

  function showList() {
    const { entry, ...wanted } = state;
    const key = JSON.stringify([wanted, filter.hasSentences()]);
    if (key === shown) return;
    shown = key;
    const found = filter.apply(state);
    list.show(found, state.grid);
    byId("count").textContent = found.length === data.size
      ? `${count(data.size)} entries` : `${count(found.length)} of ${count(data.size)} entries`;
    if (state.tag && !data.countTags().has(state.tag)) say(`no tag is called “${state.tag}”`);
  }

  const say = (text) => { byId("said").textContent = text; };

  async function readSentences() {
    const bar = byId("progress");
    bar.hidden = false;
    bar.value = 0;
    say("reading sentences");
    try {
      await filter.readSentences((share) => { bar.value = share; });
      say("");
      showList();
    } catch (error) {
      say(error.message);
    } finally {
      bar.hidden = true;
    }
  }

  const alone = byId("alone");

  /** Show the entry that is open alone, or none. */
  function showAlone() {
    const entry = state.entry === null ? null : data.find(state.entry);
    if (entry === null) {
      if (alone.open) alone.close();
      return;
    }
    const place = list.place(entry);
    byId("place").textContent = place < 0
      ? "not among those in the list" : `${count(place + 1)} of ${count(list.length())}`;
    byId("previous").disabled = place <= 0;
    byId("next").disabled = place < 0 || place === list.length() - 1;
    const { article } = entries.card(entry, { task: state.task, large: true });
    byId("alone-entry").replaceChildren(article);
    if (!alone.open) alone.showModal();
    alone.scrollTop = 0;
    article.focus({ preventScroll: true });
  }

  function step(by) {
    if (!alone.open) {
      list.step(by);
      return;
    }
    const place = list.place(data.find(state.entry)) + by;
    if (place >= 0 && place < list.length()) change({ entry: data.id(list.entry(place)) }, { replace: true });
  }

  function openHere() {
    const place = list.here();
    if (!alone.open && place >= 0) change({ entry: data.id(list.entry(place)) });
  }

  alone.addEventListener("close", () => {
    byId("alone-entry").replaceChildren();
    if (state.entry === null) return;
    const place = list.place(data.find(state.entry));
    change({ entry: null });
    if (place >= 0) list.focus(place);
  });

  function whatIsPrinted() {
    const of = list.length();
    const asked = decodeURIComponent(address.write({ ...state, entry: null }).slice(1)).replaceAll("&", ", ");
    byId("printed").textContent = `${of > PRINTED ? `the first ${PRINTED} of ` : ""}${count(of)} entries`
      + ` (${asked === "all" ? "all" : asked})`;
  }

  async function print() {
    whatIsPrinted();
    say("reading what is printed");
    await list.fillFirst(PRINTED);
    say("");
    window.print();
  }

  async function copy() {
    try {
      await navigator.clipboard.writeText(location.href);
      say("link copied");
    } catch {
      say("the browser does not let the page copy: take the address from its bar");
    }
  }

  byId("previous").addEventListener("click", () => step(-1));
  byId("next").addEventListener("click", () => step(1));
  byId("close").addEventListener("click", () => alone.close());
  byId("reset").addEventListener("click", () => change({ ...address.START, system: state.system, grid: state.grid }));
  byId("copy").addEventListener("click", copy);
  byId("print").addEventListener("click", print);
  byId("help").addEventListener("click", () => byId("keys").showModal());
  // The browser's own print command: what has been read by then is printed.
  window.addEventListener("beforeprint", () => {
    whatIsPrinted();
    list.fillFirst(PRINTED);
  });
  window.addEventListener("afterprint", list.settle);
  document.querySelector(".skip").addEventListener("click", (event) => {
    // The address holds the state; a place in the page would replace it.
    event.preventDefault();
    byId("main").focus();
  });

  const help = byId("keys");
  vsdkit.keys({
    step: (by) => { if (!help.open) step(by); },
    open: () => { if (!help.open) openHere(); },
    search: () => { if (!help.open && !alone.open) byId("filters").elements.text.focus(); },
    help: () => { if (!help.open) help.showModal(); },
  });

  /** Take the state from the address; what it asks for and the page does not have is told. */
  function restore() {
    if (shown !== null && location.hash === address.write(state)) return;
    const found = address.read(shown === null && !location.hash.includes("=") ? "" : location.hash);
    if (found === null) return;
    apply(found.state);
    if (found.refused.length) say(`the address asks for what is not here: ${found.refused.join(", ")}`);
  }

  // Where it stands above the list and not beside it, the list comes first.
  byId("overview").querySelector("details").open = matchMedia("(min-width: 75rem)").matches;
  window.addEventListener("hashchange", restore);
  byId("filters").hidden = false;
  restore();
};

Promise.all([vsdkit.load("summary"), vsdkit.load("entries")]).then(([summary, columns]) => {
  const data = vsdkit.readEntries(summary, columns);
  vsdkit.head(vsdkit.dom.byId("head"), data);
  vsdkit.predictions(data);
}).catch(vsdkit.fail);
