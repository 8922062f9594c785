/* Draws one device from what the sandbox says about it. No markup is ever made from text: only elements and text nodes. */

const KIND_NAMES = { ios: "iPhone", android: "Android", browser: "Browser", sms: "Text messages" };
const WALLPAPERS = [205, 222, 245, 268, 292, 325, 352, 20, 172, 190]; // hues that make a good wallpaper, light and dark
const STATUS_ICONS =
  "M1 8h2.4v4H1zM5 6h2.4v6H5zM9 3.5h2.4V12H9zM13 1h2.4v11H13zM25.5 2c2.7 0 5 1 6.8 2.7l-1.4 1.5A7.6 7.6 0 0 0 25.5 4 7.6 7.6 0 0 0 20 6.2l-1.3-1.5A9.6 9.6 0 0 1 25.5 2zm0 4c1.5 0 2.9.6 4 1.6l-4 4.2-4-4.2c1-1 2.5-1.6 4-1.6zM39 2h17a3 3 0 0 1 3 3v4a3 3 0 0 1-3 3H39a3 3 0 0 1-3-3V5a3 3 0 0 1 3-3zm1 2a2 2 0 0 0-2 2v2a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2V6a2 2 0 0 0-2-2zM60 5.5v3c1-.2 1.5-.8 1.5-1.5S61 5.7 60 5.5z";

/** An element with attributes (`on*` are listeners) and children. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** A number that always is the same for the same text: the colours of a phone follow from its token. */
export function hue(text) {
  let sum = 7;
  for (const letter of text) sum = (sum * 31 + letter.codePointAt(0)) >>> 0;
  return sum % 360;
}

export function age(then) {
  const seconds = Math.max(0, (Date.now() - Date.parse(then)) / 1000);
  if (seconds < 60) return "now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ago`;
  return seconds < 86400 ? `${Math.floor(seconds / 3600)}h ago` : `${Math.floor(seconds / 86400)}d ago`;
}

/** The whole device; `tap(message, type, action)` is called when somebody touches a notification. */
export function drawDevice(phone, tap) {
  const device = make("article", { class: "device", "data-kind": phone.kind, "aria-label": `${KIND_NAMES[phone.kind]} ${phone.token}` });
  device.style.setProperty("--hue", WALLPAPERS[hue(phone.token) % WALLPAPERS.length]);
  device.style.setProperty("--app-hue", appHue(phone.app));
  const draw = phone.kind === "sms" ? drawThread : phone.kind === "browser" ? drawDesk : drawLockScreen;
  device.append(make("div", { class: "body" }, draw(phone, tap)), drawAbout(phone));
  return device;
}

function appHue(app) {
  return app ? (hue(app) * 7 + 205) % 360 : 230;
}

export function appName(app) {
  return app ? app[0].toUpperCase() + app.slice(1) : "App";
}

function drawAbout(phone) {
  const count = phone.count === 1 ? "1 message" : `${phone.count.toLocaleString("en")} messages`;
  return make(
    "footer", { class: "about" },
    make("strong", {}, `${KIND_NAMES[phone.kind]} · ${appName(phone.app)}`),
    make("span", {}, count),
    make("code", { title: phone.token }, phone.token),
  );
}

function drawStatus() {
  const clock = make("span", { "data-clock": "short" }, clockText());
  return make("div", { class: "status" }, clock, drawSvg("0 0 62 13", STATUS_ICONS));
}

export function clockText() {
  return new Date().toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
}

function dayText() {
  return new Date().toLocaleDateString("en", { weekday: "long", month: "long", day: "numeric" });
}

function drawLockScreen(phone, tap) {
  const clock = [make("p", {}, dayText()), make("b", { "data-clock": "long" }, clockText())];
  if (phone.kind === "android") clock.reverse();
  return make(
    "div", { class: "screen" },
    make("div", { class: "wall" }),
    make("div", { class: phone.kind === "ios" ? "island" : "lens" }),
    drawStatus(),
    make("div", { class: "clock" }, ...clock),
    make("div", { class: "stack" }, ...phone.messages.map((message) => drawPush(phone, message, tap))),
    make("div", { class: "home" }),
  );
}

function drawDesk(phone, tap) {
  const site = `https://${phone.app || "www"}.example.com`;
  return make(
    "div", { class: "screen" },
    make("div", { class: "wall" }),
    make(
      "div", { class: "window", "aria-hidden": "true" },
      make("div", { class: "tabs" }, make("i"), make("span", {}, appName(phone.app))),
      make("div", { class: "address" }, make("span", {}, site)),
      make("div", { class: "site" }),
    ),
    make("div", { class: "status" }, make("span", {}, dayText()), make("span", { "data-clock": "short" }, clockText())),
    make("div", { class: "stack" }, ...phone.messages.map((message) => drawPush(phone, message, tap))),
  );
}

function drawPush(phone, message, tap) {
  const name = appName(phone.app);
  const when = make("span", { class: "age", "data-at": message.at }, age(message.at));
  const face = make("button", { type: "button", class: "tap", onclick: () => tap(message, "opened") }, make("span", { class: "icon", "aria-hidden": "true" }, name[0]));
  const title = make("span", { class: "title" }, message.title || name);
  if (phone.kind === "ios") face.append(title, when);
  else face.append(make("span", { class: "by" }, phone.kind === "browser" ? `${phone.app}.example.com · ` : `${name} · `, when), title);
  if (message.body) face.append(make("span", { class: "text" }, message.body));
  if (message.image) face.append(drawPicture(message.image));
  const close = make("button", { type: "button", class: "close", "aria-label": "Dismiss", onclick: () => tap(message, "dismissed") }, "×");
  const push = make("div", { class: "push", "data-number": message.number }, face, close);
  if (message.buttons.length) push.append(drawActions(message, tap));
  for (const receipt of message.receipts.slice(-1)) push.append(drawOutcome(receipt));
  return push;
}

/** The picture where this machine has it; from elsewhere nothing is fetched, a frame with its name stands for it. */
function drawPicture(address) {
  const url = URL.canParse(address) ? new URL(address) : null;
  const name = url ? `${url.hostname}${url.pathname}`.split("/").slice(-1)[0] || url.hostname : address;
  const frame = make("span", { class: "picture", "data-missing": true, title: address }, drawGlyph(), make("span", {}, name));
  if (!["127.0.0.1", "localhost", "[::1]", location.hostname].includes(url?.hostname)) return frame;
  const picture = make("img", { class: "picture", src: address, alt: "", loading: "lazy", referrerpolicy: "no-referrer" });
  picture.addEventListener("error", () => picture.replaceWith(frame));
  return picture;
}

function drawGlyph() {
  return drawSvg("0 0 48 36", "M4 31 17 13l9 12 5-6 13 12zM34 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8z");
}

function drawSvg(viewBox, path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", viewBox);
  svg.setAttribute("aria-hidden", "true");
  line.setAttribute("d", path);
  line.setAttribute("fill-rule", "evenodd");
  svg.append(line);
  return svg;
}

function drawActions(message, tap) {
  const buttons = message.buttons.map((button) =>
    make("button", { type: "button", onclick: () => tap(message, "clicked", button) }, button.label || button.id),
  );
  return make("div", { class: "actions" }, ...buttons);
}

function drawOutcome(receipt) {
  const isGood = receipt.result.startsWith("2");
  const word = receipt.type[0].toUpperCase() + receipt.type.slice(1) + (receipt.action ? ` “${receipt.action}”` : "");
  const text = receipt.result === "sending" || isGood ? word : `${word}: ${receipt.result}`;
  return make("p", { class: "outcome", "data-failed": !isGood && receipt.result !== "sending" }, text);
}

function drawThread(phone, tap) {
  const sender = phone.messages[0]?.sender || appName(phone.app);
  const bubbles = [...phone.messages].reverse().flatMap((message) => [
    make("div", { class: "bubble" }, ...linked(message.body), make("time", { "data-at": message.at }, age(message.at))),
    ...message.receipts.map(drawReply),
  ]);
  const reply = (word) => make("button", { type: "button", onclick: () => tap(phone.messages[0], "reply", { id: word }) }, word);
  return make(
    "div", { class: "screen" },
    make("div", { class: "island" }),
    drawStatus(),
    make("div", { class: "sender" }, make("i", { "aria-hidden": "true" }, appName(phone.app)[0]), make("span", {}, sender)),
    make("div", { class: "thread" }, ...bubbles),
    make("div", { class: "compose" }, reply("STOP"), reply("START"), reply("Thanks!")),
    make("div", { class: "home" }),
  );
}

function drawReply(receipt) {
  const isGood = receipt.result.startsWith("2");
  const state = receipt.result === "sending" ? "Sending" : isGood ? "Delivered" : `Not delivered: ${receipt.result}`;
  return make("div", { class: "bubble own" }, receipt.action, make("time", {}, state));
}

/** Text with its web addresses as links that open beside this page. */
function linked(text) {
  return text.split(/(https?:\/\/[^\s<>"]+)/).map((part, index) =>
    index % 2 ? make("a", { href: part, target: "_blank", rel: "noopener noreferrer" }, part) : part,
  );
}

/** What a tap shows over the device until it is touched again or some seconds are over. */
export function drawOpening(phone, link, label) {
  const name = appName(phone.app);
  return make(
    "button", { type: "button", class: "opening" },
    make("span", { class: "icon", "aria-hidden": "true" }, name[0]),
    make("strong", {}, label ? `${name}: ${label}` : `${name} opens`),
    link ? make("code", {}, link) : null,
    make("small", {}, link ? `what the ${phone.kind === "browser" ? "browser" : "app"} would open` : "at its start screen"),
  );
}
