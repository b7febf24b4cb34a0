// What is open shows what changes: told by the server, or asked for every 3 seconds.
//
// A change is worked into the page as it stands (idiomorph), so what is open, scrolled to or has the
// focus stays. What has data-keep is left alone; who draws something hears board:shown.
"use strict";
(() => {
  const main = document.getElementById("content"), live = document.getElementById("live");
  const watched = (document.body.dataset.watches || "").split(" ");
  const EVERY = 3000, PATIENCE = 15000, LATER = 30000; // ms
  let tag = "", isBusy = false, isWaiting = false, polling = 0, later = 0, events = null;

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

  function poll(isOn) {
    if (isOn && !polling) { polling = setInterval(refresh, EVERY); refresh(); }
    if (!isOn) { clearInterval(polling); polling = 0; }
  }
  // A browser has six connections for us: a page that nobody sees gives its own back.
  function rest() {
    clearTimeout(later);
    events?.close();
    events = null;
    poll(false);
  }
  function listen() {
    rest();
    if (document.hidden) return;
    const source = events = new EventSource("/events");
    source.addEventListener("open", () => { poll(false); refresh(); }); // what changed before it was
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) later = setTimeout(listen, LATER); // refused
      poll(true);
    });
    source.addEventListener("change", (event) => {
      if (event.data.split(" ").some((topic) => watched.includes(topic))) refresh();
    });
  }

  if (!("live" in document.body.dataset)) return;
  listen();
  document.addEventListener("visibilitychange", () => (document.hidden ? rest() : listen()));
  addEventListener("pagehide", rest);
  addEventListener("pageshow", (event) => { if (event.persisted) listen(); });
  document.addEventListener("selectionchange", () => { if (isWaiting && !isBusy && !isSelecting()) refresh(); });
  setInterval(() => { if (!document.hidden) refresh(); }, 60000); // how long ago something was
})();
