// What changes in a room besides messages, each in one line of words.

import { list, object, text } from "../lib/shape.js";
import { enumerate } from "../lib/words.js";
import { nameOf } from "./people.js";
import { pinned } from "./relations.js";

/**
 * A line about a state event, or null if it is nothing for people. Where the homeserver tells what the
 * state was before (`unsigned.prev_content`), the line says what has changed.
 */
export function noticeOf(event, context) {
  if (event.state_key === undefined) return null;
  const tell = NOTICES[event.type];
  if (tell === undefined) return null;
  const before = object(object(event.unsigned).prev_content);
  const who = nameOf(text(event.sender), context.people);
  return tell({ event, who, now: object(event.content), before, context });
}

const NOTICES = {
  "m.room.create": ({ who, now }) =>
    `${who} created the ${now.type === "m.space" ? "space" : "room"}${now.predecessor ? ", which continues an older one" : ""}`,
  "m.room.name": ({ who, now, before }) => {
    if (!text(now.name)) return `${who} removed the room's name`;
    return before.name
      ? `${who} renamed the room from “${text(before.name)}” to “${now.name}”`
      : `${who} named the room “${now.name}”`;
  },
  "m.room.topic": ({ who, now }) =>
    text(now.topic) ? `${who} set the topic: ${now.topic}` : `${who} removed the topic`,
  "m.room.avatar": ({ who, now }) => `${who} ${text(now.url) ? "changed" : "removed"} the room's picture`,
  "m.room.pinned_events": pins,
  "m.room.tombstone": ({ who, now }) => `${who} replaced this room${text(now.body) ? `: ${now.body}` : ""}`,
  "m.room.encryption": ({ who }) => `${who} turned encryption on`,
  "m.room.member": membership,
  "m.room.power_levels": levels,
};

function pins({ who, now, before }) {
  const [old, fresh] = [pinned(before), pinned(now)];
  const added = fresh.filter((id) => !old.includes(id)).length;
  const gone = old.filter((id) => !fresh.includes(id)).length;
  if (added && !gone) return `${who} pinned a message`;
  if (gone && !added) return `${who} unpinned ${gone === 1 ? "a message" : "messages"}`;
  return `${who} changed the pinned messages`;
}

function membership({ event, who, now, before, context }) {
  const target = text(event.state_key);
  const self = target === event.sender;
  const name = text(now.displayname) || text(before.displayname) || nameOf(target, context.people);
  const said = change({ self, who, name, now, before });
  const reason = text(now.reason);
  return said === null ? null : `${said}${reason ? `: ${reason}` : ""}`;
}

function change({ self, who, name, now, before }) {
  const was = text(before.membership);
  switch (now.membership) {
    case "invite":
      return `${who} invited ${name}`;
    case "join":
      return was === "join" ? profile(name, now, before) : `${name} joined`;
    case "ban":
      return `${who} banned ${name}`;
    case "knock":
      return `${name} asks to join`;
    case "leave":
      return left({ self, who, name, was });
    default:
      return null;
  }
}

function left({ self, who, name, was }) {
  if (self) return was === "invite" ? `${name} declined the invitation` : `${name} left`;
  if (was === "ban") return `${who} lifted the ban of ${name}`;
  return was === "invite" ? `${who} withdrew the invitation of ${name}` : `${who} removed ${name}`;
}

function profile(name, now, before) {
  const renamed = text(now.displayname) !== text(before.displayname);
  const pictured = text(now.avatar_url) !== text(before.avatar_url);
  if (renamed && text(before.displayname)) return `${before.displayname} is now called ${name}`;
  if (pictured) return `${name} ${text(now.avatar_url) ? "changed" : "removed"} their picture`;
  return null;
}

function levels({ who, now, before, context }) {
  const [old, fresh] = [object(before.users), object(now.users)];
  const changed = [...new Set([...Object.keys(old), ...Object.keys(fresh)])].filter(
    (user) => old[user] !== fresh[user],
  );
  if (!Object.keys(before).length || !changed.length) return null;
  const names = changed.map((user) => `${nameOf(user, context.people)} (${fresh[user] ?? "as everyone"})`);
  return `${who} changed the power level of ${enumerate(names)}`;
}

/** What other rooms call a room: from these state events, in the order of the specification. */
export function roomName({ name, alias, members, me, service }) {
  if (name.trim()) return name;
  if (alias) return alias;
  const others = [...members].filter(
    ([id, { membership: is }]) => id !== me && (is === "join" || is === "invite"),
  );
  const real = others.filter(([id]) => !list(service).includes(id));
  const shown = (real.length ? real : others)
    .map(([, { name: called }]) => called)
    .sort((a, b) => a.localeCompare(b));
  if (shown.length) return enumerate(shown, 5);
  const left = [...members]
    .filter(([id]) => id !== me && !list(service).includes(id))
    .map(([, { name: called }]) => called);
  return left.length ? `Empty room (was ${enumerate(left, 3)})` : "Empty room";
}
