// Each chart is drawn from the table below it, which is closed then: the numbers are told once.
"use strict";
(() => {
  const formats = {
    number: (value) => value.toLocaleString("en-GB", { maximumFractionDigits: 2 }),
    money: (value) => "$" + value.toLocaleString("en-GB", { maximumFractionDigits: value < 1 ? 4 : 2 }),
    percent: (value) => (value * 100).toLocaleString("en-GB", { maximumFractionDigits: 1 }) + "%",
    duration: (value) => value < 90 ? value.toFixed(value < 10 ? 1 : 0) + " s" : value < 5400 ? (value / 60).toFixed(0) + " min" : (value / 3600).toFixed(1) + " h",
    size: (value) => { let unit = 0; while (value >= 1000 && unit < 4) { value /= 1000; unit++; } return value.toLocaleString("en-GB", { maximumFractionDigits: 1 }) + " " + ["bytes", "kB", "MB", "GB", "TB"][unit]; },
  };
  const drawn = new Map();

  function colour(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

  function readTable(figure) {
    const rows = [...figure.querySelectorAll("tbody tr")];
    const labels = rows.map((row) => row.cells[0].dataset.value);
    const heads = [...figure.querySelectorAll("thead th")].slice(1).map((head) => head.textContent);
    const series = heads.map((_, at) => rows.map((row) => { const text = row.cells[at + 1].dataset.value; return text === "" ? null : Number(text); }));
    return { labels, heads, series };
  }

  function stack(series) {
    const sums = [];
    let below = series[0]?.map(() => 0) ?? [];
    for (const values of series) { below = values.map((value, at) => (value ?? 0) + below[at]); sums.push(below); }
    return sums;
  }

  function draw(figure) {
    const plot = figure.querySelector(".plot"), { labels, heads, series } = readTable(figure);
    if (!window.uPlot || labels.length < 2 || !series.length) return false;
    const { kind, axis, filter } = figure.dataset, format = formats[filter] || formats.number;
    const isDay = axis === "day";
    const xs = isDay ? labels.map((day) => Date.parse(day + "T00:00:00Z") / 1000) : labels.map((_, at) => at);
    const isStacked = kind === "stacked", shown = isStacked ? stack(series) : series;
    // of stacked ones the greatest is drawn first, so that each covers the one behind it
    const order = heads.map((_, at) => at);
    if (isStacked) order.reverse();
    const bars = kind === "line" ? undefined : uPlot.paths.bars({ size: [0.7, 60] });
    const lines = order.map((at) => {
      const stroke = colour(`--series-${(at % 6) + 1}`);
      return {
        label: heads[at], stroke, width: kind === "line" ? 2 : 0, fill: kind === "line" ? undefined : stroke,
        paths: bars, points: { show: kind === "line" && labels.length < 60 },
        value: (_, value, __, index) => index == null ? "" : series[at][index] == null ? "–" : format(series[at][index]),
      };
    });
    const quiet = colour("--quiet"), line = colour("--line"), font = "12px system-ui, sans-serif";
    const axes = [
      { stroke: quiet, font, grid: { show: false }, ticks: { stroke: line }, values: isDay ? undefined : (_, ticks) => ticks.map((tick) => Number.isInteger(tick) ? labels[tick] ?? "" : "") },
      { stroke: quiet, font, grid: { stroke: line, width: 1 }, ticks: { show: false }, size: 64, values: (_, ticks) => ticks.map(format) },
    ];
    const options = {
      width: Math.max(200, plot.clientWidth || figure.clientWidth - 32), height: 220, tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      scales: { x: { time: isDay, range: (_, least, most) => { const side = isDay ? 43200 : 0.6; return [least - side, most + side]; } }, y: { range: (_, __, most) => [0, most > 0 ? most * 1.08 : 1] } },
      series: [{ label: isDay ? "Day" : "", value: (_, value, __, index) => index == null ? "" : labels[index] }, ...lines],
      axes, legend: { live: true }, cursor: { drag: { x: false, y: false } },
    };
    plot.style.display = "block";
    drawn.get(figure)?.destroy();
    plot.replaceChildren();
    drawn.set(figure, new uPlot(options, [xs, ...order.map((at) => shown[at])], plot));
    return true;
  }

  function drawAll(isFirst) {
    for (const figure of [...drawn.keys()]) if (!figure.isConnected) { drawn.get(figure).destroy(); drawn.delete(figure); }
    for (const figure of document.querySelectorAll(".chart")) {
      if (drawn.has(figure)) continue;
      if (draw(figure) && isFirst) figure.querySelector("details").open = false;
    }
  }
  function redraw() { for (const figure of [...drawn.keys()]) draw(figure); }

  drawAll(true);
  document.addEventListener("board:before", (event) => { for (const one of event.detail.querySelectorAll(".chart details")) one.open = false; });
  document.addEventListener("board:shown", () => drawAll(false));
  let waiting = 0;
  addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(redraw, 150); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
})();
