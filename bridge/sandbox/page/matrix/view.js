// The Matrix half of the page: one person's client of the homeserver.
//
//     /sync ─▶ rooms (room.js) ─▶ list (roomlist.js) · head (head.js) · timeline (timeline.js, event.js)
//     what the person does ─▶ actions.js ─▶ the homeserver ─▶ /sync

import { Composer } from "../lib/compose.js";
import { element, followEnd, keep, pointAt, toEnd } from "../lib/dom.js";
import { list } from "../lib/shape.js";
import { RETRY_MS, attempt, pause, say } from "../lib/web.js";
import { Actions } from "./actions.js";
import { Session } from "./api.js";
import { contextOf } from "./context.js";
import { drawHead, typingLine } from "./head.js";
import { drawRoomList } from "./roomlist.js";
import { Room } from "./room.js";
import { missing } from "./relations.js";
import { rowsOf } from "./timeline.js";

const JUMP_PAGES = 5; // How far back a message is looked for.
const PLACEHOLDER = "Write in Matrix";

export class MatrixView {
  constructor(world) {
    this.world = world;
    this.section = document.getElementById("matrix");
    this.scroller = document.getElementById("matrix-scroll");
    this.messages = document.getElementById("matrix-messages");
    this.actions = new Actions(this.#desk());
    this.composer = new Composer({
      id: "matrix-text",
      placeholder: PLACEHOLDER,
      label: "Message in Matrix",
      send: (words) => this.actions.send(words),
      gaveUp: () => this.actions.giveUp(this.composer),
    });
    document.getElementById("matrix-compose").replaceWith(this.composer.form);
    this.composer.form.id = "matrix-form";
    document.getElementById("matrix-bot").onclick = () => this.talkToBot();
    document.getElementById("matrix-earlier").onclick = () => this.loadEarlier();
    this.begin(world.matrix[0]);
  }

  /** Be this user from now on. */
  begin(user) {
    this.session?.end();
    this.session = new Session(this.world.homeserver, user);
    this.rooms = new Map();
    this.known = new Map();
    this.asked = new Set(); // Events that were asked for, so that none is asked for twice.
    this.folded = new Set();
    this.openThreads = new Map();
    this.current = null;
    this.redraw();
    this.#follow(this.session);
  }

  async #follow(session) {
    let since = "";
    while (session === this.session) {
      this.poll = new AbortController();
      try {
        const news = await session.sync(since, this.poll.signal);
        if (session !== this.session) return;
        this.#take(news, since === "");
        since = news.next_batch;
        this.redraw();
      } catch (error) {
        if (error.name === "AbortError") continue;
        say(`The Matrix side does not answer: ${error.message}`, true);
        await pause(RETRY_MS);
      }
    }
  }

  #take({ rooms = {} }, first) {
    for (const [id, joined] of Object.entries(rooms.join ?? {})) this.#room(id).takeJoined(joined);
    for (const [id, invited] of Object.entries(rooms.invite ?? {}))
      this.#room(id).takeInvite(list(invited.invite_state?.events));
    for (const id of Object.keys(rooms.leave ?? {})) this.rooms.delete(id);
    if (first) for (const room of this.rooms.values()) room.unread = 0;
    if (!this.rooms.has(this.current)) this.current = this.#newest()?.id ?? null;
    for (const room of this.rooms.values()) if (room.isSpace) this.#lookInto(room);
  }

  #room(id) {
    if (!this.rooms.has(id)) this.rooms.set(id, new Room(id));
    return this.rooms.get(id);
  }

  #newest() {
    const open = [...this.rooms.values()].filter((room) => !room.isSpace && room.membership === "join");
    const time = (room) => room.newest?.origin_server_ts ?? 0;
    return open.reduce((best, room) => (best === null || time(room) >= time(best) ? room : best), null);
  }

  get room() {
    return this.rooms.get(this.current) ?? null;
  }

  contextFor(room) {
    const names = new Map([...this.rooms.values()].map((one) => [one.id, one.nameFor(this.session.id)]));
    if (room !== null && !this.openThreads.has(room.id)) this.openThreads.set(room.id, new Set());
    return contextOf(room?.events ?? [], {
      mediaUrl: this.session.mediaUrl,
      me: this.session.id,
      people: room?.members ?? new Map(),
      index: room?.index,
      roomNames: names,
      actions: this.actions,
      openThreads: this.openThreads.get(room?.id),
    });
  }

  redraw() {
    const room = this.room;
    if (room) room.unread = 0;
    drawRoomList(document.getElementById("matrix-rooms"), this);
    const context = this.contextFor(room);
    drawHead(document.getElementById("matrix-head"), room, context, this);
    document.getElementById("matrix-typing").textContent = typingLine(room, context);
    document.getElementById("matrix-earlier").hidden = !room?.hasEarlier;
    const rows = room === null ? [] : rowsOf(room.timeline, context);
    followEnd(this.scroller, () => keep(this.messages, rows.length ? rows : [emptyRow(room)]));
    this.#mayWrite(room);
    if (room !== null) this.#fetchMissing(room, context);
  }

  #mayWrite(room) {
    if (room === null) this.composer.refuse("No room is open", PLACEHOLDER);
    else if (room.replacement !== null) this.composer.refuse("This room has been replaced", PLACEHOLDER);
    else
      this.composer.refuse(
        room.maySend(this.session.id, "m.room.message") ? null : "You may not write in this room",
        PLACEHOLDER,
      );
  }

  // What is answered, pinned or the root of a thread may be older than the timeline.
  async #fetchMissing(room, context) {
    const pins = room.pinned.filter((id) => !context.index.byId.has(id));
    const wanted = [...missing(room.timeline, context.index), ...pins].filter((id) => !this.asked.has(id));
    if (!wanted.length) return;
    for (const id of wanted) this.asked.add(id);
    const found = await Promise.allSettled(wanted.map((id) => this.session.event(room.id, id)));
    const events = found.filter(({ status }) => status === "fulfilled").map(({ value }) => value);
    if (!events.length) return;
    room.takeExtra(events);
    this.redraw();
  }

  // A space may hold rooms that the person is not in; the homeserver tells their names.
  async #lookInto(space) {
    const children = [...space.all("m.space.child").keys()].filter(
      (id) => !this.rooms.has(id) && !this.known.has(id),
    );
    if (!children.length) return;
    for (const id of children) this.known.set(id, {});
    await attempt("The space cannot be read", async () => {
      const { rooms } = await this.session.hierarchy(space.id);
      for (const room of list(rooms))
        this.known.set(room.room_id, { name: room.name, avatar: room.avatar_url });
      this.redraw();
    });
  }

  // --- what the person does ---

  open(room) {
    this.current = room.id;
    this.composer.clear();
    this.panel("talk");
    this.redraw();
    toEnd(this.scroller);
  }

  panel(name) {
    this.section.dataset.panel = name;
  }

  accept(room) {
    return this.#join(room.id);
  }

  acceptAll(rooms) {
    return attempt("Cannot join", async () => {
      for (const room of rooms) await this.session.join(room.id);
      this.poll.abort();
    });
  }

  joinChild(child) {
    return this.#join(child.id, child.via);
  }

  #join(id, via = []) {
    return attempt("Cannot join", async () => {
      const { room_id: joined } = await this.session.join(id, via);
      this.#room(joined);
      if (!this.rooms.get(joined).isSpace) {
        this.current = joined;
        this.panel("talk");
      }
      // A poll that began before may sleep through what follows.
      this.poll.abort();
    });
  }

  /** Open a room by its id or alias, joining it if need be. */
  openRoom(id) {
    const known = this.rooms.get(id);
    if (known?.membership === "join" && !known.isSpace) return this.open(known);
    return this.#join(id);
  }

  async loadEarlier() {
    const room = this.room;
    if (!room?.hasEarlier) return false;
    return attempt("No earlier messages", async () => {
      const below = this.scroller.scrollHeight - this.scroller.scrollTop;
      room.takeEarlier(await this.session.earlier(room.id, room.earlier));
      this.redraw();
      this.scroller.scrollTop = this.scroller.scrollHeight - below;
    });
  }

  async loadThread(root) {
    const room = this.room;
    await attempt("The thread cannot be read", async () => {
      room.takeExtra(list((await this.session.thread(room.id, root)).chunk));
      this.redraw();
    });
  }

  /** Show a message, however far back it is, within bounds. */
  async jump(id) {
    for (let page = 0; page <= JUMP_PAGES; page++) {
      const found = this.messages.querySelector(`[data-event="${CSS.escape(id)}"]`);
      if (found !== null) {
        for (let up = found.closest("details"); up; up = up.parentElement.closest("details")) up.open = true;
        return pointAt(found);
      }
      if (page === JUMP_PAGES || !(await this.loadEarlier())) break;
    }
    return say("That message is too old to be shown here.", true);
  }

  async talkToBot() {
    const known = [...this.rooms.values()].find((room) => this.#isWithBot(room));
    if (known) return this.open(known);
    return attempt("The bot cannot be invited", async () => {
      const wish = { preset: "trusted_private_chat", is_direct: true, invite: [this.world.bot] };
      const { room_id: made } = await this.session.createRoom(wish);
      this.#room(made);
      this.current = made;
      this.panel("talk");
      this.redraw();
      this.poll.abort();
    });
  }

  #isWithBot(room) {
    const here = [...room.members].filter(([, { membership }]) => membership !== "leave").map(([id]) => id);
    return (
      !room.isSpace && here.length === 2 && here.includes(this.world.bot) && here.includes(this.session.id)
    );
  }

  // What actions.js is given of this.
  #desk() {
    const view = this;
    return {
      get session() {
        return view.session;
      },
      get composer() {
        return view.composer;
      },
      room: () => view.room,
      context: () => view.contextFor(view.room),
      redraw: () => view.redraw(),
      jump: (id) => view.jump(id),
      openRoom: (id) => view.openRoom(id),
      loadThread: (root) => view.loadThread(root),
    };
  }
}

function emptyRow(room) {
  const words =
    room === null
      ? "No room yet. Write something in Teams, and a room appears here."
      : "Nothing said here yet.";
  return { key: "empty", sign: words, make: () => element("li", { className: "empty" }, words) };
}
