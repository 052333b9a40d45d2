// Formatted bodies: the HTML of the Matrix specification (v1.19, instant messaging), and no more.

import { element, link, linked, paint } from "../lib/dom.js";
import { graft, whole } from "../lib/markup.js";
import { colour } from "../lib/words.js";
import { isMedia, nameOf } from "./people.js";

const PLAIN = new Set([
  "del",
  "h1",
  "h2",
  "h3",
  "h4",
  "h5",
  "h6",
  "blockquote",
  "p",
  "ul",
  "sup",
  "sub",
  "li",
  "b",
  "i",
  "u",
  "strong",
  "em",
  "s",
  "hr",
  "br",
  "thead",
  "tbody",
  "tr",
  "th",
  "td",
  "caption",
  "summary",
]);
// Older names of what is allowed: every client writes some of them.
const RENAMED = { strike: "s", font: "span", tt: "code" };
const COLOUR = /^#[0-9a-f]{6}$/i;
const LANGUAGE = /(?:^|\s)language-([\w+#.-]{1,40})(?:\s|$)/;
const PICTURE_MAX = 800; // Pixels of a side.
const EMOTICON = 28;
const NUMBER_MAX = 999_999_999; // Of the first item of a list.

/** Elements after a formatted body. `room` says whether the message mentions everyone. */
export function formatted(html, context, { room = false } = {}) {
  const into = element("div", { className: "rich" });
  const rules = {
    element: (node, name) => make(node, RENAMED[name] ?? name, context),
    text: (words) => (room ? everyone(words) : words),
  };
  return graft(html, rules, into);
}

/** A plain body: as it was written, addresses made links. */
export function plain(words, { room = false } = {}) {
  const pieces = linked(words).flatMap((piece) =>
    room && typeof piece === "string" ? everyone(piece) : piece,
  );
  return element("div", { className: "rich plain" }, pieces);
}

function everyone(words) {
  return words.split(/(@room\b)/).map((piece, n) => (n % 2 ? pill("@room", "@room", "everyone") : piece));
}

function make(node, name, context) {
  if (node.hasAttribute("data-mx-profile-fallback")) return [null, null];
  if (PLAIN.has(name)) return element(name);
  return MAKERS[name]?.(node, context) ?? null;
}

const MAKERS = {
  a: (node, context) => {
    const address = node.getAttribute("href");
    const mentioned = matrixTarget(address);
    if (mentioned !== null) return mention(mentioned, node, context);
    return link(address);
  },
  ol: (node) => {
    const made = element("ol");
    const start = whole(node, "start", NUMBER_MAX);
    if (start !== null) made.start = start;
    return made;
  },
  table: () => {
    const table = element("table");
    return [element("div", { className: "scroll" }, table), table];
  },
  pre: () => element("pre"),
  code: (node) => {
    const made = element("code");
    const language = LANGUAGE.exec(node.className)?.[1];
    if (language) {
      made.className = `language-${language}`;
      if (node.parentElement?.localName === "pre") made.dataset.language = language;
    }
    return made;
  },
  span: (node) => {
    const made = coloured(node, element("span"));
    if (node.hasAttribute("data-mx-spoiler")) return spoiler(node.getAttribute("data-mx-spoiler"), made);
    return node.hasAttribute("data-mx-maths") ? maths(node, "span") : made;
  },
  details: () => element("details", { dataset: { opens: "" } }),
  div: (node) => (node.hasAttribute("data-mx-maths") ? maths(node, "div") : element("div")),
  img: (node, context) => [picture(node, context), null],
};

function coloured(node, made) {
  const [front, back] = ["data-mx-color", "data-mx-bg-color"].map((name) => node.getAttribute(name) ?? "");
  const older = node.localName === "font" ? (node.getAttribute("color") ?? "") : "";
  paint(made, COLOUR.test(front || older) ? front || older : "", COLOUR.test(back) ? back : "");
  return made;
}

function spoiler(reason, hidden) {
  hidden.classList.add("hidden-text");
  const cover = element("span", {
    className: "spoiler",
    tabIndex: 0,
    title: "Click to show or hide",
    dataset: { opens: "" },
  });
  cover.setAttribute("role", "button");
  if (reason) cover.append(element("span", { className: "spoiler-reason" }, `(${reason}) `));
  cover.append(hidden);
  cover.onclick = () => cover.classList.toggle("shown");
  cover.onkeydown = (event) => {
    if (event.key === "Enter" || event.key === " ") cover.onclick();
  };
  return [cover, hidden];
}

// The formula as its author wrote it; what stands inside is the same for clients that know no formulas.
function maths(node, name) {
  return [
    element(name, { className: "maths" }, node.getAttribute("data-mx-maths") || node.textContent),
    null,
  ];
}

function picture(node, context) {
  const [address, words] = [
    node.getAttribute("src"),
    node.getAttribute("alt") || node.getAttribute("title") || "",
  ];
  if (!isMedia(address)) return words;
  const emoticon = node.hasAttribute("data-mx-emoticon");
  const made = element("img", {
    alt: words,
    title: node.getAttribute("title") || words,
    className: emoticon ? "emoticon" : "inline",
  });
  const [width, height] = ["width", "height"].map((name) => whole(node, name, PICTURE_MAX));
  if (emoticon) made.height = height > 0 && height < EMOTICON * 2 ? height : EMOTICON;
  else {
    if (width > 0) made.width = width;
    if (height > 0) made.height = height;
  }
  context.show(made, address, {}, undefined, () => made.replaceWith(words || "[picture]"));
  return made;
}

/** What a matrix.to address or a `matrix:` URI points at: `{sigil, id, event}`, or null. */
export function matrixTarget(address) {
  if (typeof address !== "string") return null;
  const web = /^https:\/\/matrix\.to\/#\/([^/?]+)(?:\/([^/?]+))?/.exec(address.trim());
  if (web) return target(web[1], web[2]);
  const uri = /^matrix:(u|r|roomid)\/([^/?]+)(?:\/e\/([^/?]+))?/.exec(address.trim());
  if (!uri) return null;
  const sigil = { u: "@", r: "#", roomid: "!" }[uri[1]];
  return target(encodeURIComponent(sigil) + uri[2], uri[3] && encodeURIComponent("$") + uri[3]);
}

function target(id, event) {
  try {
    const found = { id: decodeURIComponent(id), event: event ? decodeURIComponent(event) : null };
    return /^[@#!][^\s]+$/.test(found.id) ? { sigil: found.id[0], ...found } : null;
  } catch {
    return null; // Broken percent-encoding.
  }
}

function mention({ sigil, id, event }, node, context) {
  if (sigil === "@") {
    const made = pill(
      nameOf(id, context.people).replace(` (${id})`, ""),
      id,
      id === context.me ? "me" : "user",
    );
    made.dataset.user = id;
    return [made, null];
  }
  if (event !== null) {
    const made = pill("", `Message in ${id}`, "event");
    made.onclick = () => context.actions?.jump(event);
    return made;
  }
  const made = pill(context.roomNames.get(id) ?? node.textContent, id, "room");
  made.onclick = () => context.actions?.openRoom(id);
  return [made, null];
}

function pill(words, title, kind) {
  return element("span", { className: `pill ${kind}`, title, dataset: { colour: colour(title) } }, words);
}
