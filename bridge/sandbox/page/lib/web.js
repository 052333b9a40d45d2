// Asking a server, and saying what went wrong.

export const RETRY_MS = 1500;

/** What a server refused. */
export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** The JSON of an answer. Throws `Refused` with the server's own words. */
export async function call(url, options = {}) {
  const answer = await fetch(url, options);
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    throw new Refused(
      body?.error?.message || body?.error || `${answer.status} ${answer.statusText}`,
      answer.status,
    );
  }
  return body;
}

/** The options of a request with a JSON body. */
export function sending(method, body, headers = {}) {
  return { method, headers: { "Content-Type": "application/json", ...headers }, body: JSON.stringify(body) };
}

export function pause(milliseconds) {
  return new Promise((done) => setTimeout(done, milliseconds));
}

/** The line at the top of the page. */
export function say(words, bad = false) {
  const status = document.getElementById("status");
  status.textContent = words;
  status.className = bad ? "bad" : "";
}

/** Do it; what goes wrong is said at the top. Returns whether it went well. */
export async function attempt(what, act) {
  try {
    await act();
    return true;
  } catch (error) {
    say(`${what}: ${error.message}`, true);
    return false;
  }
}
