// The queue while it is open: what changes comes in by itself, and what is chosen, focused or being typed stays.

import { ask } from "./asking.js";
import { syncRegion } from "./regions.js";

const PARTS = ["queue-tabs", "queue-rows", "queue-foot"];
const LEAST_MS = 400;
const AGAIN_MS = 2000;
const HALF_MINUTE_MS = 30_000;

const queue = document.getElementById("queue");
const rows = document.getElementById("queue-rows");
const form = document.getElementById("queue-form");
const all = document.getElementById("queue-all");
const result = document.getElementById("queue-result");
const filters = document.getElementById("queue-filters");

const boxes = () => [...rows.querySelectorAll('input[name="item"]')];

/** Show how many are chosen; what can be done with them is offered only then. */
function showChosen() {
  if (!form) return;
  const chosen = boxes().filter((box) => box.checked).length;
  const said = document.getElementById("queue-chosen");
  said.textContent = chosen ? said.dataset.some.replace("{n}", chosen) : said.dataset.none;
  all.checked = chosen > 0 && chosen === boxes().length;
  all.indeterminate = chosen > 0 && !all.checked;
  form.classList.toggle("has-chosen", chosen > 0);
  for (const box of boxes()) box.closest("li").classList.toggle("is-chosen", box.checked);
}

/** Where the focus is within the rows: to find it again in a row that was replaced. */
function focusWithin() {
  const row = rows.contains(document.activeElement) ? document.activeElement.closest("li") : null;
  return row && { id: row.id, index: [...rows.children].indexOf(row), isBox: document.activeElement.matches("input") };
}

/** Focus a control of the row at an index, or of the last before it; without rows, the page. */
function focusRow(index, control) {
  const row = rows.children[Math.min(Math.max(index, 0), rows.children.length - 1)];
  (row?.querySelector(control) ?? document.getElementById("main")).focus({ preventScroll: true });
}

/** Focus what had it, or, if its row has gone, the row that took its place. */
function restoreFocus(held) {
  if (!held || (document.activeElement !== document.body && !rows.contains(document.activeElement))) return;
  const same = [...rows.children].findIndex((row) => row.id === held.id);
  focusRow(same < 0 ? held.index : same, held.isBox ? "input" : "a");
}

/** Bring the parts of the page to what the server says. */
function show(html) {
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  const chosen = new Set(boxes().filter((box) => box.checked).map((box) => box.value));
  const held = focusWithin();
  for (const part of PARTS) {
    const source = fresh.content.querySelector(`[data-part="${part}"]`);
    if (source) syncRegion(document.getElementById(part), source.innerHTML);
  }
  for (const box of boxes()) box.checked = chosen.has(box.value);
  restoreFocus(held);
  showChosen();
}

let isBusy = false;
let isStale = false;

/** Load again what is shown: at once, but never twice at a time, and a storm of changes as one. */
async function refresh() {
  isStale = true;
  if (isBusy) return;
  isBusy = true;
  while (isStale) {
    isStale = false;
    const html = await ask(queue.dataset.href);
    if (html === null) isStale = true;
    else show(html);
    await new Promise((resolve) => setTimeout(resolve, isStale ? AGAIN_MS : LEAST_MS));
  }
  isBusy = false;
}

queue.addEventListener("changed", refresh);
setInterval(refresh, HALF_MINUTE_MS); // what is counted down goes on though nothing happens

rows.addEventListener("change", showChosen);
all?.addEventListener("change", () => {
  for (const box of boxes()) box.checked = all.checked;
  showChosen();
});
/** Say what came of an act, also that it did not. */
function say(text) {
  document.getElementById("announcer").textContent = text.trim();
}
const isTold = (xhr) => xhr.status < 500 && xhr.getResponseHeader("content-type")?.startsWith("text/html");
result.addEventListener("htmx:beforeSwap", (event) => {
  event.detail.shouldSwap ||= isTold(event.detail.xhr); // why the server refused is a part of a page, too
});
result.addEventListener("htmx:afterSwap", () => say(result.textContent));
for (const failure of ["htmx:sendError", "htmx:responseError"]) {
  document.addEventListener(failure, (event) => {
    if (event.detail.target !== result || isTold(event.detail.xhr)) return;
    result.textContent = result.dataset.failed;
    say(result.dataset.failed);
  });
}
let first = 0; // of those that are acted upon: what changes may come in, and they be gone, before the answer
form?.addEventListener("htmx:beforeRequest", () => (first = boxes().findIndex((box) => box.checked)));
form?.addEventListener("htmx:afterRequest", () => {
  if (document.querySelector("#queue-result [data-changed]")) {
    for (const box of boxes()) box.checked = false;
    for (const field of form.querySelectorAll("#bulk-until, #bulk-label")) field.value = "";
  }
  showChosen();
  if (!form.classList.contains("has-chosen")) focusRow(first, "a"); // the button that was pressed is no longer shown
  refresh();
});
// Enter in a field means the button beside it, not the form's first.
form?.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.matches(".bulk-pair input")) return;
  event.preventDefault();
  event.target.closest(".bulk-pair").querySelector("button").click();
});
filters.addEventListener("change", () => {
  for (const field of filters.querySelectorAll("select")) field.disabled = !field.value; // keeps the address short
  filters.requestSubmit();
});
window.addEventListener("pageshow", () => {
  for (const field of filters.querySelectorAll("select")) field.disabled = false;
  showChosen();
});
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});
// A key that does something with conversations means those that are chosen, or else the one that has the focus.
form?.addEventListener("reach", (event) => {
  if (event.target === all || boxes().some((box) => box.checked)) return;
  const box = focusWithin() && document.activeElement.closest("li").querySelector('input[name="item"]');
  if (box) {
    box.checked = true;
    showChosen();
  } else {
    event.preventDefault();
    focusRow(0, "a");
  }
});
showChosen();
