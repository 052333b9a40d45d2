// HTML of strangers, made again from an allow-list: only elements and attributes that a rule makes
// exist in what comes out. Nothing of theirs runs, and nothing of theirs loads.
//
//     text ─ hush ─▶ a document that nobody shows ─ graft, by rules ─▶ elements of ours

export const DEPTH_MAX = 100; // Elements in each other; the Matrix specification's own number.

// What is inside these is no text either.
const DROPPED = new Set([
  "script",
  "style",
  "x-style",
  "template",
  "noscript",
  "iframe",
  "object",
  "embed",
  "head",
  "title",
  "textarea",
  "select",
  "audio",
  "video",
  "canvas",
  "math",
  "mx-reply",
]);

/**
 * Elements after `html`, appended to `into`.
 *
 * `rules.element(node, name)` returns an element of ours (its children are grafted into it), a pair
 * `[element, inner]` whose children go into `inner` (null for none), or null for the children alone.
 * `rules.text(words)` returns what stands for a text. `rules.depthMax` defaults to DEPTH_MAX.
 */
export function graft(html, rules, into = document.createElement("div")) {
  const source = new DOMParser().parseFromString(hush(html), "text/html");
  copy(source.body, into, rules, 0);
  return into;
}

function copy(source, target, rules, depth) {
  for (const node of source.childNodes) {
    if (node.nodeType === Node.TEXT_NODE) {
      target.append(...[rules.text?.(node.data) ?? node.data].flat());
    } else if (node.nodeType === Node.ELEMENT_NODE && !DROPPED.has(node.localName)) {
      copyElement(node, target, rules, depth);
    }
  }
}

function copyElement(node, target, rules, depth) {
  if (depth >= (rules.depthMax ?? DEPTH_MAX)) {
    target.append(node.textContent);
    return;
  }
  const made = rules.element(node, node.localName);
  const [outer, inner] = Array.isArray(made) ? made : [made, made ?? target];
  if (outer !== null) target.append(outer);
  if (inner !== null) copy(node, inner, rules, depth + 1);
}

// The page's policy forbids inline styles, handlers and bases. A browser says so on its console even
// for a document that is never shown, so they get other names first. This is for quiet only: what
// may exist is decided above.
function hush(html) {
  return html
    .replace(/<(\/?)(style|base)\b/gi, "<$1x-$2")
    .replace(/<[a-z][^<>]*>/gi, (tag) => tag.replace(/([\s"'/])(on\w+|style)(?=\s*=)/gi, "$1data-its-$2"));
}

/** A style of `node` by its name, as `hush` has kept it. */
export function styleOf(node, name) {
  const found = (node.getAttribute("data-its-style") ?? "").split(";").map((one) => one.split(":"));
  return (
    found
      .find(([key]) => key.trim().toLowerCase() === name)
      ?.slice(1)
      .join(":")
      .trim() ?? null
  );
}

/** A whole number of an attribute within bounds, or null. */
export function whole(node, name, most) {
  const given = node.getAttribute(name) ?? "";
  return /^-?\d{1,9}(px)?$/.test(given.trim()) ? Math.max(-most, Math.min(most, parseInt(given, 10))) : null;
}
