"use strict";

/* Make elements. Text of the data becomes text nodes and attribute values, never markup. */
vsdkit.dom = (() => {
  const SVG = "http://www.w3.org/2000/svg";

  function fill(made, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
      if (value === true) made.setAttribute(name, "");
      else if (value !== false && value !== null && value !== undefined) {
        made.setAttribute(name, value);
      }
    }
    made.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return made;
  }

  /**
   * Return an HTML element.
   * @param {string} name
   * @param {Object} attributes true: an attribute without a value; false, null, undefined: none.
   * @param {...(Node|string|null|Array)} children Strings become text; null is left out.
   */
  function html(name, attributes = {}, ...children) {
    return fill(document.createElement(name), attributes, children);
  }

  /** Return an SVG element, as html() does. */
  function svg(name, attributes = {}, ...children) {
    return fill(document.createElementNS(SVG, name), attributes, children);
  }

  /** Return a button that is none of a form's. */
  function button(attributes, act, ...children) {
    const made = html("button", { type: "button", ...attributes }, ...children);
    made.addEventListener("click", act);
    return made;
  }

  const byId = (id) => document.getElementById(id);

  /** Return a count as people write it: 5,855. */
  const count = (value) => value.toLocaleString("en");

  /** Return a number with one digit, or a dash where there is none. */
  const number = (value, digits = 1) =>
    value === null || value === undefined ? "–" : value.toFixed(digits).replace("-", "−");

  /** Return an interval as text, or "". */
  const interval = (pair) => (pair ? `${number(pair[0])} to ${number(pair[1])}` : "");

  /** Return any value of the data as one line of text: a mapping as "key: value, ...". */
  function line(value) {
    if (value === null || value === undefined) return "–";
    if (Array.isArray(value)) return value.map(line).join(", ");
    if (typeof value === "object") {
      return Object.entries(value).map(([key, part]) => `${key}: ${line(part)}`).join(", ");
    }
    return typeof value === "number" ? count(value) : String(value);
  }

  return { html, svg, button, byId, count, number, interval, line };
})();
