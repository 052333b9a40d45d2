// A small board of emoji beside a button.

import { element } from "./dom.js";

const OFFERED = [..."👍❤😂🎉😮😢🙏👀✅🚀"].map((one) => (one === "❤" ? "❤️" : one));

/** Let the person pick an emoji, or write any other; `picked` is called with it. */
export function pickEmoji(beside, picked) {
  const board = element("div", { className: "board", popover: "auto" });
  board.setAttribute("role", "menu");
  const choose = (key) => {
    board.hidePopover();
    picked(key);
  };
  for (const key of OFFERED) {
    board.append(
      element(
        "button",
        { type: "button", onclick: () => choose(key), attributes: { "aria-label": `React with ${key}` } },
        key,
      ),
    );
  }
  const other = element("input", {
    placeholder: ":other:",
    maxLength: 40,
    attributes: { "aria-label": "Another reaction" },
  });
  other.onkeydown = (event) => {
    if (event.key === "Enter" && other.value.trim()) choose(other.value.trim());
  };
  board.append(other);
  board.ontoggle = (event) => {
    if (event.newState === "closed") board.remove();
  };
  document.body.append(board);
  board.showPopover();
  const [from, size] = [beside.getBoundingClientRect(), board.getBoundingClientRect()];
  board.style.left = `${Math.max(8, Math.min(from.right - size.width, innerWidth - size.width - 8))}px`;
  board.style.top = `${from.top > size.height + 12 ? from.top - size.height - 6 : from.bottom + 6}px`;
}
