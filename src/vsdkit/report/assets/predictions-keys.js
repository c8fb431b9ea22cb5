"use strict";

/* The keys of the page: j, k, Enter, o, /, ?. Escape is the dialogs' own. */
vsdkit.keys = ({ step, open, search, help }) => {
  const ACTS = {
    j: () => step(1),
    k: () => step(-1),
    o: open,
    "/": search,
    "?": help,
  };

  const writes = (element) => element.matches("input:not([type=checkbox]), select, textarea");

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const { target, key } = event;
    if (!(target instanceof Element) || writes(target)) return;
    // Enter on a button, a link or a box is that one's own; on an entry it opens the entry.
    if (key === "Enter" && target.matches("article")) {
      event.preventDefault();
      open();
    } else if (Object.hasOwn(ACTS, key)) {
      event.preventDefault();
      ACTS[key]();
    }
  });
};
