// One room, as /sync tells of it: state, timeline, members, name, and what the person may do there.

import { amount, list, object, text } from "../lib/shape.js";
import { roomName } from "./notices.js";
import { peopleOf } from "./people.js";
import { at, isMessage, pinned, relate, threadOf } from "./relations.js";

const EXTRA_MAX = 500; // Events that were fetched one by one.

export class Room {
  constructor(id) {
    this.id = id;
    this.membership = "join";
    this.state = new Map(); // "type\nkey" to the event
    this.timeline = []; // as it was said
    this.extra = new Map(); // events that are not in the timeline, but are answered, pinned, or in a thread
    this.earlier = null; // where the timeline can be read on backwards
    this.typing = [];
    this.unread = 0;
    this.kept = new Map(); // What was worked out since the room last changed.
  }

  // Work something out once for as long as the room stays as it is.
  #once(name, work) {
    if (!this.kept.has(name)) this.kept.set(name, work());
    return this.kept.get(name);
  }

  /** Take in what is new of a room that the person is in. */
  takeJoined({ state, timeline, ephemeral }) {
    this.kept.clear();
    this.membership = "join";
    if (object(timeline).limited || this.earlier === null) this.#restart(object(timeline));
    for (const event of list(object(state).events)) this.#setState(event);
    const known = new Set(this.timeline.map((event) => event.event_id));
    for (const event of list(object(timeline).events)) {
      this.#setState(event);
      if (!known.has(event.event_id)) this.timeline.push(event);
      if (isMessage(event) && !known.has(event.event_id)) this.unread += 1;
    }
    for (const event of list(object(ephemeral).events)) {
      if (event.type === "m.typing") this.typing = list(object(event.content).user_ids);
    }
  }

  takeInvite(events) {
    this.kept.clear();
    this.membership = "invite";
    for (const event of events) this.#setState(event);
  }

  // Between what was known and what comes there is a gap, so the timeline begins anew.
  #restart({ prev_batch: earlier, limited }) {
    if (limited) this.timeline = [];
    this.earlier = text(earlier);
  }

  #setState(event) {
    if (typeof event.state_key === "string") this.state.set(`${event.type}\n${event.state_key}`, event);
  }

  /** Put a page of older events before the timeline; `end` is where it goes on. */
  takeEarlier({ chunk, end }) {
    this.kept.clear();
    const known = new Set(this.timeline.map((event) => event.event_id));
    const older = list(chunk)
      .filter((event) => !known.has(event.event_id))
      .reverse();
    this.timeline = [...older, ...this.timeline];
    this.earlier = text(end) || "";
  }

  /** Whether there may be more before the timeline. */
  get hasEarlier() {
    return Boolean(this.earlier) && this.timeline[0]?.type !== "m.room.create";
  }

  takeExtra(events) {
    this.kept.clear();
    for (const event of events) if (text(event.event_id)) this.extra.set(event.event_id, event);
    for (const id of this.extra.keys()) if (this.extra.size > EXTRA_MAX) this.extra.delete(id);
  }

  /** Every event that is known, fetched ones first. */
  get events() {
    return this.#once("events", () => {
      const here = new Set(this.timeline.map((event) => event.event_id));
      const others = [...this.extra.values()].filter((event) => !here.has(event.event_id));
      return [...others.sort((a, b) => at(a) - at(b)), ...this.timeline];
    });
  }

  content(type, key = "") {
    return object(this.state.get(`${type}\n${key}`)?.content);
  }

  /** The state events of a type, by their keys. */
  all(type) {
    const found = [...this.state.values()].filter((event) => event.type === type);
    return new Map(found.map((event) => [event.state_key, event]));
  }

  get members() {
    return this.#once("members", () => peopleOf([...this.all("m.room.member").values()]));
  }

  get isSpace() {
    return this.content("m.room.create").type === "m.space";
  }

  get service() {
    return list(this.content("io.element.functional_members").service_members);
  }

  get topic() {
    return text(this.content("m.room.topic").topic);
  }

  get pinned() {
    return pinned(this.content("m.room.pinned_events"));
  }

  /** The room that has taken this one's place, or null. */
  get replacement() {
    return text(this.content("m.room.tombstone").replacement_room) || null;
  }

  /** What to call it. */
  nameFor(me) {
    return this.#once(`name for ${me}`, () =>
      roomName({
        name: text(this.content("m.room.name").name),
        alias: text(this.content("m.room.canonical_alias").alias),
        members: this.members,
        me,
        service: this.service,
      }),
    );
  }

  /** `{id, name, avatar}`: its own picture, or that of the other one where there is only one. */
  faceFor(me) {
    const own = text(this.content("m.room.avatar").url);
    const others = [...this.members].filter(
      ([id, { membership }]) =>
        id !== me && !this.service.includes(id) && (membership === "join" || membership === "invite"),
    );
    const other = others.length === 1 ? others[0][1].avatar : "";
    return { id: this.id, name: this.nameFor(me), avatar: own || other };
  }

  /** Whether a user may send events of a type. */
  maySend(user, type) {
    const levels = this.content("m.room.power_levels");
    const needed = amount(object(levels.events)[type]) ?? amount(levels.events_default) ?? 0;
    return this.powerOf(user) >= needed;
  }

  /** Whether a user may redact what others have said. */
  mayRedact(user) {
    return this.powerOf(user) >= (amount(this.content("m.room.power_levels").redact) ?? 50);
  }

  powerOf(user) {
    const create = this.state.get("m.room.create\n");
    const content = object(create?.content);
    const creators = [text(create?.sender), ...list(content.additional_creators)];
    if (Number(content.room_version) >= 12 && creators.includes(user)) return Infinity;
    const levels = this.content("m.room.power_levels");
    return levels.users?.[user] ?? amount(levels.users_default) ?? 0;
  }

  /** The newest message, thread replies aside; null if there is none. */
  get newest() {
    for (let n = this.timeline.length - 1; n >= 0; n--) {
      const event = this.timeline[n];
      if (isMessage(event) && threadOf(event) === null) return event;
    }
    return null;
  }

  get index() {
    return this.#once("index", () => relate(this.events));
  }
}
