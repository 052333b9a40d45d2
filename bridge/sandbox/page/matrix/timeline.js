// The timeline of a room as rows for `keep`: days, messages, lines about the room.

import { element, signOf } from "../lib/dom.js";
import { day } from "../lib/words.js";
import { renderEvent } from "./event.js";
import { noticeOf } from "./notices.js";
import { speakerOf } from "./people.js";
import { answeredBy, at, contentOf, isMessage, threadOf } from "./relations.js";

const FOLLOWS_MS = 5 * 60 * 1000; // Within this, the same speaker's next message needs no head.
const ROOM_LINES = 3; // More lines about the room in a row are folded.

/** The rows of a room. */
export function rowsOf(timeline, context) {
  const peopleSign = signOf([...context.people], context.me, [...context.roomNames]);
  const rows = [];
  let [today, before, lines] = ["", null, []];
  const flush = () => {
    rows.push(...foldedRows(lines, context, peopleSign));
    lines = [];
  };
  for (const event of shownEvents(timeline, context)) {
    if (day(at(event)) !== today) {
      flush();
      today = day(at(event));
      rows.push(dayRow(today));
      before = null;
    }
    if (!isMessage(event)) {
      lines.push(event);
      before = null;
    } else {
      flush();
      rows.push(messageRow(event, context, peopleSign, follows(event, before, context)));
      before = event;
    }
  }
  flush();
  return rows;
}

/**
 * What stands in the timeline itself: messages outside of threads, and state that there are words for. A
 * thread whose root is too old to be here stands where its first reply would.
 */
export function shownEvents(timeline, context) {
  const here = new Set(timeline.map((event) => event.event_id));
  const shown = [];
  for (const event of timeline) {
    const root = isMessage(event) ? threadOf(event) : null;
    if (root !== null) {
      const known = context.index.byId.get(root);
      if (known !== undefined && !here.has(root)) shown.push(known);
      here.add(root);
    } else if (isMessage(event) || noticeOf(event, context) !== null) shown.push(event);
  }
  return shown;
}

function follows(event, before, context) {
  if (before === null || at(event) - at(before) > FOLLOWS_MS || answeredBy(event) !== null) return false;
  const speaker = (one) => speakerOf(one, contentOf(one, context.index), context.people).id;
  return speaker(event) === speaker(before) && contentOf(event, context.index).msgtype !== "m.emote";
}

function messageRow(event, context, peopleSign, isFollowing) {
  return {
    key: event.event_id,
    sign: signOf(dependsOn(event, context), peopleSign, isFollowing),
    make: () => element("li", { className: isFollowing ? "follows" : "" }, renderEvent(event, context)),
  };
}

// Everything that a message's looks depend on.
function dependsOn(event, context) {
  const { index, openThreads } = context;
  const id = event.event_id;
  const original = index.byId.get(answeredBy(event));
  const replies = index.threads.get(id) ?? [];
  return [
    event.content,
    event.sender,
    index.edit.get(id),
    index.gone.get(id),
    [...(index.reactions.get(id) ?? [])],
    index.counts.get(id),
    index.statuses.get(id)?.content,
    original && [original, index.edit.get(original.event_id), index.gone.get(original.event_id)],
    replies.map((reply) => dependsOn(reply, context)),
    !replies.length && openThreads.has(id),
  ];
}

function dayRow(name) {
  return {
    key: `day ${name}`,
    sign: name,
    make: () => element("li", { className: "day" }, element("span", {}, name)),
  };
}

function foldedRows(events, context, peopleSign) {
  const rows = events.map((event) => ({
    key: event.event_id,
    sign: signOf(event.content, peopleSign),
    make: () => element("li", { className: "about" }, renderEvent(event, context)),
  }));
  if (rows.length <= ROOM_LINES) return rows;
  return [
    {
      key: `lines ${rows[0].key}`,
      sign: signOf(rows.map(({ key, sign }) => [key, sign])),
      make: (old) => {
        const open = old?.querySelector("details")?.open ?? false;
        const summary = element("summary", {}, `${rows.length} changes of the room`);
        const inside = events.map((event) => renderEvent(event, context));
        return element("li", { className: "about" }, element("details", { open }, summary, inside));
      },
    },
  ];
}
