// How a page asks the server by itself: nobody's hand, so that it does not keep the session from ending.

const BY_ITSELF = { "hx-request": "true", "x-by-itself": "1" };

/** Return the text of an answer; null: there is none to show, or the connection broke, be it in mid-sentence. */
export async function ask(address, options = { headers: BY_ITSELF }) {
  try {
    const answer = await fetch(address, options);
    if (answer.status === 401) document.dispatchEvent(new CustomEvent("signed-out"));
    return answer.ok ? await answer.text() : null;
  } catch {
    return null;
  }
}
