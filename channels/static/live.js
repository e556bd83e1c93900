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
  news += 1;
  const touched = new Set(changes.map((change) => change.conversation));
  for (const part of parts()) if (part.dataset.live === "all" || touched.has(part.dataset.live)) tell(part);
}

const heard = () => (heardAt = Date.now());

// --- parts that are loaded later: what they show was written before whatever has been told of meanwhile ---

let news = 0;
const askedAt = new WeakMap();

document.addEventListener("htmx:beforeRequest", (event) => askedAt.set(event.detail.xhr, news));
document.addEventListener("htmx:afterSettle", (event) => {
  if (askedAt.get(event.detail.xhr) !== news) event.target.querySelectorAll("[data-live]").forEach(tell);
});

// --- the stream, which one tab has for all: browsers keep few connections to one place ---

const name = `nightshift-live-${document.body.dataset.member}`;
const others = new BroadcastChannel(name);

/** What is to be done with what comes in. */
const deeds = {
  beat() {},
  changes: (data) => tellAbout(JSON.parse(data)),
  resync() {
    back();
    news += 1;
    parts().forEach(tell);
  },
  away,
  "signed-out": () => document.dispatchEvent(new CustomEvent("signed-out")),
};

function hear(kind, data) {
  heard();
  deeds[kind](data);
}

function passOn(kind, data) {
  others.postMessage({ kind, data });
  hear(kind, data);
}

function connect() {
  clearTimeout(again);
  stream?.close();
  heard();
  stream = new EventSource("/inbox/live");
  for (const kind of ["beat", "changes", "resync", "signed-out"]) {
    stream.addEventListener(kind, (event) => passOn(kind, event.data));
  }
  stream.addEventListener("signed-out", () => stream.close());
  stream.addEventListener("error", lose);
}

/** The stream has gone: ask for it again, the longer it takes the rarer. */
function lose() {
  stream.close();
  clearTimeout(again);
  again = setTimeout(connect, AGAIN_MS[Math.min(tries, AGAIN_MS.length - 1)]);
  tries += 1;
  passOn("away");
}

/** Say that what is shown may be old, unless that is over in a moment. */
function away() {
  telling ||= setTimeout(() => {
    shown.hidden = false;
    document.getElementById("announcer").textContent = shown.textContent;
  }, FLICKER_MS);
}

function back() {
  tries = 0;
  clearTimeout(telling);
  telling = 0;
  if (!shown.hidden) document.getElementById("announcer").textContent = shown.dataset.back;
  shown.hidden = true;
}

/** Have the stream for as long as this page is there. */
function lead() {
  connect();
  return new Promise(() => {});
}

function join() {
  heard();
  others.addEventListener("message", (event) => hear(event.data.kind, event.data.data));
  if (!navigator.locks) return void connect(); // without HTTPS
  navigator.locks.request(name, { ifAvailable: true }, (lock) => {
    if (lock) return lead();
    parts().forEach(tell);
    navigator.locks.request(name, lead); // once the tab that has it goes
  });
}

/** A connection can be dead without either side being told: after sleep, or a change of network. So can a tab be. */
function watch() {
  if (Date.now() - heardAt < SILENT_MS) return;
  away();
  connect();
}

setInterval(watch, 5000);
addEventListener("online", () => stream && connect());
addEventListener("offline", () => stream && lose());
addEventListener("pagehide", () => stream?.close());
addEventListener("pageshow", (event) => event.persisted && (stream ? connect() : parts().forEach(tell)));
document.addEventListener("visibilitychange", () => document.hidden || watch());
addEventListener("DOMContentLoaded", join); // after htmx has begun to listen

// A part that could not be loaded shows what was: it asks again, for as long as it is there.
for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.addEventListener(failure, (event) => {
    const part = event.detail.elt;
    if (part.matches("[data-live]")) setTimeout(() => part.isConnected && tell(part), RETRY_MS);
  });
}
