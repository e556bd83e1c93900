// What did not work is said, with what helps; what was typed and chosen stays as it is.

const notice = document.getElementById("notice");
const BY_ITSELF = ["changed", "load", "every", "revealed", "refresh"];

/** Tell something: `again` does once more what failed. */
export function tell(text, again) {
  notice.querySelector("p").textContent = text;
  const button = notice.querySelector("[data-again]");
  button.hidden = !again;
  button.onclick = () => {
    hide();
    again();
  };
  notice.hidden = false;
  document.getElementById("announcer").textContent = text;
}

function hide() {
  if (notice.contains(document.activeElement)) document.getElementById("main").focus({ preventScroll: true });
  notice.hidden = true;
}

/** Why the server refused, in its words, if it has some. */
function reasonOf(xhr) {
  const type = xhr.getResponseHeader("content-type") ?? "";
  if (type.startsWith("application/json")) return JSON.parse(xhr.responseText).error ?? "";
  if (!type.startsWith("text/html") || xhr.responseText.length > 4000) return "";
  const template = document.createElement("template");
  template.innerHTML = xhr.responseText;
  return template.content.textContent.trim().slice(0, 300);
}

function repeat({ elt, requestConfig }) {
  const cause = requestConfig.triggeringEvent;
  if (!elt.isConnected) location.reload();
  else if (cause?.submitter?.isConnected) cause.submitter.click();
  else if (elt instanceof HTMLFormElement) elt.requestSubmit();
  else window.htmx.trigger(elt, cause?.type ?? "click");
}

function fail(event) {
  const { elt, xhr, target, requestConfig } = event.detail;
  if (xhr?.status === 401 || target?.dataset.failed) return; // these tell themselves
  if (BY_ITSELF.includes(requestConfig?.triggeringEvent?.type ?? "every") || elt.matches("[data-live]")) return;
  const isAway = event.type !== "htmx:responseError";
  const said = isAway ? notice.dataset.away : reasonOf(xhr) || notice.dataset.failed;
  tell(said, isAway || xhr.status >= 500 ? () => repeat(event.detail) : null);
}

for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) document.addEventListener(failure, fail);
notice.querySelector("[data-dismiss]").addEventListener("click", hide);
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful && event.detail.requestConfig.verb === "post" && !event.detail.elt.matches("[data-live]")) hide();
});

// Whoever sends twice means once.
document.addEventListener(
  "submit",
  (event) => {
    if (!event.target.classList.contains("htmx-request")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  },
  true,
);

// What an act came to is said where it is shown; from a closed menu it is said here.
document.addEventListener("htmx:afterSwap", (event) => {
  const { target } = event.detail;
  if (target.matches("[role=status]") && !target.checkVisibility() && target.textContent.trim()) tell(target.textContent.trim());
});
