// How the events of a room belong together: edits, redactions, reactions, replies, threads, statuses.
// Pure: an array of events goes in, what can be asked of them comes out.

import { amount, list, object, text } from "../lib/shape.js";

export const MESSAGES = new Set(["m.room.message", "m.sticker", "m.room.encrypted"]);
const STATUS = "com.beeper.message_send_status";

/** What an event says about another one: `{rel_type, event_id, …}`. */
export function relationOf(event) {
  return object(object(event.content)["m.relates_to"]);
}

/** The event that this one answers, or null. In a thread, only a true answer counts. */
export function answeredBy(event) {
  const relation = relationOf(event);
  if (relation.rel_type === "m.thread" && relation.is_falling_back === true) return null;
  return text(object(relation["m.in_reply_to"]).event_id) || null;
}

/** The root of the thread that this event is in, or null. */
export function threadOf(event) {
  const relation = relationOf(event);
  return relation.rel_type === "m.thread" ? text(relation.event_id) || null : null;
}

/** What an `m.room.redaction` takes away: until room version 10 beside the content, since then in it. */
export function redactedBy(event) {
  return text(object(event.content).redacts) || text(event.redacts) || null;
}

/**
 * Everything about these events. Maps by event id:
 *
 *     byId       the events themselves
 *     gone       the redaction of an event
 *     edit       the edit that counts
 *     reactions  Map of key to the reactions with it, one of each sender
 *     threads    the replies in the thread of a root, in order
 *     counts     how many replies the homeserver counts there, where it has said so
 *     statuses   the newest message status
 */
export function relate(events) {
  const index = {
    byId: new Map(),
    gone: new Map(),
    edit: new Map(),
    reactions: new Map(),
    threads: new Map(),
    counts: new Map(),
    statuses: new Map(),
  };
  for (const event of events) {
    if (text(event.event_id)) index.byId.set(event.event_id, event);
    noteRedaction(index, event);
  }
  for (const event of index.byId.values()) {
    noteBundled(index, event);
    if (!index.gone.has(event.event_id) && event.state_key === undefined) noteRelation(index, event);
  }
  return index;
}

function noteRedaction({ gone }, event) {
  if (event.type === "m.room.redaction" && redactedBy(event)) gone.set(redactedBy(event), event);
  const because = object(event.unsigned).redacted_because;
  if (because) gone.set(event.event_id, object(because));
}

// What the homeserver tells of relations together with the event itself.
function noteBundled(index, event) {
  const bundled = object(object(event.unsigned)["m.relations"]);
  const edit = object(bundled["m.replace"]);
  if (edit.content && !index.gone.has(edit.event_id)) noteEdit(index, edit, event);
  const replies = amount(object(bundled["m.thread"]).count);
  if (replies) index.counts.set(event.event_id, replies);
}

function noteRelation(index, event) {
  const relation = relationOf(event);
  const target = text(relation.event_id);
  if (event.type === "m.reaction" && relation.rel_type === "m.annotation")
    noteReaction(index, event, relation);
  else if (event.type === STATUS && target) noteStatus(index, event, target);
  else if (relation.rel_type === "m.replace") noteEdit(index, event, index.byId.get(target));
  else if (MESSAGES.has(event.type) && threadOf(event)) push(index.threads, target, event);
}

// Only the sender edits, and an edit is not edited; the newest counts, of two the one with the larger id.
function noteEdit(index, edit, original) {
  const fits =
    original !== undefined &&
    original.sender === edit.sender &&
    original.type === edit.type &&
    original.state_key === undefined &&
    relationOf(original).rel_type !== "m.replace" &&
    typeof object(edit.content)["m.new_content"] === "object";
  if (!fits) return;
  const known = index.edit.get(original.event_id);
  const newer =
    known === undefined || at(edit) > at(known) || (at(edit) === at(known) && edit.event_id > known.event_id);
  if (newer) index.edit.set(original.event_id, edit);
}

function noteReaction({ reactions }, event, relation) {
  const [target, key] = [text(relation.event_id), text(relation.key)];
  if (!target || !key) return;
  if (!reactions.has(target)) reactions.set(target, new Map());
  const byKey = reactions.get(target);
  if (!byKey.get(key)?.some((other) => other.sender === event.sender)) push(byKey, key, event);
}

function noteStatus({ statuses }, event, target) {
  const known = statuses.get(target);
  if (known === undefined || at(event) >= at(known)) statuses.set(target, event);
}

function push(lists, key, value) {
  if (lists.has(key)) lists.get(key).push(value);
  else lists.set(key, [value]);
}

/** When an event was sent, in milliseconds; 0 if it does not say. */
export function at(event) {
  return amount(event.origin_server_ts) ?? 0;
}

/** The content as it is now: that of the edit which counts, or its own; empty when it was redacted. */
export function contentOf(event, index) {
  if (index.gone.has(event.event_id)) return {};
  const edit = index.edit.get(event.event_id);
  return edit === undefined ? object(event.content) : object(object(edit.content)["m.new_content"]);
}

/** Whether an event is a message that stands in a room: no edit, no reaction, nothing in a thread. */
export function isMessage(event) {
  return (
    MESSAGES.has(event.type) && event.state_key === undefined && relationOf(event).rel_type !== "m.replace"
  );
}

/** How many replies the thread of a root has. */
export function replies(root, index) {
  return Math.max(index.threads.get(root)?.length ?? 0, index.counts.get(root) ?? 0);
}

/** The ids of events that the shown ones lean on and that are not known yet. */
export function missing(shown, index) {
  const wanted = shown.flatMap((event) => [answeredBy(event), threadOf(event)]);
  return [...new Set(wanted)].filter((id) => id !== null && !index.byId.has(id));
}

/** The ids that `m.room.pinned_events` names, the newest last. */
export function pinned(content) {
  return list(object(content).pinned).filter((id) => typeof id === "string");
}
