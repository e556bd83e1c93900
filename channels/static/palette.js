// The palette: everything that can be done here, every page, and, once something is typed, whom and what it finds.

import { ask } from "./asking.js";
import { listActions, listPages, perform } from "./keys.js";

const WAIT_MS = 150;
const LEAST = 2;

const dialog = document.getElementById("palette");
const input = document.getElementById("palette-input");
const list = document.getElementById("palette-list");
const none = document.getElementById("palette-none");

let choices = [];
let chosen = 0;
let found = [];
let asking = null;
let waiting = 0;

/** Letters as they are compared: small, without accents. */
const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

function fits(text, words) {
  const subject = plain(text);
  return words.every((word) => subject.includes(word));
}

function ofTable(row, group) {
  const keys = [...row.querySelectorAll("kbd")].map((cap) => cap.textContent).join(" ");
  return { group, label: row.querySelector("dd").textContent, keys, go: () => perform(row) };
}

function listChoices() {
  const words = plain(input.value).split(/\s+/).filter(Boolean);
  const own = [
    ...listActions().map((row) => ofTable(row, list.dataset.here)),
    ...listPages().map((row) => ofTable(row, list.dataset.pages)),
  ];
  const seen = new Set();
  return [...own.filter((each) => fits(each.label, words)), ...found].filter((each) => {
    const name = `${each.group} ${each.label} ${each.detail ?? ""} ${each.href ?? ""}`;
    return !seen.has(name) && seen.add(name);
  });
}

function optionOf(choice, index) {
  const option = document.createElement("li");
  option.id = `palette-${index}`;
  option.role = "option";
  for (const part of ["label", "detail", "keys"]) {
    if (!choice[part]) continue;
    const said = document.createElement("span");
    said.className = `palette-${part}`;
    said.textContent = choice[part];
    option.append(said);
  }
  option.addEventListener("click", () => take(index));
  return option;
}

function headOf(text) {
  const head = document.createElement("li");
  head.role = "presentation";
  head.className = "palette-head";
  head.textContent = text;
  return head;
}

function show(marked = 0) {
  choices = listChoices();
  list.replaceChildren();
  for (const [index, choice] of choices.entries()) {
    if (choice.group && choice.group !== choices[index - 1]?.group) list.append(headOf(choice.group));
    list.append(optionOf(choice, index));
  }
  none.hidden = choices.length > 0;
  mark(marked);
}

function mark(index) {
  chosen = Math.min(Math.max(index, 0), Math.max(choices.length - 1, 0));
  for (const option of list.querySelectorAll("[role=option]")) {
    option.ariaSelected = String(option.id === `palette-${chosen}`);
  }
  const option = document.getElementById(`palette-${chosen}`);
  if (option) input.setAttribute("aria-activedescendant", option.id);
  else input.removeAttribute("aria-activedescendant");
  option?.scrollIntoView({ block: "nearest" });
}

/** Close, which gives the focus back to what had it, then do it there. */
function take(index) {
  const choice = choices[index];
  dialog.close();
  choice?.go();
}

// --- what the server finds ---

async function search() {
  const words = input.value.trim();
  asking?.abort();
  if (words.length < LEAST) {
    found = [];
    show();
    return;
  }
  asking = new AbortController();
  const options = { headers: { "hx-request": "true" }, signal: asking.signal };
  const query = `?q=${encodeURIComponent(words)}`;
  const html = await ask(`${dialog.dataset.search}/options${query}`, options);
  if (html === null || input.value.trim() !== words) return;
  const all = { group: "", label: list.dataset.all, href: `${dialog.dataset.search}${query}` };
  found = readFound(html);
  if (found.length) found.push({ ...all, go: () => location.assign(all.href) });
  show(chosen);
}

/** The links among what the server's search answers with: the first line of each is its name. */
function readFound(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return [...template.content.querySelectorAll("a[href^='/inbox/']")].map((link) => {
    const [label, ...rest] = link.textContent.split("\n").map((line) => line.trim()).filter(Boolean);
    const group = link.closest("[role=group]")?.ariaLabel ?? "";
    const href = link.getAttribute("href");
    return { group, label: label ?? "", detail: rest.join(" · "), href, go: () => location.assign(href) };
  });
}

dialog.addEventListener("opens", () => {
  input.value = "";
  found = [];
  show();
});
input.addEventListener("input", () => {
  show();
  clearTimeout(waiting);
  waiting = setTimeout(search, WAIT_MS);
});
input.addEventListener("keydown", (event) => {
  const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
  if (event.key in steps) mark(chosen + steps[event.key]);
  else if (event.key === "Enter" && !event.isComposing) take(chosen);
  else return;
  event.preventDefault();
});
