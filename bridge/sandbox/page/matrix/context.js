// What renderEvent is given besides the event: everything that is known, and where media come from.

import { peopleOf } from "./people.js";
import { relate } from "./relations.js";

/**
 * A context from an array of events.
 *
 * `mediaUrl(mxc, {width, height, method} | {})` gives an address to show, or the promise of one: of a
 * thumbnail if a size is asked for, else of the whole. Optional are `me`, the id of who looks; `people`
 * and `index`, where they are known already, and better than from these events; `roomNames`, names of rooms by id or alias;
 * `actions`, what the person can do (see actions.js) — without it there are no buttons; `openThreads`,
 * ids of the roots whose threads stand open.
 */
export function contextOf(events, options) {
  const {
    mediaUrl,
    me = null,
    people,
    index,
    roomNames = new Map(),
    actions = null,
    openThreads = new Set(),
  } = options;
  return {
    index: index ?? relate(events),
    people: people ?? peopleOf(events),
    me,
    roomNames,
    actions,
    openThreads,
    mediaUrl,
    show: (holder, address, wish, shown, failed) => show(mediaUrl, holder, address, wish, shown, failed),
  };
}

// Give a picture, a clip or a link its address: at once where it is known, later where it is promised.
function show(mediaUrl, holder, address, wish, shown = () => {}, failed = () => {}) {
  const attribute = holder.localName === "a" ? "href" : "src";
  const set = (found) => {
    holder[attribute] = found;
    shown();
  };
  let found;
  try {
    found = mediaUrl(address, wish ?? {});
  } catch (error) {
    failed(error);
    return;
  }
  if (typeof found === "string") set(found);
  else Promise.resolve(found).then(set, failed);
}
