// When the session has ended: to the sign-in and back, with what was typed. Drafts of replies are with the server
// anyhow; what else stands in fields waits in this tab, for the same member only, and only for as long as that takes.

const PLACE = "nightshift.typed";
const LATE_MS = 20_000; // fields that load themselves

const member = document.body.dataset.member;
const FIELDS = "main textarea[id], main input[id]:is([type=text], [type=search], [type=email], :not([type]))";
let isLeaving = false;

function keep() {
  const typed = {};
  for (const field of document.querySelectorAll(FIELDS)) {
    if (field.value !== field.defaultValue) typed[field.id] = field.value;
  }
  const focused = document.activeElement.id;
  sessionStorage.setItem(PLACE, JSON.stringify({ member, path: location.pathname, typed, focused }));
}

function signIn() {
  if (isLeaving) return;
  isLeaving = true;
  keep();
  location.assign(`/inbox/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
}

document.addEventListener("signed-out", signIn);
addEventListener("pagehide", () => isLeaving && keep()); // with what has been typed since
document.addEventListener("htmx:beforeOnLoad", (event) => {
  if (event.detail.xhr.status !== 401) return;
  event.preventDefault();
  signIn();
});

// A form that is sent by the browser itself leads there at once.
document.addEventListener("submit", (event) => {
  if (event.target.method === "post" && !event.target.hasAttribute("hx-post")) keep();
});

/** Put what was typed back into its fields: those that are here, and those that load themselves. */
function giveBack(kept) {
  for (const [id, text] of Object.entries(kept.typed)) {
    const field = document.getElementById(id);
    if (!field) continue;
    delete kept.typed[id];
    if (field.value === text) continue;
    field.value = text;
    for (let panel = field.closest("details"); panel; panel = panel.parentElement.closest("details")) panel.open = true;
    field.dispatchEvent(new InputEvent("input", { bubbles: true }));
    if (id === kept.focused) field.focus();
  }
}

const kept = JSON.parse(sessionStorage.getItem(PLACE) ?? "null");
sessionStorage.removeItem(PLACE);
const isBack = document.referrer && new URL(document.referrer).pathname.startsWith("/inbox/sign-in");
if (isBack && kept?.member === member && kept.path === location.pathname) {
  giveBack(kept);
  const late = () => giveBack(kept);
  document.addEventListener("htmx:afterSettle", late);
  setTimeout(() => document.removeEventListener("htmx:afterSettle", late), LATE_MS);
}
