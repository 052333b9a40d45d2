// The list of rooms, under their spaces.

import { element, keep, signOf } from "../lib/dom.js";
import { count, moment } from "../lib/words.js";
import { preview } from "./event.js";
import { avatar } from "./people.js";
import { at } from "./relations.js";
import { treeOf } from "./spaces.js";

/**
 * Draw the list into `holder`. `view` gives `rooms`, `known` (rooms that one is not in), `current`, `session`,
 * `folded` (ids of spaces that are shut), `contextFor(room)`, `open(room)`, `accept(room)`, `acceptAll(rooms)`,
 * `joinChild(child)` and `redraw()`.
 */
export function drawRoomList(holder, view) {
  const { spaces, plain } = treeOf(view.rooms, view.known);
  const rows = spaces.flatMap((tree) => spaceRows(tree, view, 0));
  const rest = plain.map(({ room }) => room).sort((a, b) => newness(b) - newness(a));
  const invites = [...view.rooms.values()].filter(({ membership }) => membership === "invite");
  if (invites.length > 1) rows.unshift(joinAllRow(invites, view));
  if (rest.length && spaces.length) rows.push(titleRow("Other rooms"));
  rows.push(...rest.map((room) => roomRow(room, view, 0)));
  keep(holder, rows);
}

function newness(room) {
  const newest = room.newest;
  return room.membership === "invite" ? Infinity : newest === null ? 0 : at(newest);
}

function joinAllRow(invites, view) {
  return {
    key: "join all",
    sign: signOf(invites.map(({ id }) => id)),
    make: () =>
      element(
        "button",
        { type: "button", className: "quiet join-all", onclick: () => view.acceptAll(invites) },
        `Join all ${invites.length} rooms`,
      ),
  };
}

function titleRow(words) {
  return { key: `title ${words}`, sign: words, make: () => element("h3", {}, words) };
}

// `above` is the way there: a room in two spaces stands in the list twice.
function spaceRows({ room, children }, view, depth, above = "") {
  const rows = [spaceRow(room, view, depth, children.length, above)];
  const way = `${above} ${room.id}`;
  if (view.folded.has(room.id) || room.membership === "invite") return rows;
  for (const child of children) {
    if (child.unjoined) rows.push(unjoinedRow(child.unjoined, view, depth + 1, way));
    else if (child.room.isSpace) rows.push(...spaceRows(child, view, depth + 1, way));
    else rows.push(roomRow(child.room, view, depth + 1, way));
  }
  return rows;
}

function spaceRow(room, view, depth, number, above) {
  const face = room.faceFor(view.session.id);
  const folded = view.folded.has(room.id);
  const invited = room.membership === "invite";
  return {
    key: `space${above} ${room.id}`,
    sign: signOf(face, folded, invited, depth, number),
    make: () => {
      const made = element(
        "button",
        {
          type: "button",
          className: invited ? "space invite" : "space",
          dataset: { room: room.id },
          title: invited ? "Join this space" : `${face.name}: ${count(number, "room", "rooms")}`,
          attributes: { "aria-expanded": invited ? null : String(!folded) },
        },
        avatar(face, view.contextFor(room), { side: 24, square: true }),
        element("span", { className: "title" }, face.name),
      );
      if (invited) made.append(element("small", {}, "invited: click to join"));
      made.style.setProperty("--depth", depth);
      made.onclick = () => {
        if (invited) view.accept(room);
        else {
          if (folded) view.folded.delete(room.id);
          else view.folded.add(room.id);
          view.redraw();
        }
      };
      return made;
    },
  };
}

function roomRow(room, view, depth, parent = "") {
  const face = room.faceFor(view.session.id);
  const invited = room.membership === "invite";
  const newest = room.newest;
  const context = view.contextFor(room);
  const line = invited ? "invited: click to join" : newest === null ? "" : preview(newest, context);
  const now = room.id === view.current;
  const unread = now ? 0 : room.unread;
  return {
    key: `${parent} ${room.id}`,
    sign: signOf(face, line, now, unread, invited, depth, newest?.event_id),
    make: () => {
      const made = element(
        "button",
        {
          type: "button",
          className: ["room", now && "now", invited && "invite", unread && "unread"]
            .filter(Boolean)
            .join(" "),
          dataset: { room: room.id },
          title: newest === null ? face.name : `${face.name}, ${moment(at(newest))}`,
          attributes: { "aria-current": now ? "true" : null },
        },
        avatar(face, context, { side: 34, square: true }),
        element("span", { className: "title" }, face.name),
        element("small", { className: "line" }, line),
        unread
          ? element(
              "span",
              { className: "dot", title: count(unread, "new message", "new messages") },
              String(Math.min(unread, 99)),
            )
          : null,
      );
      made.style.setProperty("--depth", depth);
      made.onclick = () => (invited ? view.accept(room) : view.open(room));
      return made;
    },
  };
}

function unjoinedRow(child, view, depth, parent) {
  return {
    key: `${parent} ${child.id}`,
    sign: signOf(child, depth),
    make: () => {
      const name = child.name || "A room";
      const made = element(
        "button",
        { type: "button", className: "room unjoined", dataset: { room: child.id }, title: "Join this room" },
        avatar({ id: child.id, name, avatar: child.avatar }, view.contextFor(null), {
          side: 34,
          square: true,
        }),
        element("span", { className: "title" }, name),
        element("small", { className: "line" }, "not joined: click to join"),
      );
      made.style.setProperty("--depth", depth);
      made.onclick = () => view.joinChild(child);
      return made;
    },
  };
}
