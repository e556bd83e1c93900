// Brings a part of the page to what the server says it should be, touching only what differs: animations,
// selection, scroll and opened details elsewhere stay as they are. Every child has an id.

const shown = new WeakMap();

/** Make the children of `target` those of `html`; return the elements that are new. */
export function syncRegion(target, html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  const before = shown.get(target) ?? new Map([...target.children].map((child) => [child.id, null]));
  const after = new Map();
  const added = [];
  let place = target.firstElementChild;
  for (const fresh of [...template.content.children]) {
    const source = fresh.outerHTML;
    after.set(fresh.id, source);
    let current = before.has(fresh.id) ? document.getElementById(fresh.id) : null;
    if (current && before.get(fresh.id) !== source) {
      if (current === place) place = current.nextElementSibling;
      current = replace(current, fresh);
      target.insertBefore(current, place);
    } else if (!current) {
      target.insertBefore(fresh, place);
      added.push(fresh);
    } else if (current === place) {
      place = current.nextElementSibling;
    } else {
      target.insertBefore(current, place);
    }
  }
  for (const child of [...target.children]) {
    if (child.id && !after.has(child.id)) child.remove();
  }
  shown.set(target, after);
  return added;
}

function replace(current, fresh) {
  if (current instanceof HTMLDetailsElement) fresh.open = current.open;
  const hadFocus = current.contains(document.activeElement);
  current.replaceWith(fresh);
  if (hadFocus) (fresh.querySelector("summary, a") ?? fresh).focus();
  return fresh;
}
