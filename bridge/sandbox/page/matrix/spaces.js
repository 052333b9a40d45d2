// The list of rooms, grouped as spaces say: a space with its rooms and spaces, then what is in none.
// Pure: rooms go in, an ordered tree comes out.

import { list, text } from "../lib/shape.js";

const DEPTH_MAX = 5; // Spaces may hold each other in circles.

/**
 * `[{room, children: [...]} | {unjoined: {id, via, name}}]`. `rooms` is a Map by id; `known` a Map with
 * what a homeserver tells of rooms that the person is not in.
 */
export function treeOf(rooms, known = new Map()) {
  const spaces = [...rooms.values()].filter((room) => room.isSpace);
  const children = new Map(spaces.map((space) => [space.id, childrenOf(space)]));
  const below = new Set([...children.values()].flat().map(({ id }) => id));
  const shown = new Set();
  const walk = (id, above) => {
    shown.add(id);
    const inside = above.length < DEPTH_MAX && !above.includes(id) ? (children.get(id) ?? []) : [];
    return {
      room: rooms.get(id),
      children: inside.map((child) =>
        rooms.has(child.id)
          ? walk(child.id, [...above, id])
          : { unjoined: { ...child, ...known.get(child.id) } },
      ),
    };
  };
  // Those at the top first; spaces that are only in each other are found afterwards.
  const tops = [...spaces.filter(({ id }) => !below.has(id)), ...spaces];
  const trees = tops.flatMap(({ id }) => (shown.has(id) ? [] : [walk(id, [])]));
  const others = [...rooms.values()].filter((room) => !shown.has(room.id) && !isReplaced(room, rooms));
  return { spaces: trees, plain: others.map((room) => ({ room, children: [] })) };
}

// Who is in the room that came after it has no need of the old one.
function isReplaced(room, rooms) {
  return room.replacement !== null && rooms.get(room.replacement)?.membership === "join";
}

/** The children of a space in the order of the specification: by `order`, then by age, then by id. */
export function childrenOf(space) {
  const events = [...space.all("m.space.child").values()].filter(
    ({ content }) => list(content?.via).length > 0,
  );
  return events
    .map((event) => ({
      id: event.state_key,
      via: list(event.content.via),
      order: order(event.content.order),
      age: event.origin_server_ts ?? 0,
    }))
    .sort((a, b) => compare(a.order, b.order) || a.age - b.age || compare(a.id, b.id));
}

// Without a valid order a child comes after all that have one.
function order(given) {
  return /^[\x20-\x7e]{1,50}$/.test(text(given)) ? given : "\x7f";
}

function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}
