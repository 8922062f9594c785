// What the save line says, and which fields are marked wrong. The saving itself is htmx's, in the form's attributes.
const form = document.getElementById("builder");
const state = () => document.getElementById("save-state");
let isUnsaved = false;
let isTyped = false; // since the last save began
let isStale = false;

function say(text, tone) {
  state().querySelector("span:last-child").textContent = text;
  state().dataset.tone = tone;
}

function mark() {
  for (const slot of form.querySelectorAll(".hg-problems")) {
    const field = document.getElementById(slot.id.replace("problems-", ""));
    if (!field?.matches("input, textarea, select")) continue;
    field.setAttribute("aria-invalid", String(Boolean(slot.querySelector(".hg-problem:not(.hg-advice)"))));
    const words = new Set((field.getAttribute("aria-describedby") || "").split(" ").filter(Boolean));
    field.setAttribute("aria-describedby", [...words.add(slot.id)].join(" "));
  }
}

for (const kind of ["input", "change"]) form.addEventListener(kind, () => { isUnsaved = isTyped = true; });
form.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target !== form) return;
  if (isStale) event.preventDefault();
  else {
    isTyped = false;
    say(state().dataset.saving, "");
  }
});
// Nothing goes out while what was typed is not saved: it is saved first, and Review is shown anew. What cannot be saved as
// it was typed is the server's to refuse, which is sent all fields with the click.
document.body.addEventListener("htmx:beforeRequest", (event) => {
  if (!event.target.matches("[data-launch]") || !isUnsaved) return;
  event.preventDefault();
  if (isStale) document.getElementById("stale").scrollIntoView({ block: "center" });
  else htmx.trigger(form, "save-now");
});
document.body.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.elt !== form && !/\/(languages|variants)\//.test(event.detail.requestConfig?.path)) return;
  isStale = event.detail.xhr.status === 409;
  isUnsaved = isTyped || !event.detail.successful;
  if (event.detail.xhr.status !== 409 && event.detail.failed) say(state().dataset.failed, "bad");
});
document.body.addEventListener("htmx:sendError", () => say(state().dataset.failed, "bad"));
// A refused save (409) still has something to show: the notice.
document.body.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.status !== 409) return;
  event.detail.shouldSwap = true;
  event.detail.isError = false;
  event.detail.target = state();
  event.detail.swapOverride = "outerHTML";
});
document.body.addEventListener("htmx:oobAfterSwap", mark);
document.body.addEventListener("htmx:afterSettle", mark);

addEventListener("beforeunload", (event) => {
  if (isUnsaved) event.preventDefault();
});
document.body.addEventListener("click", (event) => {
  if (event.target.closest("[data-leave]")) isUnsaved = false;
});
mark();
