"use strict";

/* The list of entries in blocks: those near the screen are filled, the others only keep their
   height, so that 5,855 entries cost what the screen shows. */
vsdkit.list = (feed, make) => {
  const PER_BLOCK = 10;
  const ROWS_OF_TILES = 4;
  const TILE_WIDTH = 190; // px, with the gap; as page's grid has it
  /** How far beyond the screen blocks are filled: about two screens, for a quick scroll. */
  const MARGIN = "1500px 0px";
  const FIRST_GUESS = { cards: 420, tiles: 250 }; // px; measured heights replace it

  let order = [];
  let grid = false;
  let blocks = [];
  let perBlock = PER_BLOCK;
  let columns = 1;
  let current = -1; // place in order of the entry that j and k go on from
  let guess = FIRST_GUESS.cards;

  const observer = new IntersectionObserver((seen) => {
    for (const { target, isIntersecting } of seen) {
      const block = blocks[Number(target.dataset.block)];
      if (block?.element !== target) continue;
      if (isIntersecting) fill(block);
      else empty(block);
    }
  }, { rootMargin: MARGIN });

  function fill(block) {
    if (block.filled) return;
    block.filled = true;
    const first = block.place * perBlock;
    const made = order.slice(first, first + perBlock).map((entry, index) => {
      const { article, ready } = make(entry);
      article.setAttribute("aria-posinset", first + index + 1);
      article.setAttribute("aria-setsize", order.length);
      return { article, ready };
    });
    block.element.replaceChildren(...made.map(({ article }) => article));
    // The height is kept until the sentences are there: what is below does not jump twice.
    block.ready = Promise.all(made.map(({ ready }) => ready)).then(() => {
      if (!block.filled) return;
      block.element.style.minHeight = "";
      if (!grid) guess = block.element.offsetHeight / made.length || guess;
    });
  }

  function empty(block) {
    // What has the focus stays, or a reader would be thrown to the page's top.
    if (!block.filled || block.element.contains(document.activeElement)) return;
    block.element.style.minHeight = `${block.element.offsetHeight}px`;
    block.element.replaceChildren();
    block.filled = false;
  }

  function countColumns() {
    return grid ? Math.max(2, Math.floor(feed.clientWidth / TILE_WIDTH)) : 1;
  }

  function build() {
    observer.disconnect();
    columns = countColumns();
    perBlock = grid ? columns * ROWS_OF_TILES : PER_BLOCK;
    feed.style.setProperty("--columns", columns);
    feed.classList.toggle("grid", grid);
    const height = grid ? FIRST_GUESS.tiles * ROWS_OF_TILES : guess * PER_BLOCK;
    blocks = Array.from({ length: Math.ceil(order.length / perBlock) }, (_, place) => {
      const element = document.createElement("div");
      element.className = "block";
      element.dataset.block = place;
      element.style.minHeight = `${height}px`;
      return { element, place, filled: false, ready: Promise.resolve() };
    });
    feed.replaceChildren(...blocks.map(({ element }) => element));
    // The first is filled at once: it is the first paint.
    if (blocks.length) fill(blocks[0]);
    for (const { element } of blocks) observer.observe(element);
  }

  /** Show entries in an order, as cards or, with pictures only, as tiles. */
  function show(entries, picturesOnly) {
    order = entries;
    grid = picturesOnly;
    current = -1;
    build();
    // Where the reader was, other entries stand now: the first of them is what was asked for.
    if (feed.getBoundingClientRect().top < 0) feed.scrollIntoView();
  }

  /** Return the article at a place of the order, filled. */
  function article(place) {
    const block = blocks[Math.floor(place / perBlock)];
    fill(block);
    return block.element.children[place % perBlock];
  }

  /** Scroll to the entry at a place of the order and give it the focus. */
  function focus(place) {
    if (!order.length) return;
    current = Math.min(order.length - 1, Math.max(0, place));
    const target = article(current);
    target.focus({ preventScroll: true });
    target.scrollIntoView({ block: grid ? "nearest" : "start" });
  }

  /** Return the place of the entry that has the focus, had it last, or is first on the screen. */
  function here() {
    const held = document.activeElement?.closest?.("[data-entry]");
    if (held && feed.contains(held)) return order.indexOf(Number(held.dataset.entry));
    return current;
  }

  /** Go so many entries on; from nowhere, to the first on the screen. */
  function step(by) {
    const from = here();
    if (from >= 0) focus(from + by);
    else focus(firstOnScreen());
  }

  function firstOnScreen() {
    const seen = [...feed.querySelectorAll("[data-entry]")]
      .find((shown) => shown.getBoundingClientRect().bottom > window.innerHeight / 4);
    return seen ? order.indexOf(Number(seen.dataset.entry)) : 0;
  }

  /**
   * Fill the first entries for a print, and have no others printed.
   * @returns {Promise} Kept when their sentences are there.
   */
  function fillFirst(limit) {
    const wanted = blocks.slice(0, Math.ceil(limit / perBlock));
    wanted.forEach(fill);
    blocks.forEach((block) => block.element.classList.toggle("not-printed", !wanted.includes(block)));
    feed.querySelectorAll("img").forEach((image) => image.setAttribute("loading", "eager"));
    feed.querySelectorAll("article").forEach((shown) =>
      shown.classList.toggle("not-printed", Number(shown.getAttribute("aria-posinset")) > limit));
    return Promise.all(wanted.map(({ ready }) => ready));
  }

  /** Empty again what was filled for a print only. */
  function settle() {
    // What begins to be observed is told of once, wherever it is.
    for (const { element } of blocks) {
      observer.unobserve(element);
      observer.observe(element);
    }
  }

  new ResizeObserver(() => {
    if (grid && countColumns() !== columns) build();
  }).observe(feed);

  return {
    show, focus, step, here, fillFirst, settle,
    entry: (place) => order[place],
    place: (entry) => order.indexOf(entry),
    length: () => order.length,
  };
};
