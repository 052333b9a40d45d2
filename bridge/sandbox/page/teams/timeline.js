// What was said in a place as rows for `keep`: a chat as it went, a channel as posts with their replies.

import { element, signOf } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { day } from "../lib/words.js";
import { renderMessage, senderOf } from "./message.js";

const FOLLOWS_MS = 5 * 60 * 1000; // Within this, the same person's next message needs no head.

/** The rows of a place. `answer(root)` is called when someone begins to reply to a post. */
export function rowsOf(place, messages, context, answer) {
  const sign = signOf(context.me, context.people);
  const rows =
    place?.layout === "post" ? posts(messages, context, sign, answer) : chat(messages, context, sign);
  return rows.length ? rows : [emptyRow()];
}

function chat(messages, context, sign) {
  let [today, before] = ["", null];
  return messages.flatMap((message) => {
    const rows = [];
    if (day(message.createdDateTime) !== today) {
      today = day(message.createdDateTime);
      rows.push(dayRow(today));
      before = null;
    }
    rows.push(messageRow(message, context, sign, follows(message, before, context)));
    before = message;
    return rows;
  });
}

function follows(message, before, context) {
  if (before === null || before.messageType !== "message" || message.messageType !== "message") return false;
  const between = Date.parse(message.createdDateTime) - Date.parse(before.createdDateTime);
  return between < FOLLOWS_MS && senderOf(message, context).id === senderOf(before, context).id;
}

function messageRow(message, context, sign, isFollowing = false) {
  const className = isFollowing ? "follows" : message.messageType === "message" ? "" : "about";
  return {
    key: message.id,
    sign: signOf(message, sign, isFollowing),
    make: () => element("li", { className }, renderMessage(message, context)),
  };
}

function posts(messages, context, sign, answer) {
  const replies = Map.groupBy(messages, (message) => message.replyToId ?? "");
  return (replies.get("") ?? []).map((root) => {
    if (root.messageType !== "message") return messageRow(root, context, sign);
    const below = replies.get(root.id) ?? [];
    return {
      key: root.id,
      sign: signOf(root, below, sign),
      make: () => {
        const inside = below.map((reply) => element("li", {}, renderMessage(reply, context)));
        const begin = { type: "button", className: "quiet reply", onclick: () => answer(root) };
        const button = element("button", begin, icon("reply"), " Reply");
        const holder = element("div", { className: "replies" }, element("ol", {}, inside), button);
        return element("li", { className: "post" }, renderMessage(root, context), holder);
      },
    };
  });
}

function dayRow(name) {
  const make = () => element("li", { className: "day" }, element("span", {}, name));
  return { key: `day ${name}`, sign: name, make };
}

function emptyRow() {
  const words = "Nothing said here yet. Write the first message; its Matrix room is made with it.";
  return { key: "empty", sign: words, make: () => element("li", { className: "empty" }, words) };
}
