// Which phone is looked at, and whether it is in dark mode. Remembered on this computer only.
const preview = document.querySelector("[data-preview]");
const KEY = "heliograph-preview";

function show({ platform, dark }) {
  preview.dataset.show = platform;
  preview.toggleAttribute("data-dark", dark);
  for (const button of preview.querySelectorAll("[data-show-platform]"))
    button.setAttribute("aria-pressed", String(button.dataset.showPlatform === platform));
  preview.querySelector("[data-toggle-dark]").setAttribute("aria-pressed", String(dark));
  localStorage.setItem(KEY, JSON.stringify({ platform, dark }));
}

function current() {
  return { platform: preview.dataset.show, dark: preview.hasAttribute("data-dark") };
}

if (preview) {
  show({ ...current(), ...JSON.parse(localStorage.getItem(KEY) || "{}") });
  preview.addEventListener("click", (event) => {
    const platform = event.target.closest("[data-show-platform]")?.dataset.showPlatform;
    if (platform) show({ ...current(), platform });
    if (event.target.closest("[data-toggle-dark]")) show({ ...current(), dark: !current().dark });
  });
}
