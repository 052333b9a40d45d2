// Small drawn signs: they look the same on every machine, whatever fonts it has.

const SVG = "http://www.w3.org/2000/svg";
// Lines on a field of 24 by 24.
const LINES = {
  smile: "M12 3a9 9 0 1 0 0 18a9 9 0 0 0 0-18ZM8.5 14.5c1.8 2.2 5.2 2.2 7 0M9 9.5v.01M15 9.5v.01",
  reply: "M9 7 4 12l5 5M4.5 12H14c4 0 6 2 6 6",
  thread: "M4 5h16v10H10l-4 4v-4H4ZM8 9h8M8 12h5",
  edit: "M4 20l1-4L16 5l3 3L8 19ZM14 7l3 3",
  bin: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v6M14 11v6",
  pin: "M9 4h6l-1 6 3 3H7l3-3ZM12 13v7",
  lock: "M6 11h12v9H6ZM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  shared: "M10 14l4-4M8 11l-2 2a3.5 3.5 0 0 0 5 5l2-2M16 13l2-2a3.5 3.5 0 0 0-5-5l-2 2",
  picture: "M4 5h16v14H4ZM8.5 10.5v.01M4 17l5-4 3 2 4-5 4 5",
  clip: "M4 6h11v12H4ZM15 11l5-3v8l-5-3",
  sound: "M5 10v4h3l5 4V6L8 10ZM16 9c1.6 1.6 1.6 4.4 0 6M18.5 6.5c3 3 3 8 0 11",
  voice:
    "M12 4a2.5 2.5 0 0 0-2.5 2.5v5a2.5 2.5 0 0 0 5 0v-5A2.5 2.5 0 0 0 12 4ZM6.5 11.5a5.5 5.5 0 0 0 11 0M12 17v3.5",
  file: "M6 3h8l4 4v14H6ZM14 3v4h4",
  warning: "M12 4 3 20h18ZM12 10v4M12 17v.01",
  forward: "M15 7l5 5-5 5M19.5 12H10c-4 0-6 2-6 6",
  calendar: "M4 6h16v14H4ZM4 10h16M8 3v4M16 3v4",
  tab: "M4 7h6l2 2h8v10H4Z",
  loop: "M7 9a3 3 0 1 0 0 6c3 0 7-6 10-6a3 3 0 1 1 0 6c-3 0-7-6-10-6Z",
  blocked: "M12 3a9 9 0 1 0 0 18a9 9 0 0 0 0-18ZM5.7 5.7l12.6 12.6",
};

/** A sign by its name, as large as the text around it. */
export function icon(name) {
  const made = document.createElementNS(SVG, "svg");
  made.setAttribute("viewBox", "0 0 24 24");
  made.setAttribute("class", `icon icon-${name}`);
  made.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", LINES[name]);
  made.append(line);
  return made;
}
