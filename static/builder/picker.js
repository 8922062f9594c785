// The segment picker: chosen names in its head, and a filter.
for (const picker of document.querySelectorAll("[data-picker]")) {
  const chosen = picker.querySelector(".hg-picker-chosen");

  const show = () => {
    const names = [...picker.querySelectorAll("input:checked")].map((box) => box.dataset.label);
    chosen.replaceChildren(...names.map((name) => Object.assign(document.createElement("span"), { className: "hg-chip", textContent: name })));
    if (!names.length) chosen.textContent = chosen.dataset.none;
  };

  picker.addEventListener("change", show);
  picker.addEventListener("input", (event) => {
    if (!event.target.matches("[data-filter]")) return;
    event.stopPropagation();
    const wanted = event.target.value.trim().toLowerCase();
    for (const row of picker.querySelectorAll("[data-name]")) row.hidden = !row.dataset.name.includes(wanted);
  });
  show();
}
