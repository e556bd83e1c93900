// The review card: its panels, the draft as it is being written anew, and what comes in while somebody reads.

const token = document.querySelector('meta[name="csrf-token"]').content;
const card = () => document.getElementById("review-card");

// --- panels ---------------------------------------------------------------------------------------------------------

// A panel that opens gets the focus: what is first in it is what one came for.
document.addEventListener(
  "toggle",
  (event) => {
    const panel = event.target;
    if (!(panel instanceof HTMLDetailsElement) || !panel.open || !panel.matches(".review-panel")) return;
    const first = ["textarea:not(:disabled)", "input[type=radio]", "button"];
    const field = panel.querySelector(first.map((each) => `.review-sheet ${each}`).join());
    if (!field || panel.contains(document.activeElement?.closest(".review-sheet"))) return;
    field.focus();
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

async function writeAnew(event) {
  const form = event.target;
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
      if (line.done) renew(event);
    }
  } finally {
    button.disabled = false;
    if (problem.childElementCount) shown.hidden = true;
  }
}

document.addEventListener("submit", (event) => {
  if (!event.target.dataset.redraft) return;
  event.preventDefault();
  writeAnew(event);
});

// --- what comes in meanwhile -----------------------------------------------------------------------------------------

/** Show the card as it stands now. `event`: by what somebody asks for it; none: the page does by itself. */
function renew(event) {
  const conversation = document.getElementById("review-state").dataset.live;
  const isPage = card().dataset.place === "page";
  const source = isPage ? location.pathname : `/inbox/conversations/${conversation}/review`;
  const swap = { target: "#review-card", select: "#review-card", selectOOB: "#review-progress", swap: "outerHTML" };
  htmx.ajax("GET", source, { ...swap, event });
}

/** Whether somebody writes on the card, reads there what was not sent, or has decided and is on the way to the next. */
function isBusy() {
  return Boolean(card()?.querySelector(".review-panel[open], form.htmx-request, [role=alert]"));
}

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id === "review-state" && event.target.querySelector("[data-moved]") && !isBusy()) renew();
});

// Nor if that began after the card had been asked for.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { requestConfig, target } = event.detail;
  if (target.id === "review-card" && !requestConfig.triggeringEvent && isBusy()) event.detail.shouldSwap = false;
});

document.addEventListener("click", (event) => {
  if (event.target.closest("#review-renew")) renew(event);
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
