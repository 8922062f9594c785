// Buttons that open and close the dialogs of a page, and those that copy what a field holds.
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  if (opener) document.getElementById(opener.dataset.opens).showModal();
  event.target.closest("[data-closes]")?.closest("dialog").close();
  const copier = event.target.closest("[data-copies]");
  if (copier) copy(copier);
});

async function copy(button) {
  const field = document.getElementById(button.dataset.copies);
  field.select();
  // Only a page under https (or of this machine) may write to the clipboard; elsewhere the field stays selected.
  if (!navigator.clipboard) return;
  await navigator.clipboard.writeText(field.value);
  button.querySelector("span:last-child").textContent = button.dataset.done;
}
