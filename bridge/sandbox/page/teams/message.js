// The renderer of the Teams half: one chatMessage of Graph, as Teams shows it. Pure, as event.js is.

import { element, linked } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { list, object, text } from "../lib/shape.js";
import { clock, colour, enumerate, initials, isEmoji, moment } from "../lib/words.js";
import { renderAttachment } from "./attachments.js";
import { eventLine } from "./events.js";
import { teamsHtml } from "./html.js";

const BLOCKED = new Set(["blockAccess", "blockAccessExternal"]);
const NAMED = { like: "👍", heart: "❤️", laugh: "😆", surprised: "😮", sad: "😢", angry: "😡" };

/** Who said it: `{id, name, kind}`. */
export function senderOf(message, context) {
  const from = object(message.from);
  const kind = ["user", "application", "device"].find((one) => from[one]) ?? "nobody";
  const who = object(from[kind]);
  const id = text(who.id);
  return {
    id,
    kind,
    name: text(who.displayName) || context.nameOf(id) || (kind === "nobody" ? "Teams" : "Unknown"),
    type: text(who.userIdentityType ?? who.applicationIdentityType),
  };
}

/** An element for a chatMessage; `context` is what `TeamsView.context` makes. */
export function renderMessage(message, context) {
  if (message.messageType !== "message") {
    return element(
      "p",
      { className: "system", title: moment(message.createdDateTime), dataset: { message: message.id } },
      eventLine(message, context),
    );
  }
  const sender = senderOf(message, context);
  const importance = text(message.importance);
  const classes = [
    "message",
    sender.id === context.me && "mine",
    importance !== "normal" && importance,
    message.deletedDateTime && "gone",
  ];
  return element(
    "article",
    { className: classes.filter(Boolean).join(" "), dataset: { message: message.id, speaker: sender.id } },
    face(sender, context),
    element(
      "div",
      { className: "main" },
      head(message, sender),
      bubble(message, context),
      reactions(message, context),
    ),
    message.deletedDateTime ? "" : (context.menu?.(message) ?? ""),
  );
}

/** A round picture of someone, or initials. */
export function face({ id, name }, context, side = 32) {
  const made = element(
    "span",
    {
      className: "avatar",
      title: name,
      dataset: { colour: colour(id || name) },
      attributes: { "aria-hidden": "true" },
    },
    initials(name),
  );
  made.style.setProperty("--side", `${side}px`);
  if (context.hasPhoto(id)) {
    const picture = element("img", { alt: "", src: context.photoUrl(id), width: side, height: side });
    picture.onload = () => made.replaceChildren(picture);
  }
  return made;
}

function head(message, sender) {
  const kinds = { application: "bot", device: "device" };
  const badge =
    kinds[sender.kind] ??
    { federatedUser: "external", anonymousGuest: "guest", phoneUser: "phone" }[sender.type];
  return element(
    "header",
    {},
    element("b", { className: "name" }, sender.name),
    badge && element("small", { className: "via" }, badge),
    element(
      "time",
      { dateTime: message.createdDateTime, title: moment(message.createdDateTime) },
      clock(message.createdDateTime),
    ),
    message.lastEditedDateTime &&
      !message.deletedDateTime &&
      element(
        "small",
        { className: "edited", title: `Edited ${moment(message.lastEditedDateTime)}` },
        "Edited",
      ),
  );
}

function bubble(message, context) {
  if (message.deletedDateTime)
    return element("div", { className: "bubble deleted" }, "This message has been deleted.");
  if (BLOCKED.has(text(object(message.policyViolation).dlpAction))) {
    const tip = text(object(object(message.policyViolation).policyTip).generalText);
    return element(
      "div",
      { className: "bubble deleted" },
      icon("blocked"),
      ` ${tip || "This message was blocked by a policy."}`,
    );
  }
  const made = element("div", { className: "bubble" });
  const importance = { urgent: "URGENT!", high: "IMPORTANT!" }[message.importance];
  if (importance) made.append(element("p", { className: "importance" }, importance));
  if (text(message.subject)) made.append(element("h4", { className: "subject" }, message.subject));
  made.append(...said(message, context));
  return made;
}

function said(message, context) {
  if (object(message.body).contentType !== "html") {
    const words = text(object(message.body).content);
    return [
      element("div", { className: isEmoji(words) ? "rich plain only-emoji" : "rich plain" }, linked(words)),
      ...others(message, new Set(), context),
    ];
  }
  const { made, placed } = teamsHtml(message, context);
  return [made, ...others(message, placed, context)];
}

// What hangs on the message without a place in its text.
function others(message, placed, context) {
  return list(message.attachments)
    .map(object)
    .filter(({ id }) => !placed.has(id))
    .map((one) => renderAttachment(one, context))
    .filter((one) => one !== null);
}

function reactions(message, context) {
  const byKind = new Map();
  for (const reaction of list(message.reactions)) {
    const key = text(reaction.reactionContentUrl) || text(reaction.reactionType);
    byKind.set(key, [...(byKind.get(key) ?? []), reaction]);
  }
  if (!byKind.size || message.deletedDateTime) return null;
  return element(
    "ul",
    { className: "reactions" },
    [...byKind.values()].map((given) => element("li", {}, chip(message, given, context))),
  );
}

function chip(message, given, context) {
  const [first] = given;
  const type = text(first.reactionType);
  const ids = given.map((one) => text(object(object(one.user).user).id));
  const names = ids.map(
    (id, n) => text(object(object(given[n].user).user).displayName) || context.nameOf(id) || "someone",
  );
  const own = ids.includes(context.me);
  const url = text(first.reactionContentUrl);
  const label = text(first.displayName) || NAMED[type] || type;
  const picture = context.isHosted(url)
    ? element("img", { className: "emoticon", alt: label, src: context.hostedUrl(url), height: 20 })
    : (NAMED[type] ?? (type === "custom" ? `:${label}:` : type));
  const made = element(
    "button",
    {
      type: "button",
      className: own ? "chip own" : "chip",
      title: `${enumerate(names, 20)}: ${label}`,
      dataset: { key: type },
    },
    element("span", { className: "key" }, picture),
    element("span", { className: "number" }, String(given.length)),
  );
  if (context.toggle) made.onclick = () => context.toggle(message, type, own);
  else made.disabled = true;
  return made;
}
