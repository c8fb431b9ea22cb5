"use strict";

/* The top of the page: systems, their runs, headline numbers with intervals, differences. */
vsdkit.head = (place, data) => {
  const { html, number, interval, line, count } = vsdkit.dom;
  const { numbers = [], differences = [] } = data.summary;

  function tile(of, value, between, extra) {
    return html("div", { class: "figure" }, html("dt", {}, of.label),
      html("dd", {}, html("b", {}, value), between ? html("span", { class: "quiet" }, between) : null,
        extra ? html("span", { class: "quiet" }, extra) : null));
  }

  const headline = numbers.filter((of) => of.headline);

  /** Return what of a system's answers is no answer, as text; null if all are. */
  function failures(system) {
    const found = Object.entries(system.unparsed ?? {}).map(([task, counts]) => {
      const some = ["unparsed", "missing", "errors"].filter((kind) => counts[kind]);
      if (!some.length) return null;
      const first = counts.first ? ` (first: ${counts.first})` : "";
      return `task ${task}: ${some.map((kind) => `${count(counts[kind])} ${kind}`).join(", ")}`
        + ` of ${count(counts.n)}${first}`;
    }).filter(Boolean);
    return found.length ? found.join("; ") : null;
  }

  const seen = (of) => of && `${count(of.seen)} of ${count(of.pictures)} pictures`;

  function facts(system) {
    const found = Object.entries({
      file: system.file,
      rows: system.rows,
      "without an answer": failures(system) ?? (system.errors || null),
      ...system.run,
      "seen in training": seen(system.seen_in_training),
    }).filter(([, value]) => value !== null && value !== undefined && line(value) !== "");
    return html("dl", { class: "facts" }, found.map(([label, value]) =>
      html("div", {}, html("dt", {}, label), html("dd", {}, line(value)))));
  }

  function systemRow(system) {
    return html("section", { class: "system-row", "aria-label": system.name },
      html("h2", {}, system.name),
      html("dl", { class: "figures" }, headline.map((of) =>
        tile(of, number(system.numbers?.[of.key], 2), interval(system.intervals?.[of.key])))),
      facts(system));
  }

  function differenceRow(row) {
    const shown = headline.filter((of) => row.numbers?.[of.key]);
    if (!shown.length) return null;
    return html("section", { class: "system-row difference", "aria-label": `${row.system} minus ${row.minus}` },
      html("h2", {}, `${row.system} − ${row.minus}`),
      html("dl", { class: "figures" }, headline.map((of) => {
        const found = row.numbers?.[of.key];
        if (!found) return tile(of, "–");
        const p = found.p === null || found.p === undefined ? "" : `p ${found.p < 0.001 ? "< 0.001" : found.p.toFixed(3)}`;
        const sign = found.difference > 0 ? "+" : "";
        return tile(of, sign + number(found.difference, 2), interval(found.interval), p);
      })));
  }

  /** Return the table of every number with its signature: what it was computed with. */
  function everyNumber() {
    if (!numbers.length) return null;
    const cell = (system, of) => {
      const value = system.numbers?.[of.key];
      const known = value !== null && value !== undefined;
      return html("td", {}, known ? number(value, 2) : system.reasons?.[of.key] ?? "–",
        html("span", { class: "quiet" }, interval(system.intervals?.[of.key])));
    };
    return html("details", {}, html("summary", {}, "All numbers, and how each was computed"),
      html("div", { class: "scroll" }, html("table", {},
        html("thead", {}, html("tr", {}, html("th", { scope: "col" }, "number"),
          data.systems.map(({ name }) => html("th", { scope: "col" }, name)),
          html("th", { scope: "col", class: "signature" }, "signature"))),
        html("tbody", {}, numbers.map((of) => html("tr", {}, html("th", { scope: "row" }, of.label),
          data.systems.map((system) => cell(system, of)),
          html("td", { class: "signature" }, of.signature ?? "")))))),
      Object.entries(data.summary.of_resamples ?? {}).map(([name, signature]) =>
        html("p", {}, `${name}: `, html("span", { class: "signature" }, signature))));
  }

  const about = [
    `${count(data.size)} entries`,
    data.summary.reading && `reading: ${data.summary.reading}`,
    data.summary.thumbnail_note,
    data.summary.tuples_note && `no SPICE tuples: ${data.summary.tuples_note}`,
    ...(data.summary.notes ?? []),
  ].filter(Boolean);

  place.style.setProperty("--figures", Math.max(1, headline.length));
  place.append(html("p", { class: "quiet about" }, about.join(" · ")),
    ...data.systems.map(systemRow),
    ...differences.map(differenceRow).filter(Boolean),
    ...[everyNumber()].filter(Boolean));
};
