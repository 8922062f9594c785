// The message step: language tabs, counters, personalisation, places for buttons and data. Works on what stands in the
// page now, because adding a language replaces the step.
const form = document.getElementById("builder");
const FALLBACK = /\{\{[^}|]*(?:\|\s*default:\s*(?:"([^"]*)"|'([^']*)'))?[^}]*\}\}/g;
const LOGIC = /\{%.*?%\}/gs;

// As long as it will be read: variables count as their fallback.
function shownLength(text) {
  const read = text.replace(FALLBACK, (_whole, double, single) => double ?? single ?? "").replace(LOGIC, "");
  return [...new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(read)].length;
}

function count(field) {
  const box = field.closest("[data-counted]");
  if (!box) return;
  const length = shownLength(field.value);
  const counter = box.querySelector("[data-counter]");
  const over = box.dataset.limits.split(",").map((limit) => limit.split(":")).filter(([, most]) => length > Number(most));
  counter.replaceChildren();
  counter.append(Object.assign(document.createElement("span"), {
    textContent: length === 1 ? box.dataset.countOne : box.dataset.count.replace("%n", length),
  }));
  for (const [where, most] of over)
    counter.append(Object.assign(document.createElement("b"), {
      textContent: box.dataset.over.replace("%w", where).replace("%n", most),
    }));
}

function countAll() {
  for (const field of form.querySelectorAll("[data-counted] :is(input, textarea)")) count(field);
  for (const group of form.querySelectorAll("[data-places]")) offerPlace(group);
  sumShares();
  showDecision();
}

function openLanguage(tab) {
  const variant = tab.closest("[data-variant-panel]");
  for (const other of variant.querySelectorAll("[data-language]"))
    other.setAttribute("aria-selected", String(other === tab));
  for (const panel of variant.querySelectorAll("[data-language-panel]"))
    panel.hidden = panel.dataset.languagePanel !== tab.dataset.language;
  document.getElementById("preview_language").value = tab.dataset.language;
}

// The variant of this position with the language that was open in it; buttons that add a variant begin from it.
function openVariant(position) {
  for (const tab of form.querySelectorAll("[data-variant]"))
    tab.setAttribute("aria-selected", String(tab.dataset.variant === position));
  for (const panel of form.querySelectorAll("[data-variant-panel]"))
    panel.hidden = panel.dataset.variantPanel !== position;
  document.getElementById("preview_variant").value = position;
  openLanguage(form.querySelector(`[data-variant-panel="${position}"] [data-language][aria-selected="true"]`));
}

// With everybody in the test nothing is left to decide.
function showDecision() {
  const rest = form.querySelector("[data-rest]");
  if (rest) rest.hidden = document.getElementById("test_percent").value === "100" && !rest.querySelector('[aria-invalid="true"]');
}

// What the shares add up to, before anything is saved.
function sumShares() {
  const line = form.querySelector("[data-share-sum]");
  if (!line) return;
  const shares = [...form.querySelectorAll('[name$="-share"]')].map((field) => Number(field.value) || 0);
  const sum = shares.reduce((all, share) => all + share, 0);
  line.textContent = sum === 100 ? line.dataset.fits : line.dataset.misses.replace("%n", sum);
  line.toggleAttribute("data-wrong", sum !== 100);
}

function offerPlace(group) {
  group.querySelector("[data-add-place]").hidden = !group.querySelector("[data-place][hidden]");
}

function addPlace(group) {
  const place = group.querySelector("[data-place][hidden]");
  place.hidden = false;
  for (const open of place.querySelectorAll('[name$="_open"]')) open.value = "1";
  place.querySelector(".hg-input").focus();
  offerPlace(group);
}

function removePlace(place) {
  for (const field of place.querySelectorAll('.hg-input, [name$="_open"]')) field.value = "";
  place.hidden = true;
  const group = place.closest("[data-places]");
  offerPlace(group);
  group.querySelector("[data-add-place]").focus();
  htmx.trigger(form, "save-now");
}

const dialog = document.getElementById("variables");
let target = null;

function personalise(id) {
  target = document.getElementById(id);
  document.getElementById("variable-fallback").value = "";
  dialog.showModal();
}

dialog?.addEventListener("submit", () => {
  const name = document.getElementById("variable-name").value;
  const fallback = document.getElementById("variable-fallback").value.replaceAll('"', "'").trim();
  dialog.close();
  target.focus();
  target.setRangeText(`{{ ${name} | default: "${fallback}" }}`, target.selectionStart, target.selectionEnd, "end");
  target.dispatchEvent(new Event("input", { bubbles: true }));
});

form.addEventListener("input", (event) => {
  count(event.target);
  if (event.target.name?.endsWith("-share")) sumShares();
  if (event.target.name === "test_percent") showDecision();
});
form.addEventListener("change", (event) => {
  if (event.target.matches("[data-add-language]") && event.target.value) htmx.trigger(event.target, "language-chosen");
});
document.body.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.language) openLanguage(button);
  if (button.dataset.variant) openVariant(button.dataset.variant);
  if (button.dataset.language || button.dataset.variant) htmx.trigger(form, "save-now");
  if (button.dataset.insertVariable) personalise(button.dataset.insertVariable);
  if ("addPlace" in button.dataset) addPlace(button.closest("[data-places]"));
  if ("removePlace" in button.dataset) removePlace(button.closest("[data-place]"));
  if ("closeDialog" in button.dataset) button.closest("dialog").close();
});

// A language or variant more draws the step anew. What was typed while that was on its way is not in the answer: it is
// carried over, with the caret where its field is still on screen, and saved after that.
let typed = new Map();
let caret = null;
document.body.addEventListener("htmx:beforeSwap", (event) => {
  const { target, requestConfig } = event.detail;
  if (target.id !== "step-message" || !event.detail.shouldSwap) return;
  const sent = requestConfig.parameters;
  const texts = [...target.querySelectorAll("textarea, input:not([type=hidden], [type=checkbox], [type=radio])")];
  const isNewer = (field) => ![field.value, undefined].includes(sent[field.name]);
  typed = new Map(texts.filter(isNewer).map((field) => [field.name, field.value]));
  const active = document.activeElement;
  caret = typed.has(active.name) ? { name: active.name, from: active.selectionStart, to: active.selectionEnd } : null;
});

document.body.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id !== "step-message") return;
  const fresh = (name) => document.querySelector(`#step-message [name="${CSS.escape(name)}"]`);
  for (const [name, value] of typed) if (fresh(name)) fresh(name).value = value;
});
document.body.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id !== "step-message") return;
  const panel = event.target.querySelector("[data-variant-panel]:not([hidden])");
  openVariant(panel.dataset.variantPanel);
  countAll();
  if (typed.size) htmx.trigger(form, "save-now");
  typed = new Map();
  const field = caret && event.target.querySelector(`[name="${CSS.escape(caret.name)}"]`);
  field?.focus();
  const isBack = field && document.activeElement === field;
  if (isBack && caret.from !== null) field.setSelectionRange(caret.from, caret.to);
  if (!isBack) panel.querySelector("[data-language-panel]:not([hidden]) .hg-input")?.focus();
});
countAll();

// A language that was just added to a step of an automation is open.
const asked = document.getElementById(location.hash.slice(1));
if (asked?.matches("[data-language]")) asked.click();
