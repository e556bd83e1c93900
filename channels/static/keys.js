// What keys do. The table is the overlay in the page (channels/inbox/keys.py): each row has its keys and what it calls.

const rows = [...document.querySelectorAll("#keys [data-keys]")];
const hasSingles = document.body.dataset.shortcuts !== "off";
const isMac = /Mac|iPhone|iPad/.test(navigator.platform);
const SEQUENCE_MS = 1200;
const MAY_REPEAT = ["next", "previous"]; // of what a key that is held down does again and again

/** Whether keys are for writing. */
function isTyping(target) {
  return target.closest("textarea, select, [contenteditable], input:not([type=radio]):not([type=checkbox])") !== null;
}

/** Whether an element can be used as things stand: what is in a part that keys reach into can, closed too. */
function isUsable(element) {
  return !element.disabled && (element.checkVisibility() || element.closest("[data-reach]") !== null);
}

const usable = (does) => [...document.querySelectorAll(`[data-does="${does}"]`)].filter(isUsable);

/** Use an element as a hand would. Who listens to `reach` may prepare for it, or prevent it. */
function use(element) {
  if (!element.dispatchEvent(new CustomEvent("reach", { bubbles: true, cancelable: true }))) return;
  if (!element.matches("input:not([type=radio]):not([type=checkbox]), textarea, select")) {
    element.click();
    // Browsers tell of it a moment later; what is typed until then belongs into what has opened.
    if (element.matches("summary")) element.parentElement.dispatchEvent(new Event("toggle"));
    return;
  }
  for (let panel = element.closest("details"); panel; panel = panel.parentElement.closest("details")) panel.open = true;
  element.focus();
}

// --- lists: any element with `data-list`, the selector of each row's link ---

const list = () => [...document.querySelectorAll("[data-list]")].find((each) => each.checkVisibility());
const links = () => (list() ? [...list().querySelectorAll(list().dataset.list)] : []);
const rowOf = (element) => element?.closest("li, tr") ?? null;

function move(step) {
  const all = links();
  const here = rowOf(document.activeElement);
  const at = all.findIndex((link) => here && rowOf(link) === here);
  const next = at < 0 ? all[step > 0 ? 0 : all.length - 1] : all[at + step];
  if (next) {
    next.focus();
    rowOf(next).scrollIntoView({ block: "nearest" });
  } else if (at >= 0) usable(step > 0 ? "next-page" : "top")[0]?.click();
  return all.length > 0;
}

const current = () => (list()?.contains(document.activeElement) ? rowOf(document.activeElement) : null);

const ways = {
  next: () => move(1),
  previous: () => move(-1),
  open() {
    if (document.activeElement.matches("a, button, summary")) return false; // the browser does
    const link = current()?.querySelector(list().dataset.list);
    link?.click();
    return Boolean(link);
  },
  choose() {
    const box = current()?.querySelector("input[type=checkbox]");
    box?.click();
    return Boolean(box);
  },
  help: () => show("keys"),
  palette: () => show("palette"),
  search: () => show("palette"),
  leave,
};

function show(id) {
  const dialog = document.getElementById(id);
  if (dialog.open) return true;
  dialog.dispatchEvent(new CustomEvent("opens"));
  dialog.showModal();
  return true;
}

/** Leave a field, so that keys do things again. What is open closes first: the page, or the browser, sees to that. */
function leave() {
  const field = document.activeElement;
  const open = field.closest("details[open]");
  if (open) {
    open.open = false;
    open.querySelector("summary").focus();
  } else if (isTyping(field)) {
    (field.closest("[data-rest]") ?? document.getElementById(field.dataset.rest ?? "main")).focus();
  } else return false;
  return true;
}

/** Do what a row of the table calls. `nth`: which of several elements that do so. Return whether there was anything. */
function act(row, nth) {
  if (row.dataset.href) {
    location.assign(row.dataset.href);
    return true;
  }
  const element = usable(row.dataset.calls)[nth];
  if (element) use(element);
  return element ? true : nth === 0 && (ways[row.dataset.calls]?.() ?? false);
}

/** Send the form that is being written in: mod+Enter means its button, wherever else there are such. */
function submit(does, target) {
  const form = target.closest("form");
  const button = form?.querySelector(`[data-does="${does}"]`) ?? form?.querySelector('[data-does="send"]');
  button?.click(); // htmx takes the name of a button from its click
  return Boolean(button);
}

// --- what is pressed ---

let begun = "";
let forget = 0;

/** A key as the table names it: `j`, `X`, `mod+k`; the name of an invisible one in small letters. */
function nameOf(event) {
  const name = event.key.length > 1 ? event.key.toLowerCase() : event.key;
  if (!event.ctrlKey && !event.metaKey) return name;
  return `mod+${event.shiftKey ? "shift+" : ""}${name.toLowerCase()}`;
}

function find(keys) {
  const digit = /^[1-9]$/.test(keys) ? Number(keys) - 1 : 0;
  const named = rows.filter((row) => row.dataset.keys === (/^[1-9]$/.test(keys) ? "digit" : keys));
  return { named, digit };
}

function isFree(event, keys) {
  if (event.defaultPrevented || event.isComposing || event.altKey || event.key === "Dead") return false;
  if (keys.startsWith("mod+") || keys === "escape") return true;
  return hasSingles && !isTyping(event.target) && !document.querySelector("dialog[open]");
}

document.addEventListener("keydown", (event) => {
  const keys = nameOf(event);
  if (!isFree(event, keys) || (document.querySelector("dialog[open]") && keys === "escape")) return;
  const pressed = begun ? `${begun} ${keys}` : keys;
  clearTimeout(forget);
  begun = "";
  const { named, digit } = find(pressed);
  const done = named.some((row) => {
    if (event.repeat && !MAY_REPEAT.includes(row.dataset.calls)) return true; // held down, it approved the next as well
    return row.dataset.calls.startsWith("send") ? submit(row.dataset.calls, event.target) : act(row, digit);
  });
  if (done) event.preventDefault();
  else if (hasSingles && rows.some((row) => row.dataset.keys.startsWith(`${keys} `))) {
    begun = keys;
    forget = setTimeout(() => (begun = ""), SEQUENCE_MS);
  }
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-closes]")) event.target.closest("dialog").close();
  if (event.target instanceof HTMLDialogElement) event.target.close(); // beside what it shows
  const asked = event.target.closest("[data-shows]");
  if (asked) show(asked.dataset.shows);
});

if (isMac) for (const cap of document.querySelectorAll("kbd[data-mod]")) cap.textContent = "⌘";

/** What can be done here and now, as rows of the table: for the palette. */
export function listActions() {
  return rows.filter((row) => !row.dataset.href && row.dataset.calls !== "pick" && usable(row.dataset.calls).length);
}

export const listPages = () => rows.filter((row) => row.dataset.href);
export const perform = (row) => act(row, 0);
