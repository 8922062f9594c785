// The rule builder's few moves that need no server: which row to draw again, removing, and saying that it changed.
const rule = document.getElementById("rule");
let wish = {};

function changed() {
  htmx.trigger(document.body, "rule-changed");
}

function redraw(inside, more) {
  const inputs = inside.closest(".sg-row").querySelector(".sg-row-inputs");
  wish = more;
  htmx.trigger(inputs, "redraw");
}

// Where the focus belongs once something is gone: the next row, the one before, or the group's "add".
function focusNear(node) {
  const group = node.parentElement.closest(".sg-group");
  const near = node.nextElementSibling || node.previousElementSibling;
  node.remove();
  (near?.querySelector("select, button") || group.querySelector(":scope > .sg-adds button"))?.focus();
}

rule.addEventListener("change", (event) => {
  if (event.target.matches("[data-redraw]")) redraw(event.target, { focus: event.target.dataset.redraw });
  else changed();
});
rule.addEventListener("input", (event) => {
  if (!event.target.matches("select")) changed();
});
rule.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.matches("[data-remove]")) {
    focusNear(button.closest("[data-node]"));
    changed();
  } else if (button.matches("[data-remove-condition]")) {
    const row = button.closest(".sg-row");
    button.closest("[data-condition]").remove();
    redraw(row, { focus: "none" });
  } else if (button.matches("[data-act]")) {
    redraw(button, { action: button.dataset.act, focus: "last" });
  }
});
// What a person types while a row is on its way to being drawn again must not be lost with the old row.
let sent = new Map();
let typed = new Map();
const valuesOf = (row) => new Map([...row.querySelectorAll("input:not([type=hidden]), textarea")].map((field) => [field.name, field.value]));

rule.addEventListener("htmx:beforeSwap", (event) => {
  const row = event.detail.target;
  if (!row?.matches?.(".sg-row")) return;
  typed = new Map([...valuesOf(row)].filter(([name, value]) => sent.get(name) !== value));
});
rule.addEventListener("htmx:configRequest", (event) => {
  if (!event.target.matches(".sg-row-inputs")) return;
  sent = valuesOf(event.target.closest(".sg-row"));
  const { parameters } = event.detail;
  if (wish.action === "add-sum") parameters[`${parameters.of}-sum`] = "at_least";
  else if (wish.action) parameters.action = wish.action;
  parameters.focus = wish.focus || "";
});
// A redrawn row keeps the keyboard where it was: on the field that asked, or on what that field brought.
rule.addEventListener("htmx:afterSettle", (event) => {
  const row = event.target;
  if (row.matches?.(".sg-row")) {
    for (const [name, value] of typed) {
      const field = row.querySelector(`[name="${CSS.escape(name)}"]`);
      if (field) field.value = value;
    }
    typed = new Map();
    const what = wish.focus;
    const fields = [...row.querySelectorAll(".sg-details select, .sg-details input:not([type=hidden])")];
    if (what === "last" || what === "condition") fields.at(-1)?.focus();
    else if (what && what !== "none" && !row.contains(document.activeElement)) row.querySelector(`[name$="-${what}"]`)?.focus();
  }
  wish = {};
  changed();
});

// Typing and leaving without saving asks first; saving does not.
let isUnsaved = false;
document.body.addEventListener("rule-changed", () => { isUnsaved = true; });
document.getElementById("segment-form").addEventListener("submit", () => { isUnsaved = false; });
addEventListener("beforeunload", (event) => { if (isUnsaved) event.preventDefault(); });
