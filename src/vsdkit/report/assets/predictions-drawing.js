"use strict";

/* The picture of an entry with both boxes over it; without a picture, the boxes on its extent. */
vsdkit.drawing = (data) => {
  const { html, svg } = vsdkit.dom;
  const ROLES = ["subject", "object"];
  /** A tag is written inside its box where less than this share of the picture is above it. */
  const ROOM_FOR_TAG = 0.1;

  const width = (box) => box.right - box.left;
  const height = (box) => box.bottom - box.top;

  /** Return what a box is in words; coordinates as boxes are written elsewhere: pixels. */
  function describe(role, tag, box) {
    return `${role} ${tag}: x ${box.left} to ${box.right}, y ${box.top} to ${box.bottom}`
      + ` (${width(box)} × ${height(box)} px)`;
  }

  function drawBox({ role, box, words }, focusable) {
    const shape = { x: box.left, y: box.top, width: width(box), height: height(box) };
    return svg("g", { class: `box ${role}`, role: "img", "aria-label": words, tabindex: focusable ? 0 : null },
      svg("title", {}, words),
      // The line under the coloured one: a red line on a red thing is seen by its rim.
      svg("rect", { class: "rim", ...shape }),
      svg("rect", { class: "edge", ...shape }));
  }

  /** Write a tag above its box or below it, and inside where the picture ends there. */
  function writeTag({ role, box, tag }, below, [across, down]) {
    const made = html("span", { class: `tag-on-box ${role}`, "aria-hidden": "true" },
      html("b", {}, role[0].toUpperCase()), ` ${tag}`);
    const edge = (below ? box.bottom : box.top) / down;
    const inside = below ? edge > 1 - ROOM_FOR_TAG : edge < ROOM_FOR_TAG;
    if (box.left / across > 0.6) made.style.right = `${100 * Math.max(0, 1 - box.right / across)}%`;
    else made.style.left = `${100 * Math.max(0, box.left / across)}%`;
    made.style.top = `${100 * Math.min(1, Math.max(0, edge))}%`;
    made.style.transform = below === inside ? "translateY(-100%)" : "none";
    return made;
  }

  /** Return the tags of the boxes: the upper one's above it, the lower one's below it. */
  function writeTags(found, extent) {
    const middle = ({ box }) => box.top + box.bottom;
    const upper = Math.min(...found.map(middle));
    const alike = found.length > 1 && middle(found[0]) === middle(found[1]);
    return found.map((drawn, index) =>
      writeTag(drawn, alike ? index === 1 : middle(drawn) > upper, extent));
  }

  function photograph(entry, [across, down], large) {
    const path = data.thumbnail(entry);
    if (path === null) return html("span", { class: "no-picture", "aria-hidden": "true" });
    const made = html("img", {
      alt: "", width: across, height: down, decoding: "async", loading: large ? "eager" : "lazy", src: path,
    });
    made.addEventListener("error", () =>
      made.replaceWith(html("span", { class: "no-picture" }, `${path} is missing`)));
    return made;
  }

  /**
   * Return the figure of an entry.
   * @param {number} entry
   * @param {{large: boolean, still: boolean}} how still: boxes take no focus, there is no caption.
   */
  return (entry, { large = false, still = false } = {}) => {
    const extent = data.extent(entry);
    const name = data.image(entry);
    if (extent === null) {
      return html("figure", { class: "picture" }, html("p", { class: "quiet" }, `${name}: no boxes`));
    }
    const tags = [data.subject(entry), data.object(entry)];
    const found = data.boxes(entry)
      .map((box, index) => box && { box, role: ROLES[index], tag: tags[index],
        words: describe(ROLES[index], tags[index], box) })
      .filter(Boolean);
    // The smaller box lies over the larger one, or a pointer would never reach it.
    const inOrder = [...found].sort((one, other) =>
      width(other.box) * height(other.box) - width(one.box) * height(one.box));
    const overlay = svg("svg", { class: data.thumbnail(entry) ? "over-picture" : null, viewBox: `0 0 ${extent[0]} ${extent[1]}`, preserveAspectRatio: "none",
      role: "group", "aria-label": `boxes of ${name}` },
    inOrder.map((drawn) => drawBox(drawn, !still)));
    const frame = html("div", { class: "frame" }, photograph(entry, extent, large), overlay,
      writeTags(found, extent));
    frame.style.setProperty("--ratio", extent[0] / extent[1]);
    const caption = still ? null : html("figcaption", { class: "quiet" });
    const figure = html("figure", { class: "picture" }, frame, caption);
    if (caption) tellBoxes(overlay, caption, data.thumbnail(entry) ? name : `${name} (outlines)`);
    return figure;
  };

  /** Keep a caption that tells of the box under the pointer or the focus, else of the picture. */
  function tellBoxes(overlay, caption, otherwise) {
    const tell = (event) => {
      const box = event?.target.closest(".box");
      caption.textContent = box ? box.getAttribute("aria-label") : otherwise;
    };
    tell(null);
    overlay.addEventListener("pointerover", tell);
    overlay.addEventListener("pointerout", () => tell(null));
    overlay.addEventListener("focusin", tell);
    overlay.addEventListener("focusout", () => tell(null));
  }
};
