// "Why is somebody in it?": the answer follows the rule as it is changed, and a name of several is chosen by a click.
const form = document.getElementById("why-form");
const who = document.getElementById("why-who");
const answer = document.getElementById("why-answer");

let isAsked = false;

form.addEventListener("submit", () => { isAsked = true; });
answer.addEventListener("click", (event) => {
  const choice = event.target.closest("[data-who]");
  if (!choice) return;
  who.value = choice.dataset.who;
  who.focus();
  htmx.trigger(form, "submit");
});
document.body.addEventListener("rule-changed", () => {
  if (isAsked && who.value.trim()) htmx.trigger(form, "ask");
});
