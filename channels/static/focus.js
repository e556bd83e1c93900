// The focus is never lost: when what has it is replaced or taken away, the element that stands for it now gets it.

const FOCUSABLE = "a[href], button:enabled, input:enabled:not([type=hidden]), textarea:enabled, select:enabled, summary, [tabindex]";

let held = null;

/** What an element is called, to know it again in what replaces it. */
function nameOf(element) {
  if (element.dataset.does) return `does ${element.dataset.does}`;
  if (element.name) return `name ${element.name} ${element.value}`;
  return `${element.tagName} ${element.getAttribute("href") ?? element.textContent.trim()}`;
}

function ancestors(element) {
  const found = [];
  for (let each = element.parentElement; each && each !== document.body; each = each.parentElement) {
    found.push({ element: each, id: each.id });
  }
  return found;
}

const canHold = (element) => element.matches(FOCUSABLE) && element.checkVisibility();

/** The innermost part that had the focus and is still there, itself or anew. */
function region() {
  for (const { element, id } of held.within) {
    const now = element.isConnected ? element : id ? document.getElementById(id) : null;
    if (now?.checkVisibility()) return now;
  }
  return document.getElementById("main");
}

function restore() {
  if (!held || held.element.isConnected || document.activeElement !== document.body) return;
  const same = held.id ? document.getElementById(held.id) : null;
  const within = region();
  const choices = [...within.querySelectorAll(FOCUSABLE)].filter(canHold);
  const target = same && canHold(same) ? same : (choices.find((each) => nameOf(each) === held.name) ?? choices[0]);
  (target ?? within.closest("[tabindex]") ?? document.getElementById("main")).focus({ preventScroll: true });
}

document.addEventListener("focusin", (event) => {
  const element = event.target;
  if (element.closest("dialog")) return; // what lies over the page gives the focus back when it closes
  held = { element, id: element.id, name: nameOf(element), within: ancestors(element) };
});
document.addEventListener("focusout", (event) => {
  // By hand it was left; an element that is taken away is gone by then.
  queueMicrotask(() => {
    const wasLeft = event.target.isConnected && !event.target.closest("dialog");
    if (wasLeft && document.activeElement === document.body) held = null;
  });
});
document.addEventListener("close", restore, true);
new MutationObserver(restore).observe(document.body, { childList: true, subtree: true });
