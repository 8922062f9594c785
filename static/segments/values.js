// "Is any of": a text area with one value in a line, shown as chips. Without this script the text area itself works.
function dress(box) {
  const area = box.querySelector("textarea");
  if (!area || box.dataset.dressed) return;
  box.dataset.dressed = "yes";
  area.hidden = true;
  const list = document.createElement("ul");
  const input = document.createElement("input");
  input.type = "text";
  input.className = "sg-chip-input";
  input.autocomplete = "off";
  input.maxLength = 1000;
  input.setAttribute("aria-label", area.dataset.label);
  input.placeholder = area.value.trim() ? "" : area.dataset.hint;
  if (area.dataset.list) input.setAttribute("list", area.dataset.list);
  area.before(list, input);

  const values = () => area.value.split("\n").map((line) => line.trim()).filter(Boolean);
  const store = (next) => {
    area.value = [...new Set(next)].join("\n");
    draw();
    area.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const add = () => {
    const typed = input.value.split(/[\n;,\t]/).map((one) => one.trim()).filter(Boolean);
    input.value = "";
    if (typed.length) store([...values(), ...typed]);
  };
  function draw() {
    list.replaceChildren(...values().map((value) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "×";
      button.setAttribute("aria-label", `${box.dataset.removeLabel} ${value}`);
      button.addEventListener("click", () => { store(values().filter((one) => one !== value)); input.focus(); });
      item.append(value, button);
      return item;
    }));
    input.placeholder = values().length ? "" : area.dataset.hint;
  }
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === ",") {
      event.preventDefault();
      add();
    } else if (event.key === "Backspace" && !input.value && values().length) {
      store(values().slice(0, -1));
    }
  });
  input.addEventListener("input", (event) => {
    event.stopPropagation();
    if (event.inputType === "insertReplacementText" || !event.inputType) add();  // picked from the list
  });
  input.addEventListener("change", (event) => event.stopPropagation());
  input.addEventListener("blur", add);
  input.addEventListener("paste", () => setTimeout(add));
  box.addEventListener("click", (event) => { if (event.target === box || event.target === list) input.focus(); });
  draw();
}

function dressAll(inside) {
  for (const box of inside.querySelectorAll("[data-chips]")) dress(box);
}
dressAll(document);
document.body.addEventListener("htmx:afterSwap", () => dressAll(document));
