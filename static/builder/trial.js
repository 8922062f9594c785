// Whom the preview is read as, and the dialog of test sends. What they hold is htmx's.
const form = document.getElementById("builder");
const dialog = document.getElementById("trial");
const reader = document.getElementById("reader");

function readAs(id, name) {
  document.getElementById("preview_customer").value = id;
  document.getElementById("readers").replaceChildren();
  reader.value = name;
  htmx.trigger(form, "save-now");
}

document.body.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if ("reader" in button.dataset) readAs(button.dataset.reader, button.dataset.readerName);
  if ("openTrial" in button.dataset) dialog.showModal();
});
reader?.addEventListener("search", () => {
  if (!reader.value) readAs("", "");
});
for (const failure of ["htmx:responseError", "htmx:sendError"]) {
  document.body.addEventListener(failure, ({ detail: { target } }) => {
    if (target?.id === "trial-body") target.textContent = dialog.dataset.failed;
  });
}
// Its code must not be asked about any more.
dialog?.addEventListener("close", () => document.getElementById("trial-body").replaceChildren());
