// The list of chats and of teams with their channels.

import { element, keep, signOf } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { face } from "./message.js";

const KINDS = { oneOnOne: "one-on-one", group: "group", meeting: "meeting" };

export function drawPlaces(holder, view, context) {
  const { chats, teams } = view.places;
  const rows = [title("Chats"), ...chats.map((chat) => chatRow(chat, view, context))];
  if (teams.length) rows.push(title("Teams"));
  for (const team of teams)
    rows.push(teamRow(team, context), ...team.channels.map((channel) => channelRow(channel, view)));
  keep(holder, rows);
}

function title(words) {
  return { key: `title ${words}`, sign: words, make: () => element("h3", {}, words) };
}

function chatRow(chat, view, context) {
  const name = view.nameOf(chat);
  const others = chat.members.filter((id) => id !== view.user);
  const now = chat.key === view.current;
  return {
    key: chat.key,
    sign: signOf(
      chat,
      name,
      now,
      others.map((id) => view.people[id]),
    ),
    make: () => {
      const who = chat.kind === "oneOnOne" && others.length ? others[0] : chat.key;
      return element(
        "button",
        {
          type: "button",
          className: now ? "room now" : "room",
          dataset: { place: chat.key },
          onclick: () => view.open(chat),
          attributes: { "aria-current": now ? "true" : null },
        },
        face({ id: who, name }, context, 34),
        element("span", { className: "title" }, name),
        element("small", { className: "line" }, KINDS[chat.kind] ?? chat.kind),
      );
    },
  };
}

function teamRow(team, context) {
  return {
    key: team.id,
    sign: signOf(team.name, team.archived, team.photo),
    make: () =>
      element(
        "div",
        { className: "space" },
        face(team, context, 24),
        element("span", { className: "title" }, team.name),
        team.archived ? element("small", {}, "archived") : null,
      ),
  };
}

function channelRow(channel, view) {
  const now = channel.key === view.current;
  return {
    key: channel.key,
    sign: signOf(channel, now),
    make: () => {
      const made = element(
        "button",
        {
          type: "button",
          className: now ? "room channel now" : "room channel",
          dataset: { place: channel.key },
          onclick: () => view.open(channel),
          attributes: { "aria-current": now ? "true" : null },
        },
        element("span", { className: "title" }, channel.name),
        channel.membership === "standard"
          ? null
          : element(
              "small",
              { className: "line", title: channel.membership },
              icon(channel.membership === "private" ? "lock" : "shared"),
            ),
      );
      made.style.setProperty("--depth", 1);
      return made;
    },
  };
}
