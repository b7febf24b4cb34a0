// What is open shows what changes: told by the server, or asked for every 3 seconds.
//
// A change is worked into the page as it stands (idiomorph), so what is open, scrolled to or has the
// focus stays. What has data-keep is left alone; who draws something hears board:shown.
"use strict";
(() => {
  const main = document.getElementById("content"), live = document.getElementById("live");
  const watched = (document.body.dataset.watches || "").split(" ");
  const EVERY = 3000, PATIENCE = 15000, LATER = 30000; // ms
  let tag = "", isBusy = false, isWaiting = false, polling = 0, later = 0, events = null, channel = null, leave = null;

  function tell(text, isWrong = true) {
    if (live.textContent !== text) live.textContent = text;
    live.classList.toggle("wrong", isWrong);
  }

  function isSelecting() {
    const selected = getSelection();
    return !selected.isCollapsed && main.contains(selected.anchorNode) && String(selected).trim() !== "";
  }
  // A field that somebody is in, or has put something into.
  function isTouched(field) {
    if (field === document.activeElement) return true;
    if (field.matches("[type=checkbox], [type=radio]")) return field.checked !== field.defaultChecked;
    if (!field.matches("select")) return field.value !== field.defaultValue;
    const preset = [...field.options].findIndex((option) => option.defaultSelected);
    return field.selectedIndex !== Math.max(preset, 0);
  }
  const FIELDS = "input:not([type=hidden], [type=submit]), select, textarea";
  function isLeftAlone(element) {
    if (element.matches("[data-keep]")) return true;
    if (element.matches(FIELDS)) return isTouched(element);
    return element.matches("form") && [...element.querySelectorAll(FIELDS)].some(isTouched);
  }

  function show(html) {
    const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("content");
    if (!fresh) return;
    Idiomorph.morph(main, [...fresh.childNodes], {
      morphStyle: "innerHTML",
      callbacks: {
        beforeNodeMorphed: (node) => !(node.nodeType === Node.ELEMENT_NODE && isLeftAlone(node)),
        beforeAttributeUpdated: (name, node) => !(name === "open" && node.matches("details")),
        afterNodeAdded: (node) => { if (node.nodeType === Node.ELEMENT_NODE) node.classList.add("fresh"); },
      },
    });
    document.dispatchEvent(new CustomEvent("board:shown"));
  }

  async function refresh() {
    if (isBusy || isSelecting()) {
      isWaiting = true;
      if (!isBusy) tell("Changes wait while text is selected", false);
      return;
    }
    isBusy = true;
    isWaiting = false;
    try {
      const headers = tag ? { "If-None-Match": tag } : {};
      const answer = await fetch(location.href, { headers, cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
      const html = answer.status === 200 ? await answer.text() : "";
      if (html && isSelecting()) isWaiting = true;
      else if (html) { tag = answer.headers.get("etag") || ""; show(html); }
      tell(answer.status < 400 ? "" : answer.status === 401 ? "The board asks for its token: reload the page"
        : answer.status === 404 ? "This is no longer there" : "The board answers with an error");
    } catch { tell("No answer from the board"); }
    isBusy = false;
    if (isWaiting) refresh();
  }

  // A browser has six connections for us: of its pages that are seen, one is told for all of them.
  function poll(isOn) {
    clearInterval(polling);
    polling = isOn ? setInterval(refresh, EVERY) : 0;
  }
  function hear(said) { // "open", "lost", or the topics that changed
    if (said === "open" || said === "lost") { poll(said === "lost"); refresh(); }
    else if (said.split(" ").some((topic) => watched.includes(topic))) refresh();
  }
  function pass(said) { channel?.postMessage(said); hear(said); }
  function connect() {
    const source = events = new EventSource("/events");
    source.addEventListener("open", () => pass("open")); // what changed before it was
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) later = setTimeout(connect, LATER); // refused
      pass("lost");
    });
    source.addEventListener("change", (event) => pass(event.data));
  }
  function rest() {
    clearTimeout(later);
    events?.close();
    channel?.close();
    leave?.abort();
    events = channel = leave = null;
    poll(false);
  }
  function listen() {
    rest();
    if (document.hidden) return;
    poll(true); // until somebody is told
    if (!navigator.locks) { refresh(); return; } // at another machine's address without TLS
    channel = new BroadcastChannel("board");
    channel.addEventListener("message", ({ data }) => {
      if (data !== "?") hear(data);
      else if (events?.readyState === EventSource.OPEN) channel.postMessage("open");
    });
    channel.postMessage("?");
    const { signal } = leave = new AbortController();
    navigator.locks.request("board", { signal }, () => signal.aborted || new Promise((end) => {
      signal.addEventListener("abort", end);
      connect();
    })).catch(() => {}); // it is left before its turn
  }

  if (!("live" in document.body.dataset)) return;
  listen();
  document.addEventListener("visibilitychange", () => (document.hidden ? rest() : listen()));
  addEventListener("pagehide", rest);
  addEventListener("pageshow", (event) => { if (event.persisted) listen(); });
  document.addEventListener("selectionchange", () => { if (isWaiting && !isBusy && !isSelecting()) refresh(); });
  setInterval(() => { if (!document.hidden) refresh(); }, 60000); // how long ago something was
})();
