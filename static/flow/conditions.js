// Conditions of a draft: a rule whose rows came or went is saved with the rest, and its people are counted anew. The
// server stops the query of the count before (see segments/builder.js).
const builder = document.getElementById("builder");
const PATIENCE_MS = 350;
let turn = 0;

function tend(part) {
  const box = part.querySelector("[data-passing]");
  const root = part.querySelector("[name$='-root']");
  let soon = 0;
  function count() {
    clearTimeout(soon);
    soon = setTimeout(() => htmx.trigger(box, "count"), PATIENCE_MS);
  }
  part.addEventListener("rule-changed", () => {
    root.dispatchEvent(new Event("input", { bubbles: true }));
    count();
  });
  part.closest(".hg-flow-ask").querySelector("[name$='-ask']").addEventListener("change", (event) => {
    if (event.target.value === "rule") count();
  });
}

builder.addEventListener("htmx:configRequest", (event) => {
  if (!event.target.matches("[data-passing]")) return;
  turn += 1;
  event.detail.parameters.turn = turn;
});
for (const part of builder.querySelectorAll(".hg-flow-rule:has([data-passing])")) tend(part);
