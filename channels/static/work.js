// New work is announced on every page: in the title, to screen readers, by a sound and by the browser, as chosen.

import { ask as askFor } from "./asking.js";

const LEAST_MS = 1000;
const MINUTE_MS = 60_000;
const SOUNDS = {
  chime: [[660, 0, 0.22], [880, 0.14, 0.3]],
  bell: [[1320, 0, 0.5], [1980, 0, 0.35], [1320, 0.35, 0.5]],
};

const work = document.getElementById("work");
const title = document.title;
let since = work.dataset.since;
let sound = work.dataset.sound;
const notifies = document.body.dataset.notifications !== "off"; // the member's own choice, beside the browser's
let audio = null;
let isBusy = false;
let isStale = false;

/** Play a sound of sine tones: frequency in hertz, start and length in seconds. */
function play(name) {
  const tones = SOUNDS[name];
  // Before the first click or key browsers refuse sounds, and would play all of them at that click.
  if (!tones || navigator.userActivation?.hasBeenActive === false) return;
  audio ??= new AudioContext();
  audio.resume();
  for (const [frequency, start, length] of tones) {
    const tone = new OscillatorNode(audio, { frequency });
    const volume = new GainNode(audio, { gain: 0 });
    const at = audio.currentTime + start;
    volume.gain.linearRampToValueAtTime(0.12, at + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, at + length);
    tone.connect(volume).connect(audio.destination);
    tone.start(at);
    tone.stop(at + length);
  }
}

/** Tell of what has come in; the browser's own notification only while nobody looks at the page. */
function announce(text) {
  document.getElementById("announcer").textContent = text;
  play(sound);
  if (document.hidden && notifies && "Notification" in window && Notification.permission === "granted") {
    const note = new Notification("Nightshift", { body: text, tag: "nightshift-work" });
    note.addEventListener("click", () => {
      window.focus();
      location.assign("/inbox");
    });
  }
}

function showCount(open) {
  work.textContent = open || "";
  work.hidden = !open;
  document.title = open ? `(${open}) ${title}` : title;
}

/** Ask what is new; a storm of changes is asked for once. */
async function ask() {
  isStale = true;
  if (isBusy) return;
  isBusy = true;
  while (isStale) {
    isStale = false;
    const answer = await askFor(`/inbox/queue/news?since=${encodeURIComponent(since)}`);
    if (answer !== null) {
      const news = JSON.parse(answer);
      showCount(news.open);
      since = news.newest_at ?? since;
      if (news.fresh) announce(news.text);
    }
    await new Promise((resolve) => setTimeout(resolve, LEAST_MS));
  }
  isBusy = false;
}

work.addEventListener("changed", ask);
setInterval(ask, MINUTE_MS); // what was snoozed comes back though nothing happens

const alerts = document.getElementById("alerts-form");
alerts?.addEventListener("change", (event) => {
  if (event.target.name !== "sound") return;
  sound = event.target.value;
  play(sound);
});

const notify = document.getElementById("notify");
function showPermission() {
  const state = document.getElementById("notify-state");
  notify.hidden = Notification.permission !== "default";
  state.textContent = notify.dataset[Notification.permission] ?? "";
}
if (notify && !notifies) document.getElementById("notify-state").textContent = notify.dataset.off;
else if (notify && "Notification" in window) {
  showPermission();
  notify.addEventListener("click", async () => {
    await Notification.requestPermission();
    showPermission();
  });
}
