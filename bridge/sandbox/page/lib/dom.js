// Making and keeping elements. Nothing here takes HTML: text is text, attributes are set one by one.

/**
 * An element. `properties` are set as properties (`className`, `onclick`, …); `dataset` and `attributes`
 * are objects of their own. Children are elements and texts; what is null or false is left out.
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  const { dataset = {}, attributes = {}, ...plain } = properties;
  Object.assign(made, plain);
  Object.assign(made.dataset, dataset);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** A link that tells the other side nothing of this page; text alone if the address is none of ours. */
export function link(address, ...children) {
  const href = safeAddress(address);
  if (href === null) return element("span", {}, ...children);
  return element("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, ...children);
}

const LINKED = new Set(["http:", "https:", "mailto:"]);

/** The address if it is absolute and leads to the web or to a mailbox; else null. */
export function safeAddress(address) {
  if (typeof address !== "string" || !/^\s*[a-z][a-z0-9+.-]*:/i.test(address)) return null;
  try {
    return LINKED.has(new URL(address).protocol) ? address.trim() : null;
  } catch {
    return null;
  }
}

const ADDRESS = /(https?:\/\/[^\s<>"]*[^\s<>".,;:!?)\]}'])/g;

/** Text with what looks like an address made a link. */
export function linked(words) {
  return words.split(ADDRESS).map((piece, n) => (n % 2 === 0 ? piece : link(piece, piece)));
}

/**
 * Make `holder` show `rows`, each `{key, sign, make}`: an element that is there already stays as long as
 * its sign is the same, so that what is open, playing or being read is not torn away.
 */
export function keep(holder, rows) {
  const focused = document.activeElement;
  const old = new Map([...holder.children].map((child) => [child.dataset.key, child]));
  const wanted = rows.map(({ key, sign, make }) => {
    const there = old.get(key);
    if (there !== undefined && there.dataset.sign === sign) return there;
    const made = make(there);
    if (there !== undefined) stayOpen(there, made);
    made.dataset.key = key;
    made.dataset.sign = sign;
    return made;
  });
  const staying = new Set(wanted);
  for (const child of [...holder.children]) if (!staying.has(child)) child.remove();
  wanted.forEach((child, n) => {
    if (holder.children[n] !== child) holder.insertBefore(child, holder.children[n] ?? null);
  });
  if (focused !== document.activeElement && focused?.isConnected) focused.focus();
}

// What a reader has opened or uncovered stays so where it is drawn anew, unless it says something else now.
function stayOpen(before, after) {
  const [was, is] = [before, after].map((whole) => [...whole.querySelectorAll("[data-opens]")]);
  is.forEach((node, n) => {
    if (was[n]?.textContent !== node.textContent) return;
    if (was[n].open) node.open = true;
    node.classList.toggle("shown", was[n].classList.contains("shown"));
  });
}

/** A short text that stands for a long one: equal if and, as good as always, only if they are. */
export function signOf(...parts) {
  const words = JSON.stringify(parts);
  let [a, b] = [0x811c9dc5, 0x1b873593];
  for (let n = 0; n < words.length; n++) {
    a = Math.imul(a ^ words.charCodeAt(n), 0x01000193);
    b = Math.imul(b ^ words.charCodeAt(n), 0x5bd1e995) ^ (b >>> 13);
  }
  return `${(a >>> 0).toString(36)}${(b >>> 0).toString(36)}${words.length.toString(36)}`;
}

/** Run `fill`; who had read to the end sees the end again. */
export function followEnd(scroller, fill) {
  const atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 80;
  fill();
  if (atEnd) toEnd(scroller);
}

export function toEnd(scroller) {
  scroller.scrollTop = scroller.scrollHeight;
}

/** Colour an element as its author wished; on a ground of theirs, words that can be read. */
export function paint(made, front, back) {
  if (back) {
    made.style.backgroundColor = back;
    made.style.color = isDark(back) ? "#ffffff" : "#1f1f2b";
  }
  if (front) made.style.color = front;
}

function isDark(colour) {
  const hex = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})/i
    .exec(colour)
    ?.slice(1)
    .map((part) => parseInt(part, 16));
  const [red, green, blue] = hex ??
    /^rgba?\((\d+)[\s,]+(\d+)[\s,]+(\d+)/i.exec(colour)?.slice(1).map(Number) ?? [255, 255, 255];
  return red * 0.3 + green * 0.59 + blue * 0.11 < 128;
}

/** Scroll to an element and let it shine for a moment. */
export function pointAt(target) {
  target.scrollIntoView({ block: "center", behavior: "smooth" });
  target.classList.remove("pointed");
  void target.offsetWidth; // The animation starts again only after a layout without it.
  target.classList.add("pointed");
}
