// A conversation's page: keeps the timeline up to date without moving what is read, and the composer's comforts.
// Whether a text is kept, may leave, or can be taken back is the server's to say.

import { ask } from "./asking.js";
import { syncRegion } from "./regions.js";

const timeline = document.getElementById("timeline");
const scroll = document.getElementById("scroll");
const jump = document.getElementById("jump");
const composer = document.getElementById("composer");
const NEAR = 80;
const AGAIN_MS = 3000;

const newest = () => Number(document.getElementById("newest")?.dataset.seq ?? 0);
const isAtEnd = () => scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR;
const toEnd = () => (scroll.scrollTop = scroll.scrollHeight);

// --- the timeline ---

let isLoading = false;
let isStale = false;

async function reload() {
  if (isLoading) {
    isStale = true;
    return;
  }
  isLoading = true;
  const html = await ask(timeline.dataset.source);
  if (html === null) setTimeout(reload, AGAIN_MS);
  else show(html);
  isLoading = false;
  if (isStale) {
    isStale = false;
    reload();
  }
}

/** Mark the message that the address names, also where it was written anew: `:target` is the old one. */
function markSought() {
  const sought = location.hash && document.getElementById(location.hash.slice(1));
  if (!sought) return null;
  sought.classList.add("is-sought");
  return sought;
}

function show(html) {
  const follow = isAtEnd();
  const added = syncRegion(timeline, html).filter((each) => each.matches(".bubble, .note"));
  for (const each of added) window.htmx.process(each);
  const theirs = added.filter((each) => each.dataset.by === "them");
  if (theirs.length) document.getElementById("announcer").textContent = theirs.at(-1).innerText;
  if (follow) toEnd();
  else if (added.length) jump.hidden = false;
  markSought();
  noteMoved();
}

timeline.addEventListener("changed", reload);
jump.addEventListener("click", () => {
  toEnd();
  jump.hidden = true;
});
scroll.addEventListener("scroll", () => {
  if (isAtEnd()) jump.hidden = true;
});
// A message that was looked for, else what is new, else the end.
const shownFirst = markSought() ?? document.getElementById("new-messages");
if (shownFirst) shownFirst.scrollIntoView({ block: "center" });
else toEnd();

// What fills itself below the timeline must not push it out of sight.
new ResizeObserver(() => {
  if (wasAtEnd) toEnd();
}).observe(document.getElementById("review"));
let wasAtEnd = !shownFirst;
scroll.addEventListener("scroll", () => (wasAtEnd = isAtEnd()), { passive: true });

// A part that is being used is not replaced under the hand that uses it.
const head = document.getElementById("talk-head");
let isHeadStale = false;
document.body.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.elt !== head || !head.querySelector("details[open]")) return;
  event.preventDefault();
  isHeadStale = true;
});
// Nor if it was opened after it had been asked for.
head.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.requestConfig.elt !== head || !head.querySelector("details[open]")) return;
  event.detail.shouldSwap = false;
  isHeadStale = true;
});
head.addEventListener(
  "toggle",
  () => {
    if (!isHeadStale || head.querySelector("details[open]")) return;
    isHeadStale = false;
    head.dispatchEvent(new CustomEvent("changed"));
  },
  true,
);

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

// --- the composer ---

const form = (mode) => document.getElementById(`${mode}-form`);
const field = (mode) => document.getElementById(`${mode}-text`);
const version = (mode) => document.getElementById(`${mode}-version`);
const seen = document.getElementById("seen");
const moved = document.getElementById("moved");
const kept = {};
const sending = {};
let sendings = 0;
const writtenBefore = new WeakMap(); // requests that keep what is written, and how many texts had been sent by then

function noteMoved() {
  if (!composer) return;
  if (!field("reply").value.trim()) seen.value = String(newest());
  moved.hidden = Number(seen.value) >= newest();
}

function grow(area) {
  area.style.setProperty("height", "auto");
  area.style.setProperty("height", `${Math.min(area.scrollHeight + 2, innerHeight * 0.4)}px`);
}

function fill(mode, text, at) {
  field(mode).value = text;
  kept[mode] = text;
  if (at !== undefined) version(mode).value = at;
  grow(field(mode));
}

/** Empty a field whose text was sent, but for what has been typed since. */
function empty(mode) {
  const text = field(mode).value;
  sendings += 1;
  fill(mode, text.startsWith(sending[mode]) ? text.slice(sending[mode].length).trimStart() : text);
  if (field(mode).value) window.htmx.trigger(field(mode), "rewrite");
}

function showBusy() {
  composer.toggleAttribute("data-busy", Boolean(field("reply").value.trim() || field("note").value.trim()));
  if (!field("reply").value.trim()) document.getElementById("result").replaceChildren();
}

function choose(mode) {
  for (const each of ["reply", "note"]) {
    const tab = document.getElementById(`tab-${each}`);
    const isChosen = each === mode;
    tab.setAttribute("aria-selected", String(isChosen));
    tab.tabIndex = isChosen ? 0 : -1;
    form(each).hidden = !isChosen;
  }
  field(mode).focus();
  grow(field(mode));
}

function insert(text) {
  const area = field("reply");
  const before = area.value.slice(0, area.selectionStart).replace(/(^|\n)\/[\w-]*$/, "$1");
  const after = area.value.slice(area.selectionEnd);
  area.value = before + text + after;
  area.selectionStart = area.selectionEnd = before.length + text.length;
  document.getElementById("inserts-menu").open = false;
  area.focus();
  area.dispatchEvent(new Event("input", { bubbles: true }));
}

function findInserts(words) {
  const wanted = words.toLowerCase();
  for (const each of document.querySelectorAll("#insert-list .insert")) {
    const text = `${each.dataset.find} ${each.dataset.insert}`.toLowerCase();
    each.parentElement.hidden = !text.includes(wanted);
  }
}

/** Take over what was kept from another device, unless something has been written here since. */
async function syncDrafts() {
  const answer = await fetch(`${composer.dataset.path}/drafts`, { headers: { "hx-request": "true" } });
  if (!answer.ok) return;
  const template = document.createElement("template");
  template.innerHTML = await answer.text();
  takeDrafts(template.content, (mode) => field(mode).value === kept[mode]);
}

function takeDrafts(content, mayReplace) {
  for (const mode of ["reply", "note"]) {
    const draft = content.querySelector(`#draft-${mode}`);
    if (draft && draft.dataset.version !== version(mode).value && mayReplace(mode)) {
      fill(mode, draft.value || draft.getAttribute("value"), draft.dataset.version);
    }
  }
  showBusy();
}

function startUndo(bar) {
  const time = bar.querySelector(".undo-time");
  const end = performance.now() + (Date.parse(bar.dataset.until) - Date.parse(bar.dataset.now));
  const tick = () => {
    if (!bar.isConnected) return;
    const left = Math.ceil((end - performance.now()) / 1000);
    if (left <= 0) bar.remove();
    else {
      time.textContent = left < 60 ? `${left} s` : "";
      setTimeout(tick, 250);
    }
  };
  tick();
}

function listen() {
  for (const mode of ["reply", "note"]) {
    kept[mode] = field(mode).defaultValue;
    grow(field(mode));
    document.getElementById(`tab-${mode}`).addEventListener("click", () => choose(mode));
    field(mode).addEventListener("input", () => grow(field(mode)));
  }
  composer.querySelector("[role=tablist]").addEventListener("keydown", (event) => {
    if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    const next = form("note").hidden ? "note" : "reply";
    choose(next);
    document.getElementById(`tab-${next}`).focus();
  });
  field("reply").addEventListener("input", () => {
    showBusy();
    const isReasoned = [...document.querySelectorAll("#result .override input")].some((each) => each.value.trim());
    if (!isReasoned) document.getElementById("result").replaceChildren();
    const begun = field("reply").value.slice(0, field("reply").selectionStart).match(/(?:^|\n)\/([\w-]*)$/);
    if (begun) {
      document.getElementById("inserts-menu").open = true;
      findInserts(`/${begun[1]}`);
    }
    if (!field("reply").value.trim()) noteMoved();
  });
  document.getElementById("moved-seen").addEventListener("click", () => {
    seen.value = String(newest());
    noteMoved();
    field("reply").focus();
  });
  composer.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" && event.target === field("reply") && document.getElementById("inserts-menu").open) {
      event.preventDefault();
      document.querySelector("#insert-list li:not([hidden]) .insert:enabled")?.focus();
    }
    if (["ArrowDown", "ArrowUp"].includes(event.key) && event.target.closest(".insert")) {
      event.preventDefault();
      const all = [...document.querySelectorAll("#insert-list li:not([hidden]) .insert:enabled")];
      all[all.indexOf(event.target) + (event.key === "ArrowDown" ? 1 : -1)]?.focus();
    }
  });
  document.getElementById("inserts-menu").addEventListener("toggle", (event) => {
    if (event.target.open) window.htmx.trigger("#inserts", "open-inserts");
  });
  composer.addEventListener("input", (event) => {
    if (event.target.id === "insert-search") findInserts(event.target.value);
  });
  composer.addEventListener("click", (event) => {
    const chosen = event.target.closest("[data-insert]");
    if (chosen) insert(chosen.dataset.insert);
    const mention = event.target.closest("[data-mention]");
    if (mention) {
      const area = field("note");
      area.setRangeText(mention.dataset.mention, area.selectionStart, area.selectionEnd, "end");
      area.focus();
      area.dispatchEvent(new Event("input", { bubbles: true }));
    }
    const upTo = event.target.closest("[data-seen-up-to]");
    if (upTo?.closest("#template-result")) {
      window.htmx.trigger("#templates-menu", "toggle");
    } else if (upTo) {
      seen.value = upTo.dataset.seenUpTo;
      form("reply").requestSubmit(document.getElementById("send"));
    }
    const mine = event.target.closest("[data-keep-mine]");
    const other = event.target.closest("[data-use-other]");
    if (mine) keepMine(mine.dataset.keepMine);
    if (other) fetchOther(other.dataset.useOther);
  });
  document.getElementById("attach")?.addEventListener("click", () => document.getElementById("attach-file").click());
  document.getElementById("attach-file")?.addEventListener("change", (event) => {
    for (const file of event.target.files) upload(file);
    event.target.value = "";
  });
  field("reply").addEventListener("paste", (event) => {
    for (const file of event.clipboardData.files) upload(file);
  });
  document.getElementById("files").addEventListener("click", (event) => {
    if (event.target.closest("[data-remove]")) event.target.closest("li").remove();
  });
  document.body.addEventListener("composer-sent", () => {
    document.getElementById("files").replaceChildren();
    empty("reply");
    document.getElementById("writing").replaceChildren();
    document.getElementById("send-at").value = "";
    showBusy();
    noteMoved();
    toEnd();
    field("reply").focus();
  });
  document.body.addEventListener("composer-noted", () => {
    empty("note");
    if (!field("note").value) choose("reply");
  });
  document.body.addEventListener("htmx:afterSwap", (event) => {
    const bar = document.querySelector(".undo:not([data-started])");
    if (bar) {
      bar.dataset.started = "";
      startUndo(bar);
    }
    if (event.detail.target.id === "outcome") takeDrafts(document.getElementById("outcome"), () => true);
  });
  document.body.addEventListener("htmx:oobAfterSwap", (event) => {
    const bar = document.querySelector("#outcome .undo");
    if (bar && !("started" in bar.dataset)) {
      bar.dataset.started = "";
      startUndo(bar);
      document.getElementById("templates-menu")?.removeAttribute("open");
    }
  });
  document.body.addEventListener("htmx:beforeRequest", (event) => {
    const mode = { "reply-text": "reply", "note-text": "note" }[event.detail.elt.id];
    if (mode) {
      kept[mode] = field(mode).value;
      writtenBefore.set(event.detail.xhr, sendings);
    }
    const sent = { "reply-form": "reply", "note-form": "note" }[event.detail.elt.id];
    if (sent) sending[sent] = field(sent).value;
  });
  // What was kept of a text comes too late once the text has been sent: its version is not the field's any more.
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    if ((writtenBefore.get(event.detail.xhr) ?? sendings) !== sendings) event.detail.shouldSwap = false;
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) syncDrafts();
  });
  addEventListener("focus", syncDrafts);
  document.querySelectorAll(".undo").forEach(startUndo);
  showBusy();
}

/** Send a file to the server, which says whether it takes it; it goes along with the text. */
async function upload(file) {
  if (!document.getElementById("attach")) return;
  const answer = await fetch(`${composer.dataset.path}/files?name=${encodeURIComponent(file.name)}`, {
    method: "POST",
    body: file,
    headers: {
      "content-type": file.type && !file.type.includes("form") ? file.type : "application/octet-stream",
      "hx-request": "true",
      "x-csrf-token": document.querySelector('meta[name="csrf-token"]').content,
    },
  });
  const item = document.createElement("li");
  if (answer.headers.get("content-type")?.startsWith("text/html")) item.innerHTML = await answer.text();
  else item.textContent = (await answer.json()).error;
  if (!answer.ok) setTimeout(() => item.remove(), 8000);
  document.getElementById("files").append(item);
}

async function keepMine(mode) {
  await adoptVersion(mode);
  window.htmx.trigger(field(mode), "rewrite");
}

async function fetchOther(mode) {
  const draft = await adoptVersion(mode);
  fill(mode, draft.getAttribute("value"));
  window.htmx.trigger(field(mode), "rewrite");
}

/** Make what the other device has kept the version that this one writes on top of. */
async function adoptVersion(mode) {
  const answer = await fetch(`${composer.dataset.path}/drafts`, { headers: { "hx-request": "true" } });
  const template = document.createElement("template");
  template.innerHTML = await answer.text();
  const draft = template.content.querySelector(`#draft-${mode}`);
  version(mode).value = draft.dataset.version;
  return draft;
}

function chooseByHash() {
  if (location.hash === "#note" || location.hash === "#reply") choose(location.hash.slice(1));
}

/** Keep what was typed before the scripts were there, or what the browser has put back. */
function keepEarly() {
  for (const mode of ["reply", "note"]) if (field(mode).value !== kept[mode]) window.htmx.trigger(field(mode), "rewrite");
}

if (composer) {
  listen();
  chooseByHash();
  addEventListener("DOMContentLoaded", keepEarly); // htmx listens by then
  addEventListener("hashchange", chooseByHash);
}
