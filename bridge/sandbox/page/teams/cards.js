// Cards of Teams as boxes of text: adaptive, hero, thumbnail, list and connector cards. Pictures of other
// servers are named, not loaded; buttons show what they would open.

import { element, link } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { list, object, text } from "../lib/shape.js";

const DEPTH_MAX = 12; // Of containers in an adaptive card.
const ITEMS_MAX = 200; // Of one container.

/** Makers by the last part of the content type. */
export const CARDS = {
  adaptive: (content) => card("Adaptive card", items(content.body, 0), actions(content.actions)),
  hero: (content) => simple("Hero card", content),
  thumbnail: (content) => simple("Thumbnail card", content),
  list: (content) =>
    card(
      "List card",
      title(content.title),
      list(content.items).slice(0, ITEMS_MAX).map(listItem),
      actions(content.buttons),
    ),
  o365connector: connector,
};

function card(kind, ...parts) {
  return element(
    "div",
    { className: "card", dataset: { kind } },
    element("small", { className: "card-kind" }, kind),
    parts.flat(),
  );
}

function title(words) {
  return text(words) ? element("b", { className: "card-title" }, words) : null;
}

function line(words, className = "") {
  return text(words) ? element("p", { className }, words) : null;
}

function simple(kind, content) {
  const pictures = list(content.images).map((one) =>
    elsewhere(text(object(one).alt) || hostOf(object(one).url)),
  );
  return card(
    kind,
    title(content.title),
    line(content.subtitle, "subtitle"),
    line(content.text),
    pictures,
    actions(content.buttons),
  );
}

function elsewhere(name) {
  return element(
    "p",
    { className: "elsewhere", title: "This picture is on another server" },
    icon("picture"),
    ` ${name || "picture"}`,
  );
}

function hostOf(url) {
  try {
    return new URL(url).hostname;
  } catch {
    return "";
  }
}

function listItem(given) {
  const item = object(given);
  return element(
    "p",
    { className: "list-item" },
    element("b", {}, text(item.title)),
    " ",
    element("small", {}, text(item.subtitle)),
  );
}

function connector(content) {
  const stripe = /^#?([0-9a-f]{6})$/i.exec(text(content.themeColor))?.[1];
  const sections = list(content.sections).map((given) => {
    const section = object(given);
    return [
      title(section.activityTitle ?? section.title),
      line(section.activitySubtitle, "subtitle"),
      line(section.text),
      facts(section.facts),
    ];
  });
  const made = card(
    "Connector card",
    title(content.title ?? content.summary),
    line(content.text),
    sections.flat(),
    actions(content.potentialAction),
  );
  if (stripe) made.style.borderLeftColor = `#${stripe}`;
  return made;
}

function facts(given) {
  const rows = list(given).slice(0, ITEMS_MAX).map(object);
  if (!rows.length) return null;
  const lines = rows.map((fact) => [
    element("dt", {}, text(fact.title ?? fact.name)),
    element("dd", {}, text(fact.value)),
  ]);
  return element("dl", {}, lines.flat());
}

// What an adaptive card shows, by the type of its parts; what takes input is named.
function items(given, depth) {
  if (depth > DEPTH_MAX) return [element("p", {}, "…")];
  return list(given)
    .slice(0, ITEMS_MAX)
    .map((one) => item(object(one), depth))
    .flat();
}

function item(part, depth) {
  switch (part.type) {
    case "TextBlock":
      return element(
        "p",
        { className: text(part.weight).toLowerCase() === "bolder" ? "card-title" : "" },
        text(part.text),
      );
    case "RichTextBlock":
      return element(
        "p",
        {},
        list(part.inlines).map((run) => (typeof run === "string" ? run : text(object(run).text))),
      );
    case "FactSet":
      return [facts(part.facts)].filter(Boolean);
    case "Image":
      return elsewhere(text(part.altText) || hostOf(part.url));
    case "ImageSet":
      return list(part.images).map((one) => elsewhere(text(object(one).altText)));
    case "Container":
      return element("div", {}, items(part.items, depth + 1));
    case "ColumnSet":
      return element(
        "div",
        { className: "columns-of-card" },
        list(part.columns).map((one) => element("div", {}, items(object(one).items, depth + 1))),
      );
    case "ActionSet":
      return [actions(part.actions)].filter(Boolean);
    default:
      return text(part.type).startsWith("Input.")
        ? element(
            "p",
            { className: "card-input" },
            text(part.label) || text(part.placeholder) || "A field to fill in",
          )
        : [];
  }
}

function actions(given) {
  const found = list(given).slice(0, ITEMS_MAX).map(object);
  if (!found.length) return null;
  const shown = found.map((action) => {
    const address = text(action.url) || text(action.value) || text(object(list(action.targets)[0]).uri);
    return element(
      "span",
      { className: "card-button" },
      link(address, text(action.title ?? action.name, "Open")),
    );
  });
  return element("p", { className: "card-buttons" }, shown);
}
