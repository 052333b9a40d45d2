// What stands above a chat or a channel: whose it is, who is there, what is pinned.

import { element, keep, signOf } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { plainOf } from "./html.js";
import { face } from "./message.js";

const FACES = 4;

/** Draw it into `holder`; `view` is the Teams half. */
export function drawHead(holder, view, context) {
  const { place } = view;
  if (place === null) return keep(holder, []);
  const team = view.places.teams.find(({ channels }) => channels.includes(place));
  const pinned = view.messages.filter(({ id }) => view.pins.includes(id));
  const sign = signOf(place, view.nameOf(place), team?.name, pinned, context.people);
  const make = () => element("div", {}, headOf(place, team, view, context), pins(pinned, view));
  return keep(holder, [{ key: "head", sign, make }]);
}

function headOf(place, team, view, context) {
  const title = view.nameOf(place);
  const other = place.kind === "oneOnOne" ? place.members.find((id) => id !== view.user) : null;
  const shown = { id: team?.id ?? other ?? place.key, name: team?.name ?? title };
  const topic = [team?.name, place.description].filter(Boolean).join(" · ");
  const faces = place.members
    .slice(0, FACES)
    .map((id) => face({ id, name: context.nameOf(id) }, context, 24));
  const back = { type: "button", className: "back", ariaLabel: "Back to the list" };
  return element(
    "div",
    { className: "room-head" },
    element("button", { ...back, onclick: () => view.panel("list") }, "‹"),
    face(shown, context, 38),
    element(
      "div",
      { className: "about-room" },
      element("h3", {}, title, " ", place.membership === "private" && icon("lock")),
      element("p", { className: "topic" }, topic),
    ),
    element(
      "span",
      { className: "members" },
      element("span", { className: "faces" }, faces),
      String(place.members.length),
    ),
  );
}

function pins(pinned, view) {
  if (!pinned.length) return null;
  const bars = pinned.map(({ id, body }) => {
    const properties = { type: "button", className: "pin", onclick: () => view.jump(id) };
    return element("button", properties, icon("pin"), " ", plainOf(body.content));
  });
  return element("div", { className: "pins" }, bars);
}
