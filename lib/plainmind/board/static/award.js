// The form that awards XP: it is there where it can be sent, and says what became of it.
"use strict";
(() => {
  function show() { for (const id of ["award", "award-title"]) document.getElementById(id)?.removeAttribute("hidden"); }
  function tell(text, status) {
    const told = document.getElementById("award-told");
    told.textContent = text;
    told.dataset.status = status;
  }

  async function send(form) {
    const { agent, amount, reason } = Object.fromEntries(new FormData(form));
    const button = form.querySelector("button");
    button.disabled = true;
    tell("Sending…", "");
    try {
      const answer = await fetch("/api/gamification/award-xp", {
        method: "POST", headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ agent, amount: Number(amount), reason }),
      });
      const said = await answer.json();
      if (!answer.ok) throw new Error(said.error);
      form.reset();
      tell(`Awarded ${said.amount.toLocaleString("en-GB")} XP to ${said.agent}`, "ok");
    } catch (error) {
      tell(error instanceof TypeError ? "No answer from the board" : `Not awarded: ${error.message}`, "failed");
    }
    button.disabled = false;
    button.focus();
  }

  document.addEventListener("submit", (event) => {
    if (event.target.id !== "award") return;
    event.preventDefault();
    send(event.target);
  });
  document.addEventListener("board:shown", show);
  show();
})();
