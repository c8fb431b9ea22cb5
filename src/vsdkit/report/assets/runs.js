"use strict";

/* The page of runs: charts of each measure on one axis, a cursor through all of them. */
(() => {
  const { shown, tick, firstFrom, smooth, ticksOf, pathOf, nearest } = vsdkit.scale;
  const { html, svg } = vsdkit.dom;
  /* A run is told by colour, dash and marker, so that no one of them is needed. */
  const DASHES = ["", "8 4", "2 4", "12 3 2 3", "5 3", "16 5"];
  const MARKERS = [
    "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z",
    "M-3.5 -3.5H3.5V3.5H-3.5Z",
    "M0 -4.5L4.5 3.5H-4.5Z",
    "M0 -5L5 0L0 5L-5 0Z",
    "M0 4.5L4.5 -3.5H-4.5Z",
    "M-1.5 -4.5H1.5V-1.5H4.5V1.5H1.5V4.5H-1.5V1.5H-4.5V-1.5H-1.5Z",
  ];
  const AXES = { steps: "step", rows: "rows seen", hours: "hours" };
  const LABEL_LINE = 14; // pixels that a label at a line's end is high
  const LABEL_LONG = 130; // and about as many that it is long, with the name
  const FEW = 40; // points that are each marked

  const view = { axis: "steps", smoothing: 0, log: false, hidden: new Set(), cursor: null };
  let runs = [];
  let charts = [];

  /* Where a step of a run stands on the axis; null if the run does not say it. */
  function across(run) {
    if (view.axis === "rows") {
      if (run.size === null) return null;
      const { rows, global_batch_size: batch } = run.size;
      const epoch = Math.ceil(rows / batch);
      return (step) => Math.floor(step / epoch) * rows + Math.min((step % epoch) * batch, rows);
    }
    if (view.axis === "hours") {
      if (run.hours === null) return null;
      const { steps, values } = run.hours;
      return (step) => {
        const right = Math.min(Math.max(firstFrom(steps, step), 1), steps.length - 1);
        if (steps.length === 1) return values[0];
        const part = (step - steps[right - 1]) / (steps[right] - steps[right - 1]);
        return values[right - 1] + part * (values[right] - values[right - 1]);
      };
    }
    return (step) => step;
  }

  function pointsOf(curve, place, log) {
    return curve.steps.map((step, at) => {
      const y = curve.values[at];
      return { step, x: place(step), y: y === null || (log && y <= 0) ? null : y };
    });
  }

  /* The lines of a chart that are seen now. */
  function linesOf(chart) {
    const { measure } = chart;
    const log = view.log && measure.key === "loss";
    return runs.flatMap((run) => {
      const curve = run.curves[measure.key];
      const place = across(run);
      if (curve === undefined || place === null || view.hidden.has(run.number)) return [];
      const raw = pointsOf(curve, place, log);
      const smoothed = measure.smooth && view.smoothing > 0;
      const points = smoothed ? smooth(pointsOf(curve.means ?? curve, place, log), view.smoothing) : raw;
      return [{ run, raw: smoothed ? raw : [], points: points, known: points.filter((one) => one.y !== null), place }];
    });
  }

  function domainOfAxis() {
    let low = Infinity;
    let high = -Infinity;
    for (const run of runs) {
      const place = across(run);
      if (place === null || view.hidden.has(run.number) || run.last === 0) continue;
      const first = Math.min(...Object.values(run.curves).map((curve) => curve.steps[0]));
      low = Math.min(low, place(first));
      high = Math.max(high, place(run.last));
    }
    if (low > high) return [0, 1];
    return low === high ? [low - 0.5, high + 0.5] : [low, high];
  }

  function domainOfValues(chart, lines, log) {
    let low = Infinity;
    let high = -Infinity;
    for (const line of lines) {
      for (const points of [line.points, line.raw]) {
        for (const { y } of points) {
          if (y === null) continue;
          if (y < low) low = y;
          if (y > high) high = y;
        }
      }
    }
    if (low > high) return log ? [0.1, 1] : [0, 1];
    if (!log && (chart.measure.from_zero || low < 0.3 * high) && low >= 0) low = 0;
    if (low === high && log) return [low / 2, high * 2];
    if (low === high) return [low ? low / 2 : 0, low ? low * 1.5 : 1];
    const room = log ? 0 : (high - low) * 0.04;
    return [low === 0 ? 0 : low - room, high + room];
  }

  function looks(number) {
    const dashes = DASHES[(number + Math.floor(number / 6)) % 6];
    return { "data-run": number % 6, ...(dashes && { "stroke-dasharray": dashes }) };
  }

  function marker(number, x, y) {
    return svg("path", {
      class: "marker", "data-run": number % 6, d: MARKERS[number % 6],
      transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`,
    });
  }

  function draw(chart) {
    const { canvas, measure } = chart;
    const width = Math.max(canvas.clientWidth || 600, 200);
    const height = chart.wide ? 320 : 210;
    const lines = linesOf(chart);
    const log = view.log && measure.key === "loss";
    const labelled = lines.length > 1;
    const named = labelled && width > 620;
    const box = { left: 54, right: width - (named ? 150 : labelled ? 26 : 12), top: 12, bottom: height - 26 };
    const across_ = domainOfAxis();
    const values = domainOfValues(chart, lines, log);
    const scale = log ? Math.log : (value) => value;
    const x = (value) => box.left + ((value - across_[0]) / (across_[1] - across_[0])) * (box.right - box.left);
    const y = (value) =>
      box.bottom - ((scale(value) - scale(values[0])) / (scale(values[1]) - scale(values[0]))) * (box.bottom - box.top);
    canvas.setAttribute("viewBox", `0 0 ${width} ${height}`);
    canvas.setAttribute("height", height);
    canvas.replaceChildren();
    for (const value of ticksOf(values, chart.wide ? 6 : 4, log)) {
      canvas.append(svg("line", { class: "grid", x1: box.left, x2: box.right, y1: y(value), y2: y(value) }));
      canvas.append(svg("text", { class: "tick", x: box.left - 6, y: y(value) + 4, "text-anchor": "end" }, tick(value)));
    }
    const most = Math.max(2, Math.floor((box.right - box.left) / 80));
    for (const value of ticksOf(across_, most, false)) {
      if (view.axis !== "hours" && !Number.isInteger(value)) continue;
      canvas.append(svg("text", { class: "tick", x: x(value), y: height - 8, "text-anchor": "middle" }, tick(value)));
    }
    canvas.append(svg("line", { class: "axis", x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom }));
    const order = [...lines].reverse(); // the first run lies on top
    for (const { run, raw } of order) {
      if (!raw.length) continue;
      // More points than pixels are a band: it must not hide the lines of others.
      const dense = raw.length > box.right - box.left ? "raw dense" : "raw";
      canvas.append(svg("path", { class: dense, "data-run": run.number % 6, d: pathOf(raw, x, y) }));
    }
    for (const { run, points, known } of order) {
      canvas.append(svg("path", { class: "line", ...looks(run.number), d: pathOf(points, x, y) }));
      if (labelled || known.length === 1) markersOf(known, run, lines.length).forEach((point) => canvas.append(marker(run.number, x(point.x), y(point.y))));
    }
    if (measure.key === "loss") lines.forEach((line) => markEvents(canvas, line, x, box));
    if (labelled) labelEnds(canvas, lines, x, y, box, named);
    chart.cursor = svg("g", { class: "cursor" });
    canvas.append(chart.cursor);
    Object.assign(chart, { lines, x, y, box, domain: across_ });
    point(chart);
  }

  /* A few points of a line that carry its marker, not the same ones as other lines'. */
  function markersOf(known, run, count) {
    if (known.length <= FEW) return known;
    const marks = 5;
    return Array.from({ length: marks }, (_, at) =>
      known[Math.floor(((at + (run.number % count) / count) / marks) * known.length)]);
  }

  function markEvents(canvas, { run, place }, x, box) {
    const events = [["skipped", "skipped", box.bottom, "l4 -8l-8 0Z"], ["broken", "without a finite loss", box.top, "m-4 -4l8 8m0 -8l-8 8"]];
    for (const [name, said, at, shape] of events) {
      if (!run[name].length) continue;
      const path = run[name].map((step) => `M${x(place(step)).toFixed(1)} ${at}${shape}`).join("");
      canvas.append(svg("path", { class: name, "data-run": run.number % 6, d: path },
        svg("title", {}, `${run.label}: ${run[name].length} steps ${said}`)));
    }
  }

  /* Names at the lines' ends, pushed apart where they would lie on each other. */
  function labelEnds(canvas, lines, x, y, box, named) {
    const ends = lines.filter((line) => line.known.length).map(({ run, known }) => {
      const last = known[known.length - 1];
      return { run, at: y(last.y), end: x(last.x) };
    }).sort((one, other) => one.at - other.at);
    const long = named ? LABEL_LONG : LABEL_LONG / 6;
    ends.forEach((end, place) => {
      const near = ends.slice(0, place).filter((one) => Math.abs(one.end - end.end) < long);
      for (const one of near) end.at = Math.max(end.at, one.at + LABEL_LINE);
    });
    // What was pushed out at the bottom goes up again, and what it meets there.
    [...ends].reverse().forEach((end, place, up) => {
      end.at = Math.min(end.at, box.bottom);
      const near = up.slice(0, place).filter((one) => Math.abs(one.end - end.end) < long);
      for (const one of near) if (end.at > one.at - LABEL_LINE) end.at = one.at - LABEL_LINE;
    });
    for (const { run, at, end } of ends) {
      const name = run.label.length > 17 ? `${run.label.slice(0, 16)}…` : run.label;
      canvas.append(svg("text", { class: "end", "data-run": run.number % 6, x: end + 8, y: at + 4 },
        named ? `${run.number + 1} ${name}` : String(run.number + 1)));
    }
  }

  /* Show the values at the cursor, or the last ones where there is none. */
  function point(chart) {
    const { measure, lines, x, y, box, cursor, readout } = chart;
    cursor.replaceChildren();
    const at = view.cursor === null ? chart.domain[1] : view.cursor;
    if (view.cursor !== null) {
      cursor.append(svg("line", { class: "at", x1: x(at), x2: x(at), y1: box.top, y2: box.bottom }));
    }
    const items = lines.map(({ run, raw, known }) => {
      const drawn = nearest(known, at);
      if (drawn !== null && view.cursor !== null) cursor.append(marker(run.number, x(drawn.x), y(drawn.y)));
      // The step's own value, and beside it the running mean that is drawn.
      const found = raw.length ? nearest(raw.filter((one) => one.y !== null), at) : drawn;
      const item = html("li", { "data-run": run.number % 6 },
        html("span", { class: "number" }, String(run.number + 1)), html("span", { class: "name" }, run.label),
        html("strong", {}, found === null ? "none" : shown(measure, found.y)));
      const mean = raw.length && drawn !== null ? `, smoothed ${shown(measure, drawn.y)}` : "";
      if (found !== null) item.append(html("span", { class: "quiet" }, `step ${found.step.toLocaleString("en")}${mean}`));
      return item;
    });
    readout.replaceChildren(...items);
  }

  function moveTo(cursor) {
    view.cursor = cursor;
    charts.forEach(point);
  }

  function speak(chart) {
    const said = [...chart.readout.children].map((item) =>
      [...item.children].slice(1).map((part) => part.textContent).join(" "));
    document.getElementById("spoken").textContent = `${chart.measure.title}: ${said.join("; ")}`;
  }

  function onKey(chart, event) {
    const longest = chart.lines.reduce((best, line) => (line.known.length > best.length ? line.known : best), []);
    if (!longest.length) return;
    const last = longest.length - 1;
    const at = view.cursor === null ? last : longest.indexOf(nearest(longest, view.cursor));
    const far = event.shiftKey ? 10 : 1;
    const to = { ArrowLeft: at - far, ArrowRight: view.cursor === null ? 0 : at + far, Home: 0, End: last }[event.key];
    if (event.key === "Escape") moveTo(null);
    else if (to === undefined) return;
    else moveTo(longest[Math.min(Math.max(to, 0), last)].x);
    event.preventDefault();
    speak(chart);
  }

  function makeChart(measure) {
    const canvas = svg("svg", {
      tabindex: 0, role: "group", "aria-roledescription": "chart",
      "aria-label": `${measure.title}; arrow keys read its values, and tables of them stand below`,
    });
    const readout = html("ul", { class: "readout" });
    const wide = measure.key === "loss";
    const figure = html("figure", { class: wide ? "chart wide" : "chart", "data-measure": measure.key },
      html("figcaption", {}, html("h3", {}, measure.title), html("span", { class: "quiet" }, measure.unit)), canvas, readout);
    const chart = { measure, canvas, readout, figure, wide, lines: [] };
    canvas.addEventListener("pointermove", (event) => {
      const place = canvas.getBoundingClientRect();
      const part = (event.clientX - place.left - chart.box.left) / (chart.box.right - chart.box.left);
      const [low, high] = chart.domain;
      moveTo(low + Math.min(Math.max(part, 0), 1) * (high - low));
    });
    canvas.addEventListener("pointerleave", () => moveTo(null));
    canvas.addEventListener("blur", () => moveTo(null));
    canvas.addEventListener("keydown", (event) => onKey(chart, event));
    return chart;
  }

  function redraw() {
    const absent = runs.filter((run) => across(run) === null && !view.hidden.has(run.number));
    document.getElementById("notice").textContent = absent.length
      ? `Not on this axis, since the folder does not tell it: ${absent.map((run) => run.label).join(", ")}.` : "";
    charts.forEach(draw);
  }

  function listen() {
    const controls = document.getElementById("controls");
    const smoothing = document.getElementById("smoothing");
    controls.addEventListener("submit", (event) => event.preventDefault());
    const read = () => {
      view.axis = controls.querySelector("[name=axis]:checked").value;
      view.log = document.getElementById("log").checked;
      view.smoothing = Number(smoothing.value);
      view.hidden = new Set([...controls.querySelectorAll("[name=run]:not(:checked)")].map((one) => Number(one.value)));
      view.cursor = null;
      document.getElementById("smoothing-told").textContent = view.smoothing.toFixed(2);
      redraw();
    };
    controls.addEventListener("input", read);
    // A short run has nothing to smooth.
    if (!runs.some((run) => run.last > 50)) smoothing.value = 0;
    let width = 0;
    new ResizeObserver(([entry]) => {
      if (Math.abs(entry.contentRect.width - width) < 1) return;
      width = entry.contentRect.width;
      requestAnimationFrame(redraw);
    }).observe(document.getElementById("charts"));
    read();
  }

  function drawSwatches() {
    for (const swatch of document.querySelectorAll("svg.swatch")) {
      const number = Number(swatch.dataset.run);
      swatch.dataset.run = number % 6;
      swatch.setAttribute("viewBox", "0 0 36 14");
      swatch.append(svg("path", { class: "line", ...looks(number), d: "M1 7H35" }), marker(number, 18, 7));
    }
  }

  drawSwatches();
  vsdkit.load("runs").then((data) => {
    runs = data.runs.map((run, number) => ({ ...run, number }));
    charts = data.measures.filter((measure) => runs.some((run) => measure.key in run.curves)).map(makeChart);
    const place = document.getElementById("charts");
    place.append(...charts.map((chart) => chart.figure));
    if (!charts.length) place.append(html("p", {}, "No step yet: write the page anew when there are some."));
    listen();
  }).catch(vsdkit.fail);
})();
