// What is open shows what changes: told by the server, or asked for every 3 seconds.
"use strict";
(() => {
  const body = document.body, main = document.getElementById("content");
  const watched = (body.dataset.watches || "").split(" ");
  let tag = "", busy = false, again = false, polling = 0;

  function tell(text) {
    const live = document.getElementById("live");
    live.textContent = text;
    live.hidden = !text;
  }

  // Each child of the page that changed is exchanged; where somebody is, and what is open, stays.
  function show(html) {
    const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("content");
    if (!fresh) return;
    document.dispatchEvent(new CustomEvent("board:before", { detail: fresh }));
    const open = new Map([...main.querySelectorAll("details[id]")].map((one) => [one.id, one.open]));
    const focused = document.activeElement && main.contains(document.activeElement) ? path(document.activeElement) : null;
    const [x, y] = [scrollX, scrollY];
    main.replaceChildren(...fresh.childNodes);
    for (const one of main.querySelectorAll("details[id]")) if (open.has(one.id)) one.open = open.get(one.id);
    document.dispatchEvent(new CustomEvent("board:shown"));
    if (focused) find(focused)?.focus({ preventScroll: true });
    scrollTo(x, y);
  }
  // An element by its id, or by its place below the nearest one that has an id.
  function path(element) {
    const steps = [];
    for (; element !== main && !element.id; element = element.parentElement) steps.unshift([...element.parentElement.children].indexOf(element));
    return { id: element.id, steps };
  }
  function find({ id, steps }) {
    return steps.reduce((element, step) => element?.children[step], document.getElementById(id));
  }
  function isTyping() {
    const active = document.activeElement;
    return active && active.matches("input, select, textarea") && main.contains(active);
  }

  async function refresh() {
    if (busy) { again = true; return; }
    if (isTyping() || String(getSelection())) { again = true; return; }
    busy = true;
    again = false;
    try {
      const answer = await fetch(location.href, { headers: tag ? { "If-None-Match": tag } : {}, cache: "no-store" });
      if (answer.status === 200) { tag = answer.headers.get("etag") || ""; show(await answer.text()); }
      tell(answer.status < 400 ? "" : "The board answers with an error");
    } catch { tell("No answer from the board"); }
    busy = false;
  }

  function poll(on) {
    if (on && !polling) polling = setInterval(() => { if (!document.hidden) refresh(); }, 3000);
    if (!on && polling) { clearInterval(polling); polling = 0; }
  }
  function listen() {
    if (!("EventSource" in window)) return poll(true);
    const events = new EventSource("/events");
    events.addEventListener("open", () => { poll(false); tell(""); });
    events.addEventListener("error", () => poll(true));
    events.addEventListener("change", (event) => {
      if (event.data.split(" ").some((topic) => watched.includes(topic))) refresh();
    });
    addEventListener("pagehide", () => events.close());
  }

  document.addEventListener("focusout", () => setTimeout(() => { if (again) refresh(); }, 200));
  document.addEventListener("visibilitychange", () => { if (!document.hidden && "live" in body.dataset) refresh(); });
  if ("live" in body.dataset) {
    listen();
    setInterval(refresh, 60000); // how long ago something was
  }
})();
