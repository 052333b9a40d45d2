// The client-server API, as one person uses it. Everything here is what any Matrix client calls.

import { Refused, call, sending } from "../lib/web.js";
import { isMedia } from "./people.js";

const SYNC_MS = 25_000;
const TIMELINE_EVENTS = 60;
const PAGE_EVENTS = 100;
// Synapse answers a first sync of the same user and filter from a cache, for two minutes. Who loads the
// page again wants to see what is now, so no filter is like another.
const FILTER = {
  room: { timeline: { limit: TIMELINE_EVENTS, not_types: [`page.${Date.now()}.${Math.random()}`] } },
  presence: { types: [] },
  account_data: { types: [] },
};
// What a browser may show of strangers' media. Of any other type it is a file without a type: an
// address of this page must never become a document that runs.
const SHOWN = /^(image\/(png|jpeg|gif|webp|avif|bmp|apng)|(audio|video)\/[\w.+-]+)$/;

let transaction = 0;

/** The homeserver as one user sees it. */
export class Session {
  constructor(homeserver, user) {
    this.homeserver = homeserver;
    this.id = user.user_id;
    this.token = user.access_token;
    this.ended = new AbortController();
    this.known = new Map(); // Addresses of media that were fetched.
  }

  /** Nothing of it is asked any more, and its media are let go. */
  end() {
    this.ended.abort();
    for (const found of this.known.values()) if (typeof found === "string") URL.revokeObjectURL(found);
    this.known.clear();
  }

  /** One call; `path` is a template whose values are encoded by `at`. */
  ask(method, path, body, query = {}) {
    const headers = { Authorization: `Bearer ${this.token}` };
    const url = `${this.homeserver}/_matrix/client/${path}?${new URLSearchParams(query)}`;
    const options = body === undefined ? { method, headers } : sending(method, body, headers);
    return call(url, { ...options, signal: this.ended.signal });
  }

  sync(since, signal) {
    const query = new URLSearchParams({
      filter: JSON.stringify(FILTER),
      timeout: since ? SYNC_MS : 0,
      ...(since && { since }),
    });
    return call(`${this.homeserver}/_matrix/client/v3/sync?${query}`, {
      headers: { Authorization: `Bearer ${this.token}` },
      signal: AbortSignal.any([signal, this.ended.signal]),
    });
  }

  earlier(room, from) {
    return this.ask("GET", at`v3/rooms/${room}/messages`, undefined, {
      dir: "b",
      limit: PAGE_EVENTS,
      ...(from && { from }),
    });
  }

  event(room, id) {
    return this.ask("GET", at`v3/rooms/${room}/event/${id}`);
  }

  /** The replies of a thread, as many as one page has. */
  thread(room, root) {
    return this.ask("GET", at`v1/rooms/${room}/relations/${root}/m.thread`, undefined, {
      limit: PAGE_EVENTS,
    });
  }

  send(room, type, content) {
    return this.ask("PUT", at`v3/rooms/${room}/send/${type}/${this.#transaction()}`, content);
  }

  redact(room, id) {
    return this.ask("PUT", at`v3/rooms/${room}/redact/${id}/${this.#transaction()}`, {});
  }

  join(room, via = []) {
    const servers = new URLSearchParams(via.map((server) => ["via", server]));
    return call(`${this.homeserver}/_matrix/client/${at`v3/join/${room}`}?${servers}`, {
      ...sending("POST", {}, { Authorization: `Bearer ${this.token}` }),
      signal: this.ended.signal,
    });
  }

  leave(room) {
    return this.ask("POST", at`v3/rooms/${room}/leave`, {});
  }

  createRoom(wish) {
    return this.ask("POST", "v3/createRoom", wish);
  }

  /** What a space holds, with names of rooms that one is not in. */
  hierarchy(space) {
    return this.ask("GET", at`v1/rooms/${space}/hierarchy`, undefined, { limit: 100, max_depth: 1 });
  }

  /**
   * Where media can be shown: an address of this page, or the promise of one. They are fetched with the
   * token (authenticated media), once; a size asks for a thumbnail.
   */
  mediaUrl = (address, { width, height, method } = {}) => {
    const key = `${address} ${width ?? ""} ${height ?? ""}`;
    if (!this.known.has(key)) {
      const found = this.#fetchMedia(address, width === undefined ? null : { width, height, method });
      this.known.set(key, found);
      found.then(
        (url) => this.known.set(key, url),
        () => this.known.delete(key),
      );
    }
    return this.known.get(key);
  };

  async #fetchMedia(address, size) {
    if (!isMedia(address)) throw new Refused("this is no address of media", 400);
    const [server, id] = address.slice("mxc://".length).split("/");
    const what =
      size === null ? at`v1/media/download/${server}/${id}` : at`v1/media/thumbnail/${server}/${id}`;
    const answer = await fetch(
      `${this.homeserver}/_matrix/client/${what}?${new URLSearchParams(size ?? {})}`,
      {
        headers: { Authorization: `Bearer ${this.token}` },
        signal: this.ended.signal,
      },
    );
    if (!answer.ok) throw new Refused(`${answer.status} ${answer.statusText}`, answer.status);
    const data = await answer.blob();
    const type = data.type.split(";")[0].trim().toLowerCase();
    return URL.createObjectURL(
      data.slice(0, data.size, SHOWN.test(type) ? type : "application/octet-stream"),
    );
  }

  #transaction() {
    transaction += 1;
    return `page-${Date.now()}-${transaction}`;
  }
}

/** A path with its values percent-encoded: at`v3/rooms/${room}/leave`. */
function at(texts, ...values) {
  return texts.map((piece, n) => (n ? encodeURIComponent(values[n - 1]) : "") + piece).join("");
}
