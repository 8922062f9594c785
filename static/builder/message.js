// The message step: language tabs, counters, personalisation, buttons. Works on what stands in the page now, because
// adding a language replaces the step.
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
  for (const group of form.querySelectorAll("[data-buttons]")) offerButton(group);
}

function openLanguage(code) {
  for (const tab of form.querySelectorAll("[data-language]"))
    tab.setAttribute("aria-selected", String(tab.dataset.language === code));
  for (const panel of form.querySelectorAll("[data-language-panel]"))
    panel.hidden = panel.dataset.languagePanel !== code;
  document.getElementById("preview_language").value = code;
}

function offerButton(group) {
  group.querySelector("[data-add-button]").hidden = !group.querySelector("[data-button-place][hidden]");
}

function addButton(group) {
  const place = group.querySelector("[data-button-place][hidden]");
  place.hidden = false;
  place.querySelector('[name$="_open"]').value = "1";
  place.querySelector(".hg-input").focus();
  offerButton(group);
}

function removeButton(place) {
  for (const field of place.querySelectorAll('.hg-input, [name$="_open"]')) field.value = "";
  place.hidden = true;
  offerButton(place.closest("[data-buttons]"));
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

// Tags that web analytics read; the link stays as it is typed, so everybody sees what will be opened.
function addUtm(button) {
  const field = document.getElementById(button.dataset.utm);
  const [address, fragment] = field.value.trim().split("#", 2);
  if (!/^https:/i.test(address) || /[?&]utm_source=/.test(address)) return field.focus();
  const slug = button.dataset.utmCampaign.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "");
  const tags = new URLSearchParams({ utm_source: "heliograph", utm_medium: "push", utm_campaign: slug || "push" });
  field.value = `${address}${address.includes("?") ? "&" : "?"}${tags}${fragment === undefined ? "" : `#${fragment}`}`;
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

form.addEventListener("input", (event) => count(event.target));
form.addEventListener("change", (event) => {
  if (event.target.matches("[data-add-language]") && event.target.value) htmx.trigger(event.target, "language-chosen");
});
document.body.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.language) {
    openLanguage(button.dataset.language);
    htmx.trigger(form, "save-now");
  }
  if (button.dataset.insertVariable) personalise(button.dataset.insertVariable);
  if ("addButton" in button.dataset) addButton(button.closest("[data-buttons]"));
  if ("removeButton" in button.dataset) removeButton(button.closest("[data-button-place]"));
  if (button.dataset.utm) addUtm(button);
  if ("closeDialog" in button.dataset) button.closest("dialog").close();
});
document.body.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id !== "step-message") return;
  const chosen = event.target.querySelector('[data-language][aria-selected="true"]').dataset.language;
  openLanguage(chosen);
  countAll();
  document.getElementById(`text-${chosen}-title`)?.focus();
});
countAll();
