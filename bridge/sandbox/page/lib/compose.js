// A place to write: Enter sends, Shift+Enter begins a line, Escape gives up what was begun.

import { element } from "./dom.js";

/**
 * A form. `send(text)` is called with what was written and says whether it was taken; the text stays
 * if it was not. `show(label)` puts a line above it (what is answered or edited), `clear()` takes it off;
 * `clear` calls `gaveUp`.
 */
export class Composer {
  constructor({ id, placeholder, label, send, gaveUp = () => {} }) {
    this.gaveUp = gaveUp;
    this.input = element("textarea", { id, rows: 1, placeholder, autocomplete: "off", ariaLabel: label });
    this.button = element("button", { className: "send", title: "Send" }, "Send");
    this.above = element("p", { className: "above", hidden: true });
    this.form = element("form", { className: "composer" }, this.above, this.input, this.button);
    this.form.onsubmit = (event) => {
      event.preventDefault();
      this.#submit(send);
    };
    this.input.onkeydown = (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.form.requestSubmit();
      }
      if (event.key === "Escape") this.clear();
    };
    this.input.oninput = () => this.#grow();
  }

  async #submit(send) {
    const words = this.input.value.trim();
    if (!words || this.input.disabled) return;
    this.input.value = "";
    this.#grow();
    if (!(await send(words)) && !this.input.value) this.write(words);
  }

  #grow() {
    this.input.style.height = "auto";
    this.input.style.height = `${Math.min(this.input.scrollHeight + 2, 160)}px`;
  }

  /** Put text into it. */
  write(words) {
    this.input.value = words;
    this.#grow();
  }

  show(label) {
    const close = element(
      "button",
      { type: "button", className: "close", title: "Give up (Escape)", onclick: () => this.clear() },
      "✕",
    );
    this.above.replaceChildren(element("span", {}, label), close);
    this.above.hidden = false;
    this.input.focus();
  }

  clear() {
    if (this.above.hidden) return;
    this.above.hidden = true;
    this.gaveUp();
  }

  /** Close it with the reason why nothing can be written here; null opens it. */
  refuse(why, placeholder) {
    this.input.disabled = this.button.disabled = why !== null;
    this.input.placeholder = why ?? placeholder;
  }
}
