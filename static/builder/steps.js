// The five steps as tabs. Without this script they simply stand one under the other.
const form = document.getElementById("builder");
const tabs = [...form.querySelectorAll('[role="tab"][data-step]')];
const panel = (step) => document.getElementById(`step-${step}`);
const names = tabs.map((tab) => tab.dataset.step);
let current = names[0];

function open(step, { focus = false } = {}) {
  current = names.includes(step) ? step : names[0];
  for (const tab of tabs) {
    const isCurrent = tab.dataset.step === current;
    tab.setAttribute("aria-selected", String(isCurrent));
    tab.tabIndex = isCurrent ? 0 : -1;
    panel(tab.dataset.step).hidden = !isCurrent;
    if (isCurrent) tab.scrollIntoView({ block: "nearest", inline: "center" });
  }
  document.getElementById("step").value = current;
  form.querySelector('[data-go="back"]').disabled = current === names[0];
  form.querySelector('[data-go="next"]').hidden = current === names.at(-1);
  history.replaceState(null, "", `#${current}`);
  if (focus) panel(current).focus({ preventScroll: true });
  if (current === "review") review();
}

// Review shows what is stored, so what is typed is stored first; the answer brings `review-wanted`.
function review() {
  document.getElementById("reviewed").value = "1";
  if (form.hasAttribute("hx-post")) htmx.trigger(form, "save-now");
  else htmx.trigger(document.body, "review-wanted");
}

function go(by) {
  open(names[names.indexOf(current) + by], { focus: true });
  document.getElementById("content").scrollIntoView({ block: "start" });
}

// A wrong field can stand in a part that is folded, or that another choice has taken out of play.
function reveal(field) {
  for (let part = field?.parentElement; part && part !== form; part = part.parentElement) {
    if (part.matches("[data-shown-by]")) part.hidden = false;
    if (part.matches("details")) part.open = true;
  }
}

function jump(step, slot) {
  open(step);
  const field = document.getElementById(slot) || document.getElementById(`problems-${slot}`);
  const variant = field?.closest("[data-variant-panel]")?.dataset.variantPanel;
  form.querySelector(`[data-variant="${variant}"]`)?.click();
  const language = field?.closest("[data-language-panel]");
  if (language) document.getElementById(language.getAttribute("aria-labelledby")).click();
  reveal(field);
  field?.scrollIntoView({ block: "center" });
  (field?.matches("input, textarea, select") ? field : panel(step)).focus({ preventScroll: true });
}

form.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.step) open(button.dataset.step);
  if (button.dataset.go) go(button.dataset.go === "next" ? 1 : -1);
  if (button.dataset.jump) jump(button.dataset.jump, button.dataset.jumpTo);
});

form.querySelector('[role="tablist"]').addEventListener("keydown", (event) => {
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!by) return;
  const turn = getComputedStyle(form).direction === "rtl" ? -by : by;
  const next = tabs[(names.indexOf(current) + turn + tabs.length) % tabs.length];
  open(next.dataset.step);
  next.focus();
  event.preventDefault();
});

// Fields that another choice brings into play.
function follow() {
  for (const part of form.querySelectorAll("[data-shown-by]")) {
    const choices = [...form.querySelectorAll(`[data-shows~="${part.dataset.shownBy}"]`)];
    part.hidden = !choices.some((choice) => choice.checked);
  }
}
form.addEventListener("change", follow);
document.body.addEventListener("htmx:afterSettle", follow);
follow();

// The launch button wakes up when the typed number is the number of people.
document.getElementById("review").addEventListener("input", (event) => {
  event.stopPropagation(); // nothing of the draft is typed here
  if (event.target.id !== "typed") return;
  const typed = event.target.value.replace(/[\s.,'’_]/g, "");
  form.querySelector("[data-launch]").disabled = typed !== event.target.dataset.expected;
});

document.getElementById("review").addEventListener("change", (event) => event.stopPropagation());

window.addEventListener("hashchange", () => open(location.hash.slice(1)));
// Modules run before htmx has bound the form; wait for it, or a reload on #review would save nothing.
addEventListener("load", () => open(location.hash.slice(1)));
