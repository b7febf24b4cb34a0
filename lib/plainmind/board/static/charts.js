// Each chart is drawn from the table below it, which is closed then: the numbers are told once.
"use strict";
(() => {
  const round = (value, most, least = 0) => value.toLocaleString("en-GB", { maximumFractionDigits: most, minimumFractionDigits: least });
  const formats = {
    number: (value) => round(value, 2),
    money: (value) => "$" + round(value, value < 1 ? 4 : 2, Number.isInteger(value) ? 0 : 2),
    percent: (value) => round(value * 100, 1) + "%",
    duration: (value) => value < 90 ? round(value, value < 10 ? 1 : 0) + " s" : value < 5400 ? round(value / 60, 0) + " min" : round(value / 3600, 1) + " h",
    size: (value) => { let unit = 0; while (value >= 1000 && unit < 4) { value /= 1000; unit++; } return round(value, 1) + " " + ["bytes", "kB", "MB", "GB", "TB"][unit]; },
  };
  const DAY = 86400, FONT = "12px system-ui, sans-serif", LONGEST = 18; // characters of a name at the axis
  const STEPS = {
    day: [1, 2, 3, 5, 7, 10, 15, 30, 60, 90, 180, 365, 730, 1825, 3650].map((days) => days * DAY),
    whole: [1, 2, 5].flatMap((first) => [...Array(12)].map((_, at) => first * 10 ** at)).sort((a, b) => a - b),
    duration: [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 36000, 86400, 172800, 432000, 864000],
  };
  // which line is which, without its colour
  const DASHES = [[], [7, 4], [2, 3], [10, 3, 2, 3], [4, 2], [14, 4]];
  const drawn = new Map(); // figure -> { plot, shape, text, table }

  function colour(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }
  function widest(labels) {
    const pen = document.createElement("canvas").getContext("2d");
    pen.font = FONT;
    return Math.max(0, ...labels.map((label) => pen.measureText(label).width));
  }
  function shorten(name) { return name.length > LONGEST ? name.slice(0, LONGEST - 1) + "…" : name; }

  function readTable(figure) {
    const rows = [...figure.querySelectorAll("details tbody tr")], { kind, axis, filter } = figure.dataset;
    if (axis === "day") rows.reverse(); // the table has the newest first
    const heads = [...figure.querySelectorAll("details thead th")].slice(1).map((head) => head.textContent);
    const labels = rows.map((row) => row.cells[0].dataset.value);
    const series = heads.map((_, at) => rows.map((row) => { const text = row.cells[at + 1].dataset.value; return text === "" ? null : Number(text); }));
    return { kind, filter, heads, labels, series, isDay: axis === "day", shape: JSON.stringify([kind, axis, filter, heads]), text: JSON.stringify([labels, series]) };
  }

  // Columns as uPlot takes them: of stacked ones the sums, the greatest first, so that each covers the
  // one behind it. A bar of nothing is not drawn: its edge would hide the axis.
  function toData({ kind, labels, series, isDay }) {
    const xs = isDay ? labels.map((day) => Date.parse(day + "T00:00:00Z") / 1000) : labels.map((_, at) => at);
    if (kind === "line") return [xs, ...series];
    if (kind !== "stacked") return [xs, ...series.map((values) => values.map((value) => value || null))];
    const sums = labels.map(() => 0), stacked = [];
    for (const values of series) stacked.unshift(values.map((value, at) => (value ? (sums[at] += value) : null)));
    return [xs, ...stacked];
  }

  // How bars are laid: one fills its place; of several beside each other, each has its share.
  function layBars({ kind, heads, isDay }, at) {
    if (kind === "line") return undefined;
    if (kind === "stacked" || heads.length < 2) return uPlot.paths.bars({ size: [0.72, 56] });
    const unit = (isDay ? DAY : 1) * 0.8 / heads.length;
    const values = (plot) => plot.data[0].map((x) => x + (at - heads.length / 2) * unit);
    return uPlot.paths.bars({ align: 1, disp: { x0: { unit: 1, values }, size: { unit: 1, values: () => [unit * 0.92] } } });
  }

  function draw(figure, table) {
    const place = figure.querySelector(".plot"), one = { table };
    const { kind, heads, labels, filter, isDay } = table, format = formats[filter] || formats.number;
    const told = (row) => row ?? (isDay ? one.table.labels.length - 1 : -1); // no pointer: the last day
    const order = heads.map((_, at) => at);
    if (kind === "stacked") order.reverse();
    const isLine = kind === "line", card = colour("--card");
    const lines = order.map((at) => {
      const stroke = colour(`--series-${(at % 6) + 1}`);
      return {
        label: heads[at], stroke: isLine ? stroke : card, width: isLine ? 2 : 1, fill: !isLine ? stroke : heads.length === 1 && stroke.startsWith("#") ? stroke + "1f" : undefined,
        dash: isLine ? DASHES[at % 6] : [], paths: layBars(table, at),
        points: { show: isLine && labels.length < 32, size: 5, stroke, fill: stroke },
        value: (_, __, ___, row) => { const value = one.table.series[at][told(row)]; return value === undefined ? "" : value === null ? "–" : format(value); },
      };
    });
    const quiet = colour("--quiet"), line = colour("--line");
    const names = isDay ? [] : labels.map(shorten), width = Math.max(200, place.clientWidth || figure.clientWidth - 34);
    const isTurned = !isDay && widest(names) + 8 > (width - 60) / Math.max(1, labels.length);
    const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
    const month = new Intl.DateTimeFormat("en-GB", { month: "short", year: "numeric", timeZone: "UTC" });
    const isWhole = table.series.flat().every((value) => Number.isInteger(value ?? 0));
    const axes = [
      {
        stroke: quiet, font: FONT, grid: { show: false }, ticks: { stroke: line, size: 5 }, gap: 4,
        incrs: isDay ? STEPS.day : [1], space: isDay ? 56 : isTurned ? 16 : 8, rotate: isTurned ? 40 : 0, size: isTurned ? 22 + widest(names) * 0.64 : 34,
        values: (_, ticks, __, ___, step) => ticks.map((tick) => isDay ? (step >= 28 * DAY ? month : day).format(tick * 1000) : Number.isInteger(tick) ? shorten(one.table.labels[tick] ?? "") : ""),
      },
      {
        stroke: quiet, font: FONT, grid: { stroke: line, width: 1 }, ticks: { show: false }, gap: 6,
        incrs: filter === "duration" ? STEPS.duration : isWhole && filter !== "percent" ? STEPS.whole : undefined,
        size: (_, texts) => 14 + widest(texts || []), values: (_, ticks) => ticks.map(format),
      },
    ];
    const side = isDay ? DAY / 2 : 0.6;
    const options = {
      width, height: (isTurned ? 50 : 0) + (width < 400 ? 170 : 210), axes, tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      scales: {
        x: { time: isDay, range: (_, least, most) => [least - side, most + side] },
        y: { range: (_, __, most) => [0, most > 0 ? most * 1.08 : 1] },
      },
      series: [{ label: "", value: (_, __, ___, row) => one.table.labels[told(row)] ?? "" }, ...lines],
      legend: { markers: { width: 0, fill: (_, at) => colour(`--series-${(order[at - 1] % 6) + 1}`) } },
      cursor: { drag: { x: false, y: false }, points: { show: isLine } },
    };
    drawn.get(figure)?.plot.destroy();
    place.replaceChildren();
    drawn.set(figure, Object.assign(one, { plot: new uPlot(options, toData(table), place) }));
    const [where, ...rows] = place.querySelectorAll(".u-series"); // where the pointer is comes last
    where.parentNode.append(...(kind === "stacked" ? rows.reverse() : rows), where);
  }

  // What is drawn already changes in place; a chart that is new closes its table.
  function update(figure) {
    const table = readTable(figure), one = drawn.get(figure);
    if (!window.uPlot || table.labels.length < 2 || !table.heads.length) {
      one?.plot.destroy();
      drawn.delete(figure);
      return;
    }
    if (one?.table.shape === table.shape && one.table.text === table.text) return;
    const isKept = one?.table.shape === table.shape && table.isDay;
    if (isKept) { one.table = table; one.plot.setData(toData(table)); } else draw(figure, table);
    if (!one) figure.querySelector("details").open = false;
  }
  function updateAll() {
    for (const [figure, { plot }] of drawn) if (!figure.isConnected) { plot.destroy(); drawn.delete(figure); }
    document.querySelectorAll(".chart[data-kind]").forEach(update);
  }
  function redraw() { for (const [figure, { table }] of drawn) draw(figure, table); }

  updateAll();
  document.addEventListener("board:shown", updateAll);
  let waiting = 0, width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === width) return; // a phone's address bar
    width = innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(redraw, 150);
  });
  for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)", "print"]) matchMedia(query).addEventListener("change", redraw);
})();
