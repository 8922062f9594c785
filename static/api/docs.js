// Swagger's page over our own schema; nothing is fetched from elsewhere.
const place = document.getElementById("docs");

// As dark as the reader's other windows; Swagger's style has a dark side, which it leaves to the page to turn on.
const dark = matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", paint);
paint();

// The path of a call is a link within the button that opens the call, which no keyboard reaches. The button is enough:
// opening a call puts it into the address all the same.
const onePathOneButton = () => ({
  wrapComponents: {
    DeepLink: (Original, system) => ({ text }) => system.React.createElement("span", null, text),
  },
});

// What Swagger draws without a name, or scrolls where only a mouse can.
const NAMES = {
  ".examples-select-element": "Example",
  ".body-param__text": "Body of the request",
  ".close-modal": "Close",
};
const mend = () => {
  for (const [which, name] of Object.entries(NAMES)) {
    for (const found of place.querySelectorAll(`${which}:not([aria-label])`)) found.setAttribute("aria-label", name);
  }
  for (const found of place.querySelectorAll("pre:not([tabindex])")) found.tabIndex = 0;
};
new MutationObserver(mend).observe(place, { childList: true, subtree: true });

window.SwaggerUIBundle({
  url: place.dataset.schema,
  domNode: place,
  deepLinking: true,
  persistAuthorization: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  plugins: [onePathOneButton],
});
