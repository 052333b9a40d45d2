// From what a person types to the content of an event: a little formatting, mentions, relations. Pure.

import { object, text } from "../lib/shape.js";

const BARE = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const FORMS = [
  [/`([^`\n]+)`/g, "code"],
  [/\*\*([^*\n]+)\*\*/g, "strong"],
  [/(?<![\w*])\*([^*\n]+)\*(?![\w*])/g, "em"],
  [/~~([^~\n]+)~~/g, "del"],
];

/**
 * The content of a text message. `people` are those who can be mentioned, as `@Name`; `/me` makes an
 * emote; `**bold**`, `*italics*`, `~~struck~~` and `` `code` `` are formatted.
 */
export function textContent(words, people) {
  const emote = words.startsWith("/me ");
  const body = emote ? words.slice("/me ".length) : words;
  const mentioned = new Set();
  const plain = escape(body).replaceAll("\n", "<br>");
  const html = FORMS.reduce(
    (said, [form, tag]) => said.replace(form, `<${tag}>$1</${tag}>`),
    mentions(plain, people, mentioned),
  );
  const content = { msgtype: emote ? "m.emote" : "m.text", body, "m.mentions": {} };
  if (mentioned.size) content["m.mentions"].user_ids = [...mentioned];
  if (/(^|\s)@room\b/.test(body)) content["m.mentions"].room = true;
  return html === plain ? content : { ...content, format: "org.matrix.custom.html", formatted_body: html };
}

function mentions(html, people, mentioned) {
  const named = [...people].sort(([, a], [, b]) => b.name.length - a.name.length);
  return named.reduce((said, [id, { name }]) => {
    const written = `@${escape(name)}`;
    if (!said.includes(written)) return said;
    mentioned.add(id);
    return said.replaceAll(
      written,
      `<a href="https://matrix.to/#/${encodeURIComponent(id)}">${escape(name)}</a>`,
    );
  }, html);
}

function escape(words) {
  return words.replace(/[&<>"]/g, (char) => BARE[char]);
}

/** The same content as an answer to an event. */
export function answering(content, original) {
  const asked = [...new Set([...(content["m.mentions"].user_ids ?? []), original.sender])];
  return {
    ...content,
    "m.mentions": { ...content["m.mentions"], user_ids: asked },
    "m.relates_to": { ...content["m.relates_to"], "m.in_reply_to": { event_id: original.event_id } },
  };
}

/** The same content in a thread; `last` is its newest event, which other clients show as answered. */
export function inThread(content, root, last) {
  const answers = object(object(content["m.relates_to"])["m.in_reply_to"]).event_id;
  return {
    ...content,
    "m.relates_to": {
      rel_type: "m.thread",
      event_id: root,
      is_falling_back: !answers,
      "m.in_reply_to": { event_id: answers ?? last },
    },
  };
}

/** The content that edits an event; of a file, its caption. */
export function editing(content, original) {
  const old = object(original.content);
  const fresh = text(old.url)
    ? { ...old, ...content, msgtype: old.msgtype, filename: text(old.filename) || text(old.body) }
    : { ...content, msgtype: old.msgtype };
  delete fresh["m.relates_to"];
  return {
    ...fresh,
    body: `* ${fresh.body}`,
    "m.new_content": fresh,
    "m.relates_to": { rel_type: "m.replace", event_id: original.event_id },
  };
}
