// What hangs on a message of Teams: quotes, forwards, files, snippets, and the small cards. Each is
// shown by its kind, and what is of no known kind says so. Adaptive and other cards: cards.js.

import { element, link } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { list, object, text } from "../lib/shape.js";
import { clock, moment, size } from "../lib/words.js";
import { CARDS } from "./cards.js";

const CARD = "application/vnd.microsoft.card.";
const PREVIEW_CHARS = 300;

// A Loop component comes with a second attachment, for clients that know no Loop.
const PLACEHOLDER = "FLUID_PLACEHOLDER_CARD";

/** An element for a chatMessageAttachment; null if it only stands in for another. */
export function renderAttachment(attachment, context) {
  if (attachment.teamsAppId === PLACEHOLDER) return null;
  const kind = text(attachment.contentType);
  const content = parsed(attachment.content);
  const maker =
    KINDS[kind] ?? CARDS[kind.replace(CARD, "").replace("application/vnd.microsoft.teams.card.", "")];
  if (maker === undefined) return unknown(kind, content);
  return maker(content, attachment, context);
}

function parsed(content) {
  if (typeof content !== "string") return object(content);
  try {
    return object(JSON.parse(content));
  } catch {
    return {};
  }
}

const KINDS = {
  messageReference: (content, _, context) => {
    const made = element(
      "blockquote",
      { className: "quote", tabIndex: 0, title: "Show this message" },
      element("b", {}, senderOf(content.messageSender, context)),
      element("p", {}, text(content.messagePreview).slice(0, PREVIEW_CHARS)),
    );
    made.dataset.quotes = text(content.messageId);
    made.onclick = () => context.jump(text(content.messageId));
    return made;
  },
  forwardedMessageReference: (content, _, context) => {
    const sent = text(content.originalSentDateTime);
    const body = element("div", { className: "rich" }, context.html(text(content.originalMessageContent)));
    return element(
      "blockquote",
      { className: "quote forwarded" },
      element("small", {}, icon("forward"), " Forwarded"),
      element("b", {}, senderOf(content.originalMessageSender, context)),
      element("time", { title: moment(sent) }, clock(sent)),
      body,
    );
  },
  reference: (_, attachment, context) => file(attachment, context),
  meetingReference: (content, attachment) =>
    box(
      "Meeting",
      "calendar",
      text(attachment.name) || "Meeting",
      text(content.meetingJoinUrl) && link(content.meetingJoinUrl, "Join the meeting"),
    ),
  tabReference: (_, attachment) =>
    box("Tab", "tab", text(attachment.name) || "Tab", link(attachment.contentUrl, "Open the tab")),
  [`${CARD}fluidEmbedCard`]: (content, attachment) =>
    box(
      "Loop component",
      "loop",
      text(attachment.name) || "Loop component",
      link(text(content.componentUrl) || attachment.contentUrl, "Open it in Loop"),
    ),
  [`${CARD}codesnippet`]: snippet,
  [`${CARD}announcement`]: (content) => element("div", { className: "announcement" }, text(content.title)),
};

function senderOf(sender, context) {
  const who = object(sender);
  const found = object(who.user ?? who.application ?? who.device);
  return text(found.displayName) || context.nameOf(text(found.id)) || "Somebody";
}

function box(kind, sign, title, ...rest) {
  return element(
    "div",
    { className: "card small", dataset: { kind } },
    element("span", { className: "card-sign" }, icon(sign)),
    element("div", {}, element("small", {}, kind), element("b", {}, title), rest),
  );
}

// The name is known at once; size and content when the tenant has the file.
function file(attachment, context) {
  const [name, url] = [text(attachment.name, "file"), text(attachment.contentUrl)];
  const ending = /\.([A-Za-z0-9]{1,5})$/.exec(name)?.[1].toLowerCase() ?? "file";
  const about = element("small", {});
  const line = element(
    "a",
    { className: "download", href: context.fileUrl(url), download: name, title: `Download ${name}` },
    element("span", { className: "file-icon", dataset: { ending } }, ending),
    element("span", { className: "file-name" }, name),
    about,
  );
  const made = element("div", { className: "file", dataset: { kind: "File" } }, line);
  const lost = () => {
    about.textContent = "not in this tenant";
    line.removeAttribute("href");
    line.classList.add("lost");
  };
  context.about(url).then((found) => {
    if (!found.there) return lost();
    about.textContent = size(found.size);
    const shown = { image: picture, audio: player, video: player }[found.type.split("/")[0]];
    return shown && made.prepend(shown(found.type, name, context.fileUrl(url)));
  }, lost);
  return made;
}

function picture(type, name, address) {
  return element("img", { src: address, alt: name, className: "picture" });
}

function player(type, name, address) {
  return element(type.startsWith("audio") ? "audio" : "video", {
    controls: true,
    preload: "metadata",
    src: address,
    className: "clip",
    title: name,
  });
}

function snippet(content, _, context) {
  const code = element("code", { dataset: { language: text(content.language, "Code") } }, "…");
  const address = text(content.codeSnippetUrl);
  const found = context.isHosted(address) ? context.text(address) : Promise.reject(new Error("nowhere"));
  found.then(
    (words) => {
      code.textContent = words;
    },
    () => {
      code.textContent = "(cannot be read)";
    },
  );
  const title = text(content.name) && element("b", { className: "snippet-name" }, content.name);
  return element(
    "div",
    { className: "card", dataset: { kind: "Code snippet" } },
    title,
    element("pre", {}, code),
  );
}

function unknown(kind, content) {
  const keys = list(Object.keys(content)).length
    ? element("pre", {}, JSON.stringify(content, null, 1).slice(0, PREVIEW_CHARS))
    : null;
  return element(
    "div",
    { className: "card", dataset: { kind } },
    element("small", {}, `A card of the kind ${kind || "without a name"}`),
    keys,
  );
}
