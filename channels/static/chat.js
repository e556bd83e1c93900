// The conversation page: sends without reloading and shows what arrives. The page works without this file.

import { syncRegion } from "./regions.js";

const scroller = document.getElementById("scroller");
const thread = document.getElementById("thread");
const jump = document.getElementById("jump");
const form = document.getElementById("composer");
const text = document.getElementById("text");
const subject = document.getElementById("subject");
const formError = document.getElementById("form-error");
const linkState = document.getElementById("link-state");
const announcer = document.getElementById("announcer");
const regions = new Map([...document.querySelectorAll("[data-region]")].map((each) => [each.dataset.region, each]));

const NEAR_PX = 80;

// --- scrolling: follow the conversation only while its end is in view ---------------------------------------

const isAtEnd = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_PX;

function scrollToEnd(behavior = "smooth") {
  scroller.scrollTo({ top: scroller.scrollHeight, behavior });
  jump.hidden = true;
}

scroller.addEventListener("scroll", () => {
  if (isAtEnd()) jump.hidden = true;
});
jump.addEventListener("click", () => scrollToEnd());
new ResizeObserver(() => {
  if (jump.hidden) scrollToEnd("instant");
}).observe(scroller);

// --- receiving ------------------------------------------------------------------------------------------------

let source = null;
let isFirst = true;
let unanswered = 0; // messages on their way
let held = null;

function connect() {
  source?.close();
  source = new EventSource(announcer.dataset.liveUrl);
  source.addEventListener("open", () => (linkState.textContent = ""));
  source.addEventListener("error", () => (linkState.textContent = "Reconnecting…"));
  source.addEventListener("away", () => (linkState.textContent = "The database is away…"));
  source.addEventListener("sync", (event) => receive(JSON.parse(event.data)));
}

/** Show how things stand. What is on its way may be part of it, and would be seen twice: its answer comes first. */
function receive(html) {
  if (unanswered) held = html;
  else show(html);
}

function show(html) {
  linkState.textContent = "";
  const follow = isAtEnd();
  syncRegion(regions.get("banners"), html.banners);
  syncRegion(regions.get("countdown"), html.countdown);
  const arrived = syncRegion(thread, html.thread);
  for (const pending of thread.querySelectorAll(".is-pending")) settle(pending);
  showThoughts(html.thoughts);
  if (!isFirst) celebrate(arrived, follow);
  if (follow || isFirst) scrollToEnd(isFirst ? "instant" : "smooth");
  if (thread.children.length) document.getElementById("suggestions")?.remove();
  isFirst = false;
}

function celebrate(arrived, follow) {
  for (const each of arrived) {
    if (each.dataset.mine === "true") continue;
    each.classList.add("is-new");
    if (each.matches(".bubble")) announcer.textContent = `Reply: ${each.querySelector(".bubble-text").textContent}`;
    if (each.matches(".line")) announcer.textContent = each.textContent;
  }
  if (!follow && arrived.some((each) => each.matches(".bubble, .line"))) jump.hidden = false;
}

function showThoughts(html) {
  const region = regions.get("thoughts");
  const added = syncRegion(region, html);
  if (added.some((each) => each.matches("details")) && !isFirst) {
    for (const each of region.querySelectorAll("details[open]")) each.open = added.includes(each);
  }
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) source?.close();
  else connect();
});
connect();

// --- sending: at once on the screen, in order to the server ---------------------------------------------------

let queue = Promise.resolve();

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const fields = new URLSearchParams(new FormData(form, event.submitter));
  const words = (fields.get("suggestion") ?? fields.get("text")).trim();
  if (!words) return;
  formError.textContent = "";
  document.getElementById("suggestions")?.remove();
  const bubble = showPending(words);
  text.value = "";
  if (subject && !subject.value.startsWith("Re: ") && subject.value) subject.value = `Re: ${subject.value}`;
  grow();
  text.focus();
  unanswered += 1;
  queue = queue.then(() => send(fields, bubble, words)).then(answered);
});

function answered() {
  unanswered -= 1;
  if (unanswered || !held) return;
  show(held);
  held = null;
}

async function send(fields, bubble, words) {
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      body: fields,
      headers: { accept: "application/json" },
    });
    const said = await answer.json();
    if (!answer.ok) throw new Error(said.error);
    bubble.dataset.providerId = said.id;
    settle(bubble);
  } catch (error) {
    bubble.remove();
    formError.textContent = `Not sent: ${error.message}`;
    text.value = text.value ? `${words}\n${text.value}` : words;
    grow();
  }
}

/** Drop a pending bubble once the message itself is there; till then it stays last. */
function settle(pending) {
  const id = pending.dataset.providerId;
  const isThere = id && [...thread.children].some((each) => each !== pending && each.dataset.providerId === id);
  if (isThere) pending.remove();
  else thread.append(pending);
}

function showPending(words) {
  const bubble = document.getElementById("pending-bubble").content.firstElementChild.cloneNode(true);
  bubble.querySelector(".bubble-text").textContent = words;
  bubble.classList.add("is-new");
  thread.append(bubble);
  scrollToEnd();
  return bubble;
}

// --- writing ----------------------------------------------------------------------------------------------------

function grow() {
  if (CSS.supports("field-sizing", "content")) return;
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight + 2}px`;
}

text.addEventListener("input", grow);
text.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});
if (matchMedia("(pointer: fine)").matches) text.focus();

// --- drawers: opened and closed by links; Escape closes, and a link to a folded turn unfolds it -----------------

function unfold() {
  const target = location.hash.length > 1 ? document.getElementById(location.hash.slice(1)) : null;
  const details = target?.closest("details");
  if (details) details.open = true;
  target?.scrollIntoView({ block: "nearest" });
  target?.focus({ preventScroll: true });
}

addEventListener("hashchange", unfold);
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && location.hash && location.hash !== "#chat") location.hash = "chat";
});
unfold();
