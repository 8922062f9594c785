// A segment's page around its rule (rule.js): counting the people, examples and imports, and leaving without saving.
const rule = document.getElementById("rule");

// Every count says which page asks, and how often it has asked: the server stops the query of the count before, and an
// answer that was overtaken is let go. Each request has an element of its own, so that none waits for another.
const box = document.getElementById("count");
let turn = 0;
let drawn = 0;
let soon = 0;
document.body.addEventListener("htmx:configRequest", (event) => {
  const { path, parameters } = event.detail;
  if (path !== rule.dataset.countUrl) return;
  turn += 1;
  parameters.page = rule.dataset.page;
  parameters.turn = turn;
});
box.addEventListener("htmx:beforeSwap", (event) => {
  const own = Number(event.detail.requestConfig.parameters.turn);
  if (own < drawn) event.detail.shouldSwap = false;
  else drawn = own;
});
function count() {
  const asker = document.createElement("span");
  asker.hidden = true;
  asker.setAttribute("hx-include", "#segment-form");
  box.after(asker);
  box.classList.add("htmx-request");
  htmx.ajax("POST", rule.dataset.countUrl, { source: asker, target: box }).catch(() => {}).finally(() => {
    asker.remove();
    if (!document.querySelector("#count ~ [hx-include]")) box.classList.remove("htmx-request");
  });
}
if ("counts" in box.dataset) {
  count();
  document.body.addEventListener("rule-changed", () => {
    clearTimeout(soon);
    soon = setTimeout(count, 350);
  });
}

// An example brings a name along, where none was given.
rule.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  const name = document.getElementById("id_name");
  if (button?.dataset.name && !name.value.trim()) name.value = button.dataset.name;
});

// A rule that was taken in is on the page now; its dialog has done its work.
rule.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target === rule) document.getElementById("rule-json")?.close();
});

// Typing and leaving without saving asks first; saving does not.
let isUnsaved = false;
document.body.addEventListener("rule-changed", () => { isUnsaved = true; });
document.getElementById("segment-form").addEventListener("submit", () => { isUnsaved = false; });
addEventListener("beforeunload", (event) => { if (isUnsaved) event.preventDefault(); });
