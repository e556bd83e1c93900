// Live updates: names of what changed come in by a stream, and the parts of the page that show it load themselves again.
// While the stream is away the page says so; once it is back everything is asked for again, so that nothing is missed.

const SILENT_MS = 40_000; // the server says something every quarter of a minute
const AGAIN_MS = [250, 1000, 2000, 5000, 10_000];
const FLICKER_MS = 800;
const RETRY_MS = 3000;

const shown = document.getElementById("live-state");
let stream = null;
let tries = 0;
let heardAt = 0;
let again = 0;
let telling = 0;

const told = new WeakMap();
const waiting = new WeakSet();

/** Have a part load itself: it listens to `changed` (htmx's trigger); again after `data-least` milliseconds at most. */
function tell(part) {
  const wait = (told.get(part) ?? 0) + Number(part.dataset.least ?? 0) - Date.now();
  if (wait <= 0) {
    told.set(part, Date.now());
    part.dispatchEvent(new CustomEvent("changed"));
  } else if (!waiting.has(part)) {
    waiting.add(part);
    setTimeout(() => waiting.delete(part) && part.isConnected && tell(part), wait);
  }
}

const parts = () => [...document.querySelectorAll("[data-live]")];

function tellAbout(changes) {
  const touched = new Set(changes.map((change) => change.conversation));
  for (const part of parts()) if (part.dataset.live === "all" || touched.has(part.dataset.live)) tell(part);
}

const heard = () => (heardAt = Date.now());

function connect() {
  clearTimeout(again);
  stream?.close();
  heard();
  stream = new EventSource("/inbox/live");
  stream.addEventListener("beat", heard);
  stream.addEventListener("changes", (event) => {
    heard();
    tellAbout(JSON.parse(event.data));
  });
  stream.addEventListener("resync", () => {
    heard();
    back();
    parts().forEach(tell);
  });
  stream.addEventListener("signed-out", () => {
    stream.close();
    document.dispatchEvent(new CustomEvent("signed-out"));
  });
  stream.addEventListener("error", away);
}

/** The stream is back: say so to whoever was told that it was away. */
function back() {
  tries = 0;
  clearTimeout(telling);
  telling = 0;
  if (!shown.hidden) document.getElementById("announcer").textContent = shown.dataset.back;
  shown.hidden = true;
}

/** The stream has gone: say so, unless it is back in a moment, and ask for it again, the longer it takes the rarer. */
function away() {
  stream?.close();
  clearTimeout(again);
  again = setTimeout(connect, AGAIN_MS[Math.min(tries, AGAIN_MS.length - 1)]);
  tries += 1;
  telling ||= setTimeout(() => {
    shown.hidden = false;
    document.getElementById("announcer").textContent = shown.textContent;
  }, FLICKER_MS);
}

/** A connection can be dead without either side being told: after sleep, or a change of network. */
function watch() {
  if (stream.readyState !== EventSource.CLOSED && Date.now() - heardAt > SILENT_MS) away();
}

setInterval(watch, 5000);
addEventListener("online", connect);
addEventListener("offline", away);
addEventListener("pagehide", () => stream.close());
addEventListener("pageshow", (event) => {
  if (event.persisted) connect();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) watch();
});

// A part that could not be loaded shows what was: it asks again, for as long as it is there.
for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.addEventListener(failure, (event) => {
    const part = event.detail.elt;
    if (part.matches("[data-live]")) setTimeout(() => part.isConnected && tell(part), RETRY_MS);
  });
}

connect();
