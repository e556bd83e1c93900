// Who is here: colleagues are told for as long as somebody is at the page, not for as long as it is open.

const BEAT_MS = 10_000; // the server takes whoever has not been heard of for half a minute as gone
const WRITES_MS = 120_000; // after the last key
const READS_MS = 300_000; // after the last move of any kind

const form = document.getElementById("presence");
const text = document.getElementById("reply-text");
const mode = document.getElementById("presence-mode");
let typedAt = Date.now();
let movedAt = Date.now();

const isHere = () => Date.now() - movedAt < (document.hidden ? WRITES_MS : READS_MS);
const modeNow = () => (text.value.trim() && Date.now() - typedAt < WRITES_MS ? "editing" : "viewing");

function tell() {
  mode.value = modeNow();
  window.htmx.trigger(form, "refresh");
}

/** Note that somebody is here; who comes back, or begins or ends to write, is told of at once. */
function note(event) {
  const wasHere = isHere();
  movedAt = Date.now();
  if (event?.type === "input" && event.target === text) typedAt = movedAt;
  if (!wasHere || mode.value !== modeNow()) tell();
}

function leave() {
  const token = document.querySelector('meta[name="csrf-token"]').content;
  const body = new URLSearchParams({ csrf: token, act: "leave" });
  navigator.sendBeacon(form.getAttribute("hx-post"), body);
}

if (form) {
  for (const sign of ["input", "keydown", "pointerdown", "pointermove", "wheel"]) {
    document.addEventListener(sign, note, { passive: true });
  }
  document.body.addEventListener("composer-sent", note);
  document.addEventListener("visibilitychange", () => document.hidden || note());
  setInterval(() => isHere() && tell(), BEAT_MS);
  addEventListener("pagehide", leave);
  addEventListener("pageshow", (event) => event.persisted && tell());
}
