// A graph that is panned and zoomed. Its letters and dots are in ems, so one attribute keeps them at one
// size on the screen, and one its strokes; of each name is known up to which size it covers no other.
"use strict";
(() => {
  const NEAREST = 0.25; // of the sheet, a pixel of the screen
  const FAR = 3; // from there on, arrowheads are too small to be seen
  let view = null, asked = location.href; // x, y, width, height of what is seen; null is what fills the box

  function find() {
    const sheet = document.getElementById("graph-sheet");
    const all = sheet ? sheet.dataset.all.split(" ").map(Number) : [0, 0, 1, 1];
    return { sheet, all, now: view || (sheet ? fill(sheet, all) : all) };
  }
  // In a box that is taller than the sheet, as a phone has it: the part around the greatest dot.
  function fill(sheet, [left, top, wide, high]) {
    const part = Math.min(wide, high * sheet.clientWidth / (sheet.clientHeight || 1));
    if (sheet.clientHeight <= sheet.clientWidth || part >= wide) return [left, top, wide, high];
    const sizes = [...sheet.querySelectorAll(".dot circle")].map((dot) => [parseFloat(dot.getAttribute("r")), Number(dot.getAttribute("cx"))]);
    const [, x] = sizes.reduce((most, one) => (one[0] > most[0] ? one : most));
    return [Math.max(left, Math.min(left + wide - part, x - part / 2)), top, part, high];
  }
  // Pixels of the sheet for one of the screen.
  function scale(sheet, [, , width, height]) {
    return Math.max(width / (sheet.clientWidth || 1), height / (sheet.clientHeight || 1));
  }
  function show() {
    const { sheet, now } = find();
    if (!sheet) return;
    const unit = Math.max(scale(sheet, now), NEAREST);
    sheet.setAttribute("viewBox", now.map((number) => number.toFixed(1)).join(" "));
    sheet.setAttribute("font-size", (sheet.dataset.em * unit).toFixed(2));
    sheet.setAttribute("stroke-width", (sheet.dataset.stroke * unit).toFixed(2));
    sheet.classList.toggle("far", unit > FAR);
    for (const text of sheet.querySelectorAll("text[data-unit]")) {
      const isSmall = text.dataset.unit < unit * 0.999;
      if (text.classList.contains("small") === isSmall) continue;
      text.classList.toggle("small", isSmall);
      if (text.parentNode.matches("a")) text.parentNode.tabIndex = isSmall ? -1 : 0; // what is not seen is no stop
    }
    document.querySelector("#graph .tools").hidden = false;
  }
  // Around a point of the sheet; by more than 1 is closer.
  function zoom(by, x, y) {
    const { sheet, all, now: [left, top, wide, high] } = find();
    const least = NEAREST * sheet.clientWidth, to = Math.min(all[2], Math.max(wide / by, Math.min(least, wide)));
    if (to >= all[2] && by < 1) view = all;
    else {
      const [px, py] = [x ?? left + wide / 2, y ?? top + high / 2], share = to / wide;
      view = [px - (px - left) * share, py - (py - top) * share, to, high * share];
      hold();
    }
    show();
  }
  function pan(dx, dy) {
    const [left, top, wide, high] = find().now;
    view = [left + dx, top + dy, wide, high];
    hold();
    show();
  }
  // The middle of what is seen stays on the sheet.
  function hold() {
    const { all } = find();
    for (const at of [0, 1]) view[at] = Math.min(all[at] + all[at + 2], Math.max(all[at], view[at] + view[at + 2] / 2)) - view[at + 2] / 2;
  }
  function toSheet(event) {
    const { sheet } = find();
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(sheet.getScreenCTM().inverse());
    return [point.x, point.y];
  }
  const isOn = (event) => event.target.closest?.("#graph-sheet");

  document.addEventListener("wheel", (event) => {
    if (!isOn(event) || !event.ctrlKey) return; // without, the page scrolls; a pinch of a trackpad has it
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 300), ...toSheet(event));
  }, { passive: false });

  document.addEventListener("click", (event) => {
    const wanted = event.target.closest?.("#graph [data-zoom]")?.dataset.zoom;
    if (wanted === "all") { view = find().all; show(); }
    else if (wanted) zoom(wanted === "in" ? 1.6 : 1 / 1.6);
    else if (moved > 5 && event.detail && isOn(event)) event.preventDefault(); // it was a drag
  }, true);

  document.addEventListener("keydown", (event) => {
    if (!isOn(event) || event.ctrlKey || event.metaKey || event.altKey) return;
    const { sheet, all, now } = find(), step = 80 * scale(sheet, now);
    const dot = event.target.querySelector?.(":scope > circle"); // of the name that has the focus
    const at = dot ? ["cx", "cy"].map((name) => Number(dot.getAttribute(name))) : [];
    const keys = {
      ArrowLeft: () => pan(-step, 0), ArrowRight: () => pan(step, 0), ArrowUp: () => pan(0, -step), ArrowDown: () => pan(0, step),
      "+": () => zoom(1.6, ...at), "=": () => zoom(1.6, ...at), "-": () => zoom(1 / 1.6, ...at), 0: () => { view = all; show(); },
    };
    if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
  });
  // A name that has the focus is seen.
  document.addEventListener("focusin", (event) => {
    if (!event.target.matches?.("#graph-sheet a") || !event.target.matches(":focus-visible")) return;
    const { sheet, now } = find(), [left, top, wide, high] = now, margin = 40 * scale(sheet, now);
    const dot = event.target.querySelector("circle"), [x, y] = ["cx", "cy"].map((name) => Number(dot.getAttribute(name)));
    if (x < left + margin || x > left + wide - margin || y < top + margin || y > top + high - margin) pan(x - left - wide / 2, y - top - high / 2);
  });

  // Fingers and the mouse: one pans, two zoom.
  const pointers = new Map();
  let moved = 0;
  const middle = () => {
    const all = [...pointers.values()], count = all.length;
    const x = all.reduce((sum, [px]) => sum + px, 0) / count, y = all.reduce((sum, [, py]) => sum + py, 0) / count;
    return { x, y, spread: Math.hypot(all[0][0] - x, all[0][1] - y) };
  };
  document.addEventListener("pointerdown", (event) => {
    if (!isOn(event) || event.button) return;
    if (!pointers.size) moved = 0;
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
  });
  document.addEventListener("pointermove", (event) => {
    if (!pointers.has(event.pointerId)) return;
    const before = middle();
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
    const after = middle(), { sheet, now } = find(), unit = scale(sheet, now);
    moved += Math.hypot(after.x - before.x, after.y - before.y);
    if (pointers.size > 1 && before.spread > 0) {
      moved += 6;
      zoom(after.spread / before.spread, ...toSheet({ clientX: after.x, clientY: after.y }));
    }
    if (moved > 5) pan((before.x - after.x) * unit, (before.y - after.y) * unit);
  });
  for (const name of ["pointerup", "pointercancel"]) document.addEventListener(name, (event) => pointers.delete(event.pointerId));
  document.addEventListener("dragstart", (event) => { if (isOn(event)) event.preventDefault(); });

  document.addEventListener("board:shown", () => { if (asked !== location.href) { view = null; asked = location.href; } show(); });
  addEventListener("resize", show);
  show();
})();
