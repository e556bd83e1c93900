// What every page of the inbox has: the session's token on every request, and live updates.

const token = document.querySelector('meta[name="csrf-token"]').content;

document.body.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["x-csrf-token"] = token;
});

/** Ask every part of the page that shows what changed to load itself again: it listens to `changed` (htmx's trigger). */
function announce(changes) {
  const touched = new Set(changes.map((change) => change.conversation));
  for (const part of document.querySelectorAll("[data-live]")) {
    const about = part.dataset.live;
    if (about === "all" || touched.has(about)) part.dispatchEvent(new CustomEvent("changed"));
  }
}

const stream = new EventSource("/inbox/live");
stream.addEventListener("changes", (event) => announce(JSON.parse(event.data)));
stream.addEventListener("resync", () => {
  for (const part of document.querySelectorAll("[data-live]")) part.dispatchEvent(new CustomEvent("changed"));
});
stream.addEventListener("signed-out", () => {
  stream.close();
  location.assign(`/inbox/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
});
