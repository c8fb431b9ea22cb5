"use strict";

/* What the charts of runs compute: numbers as people read them, ticks, lines, the nearest point. */
vsdkit.scale = (() => {
  /* Numbers as the tables of the page have them. */
  function shown(measure, value) {
    if (measure.key === "learning_rate") return String(Number(value.toPrecision(3)));
    if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en");
    return String(Number(value.toPrecision(4)));
  }

  function tick(value) {
    if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(1).replace(".0e", "e");
    if (Math.abs(value) >= 1000) return `${Number((value / 1000).toPrecision(4)).toLocaleString("en")}k`;
    return Number(value.toPrecision(6)).toLocaleString("en", { maximumFractionDigits: 6 });
  }

  /* The place of the first number that is not below another. */
  function firstFrom(numbers, wanted) {
    let low = 0;
    let high = numbers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (numbers[middle] < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /* The running mean, divided by its weights: no pull from a start at zero. */
  function smooth(points, share) {
    let total = 0;
    let weight = 0;
    return points.map((point) => {
      if (point.y === null) return point;
      total = share * total + point.y;
      weight = share * weight + 1;
      return { ...point, y: total / weight };
    });
  }

  function ticksOf([low, high], count, log) {
    if (log) {
      const ticks = [];
      const steps = Math.log10(high / low) > 2.5 ? [1] : [1, 2, 5];
      for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
        ticks.push(...steps.map((step) => step * 10 ** power));
      }
      return ticks.filter((one) => one >= low && one <= high);
    }
    const rough = (high - low) / count;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].find((one) => one * power >= rough) * power;
    const ticks = [];
    for (let one = Math.ceil(low / step); one * step <= high * (1 + 1e-9); one += 1) ticks.push(one * step);
    return ticks;
  }

  function pathOf(points, x, y) {
    let path = "";
    let pen = "M";
    for (const point of points) {
      if (point.y === null) pen = "M";
      else {
        path += `${pen}${x(point.x).toFixed(1)} ${y(point.y).toFixed(1)}`;
        pen = "L";
      }
    }
    return path;
  }

  function nearest(known, wanted) {
    if (!known.length) return null;
    const right = firstFrom(known.map((one) => one.x), wanted);
    if (right === 0) return known[0];
    if (right === known.length) return known[right - 1];
    return wanted - known[right - 1].x <= known[right].x - wanted ? known[right - 1] : known[right];
  }

  return { shown, tick, firstFrom, smooth, ticksOf, pathOf, nearest };
})();
