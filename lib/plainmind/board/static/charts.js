// Each chart is drawn from the table below it, which is closed then: the numbers are told once.
"use strict";
(() => {
  const round = (value, most, least = 0) => value.toLocaleString("en-GB", { maximumFractionDigits: most, minimumFractionDigits: least });
  const formats = {
    number: (value) => round(value, 2),
    money: (value) => "$" + round(value, value < 1 ? 4 : 2, Number.isInteger(value) ? 0 : 2),
  };
  const DAY = 86400, FONT = "12px system-ui, sans-serif", COLOURS = 5;
  const STEPS = {
    day: [1, 2, 3, 5, 7, 10, 15, 30, 60, 90, 180, 365, 730, 1825, 3650].map((days) => days * DAY),
    whole: [1, 2, 5].flatMap((first) => [...Array(12)].map((_, at) => first * 10 ** at)).sort((a, b) => a - b),
  };
  const drawn = new Map(); // figure -> { plot, table }

  function colour(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }
  function colourOf(column) { return colour(`--series-${(column % COLOURS) + 1}`); }
  function widest(labels) {
    const pen = document.createElement("canvas").getContext("2d");
    pen.font = FONT;
    return Math.max(0, ...labels.map((label) => pen.measureText(label).width));
  }

  function readTable(figure) {
    const { kind, filter } = figure.dataset;
    const rows = [...figure.querySelectorAll("details tbody tr")].reverse(); // the table has the newest first
    const heads = [...figure.querySelectorAll("details thead th")].slice(1).map((head) => head.textContent);
    const days = rows.map((row) => row.cells[0].dataset.value);
    const series = heads.map((_, at) => rows.map((row) => { const text = row.cells[at + 1].dataset.value; return text === "" ? null : Number(text); }));
    return { kind, filter, heads, days, series, shape: JSON.stringify([kind, filter, heads]), text: JSON.stringify([days, series]) };
  }

  // Columns as uPlot takes them: of bars, which stand on each other, the sums, the greatest first, so that
  // each covers the one behind it. A bar of nothing is not drawn: its edge would hide the axis.
  function toData({ kind, days, series }) {
    const xs = days.map((day) => Date.parse(day + "T00:00:00Z") / 1000);
    if (kind === "line") return [xs, ...series];
    const sums = days.map(() => 0), stacked = [];
    for (const values of series) stacked.unshift(values.map((value, at) => (value ? (sums[at] += value) : null)));
    return [xs, ...stacked];
  }

  function draw(figure, table) {
    const place = figure.querySelector(".plot"), one = { table };
    const { kind, heads, days, filter } = table, format = formats[filter];
    const told = (row) => row ?? one.table.days.length - 1; // no pointer: the last day
    const order = heads.map((_, at) => at), isLine = kind === "line", card = colour("--card");
    if (!isLine) order.reverse();
    const lines = order.map((at) => {
      const stroke = colourOf(at);
      return {
        label: heads[at], stroke: isLine ? stroke : card, width: isLine ? 2 : 1, fill: !isLine ? stroke : heads.length === 1 && stroke.startsWith("#") ? stroke + "1f" : undefined,
        paths: isLine ? undefined : uPlot.paths.bars({ size: [0.72, 56] }),
        points: { show: isLine && days.length < 32, size: 5, stroke, fill: stroke },
        value: (_, __, ___, row) => { const value = one.table.series[at][told(row)]; return value === undefined ? "" : value === null ? "–" : format(value); },
      };
    });
    const quiet = colour("--quiet"), line = colour("--line"), width = Math.max(200, place.clientWidth || figure.clientWidth - 34);
    const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
    const month = new Intl.DateTimeFormat("en-GB", { month: "short", year: "numeric", timeZone: "UTC" });
    const isWhole = table.series.flat().every((value) => Number.isInteger(value ?? 0));
    const axes = [
      {
        stroke: quiet, font: FONT, grid: { show: false }, ticks: { stroke: line, size: 5 }, gap: 4,
        incrs: STEPS.day, space: 56, size: 34,
        values: (_, ticks, __, ___, step) => ticks.map((tick) => (step >= 28 * DAY ? month : day).format(tick * 1000)),
      },
      {
        stroke: quiet, font: FONT, grid: { stroke: line, width: 1 }, ticks: { show: false }, gap: 6,
        incrs: isWhole ? STEPS.whole : undefined,
        size: (_, texts) => 14 + widest(texts || []), values: (_, ticks) => ticks.map(format),
      },
    ];
    const options = {
      width, height: width < 400 ? 170 : 210, axes, tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      scales: {
        x: { time: true, range: (_, least, most) => [least - DAY / 2, most + DAY / 2] },
        y: { range: (_, __, most) => [0, most > 0 ? most * 1.08 : 1] },
      },
      series: [{ label: "", value: (_, __, ___, row) => one.table.days[told(row)] ?? "" }, ...lines],
      legend: { markers: { width: 0, fill: (_, at) => colourOf(order[at - 1]) } },
      cursor: { drag: { x: false, y: false }, points: { show: isLine } },
    };
    drawn.get(figure)?.plot.destroy();
    place.replaceChildren();
    drawn.set(figure, Object.assign(one, { plot: new uPlot(options, toData(table), place) }));
    const [where, ...rows] = place.querySelectorAll(".u-series"); // where the pointer is comes last
    where.parentNode.append(...(isLine ? rows : rows.reverse()), where);
  }

  // What is drawn already changes in place; a chart that is new closes its table.
  function update(figure) {
    const table = readTable(figure), one = drawn.get(figure);
    if (!window.uPlot || table.days.length < 2 || !table.heads.length) {
      one?.plot.destroy();
      drawn.delete(figure);
      return;
    }
    const isKept = one?.table.shape === table.shape;
    if (isKept && one.table.text === table.text) return;
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
