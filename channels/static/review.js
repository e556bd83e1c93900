// The review card: single keys, the draft as it is being written anew, and what comes in while somebody reads.

const token = document.querySelector('meta[name="csrf-token"]').content;
const card = () => document.getElementById("review-card");

// --- single keys -----------------------------------------------------------------------------------------------------

let begun = "";
let forget = 0;

/** Whether keys are for writing. */
function isTyping(target) {
  return target.closest("textarea, select, [contenteditable], input:not([type=radio]):not([type=checkbox])") !== null;
}

/** Whether an element can be used as things stand: what “More” holds can, closed too; what else is closed cannot. */
function isUsable(element) {
  return !element.disabled && (element.checkVisibility() || element.closest("#review-more") !== null);
}

function find(attribute, keys) {
  const scope = card() ?? document;
  const found = [...scope.querySelectorAll(`[${attribute}="${CSS.escape(keys)}"]`)];
  return found.find(isUsable) ?? [...document.querySelectorAll(`[${attribute}="${CSS.escape(keys)}"]`)].find(isUsable);
}

/** Put the cursor into a field of the card, opening the panel it is in. */
function reach(field) {
  const panel = field.closest("details");
  if (panel) panel.open = true;
  field.focus();
}

function press(keys) {
  const button = find("data-key", keys);
  if (button) {
    button.click();
    return true;
  }
  const field = document.querySelector(`[data-key-focus="${CSS.escape(keys)}"]:not(:disabled)`);
  if (field) reach(field);
  return Boolean(field);
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) {
    const form = event.target.closest("form");
    const button = form?.querySelector("[data-submits]");
    if (button) {
      event.preventDefault();
      form.requestSubmit(button);
    }
    return;
  }
  if (event.key === "Escape" && event.target.closest?.(".review-panel")) {
    const panel = event.target.closest(".review-panel");
    panel.open = false;
    panel.querySelector("summary").focus();
    return;
  }
  if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey || event.key.length > 1) return;
  if (isTyping(event.target)) return;
  const keys = begun ? `${begun} ${event.key}` : event.key;
  clearTimeout(forget);
  begun = "";
  if (press(keys)) {
    event.preventDefault();
  } else if (document.querySelector(`[data-key-focus^="${CSS.escape(event.key)} "]`)) {
    begun = event.key;
    forget = setTimeout(() => (begun = ""), 1200);
  }
});

// A panel that opens gets the focus: what is first in it is what one came for.
document.addEventListener(
  "toggle",
  (event) => {
    const panel = event.target;
    if (!(panel instanceof HTMLDetailsElement) || !panel.open || !panel.matches(".review-panel")) return;
    const first = ["textarea:not(:disabled)", "input[type=radio]", "button"];
    const field = panel.querySelector(first.map((each) => `.review-sheet ${each}`).join());
    if (field && !panel.contains(document.activeElement?.closest(".review-sheet"))) field.focus();
    if (field instanceof HTMLTextAreaElement) field.setSelectionRange(field.value.length, field.value.length);
  },
  true,
);

// --- the draft, written anew -----------------------------------------------------------------------------------------

async function* readLines(response) {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const part of response.body) {
    rest += decoder.decode(part, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop();
    for (const line of lines) yield JSON.parse(line);
  }
}

async function writeAnew(form) {
  const shown = document.getElementById("review-stream");
  const problem = document.getElementById("review-redraft-problem");
  const fields = new URLSearchParams(new FormData(form));
  const button = form.querySelector("button");
  button.disabled = true;
  shown.hidden = false;
  shown.textContent = "…";
  problem.replaceChildren();
  try {
    const headers = { "x-csrf-token": token, "hx-request": "true" };
    const response = await fetch(form.dataset.redraft, { method: "POST", body: fields, headers });
    if (!response.ok) {
      problem.innerHTML = await response.text(); // a part of a page, written by the server's templates
      return;
    }
    for await (const line of readLines(response)) {
      if (line.text) shown.textContent = line.text;
      if (line.problem) problem.innerHTML = line.problem;
      if (line.done) renew();
    }
  } finally {
    button.disabled = false;
    if (problem.childElementCount) shown.hidden = true;
  }
}

document.addEventListener("submit", (event) => {
  if (!event.target.dataset.redraft) return;
  event.preventDefault();
  writeAnew(event.target);
});

// --- what comes in meanwhile -----------------------------------------------------------------------------------------

/** Show the card as it stands now: on its page the page again, on the conversation's only the card. */
function renew() {
  const shown = card();
  if (shown.dataset.place === "page") {
    location.replace(location.pathname);
    return;
  }
  const conversation = document.getElementById("review-state").dataset.live;
  htmx.ajax("GET", `/inbox/conversations/${conversation}/review`, { target: "#review-slot", swap: "innerHTML" });
}

/** Whether somebody is in the middle of something on the card. */
function isBusy() {
  return Boolean(card()?.querySelector(".review-panel[open]"));
}

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id === "review-state" && event.target.querySelector("[data-moved]") && !isBusy()) renew();
});

document.addEventListener("click", (event) => {
  if (event.target.closest("#review-renew")) renew();
  const put = event.target.closest("[data-put]");
  if (put) {
    const field = document.getElementById("review-typed");
    field.value = document.getElementById(put.dataset.put).textContent;
    field.focus();
    field.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }
});

// What can be taken back can be so for ten seconds.
const undo = document.getElementById("review-undo");
if (undo) {
  setTimeout(() => undo.remove(), Number(undo.dataset.seconds) * 1000);
  history.replaceState(null, "", location.pathname);
}
