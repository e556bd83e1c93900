// What every page of the inbox has: the session's token on every request, and the modules that all pages share.

import "./live.js";
import "./keys.js";
import "./palette.js";
import "./focus.js";
import "./notices.js";
import "./session.js";

const token = document.querySelector('meta[name="csrf-token"]').content;

document.body.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["x-csrf-token"] = token;
  // Nobody's hand, as when what is asked for now and then has no event: it does not keep the session from ending.
  if ((event.detail.triggeringEvent?.type ?? "changed") === "changed") event.detail.headers["x-by-itself"] = "1";
});

// On a phone the navigation scrolls sideways: where one is comes into view.
document.querySelector(".rail [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
