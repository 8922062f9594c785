/* Keeps the page in step with the sandbox: asks once a second, redraws only the devices that changed. */

import { age, appName, clockText, drawDevice, drawOpening, make } from "/_phones/devices.js";

const EVERY_MS = 1000;
const OPEN_MS = 4000;

const grid = document.getElementById("phones");
const apps = document.getElementById("apps");
const search = document.getElementById("token");
const pause = document.getElementById("pause");

const shown = new Map(); // token -> { element, drawn }: drawn is the JSON it was made from
let version = "";
let knownApps = "";
let isHeld = false;
let app = new URLSearchParams(location.search).get("app") ?? "";
search.value = new URLSearchParams(location.search).get("token") ?? "";

function query() {
  return new URLSearchParams(Object.entries({ app, token: search.value.trim(), version }).filter(([, value]) => value));
}

async function refresh() {
  try {
    const answer = await fetch(`/_phones/list?${query()}`, { cache: "no-store" });
    document.getElementById("trouble").hidden = true;
    if (answer.status === 200) show(await answer.json());
  } catch {
    document.getElementById("trouble").hidden = false;
  }
  tick();
}

function show(news) {
  document.getElementById("count").textContent = news.count.toLocaleString("en");
  showApps(news.apps);
  if (isHeld || isBusy()) return; // the numbers stay live, the phones wait
  version = news.version;
  document.getElementById("empty").hidden = news.phones.length > 0;
  const wanted = new Set(news.phones.map((phone) => phone.token));
  for (const [token, kept] of shown) {
    if (!wanted.has(token)) {
      kept.element.remove();
      shown.delete(token);
    }
  }
  news.phones.forEach(place);
}

/** Somebody reads or is about to tap: nothing may move under the hand. */
function isBusy() {
  return grid.querySelector(".push:hover, .opening") !== null;
}

function place(phone, index) {
  const drawn = JSON.stringify(phone);
  const kept = shown.get(phone.token);
  let element = kept?.element;
  if (kept?.drawn !== drawn) {
    element = drawDevice(phone, (message, type, button) => tap(phone, message, type, button));
    if (kept) settle(kept.element, element);
    kept?.element.replaceWith(element);
    shown.set(phone.token, { element, drawn });
  }
  if (grid.children[index] !== element) grid.insertBefore(element, grid.children[index] ?? null);
}

/** Notifications that were there before do not arrive a second time. */
function settle(before, after) {
  const numbers = new Set([...before.querySelectorAll("[data-number]")].map((push) => push.dataset.number));
  for (const push of after.querySelectorAll("[data-number]")) {
    if (numbers.has(push.dataset.number)) push.style.animation = "none";
  }
}

function showApps(slugs) {
  const key = `${slugs.join()}|${app}`;
  if (key === knownApps) return;
  knownApps = key;
  const choose = (slug) => () => {
    app = slug;
    remember();
  };
  apps.replaceChildren(
    ...["", ...slugs].map((slug) =>
      make("button", { type: "button", "aria-pressed": String(slug === app), onclick: choose(slug) }, slug ? appName(slug) : "All apps"),
    ),
  );
}

/** Keep the choice in the address, so that a reload or a shared link shows the same phones. */
function remember() {
  version = "";
  const address = new URL(location.href);
  for (const [name, value] of Object.entries({ app, token: search.value.trim() })) {
    if (value) address.searchParams.set(name, value);
    else address.searchParams.delete(name);
  }
  history.replaceState(null, "", address);
  refresh();
}

async function tap(phone, message, type, button) {
  const element = shown.get(phone.token)?.element;
  if (type === "opened" || type === "clicked") open(element, phone, button?.link || message.link, button?.label);
  else if (type === "dismissed") element?.querySelector(`[data-number="${message.number}"]`)?.remove();
  const body = JSON.stringify({ token: phone.token, number: message.number, type, action: button?.id ?? "" });
  await fetch("/_phones/tap", { method: "POST", headers: { "content-type": "application/json" }, body }).catch(() => {});
}

function open(element, phone, link, label) {
  const screen = element?.querySelector(".screen");
  if (!screen) return;
  const opening = drawOpening(phone, link, label);
  const close = () => opening.remove();
  opening.addEventListener("click", close);
  setTimeout(close, OPEN_MS);
  screen.append(opening);
}

function tick() {
  for (const clock of document.querySelectorAll("[data-clock]")) clock.textContent = clockText();
  for (const mark of document.querySelectorAll("[data-at]")) mark.textContent = age(mark.dataset.at);
}

pause.addEventListener("click", () => {
  isHeld = !isHeld;
  pause.setAttribute("aria-pressed", String(isHeld));
  pause.querySelector("span").textContent = isHeld ? "Paused" : "Live";
});
search.addEventListener("input", remember);
document.getElementById("search").addEventListener("submit", (event) => event.preventDefault());

async function run() {
  for (;;) {
    if (!document.hidden) await refresh();
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}

run();
