// Which phone is looked at, and whether it is in dark mode: all previews of a page together. Remembered on this computer only.
const previews = [...document.querySelectorAll("[data-preview]")];
const KEY = "heliograph-preview";

function show({ platform, dark }) {
  for (const preview of previews) {
    preview.dataset.show = platform;
    preview.toggleAttribute("data-dark", dark);
    for (const button of preview.querySelectorAll("[data-show-platform]"))
      button.setAttribute("aria-pressed", String(button.dataset.showPlatform === platform));
    preview.querySelector("[data-toggle-dark]").setAttribute("aria-pressed", String(dark));
  }
  localStorage.setItem(KEY, JSON.stringify({ platform, dark }));
}

function current() {
  return { platform: previews[0].dataset.show, dark: previews[0].hasAttribute("data-dark") };
}

if (previews.length) show({ ...current(), ...JSON.parse(localStorage.getItem(KEY) || "{}") });
for (const preview of previews)
  preview.addEventListener("click", (event) => {
    const platform = event.target.closest("[data-show-platform]")?.dataset.showPlatform;
    if (platform) show({ ...current(), platform });
    if (event.target.closest("[data-toggle-dark]")) show({ ...current(), dark: !current().dark });
  });
