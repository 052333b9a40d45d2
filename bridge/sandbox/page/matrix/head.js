// What stands above a timeline: the room's picture, name, topic and members; what is pinned; where the
// room went, if it was replaced.

import { element, keep, linked, signOf } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { count } from "../lib/words.js";
import { text } from "../lib/shape.js";
import { preview } from "./event.js";
import { avatar, nameOf, speakerOf } from "./people.js";
import { contentOf } from "./relations.js";

const FACES = 4;

/** Draw head, pins and banner of a room into `holder`. */
export function drawHead(holder, room, context, view) {
  if (room === null) return keep(holder, []);
  const rows = [headRow(room, context, view)];
  if (room.pinned.length) rows.push(pinsRow(room, context, view));
  if (room.replacement !== null) rows.push(bannerRow(room, view));
  return keep(holder, rows);
}

function headRow(room, context, view) {
  const face = room.faceFor(view.session.id);
  const members = [...context.people].filter(([, { membership }]) => membership === "join");
  return {
    key: "head",
    sign: signOf(room.id, face, room.topic, members),
    make: () => {
      const topic = element("p", { className: "topic", title: room.topic }, linked(room.topic));
      topic.onclick = () => topic.classList.toggle("open");
      const faces = members
        .slice(0, FACES)
        .map(([id, { name, avatar: picture }]) =>
          avatar({ id, name, avatar: picture }, context, { side: 24 }),
        );
      const who = element(
        "button",
        { type: "button", className: "members", title: "Who is here" },
        element("span", { className: "faces" }, faces),
        element("span", {}, String(members.length)),
      );
      who.onclick = () => showMembers(members, context, face.name);
      return element(
        "div",
        { className: "room-head" },
        backButton(view),
        avatar(face, context, { side: 38, square: true }),
        element("div", { className: "about-room" }, element("h3", {}, face.name), room.topic ? topic : null),
        who,
      );
    },
  };
}

function backButton(view) {
  return element(
    "button",
    { type: "button", className: "back", ariaLabel: "Back to the list", onclick: () => view.panel("list") },
    "‹",
  );
}

function showMembers(members, context, name) {
  const rows = members.map(([id, { name: called, avatar: picture }]) =>
    element(
      "li",
      {},
      avatar({ id, name: called, avatar: picture }, context, { side: 32 }),
      element("span", {}, element("b", {}, called), element("small", {}, id)),
    ),
  );
  const shown = element(
    "dialog",
    { className: "people-list", ariaLabel: "Members" },
    element("h3", {}, `${name}: ${count(members.length, "member", "members")}`),
    element("ul", {}, rows),
  );
  shown.onclick = (event) => {
    if (event.target === shown) shown.close();
  };
  shown.onclose = () => shown.remove();
  document.body.append(shown);
  shown.showModal();
}

function pinsRow(room, context, view) {
  const ids = room.pinned.slice().reverse();
  const lines = ids.map((id) => {
    const event = context.index.byId.get(id);
    if (event === undefined) return { id, who: "", line: "A message from before" };
    const who = speakerOf(event, contentOf(event, context.index), context.people).name;
    return { id, who, line: preview(event, context) };
  });
  return {
    key: "pins",
    sign: signOf(room.id, lines),
    make: () => {
      const pin = ({ id, who, line }) =>
        element(
          "button",
          { type: "button", className: "pin", dataset: { pin: id }, onclick: () => view.jump(id) },
          icon("pin"),
          " ",
          who && element("b", {}, `${who} `),
          line,
        );
      const [first, ...others] = lines.map(pin);
      if (!others.length) return element("div", { className: "pins" }, first);
      const more = element("details", {}, element("summary", {}, `${lines.length} pinned`), others);
      return element("div", { className: "pins" }, first, more);
    },
  };
}

function bannerRow(room, view) {
  const why = text(room.content("m.room.tombstone").body);
  return {
    key: "banner",
    sign: signOf(room.id, room.replacement, why),
    make: () =>
      element(
        "div",
        { className: "banner" },
        element("span", {}, "This room has been replaced.", why && ` ${why}`),
        element(
          "button",
          { type: "button", onclick: () => view.openRoom(room.replacement) },
          "Go to the new room",
        ),
      ),
  };
}

/** Who is typing, in words; empty if nobody. */
export function typingLine(room, context) {
  const names = (room?.typing ?? [])
    .filter((id) => id !== context.me)
    .map((id) => nameOf(id, context.people));
  if (!names.length) return "";
  return names.length === 1 ? `${names[0]} is typing…` : `${names.length} people are typing…`;
}
