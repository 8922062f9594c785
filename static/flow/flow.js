// Steps are added, moved and removed, and the automation is started, by sending a form the plain way: after what is just
// being saved, so that neither overtakes the other, and with nothing typed left behind. What was typed and cannot be saved
// keeps it from starting: the value stored before would go out instead.
const builder = document.getElementById("builder");
const SETTLED_MS = 50;
let isSaving = false;
let isTyped = false;
let isLeaving = false;
let waiting = null;

for (const kind of ["input", "change"]) builder.addEventListener(kind, () => { isTyped = true; });
builder.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target !== builder) return;
  if (isLeaving) return event.preventDefault();
  isSaving = true;
  isTyped = false;
});
builder.addEventListener("htmx:afterRequest", (event) => {
  if (event.target !== builder) return;
  isSaving = false;
  setTimeout(goOn, SETTLED_MS);
});

function goOn() {
  if (!waiting || isSaving) return;
  const [form, button] = waiting;
  waiting = null;
  form.requestSubmit(button);
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || !builder.hasAttribute("hx-post")) return;
  const mustSave = form !== builder && isTyped;
  if (!isSaving && !mustSave) {
    if (form.closest("#start-button") && document.querySelector("#start-inside [data-typed-wrong]")) {
      event.preventDefault();
      document.getElementById("start").focus();
      return;
    }
    isLeaving = true;
    return;
  }
  event.preventDefault();
  waiting = [form, event.submitter];
  if (!isSaving) htmx.trigger(builder, "save-now");
});
// An answer to a step that could not be added has the address of the saving, and says why where it was asked for.
if (builder.dataset.page) history.replaceState(null, "", builder.dataset.page);
document.getElementById("refused")?.focus();
