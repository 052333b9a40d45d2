// Who someone is: names, pictures, and the profile that a single message may bring (MSC4144).

import { element } from "../lib/dom.js";
import { object, text } from "../lib/shape.js";
import { colour, initials } from "../lib/words.js";

const PROFILE = ["m.per_message_profile", "com.beeper.per_message_profile"];

/**
 * The members that these events tell of, by user id: `{name, avatar, membership}`. Of several events
 * about someone the last counts.
 */
export function peopleOf(events) {
  const people = new Map();
  for (const event of events) {
    if (event.type !== "m.room.member" || typeof event.state_key !== "string") continue;
    const content = object(event.content);
    people.set(event.state_key, {
      name: text(content.displayname).trim() || event.state_key,
      avatar: text(content.avatar_url),
      membership: text(content.membership),
    });
  }
  return people;
}

/** What to call a user; with the id, where another member has the same name. */
export function nameOf(user, people) {
  const known = people.get(user);
  if (known === undefined || known.name === user) return user || "somebody";
  for (const [other, { name, membership }] of people) {
    if (other !== user && name === known.name && membership !== "leave") return `${known.name} (${user})`;
  }
  return known.name;
}

/**
 * Who said it: `{id, name, avatar, via}`. `via` is the true sender's id, where the message brings another
 * profile: nobody shall be taken for someone else unnoticed. What the profile leaves out is the sender's;
 * an avatar that is an empty text means none.
 */
export function speakerOf(event, content, people) {
  const sender = text(event.sender);
  const own = {
    id: sender,
    name: nameOf(sender, people),
    avatar: people.get(sender)?.avatar ?? "",
    via: null,
  };
  const profile = profileIn(content);
  if (profile === null) return own;
  const avatar = typeof profile.avatar_url === "string" ? profile.avatar_url : own.avatar;
  return { id: `${sender}/${profile.id}`, name: text(profile.displayname) || own.name, avatar, via: sender };
}

/** The profile that the message brings, or null. */
export function profileIn(content) {
  const found = PROFILE.map((key) => object(content)[key]).find((one) => text(object(one).id));
  return found === undefined ? null : found;
}

/**
 * A content without what stands there for clients that do not know such profiles: the prefix
 * `name: ` of the body, and elements with `data-mx-profile-fallback`, which html.js leaves out. Nothing
 * goes that is not said to be a fallback.
 */
export function withoutFallback(content) {
  const profile = profileIn(content);
  const prefix = `${text(profile?.displayname)}: `;
  const body = text(content.body);
  if (profile?.has_fallback !== true || prefix === ": " || !body.startsWith(prefix)) return content;
  return { ...content, body: body.slice(prefix.length) };
}

/** A round picture, or the initials where there is none. `square` is for rooms. */
export function avatar({ name, avatar: address, id }, context, { side = 36, square = false } = {}) {
  const made = element(
    "span",
    {
      className: square ? "avatar square" : "avatar",
      title: name,
      dataset: { colour: colour(id ?? name) },
      attributes: { "aria-hidden": "true" },
    },
    initials(name),
  );
  made.style.setProperty("--side", `${side}px`);
  if (isMedia(address)) {
    const picture = element("img", { alt: "", width: side, height: side });
    context.show(picture, address, { width: side * 2, height: side * 2, method: "crop" }, () =>
      made.replaceChildren(picture),
    );
  }
  return made;
}

/** Whether a text is an address of Matrix media; nothing else is ever loaded. */
export function isMedia(address) {
  return typeof address === "string" && /^mxc:\/\/[^/?#\s]+\/[A-Za-z0-9_~.=-]+$/.test(address);
}
