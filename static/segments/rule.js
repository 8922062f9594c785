// A rule's few moves that need no server: which row to draw again, removing, and saying that it changed ("rule-changed",
// which bubbles). Every [data-rule] of the page is tended for itself.
function tend(rule) {
  let action = "";

  function changed() {
    htmx.trigger(rule, "rule-changed");
  }

  // A row drawn again keeps the focus by itself: htmx gives it back to the field of the same id.
  function redraw(inside, asked = "") {
    action = asked;
    htmx.trigger(inside.closest(".sg-row").querySelector(".sg-row-inputs"), "redraw");
  }

  // Where the focus belongs once something is gone: the next row, the one before, or the group's "add".
  function removeNode(node) {
    const group = node.parentElement.closest(".sg-group");
    const near = node.nextElementSibling || node.previousElementSibling;
    node.remove();
    (near?.querySelector("select, button") || group.querySelector(":scope > .sg-adds button"))?.focus();
    changed();
  }

  rule.addEventListener("change", (event) => {
    if (event.target.matches("[data-redraw]")) redraw(event.target);
    else changed();
  });
  rule.addEventListener("input", (event) => {
    if (!event.target.matches("select")) changed();
  });
  rule.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.matches("[data-remove]")) removeNode(button.closest("[data-node]"));
    if (button?.matches("[data-act]")) redraw(button, button.dataset.act);
    if (button?.matches("[data-remove-condition]")) {
      const row = button.closest(".sg-row");
      button.closest("[data-condition]").remove();
      redraw(row);
    }
  });
  rule.addEventListener("htmx:configRequest", (event) => {
    const { parameters } = event.detail;
    if (action === "add-sum") parameters[`${parameters.of}-sum`] = "at_least";
    else if (action) parameters.action = action;
  });

  // What happens in a row while it is on its way to being drawn again is not lost with the old row: an answer to a choice
  // that was changed meanwhile is let go (the next request is waiting already), what was typed meanwhile is kept.
  let typed = new Map();
  let place = -1;

  function controls(row) {
    return [...row.querySelectorAll("select, button, input:not([type=hidden]), textarea")].filter((one) => !one.hidden);
  }

  rule.addEventListener("htmx:beforeSwap", (event) => {
    const { target, requestConfig } = event.detail;
    if (!target.matches(".sg-row")) return;
    const isOther = (field) => ![field.value, undefined].includes(requestConfig.parameters[field.name]);
    const texts = [...target.querySelectorAll("input:not([type=hidden], [type=checkbox]), textarea")];
    typed = new Map(texts.filter(isOther).map((field) => [field.name, field.value]));
    place = controls(target).indexOf(document.activeElement);
    event.detail.shouldSwap = ![...target.querySelectorAll("select[data-redraw]")].some(isOther);
  });
  rule.addEventListener("htmx:afterSwap", (event) => {
    const row = document.getElementById(event.detail.target.id);
    for (const [name, value] of typed) {
      const field = row?.querySelector(`[name="${CSS.escape(name)}"]`);
      if (field) field.value = value;
    }
    typed = new Map();
  });

  // What was asked for gets the focus, but never away from where somebody is typing by now. Who went on before the rest
  // of the row was there is at the same place of the new row.
  rule.addEventListener("htmx:afterSettle", (event) => {
    const { target } = event;
    const { activeElement } = document;
    const isLost = !activeElement || activeElement === document.body;
    if (!rule.contains(target) || target.matches(".sg-branch")) return;
    if (target === rule) {
      rule.querySelector(".sg-row select")?.focus();
    } else if (target.matches(".sg-list")) {
      if (isLost || activeElement === event.detail.requestConfig.elt) target.lastElementChild?.querySelector("select")?.focus();
    } else if (isLost && action) {
      [...target.querySelectorAll(".sg-details select")].at(-1)?.focus();
    } else if (isLost && place >= 0) {
      (controls(target)[place] || controls(target).at(-1))?.focus();
    }
    action = "";
    changed();
  });
}

for (const rule of document.querySelectorAll("[data-rule]")) tend(rule);
