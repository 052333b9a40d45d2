// The HTML of Teams' messages: what its own client writes, and no more.

import { element, link, paint } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { graft, styleOf, whole } from "../lib/markup.js";
import { renderAttachment } from "./attachments.js";

const PLAIN = new Set([
  "p",
  "div",
  "b",
  "strong",
  "i",
  "em",
  "u",
  "s",
  "strike",
  "del",
  "sub",
  "sup",
  "blockquote",
  "ul",
  "li",
  "h1",
  "h2",
  "h3",
  "h4",
  "h5",
  "h6",
  "hr",
  "br",
  "tbody",
  "thead",
  "tr",
  "td",
  "th",
  "pre",
  "code",
]);
const COLOUR = /^(#[0-9a-f]{3,8}|rgba?\([\d\s,.%]+\)|[a-z]{3,20})$/i;
const PICTURE_MAX = 900; // Pixels of a side.
const EMOJI = 20;
const DIRECTIONS = new Set(["rtl", "ltr", "auto"]);

/** Elements after a message's HTML. Its attachments stand where it says, quotes aside. */
export function teamsHtml(message, context) {
  const placed = new Set();
  const rules = { element: (node, name) => make(node, name, message, context, placed) };
  const made = graft(String(message.body?.content ?? ""), rules, element("div", { className: "rich" }));
  return { made, placed };
}

function make(node, name, message, context, placed) {
  if (PLAIN.has(name)) return directed(node, element(name));
  const maker = MAKERS[name];
  return maker === undefined ? null : maker(node, message, context, placed);
}

function directed(node, made) {
  const dir = node.getAttribute("dir") ?? "";
  if (DIRECTIONS.has(dir)) made.dir = dir;
  return made;
}

const MAKERS = {
  a: (node) => link(node.getAttribute("href")),
  span: styled,
  font: styled,
  ol: (node) => {
    const made = element("ol");
    const start = whole(node, "start", 1_000_000);
    if (start !== null) made.start = start;
    return made;
  },
  table: () => {
    const table = element("table");
    return [element("div", { className: "scroll" }, table), table];
  },
  codeblock: (node) => {
    const code = element("code", { dataset: { language: node.className || "Code" } });
    return [element("pre", {}, code), code];
  },
  at: (node, message, context) => {
    const mention = (message.mentions ?? []).find(({ id }) => String(id) === node.id);
    const user = mention?.mentioned?.user?.id;
    return element("span", {
      className: user && user === context.me ? "pill me" : "pill",
      title: kindOf(mention),
    });
  },
  attachment: (node, message, context, placed) => {
    const found = (message.attachments ?? []).find(({ id }) => id === node.id);
    if (found === undefined || placed.has(found.id)) return [null, null];
    placed.add(found.id);
    return [renderAttachment(found, context), null];
  },
  emoji: (node) => [
    element(
      "span",
      { className: "emoji", title: node.title || node.getAttribute("alt") || "" },
      node.getAttribute("alt") || "",
    ),
    null,
  ],
  customemoji: (node, _, context) => [
    picture(node.getAttribute("source"), node.getAttribute("alt"), { height: EMOJI, context }),
    null,
  ],
  img: (node, _, context) => [image(node, context), null],
};

function kindOf(mention) {
  const who = mention?.mentioned ?? {};
  const kind = Object.keys(who).find((key) => who[key]) ?? "nobody";
  return kind === "conversation" ? (who.conversation.conversationIdentityType ?? "conversation") : kind;
}

function styled(node) {
  const made = element("span");
  const front = styleOf(node, "color") ?? node.getAttribute("color") ?? "";
  const back = styleOf(node, "background-color") ?? "";
  paint(made, COLOUR.test(front) ? front : "", COLOUR.test(back) ? back : "");
  return made;
}

function image(node, context) {
  const kind = node.getAttribute("itemtype") ?? "";
  const [source, words] = [node.getAttribute("src") ?? "", node.getAttribute("alt") || "picture"];
  if (kind.endsWith("/Emoji")) return element("span", { className: "emoji" }, words);
  if (kind.endsWith("/AMSVideo") && context.isHosted(source)) {
    return element("video", {
      controls: true,
      className: "clip",
      preload: "metadata",
      src: context.hostedUrl(source),
    });
  }
  const size = Object.fromEntries(["width", "height"].map((side) => [side, whole(node, side, PICTURE_MAX)]));
  return picture(source, words, { ...size, context });
}

// Only what lies in the message itself is shown: other servers are not asked.
function picture(source, words, { width = null, height = null, context }) {
  const name = words || "picture";
  if (!context.isHosted(source ?? ""))
    return element(
      "span",
      { className: "elsewhere", title: "This picture is on another server" },
      icon("picture"),
      ` ${name}`,
    );
  const made = element("img", {
    alt: name,
    title: name,
    src: context.hostedUrl(source),
    className: height === EMOJI ? "emoticon" : "picture",
  });
  if (width > 0) made.width = width;
  if (height > 0) made.height = height;
  made.onerror = () => made.replaceWith(name);
  return made;
}

/** Text alone: what stands in the elements, one line after the other. */
export function plainOf(html) {
  const lines = String(html ?? "").replace(/<[^<>]*>/g, (tag) =>
    /^<\/?(p|div|br|li|h\d)/i.test(tag) ? "\n" : "",
  );
  const words = new DOMParser().parseFromString(lines, "text/html").body.textContent ?? "";
  return words.replace(/\n{2,}/g, "\n").trim();
}
