// The renderer: one event of Matrix, as a client shows it.
//
//     renderEvent(event, context) ─┬─ state ──▶ a line of words            notices.js
//                                  └─ message ▶ speaker, answered message, body (media.js, html.js),
//                                               edit mark, failure, reactions, thread
//
// Pure: it reads the event and the context (see contextOf), it keeps nothing and asks nobody. What people
// can do with a message is in context.actions, and missing there, as in a gallery, there are no buttons.

import { element } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { object, text } from "../lib/shape.js";
import { clock, count, enumerate, isEmoji, moment } from "../lib/words.js";
import { formatted, plain } from "./html.js";
import { SHOWS, hasCaption, sticker } from "./media.js";
import { noticeOf } from "./notices.js";
import { avatar, isMedia, nameOf, speakerOf, withoutFallback } from "./people.js";
import { MESSAGES, answeredBy, at, contentOf, replies } from "./relations.js";

const PREVIEW_CHARS = 140;
const KEY_CHARS = 24; // Of a reaction that is no emoji.

/** An element that shows this event; null if it is nothing that people see by itself. */
export function renderEvent(event, context) {
  if (event.state_key !== undefined) return notice(event, context);
  if (!MESSAGES.has(event.type)) return null;
  const gone = context.index.gone.has(event.event_id);
  const content = withoutFallback(contentOf(event, context.index));
  const speaker = speakerOf(event, content, context.people);
  const made = element("article", {
    className: classes(event, content, context, gone),
    dataset: { event: text(event.event_id), speaker: speaker.id },
  });
  made.append(
    avatar(speaker, context),
    element(
      "div",
      { className: "main" },
      head(event, speaker),
      answered(event, context),
      gone ? deleted(event, context) : said(event, content, speaker, context),
      failure(event, context),
      reactions(event, context),
      thread(event, context),
    ),
    gone ? "" : (context.actions?.menu(event, content) ?? ""),
  );
  return made;
}

function classes(event, content, context, gone) {
  const mentions = object(content["m.mentions"]);
  const toMe =
    context.me !== null &&
    event.sender !== context.me &&
    (mentions.room === true || (Array.isArray(mentions.user_ids) && mentions.user_ids.includes(context.me)));
  const kind = { "m.notice": "notice", "m.emote": "emote" }[content.msgtype];
  const found = [
    "message",
    event.sender === context.me && "mine",
    gone && "gone",
    toMe && "mentions-me",
    kind,
  ];
  return found.filter(Boolean).join(" ");
}

function notice(event, context) {
  const words = noticeOf(event, context);
  if (words === null) return null;
  return element(
    "p",
    {
      className: "system",
      title: moment(at(event)),
      dataset: { event: text(event.event_id), kind: event.type },
    },
    words,
  );
}

function head(event, speaker) {
  const via = speaker.via === null ? null : element("small", { className: "via" }, `via ${speaker.via}`);
  return element(
    "header",
    {},
    element("b", { className: "name", title: speaker.via ?? speaker.id }, speaker.name),
    via,
    element("time", { dateTime: instant(event), title: moment(at(event)) }, clock(at(event))),
  );
}

function instant(event) {
  const found = new Date(at(event));
  return Number.isNaN(found.getTime()) ? "" : found.toISOString();
}

function deleted(event, context) {
  const redaction = object(context.index.gone.get(event.event_id));
  const by = text(redaction.sender);
  const reason = text(object(redaction.content).reason);
  const who = by && by !== event.sender ? ` by ${nameOf(by, context.people)}` : "";
  return element(
    "div",
    { className: "deleted" },
    icon("bin"),
    ` message deleted${who}${reason ? `: ${reason}` : ""}`,
  );
}

function said(event, content, speaker, context) {
  const edit = context.index.edit.get(event.event_id);
  const mark =
    edit && element("small", { className: "edited", title: `Edited ${moment(at(edit))}` }, "(edited)");
  return element("div", { className: "said" }, renderBody(event, content, speaker, context), mark);
}

function renderBody(event, content, speaker, context) {
  if (event.type === "m.room.encrypted")
    return element("span", { className: "lost" }, icon("lock"), " encrypted: this page has no keys");
  if (event.type === "m.sticker") return sticker(content, context);
  const show = SHOWS[content.msgtype];
  if (show !== undefined) {
    const caption = hasCaption(content)
      ? element("div", { className: "caption" }, words(content, context))
      : null;
    return element("div", { className: "media" }, show(content, context), caption);
  }
  if (content.msgtype === "m.emote") {
    return element(
      "div",
      { className: "rich emote" },
      "* ",
      element("b", {}, speaker.name),
      " ",
      words(content, context),
    );
  }
  return words(content, context);
}

/** The text of a content, formatted or not. */
function words(content, context) {
  const room = object(content["m.mentions"]).room === true;
  if (content.format === "org.matrix.custom.html" && text(content.formatted_body)) {
    return formatted(content.formatted_body, context, { room });
  }
  const body = withoutQuote(content);
  const made = plain(body, { room });
  if (isEmoji(body)) made.classList.add("only-emoji");
  return made;
}

// Before version 1.13 of the specification, an answer began with its question, each line after a `>`.
function withoutQuote(content) {
  const body = text(content.body);
  if (!object(object(content["m.relates_to"])["m.in_reply_to"]).event_id || !/^> <@/.test(body)) return body;
  return body.replace(/^(> .*\n?)+\n?/, "");
}

function answered(event, context) {
  const id = answeredBy(event);
  if (id === null) return null;
  const original = context.index.byId.get(id);
  const quote = element("blockquote", {
    className: "answered",
    dataset: { answers: id },
    tabIndex: 0,
    title: "Show this message",
  });
  if (original === undefined) quote.append("An earlier message");
  else {
    const content = withoutFallback(contentOf(original, context.index));
    const speaker = speakerOf(original, content, context.people);
    quote.append(
      avatar(speaker, context, { side: 16 }),
      element("b", {}, speaker.name),
      " ",
      preview(original, context),
    );
  }
  const go = () => context.actions?.jump(id);
  quote.onclick = go;
  quote.onkeydown = (key) => {
    if (key.key === "Enter") go();
  };
  return quote;
}

const NOUNS = { "m.image": "Picture", "m.video": "Clip", "m.audio": "Sound", "m.file": "File" };

/** The beginning of what an event says, on one line. */
export function preview(event, context) {
  if (context.index.gone.has(event.event_id)) return "message deleted";
  const content = withoutFallback(contentOf(event, context.index));
  const noun = event.type === "m.sticker" ? "Sticker" : NOUNS[content.msgtype];
  const body = withoutQuote({ ...content, "m.relates_to": object(event.content)["m.relates_to"] });
  const line = [noun, body.replace(/\s+/g, " ").trim()].filter(Boolean).join(": ");
  return line.length > PREVIEW_CHARS ? `${line.slice(0, PREVIEW_CHARS - 1)}…` : line;
}

function failure(event, context) {
  const status = object(context.index.statuses.get(event.event_id)?.content);
  const state = text(status.status);
  if (!state.startsWith("FAIL")) return null;
  const why = text(status.message) || text(status.reason) || "it was not delivered";
  const more = state === "FAIL_RETRIABLE" ? " It may be tried again." : "";
  const line = ` Not delivered: ${why.replace(/\.$/, "")}.${more}`;
  return element("p", { className: "failed", title: text(status.reason) }, icon("warning"), line);
}

function reactions(event, context) {
  const byKey = context.index.reactions.get(event.event_id);
  if (byKey === undefined || context.index.gone.has(event.event_id)) return null;
  const chips = [...byKey].map(([key, given]) => chip(event, key, given, context));
  return element(
    "ul",
    { className: "reactions" },
    chips.map((one) => element("li", {}, one)),
  );
}

function chip(event, key, given, context) {
  const names = given.map((reaction) => nameOf(text(reaction.sender), context.people));
  const mine = given.find((reaction) => reaction.sender === context.me);
  const label = shortcode(given) || (isMedia(key) ? "picture" : key);
  const made = element(
    "button",
    {
      type: "button",
      className: mine ? "chip own" : "chip",
      title: `${enumerate(names, 20)} reacted with ${label}`,
      dataset: { key },
    },
    face(key, label, context),
    element("span", { className: "number" }, String(given.length)),
  );
  if (context.actions) made.onclick = () => context.actions.toggle(event, key, mine);
  else made.disabled = true;
  return made;
}

// A picture for an mxc key, else the key itself: an emoji, `:name:` or any short text.
function face(key, label, context) {
  if (!isMedia(key))
    return element(
      "span",
      { className: "key" },
      key.length > KEY_CHARS ? `${key.slice(0, KEY_CHARS - 1)}…` : key,
    );
  const picture = element("img", { alt: label, title: label, className: "emoticon", height: 20 });
  context.show(picture, key, {}, undefined, () => picture.replaceWith(label));
  return picture;
}

function shortcode(given) {
  const names = ["shortcode", "com.beeper.reaction.shortcode"];
  return given.flatMap(({ content }) => names.map((name) => text(object(content)[name]))).find(Boolean) ?? "";
}

function thread(event, context) {
  const number = replies(event.event_id, context.index);
  const opened = context.openThreads.has(event.event_id);
  if (!number && !opened) return null;
  const known = context.index.threads.get(event.event_id) ?? [];
  const last = known.at(-1);
  const summary = element(
    "summary",
    {},
    icon("thread"),
    element("b", {}, number ? count(number, "reply", "replies") : "New thread"),
  );
  if (last !== undefined) {
    const speaker = speakerOf(last, contentOf(last, context.index), context.people);
    summary.append(
      avatar(speaker, context, { side: 18 }),
      element("span", { className: "latest" }, element("b", {}, speaker.name), " ", preview(last, context)),
      element("time", { title: moment(at(last)) }, clock(at(last))),
    );
  }
  const inside = element(
    "ol",
    {},
    known.map((reply) => element("li", {}, renderEvent(reply, context))),
  );
  const made = element(
    "details",
    { className: "thread", open: opened },
    summary,
    inside,
    context.actions?.answerBox(event) ?? "",
  );
  made.ontoggle = () => context.actions?.threadToggled(event, made.open);
  return made;
}
