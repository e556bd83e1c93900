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

/** Whether somebody is in the middle of something on the card, or has decided, and is on the way to what comes next. */
function isBusy() {
  return Boolean(card()?.querySelector(".review-panel[open], form.htmx-request"));
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
