// "Say something of each kind": a menu of everything that the tenant can play, by the chosen person.

import { element } from "../lib/dom.js";
import { attempt, say } from "../lib/web.js";
import * as api from "./api.js";

export class KindsMenu {
  /** `view` is the Teams half: `user`, `current` and `load()`. */
  constructor(button, view) {
    this.view = view;
    button.onclick = () => this.open();
  }

  async open() {
    let found = [];
    if (
      !(await attempt("The kinds are not known", async () => {
        found = await api.kinds(this.view.current);
      }))
    )
      return;
    const groups = Map.groupBy(found, ({ group }) => group);
    const search = element("input", {
      type: "search",
      placeholder: "Search",
      ariaLabel: "Search among the kinds",
    });
    const parts = [...groups].map(([name, kinds]) => this.#group(name, kinds));
    search.oninput = () => parts.forEach((part) => narrow(part, search.value.trim().toLowerCase()));
    this.shown = element(
      "dialog",
      { className: "kinds", ariaLabel: "Say something of each kind" },
      element(
        "header",
        {},
        element("h3", {}, "Say or do in Teams"),
        search,
        element(
          "button",
          { type: "button", className: "close", ariaLabel: "Close", onclick: () => this.shown.close() },
          "✕",
        ),
      ),
      element("div", { className: "groups" }, parts),
    );
    this.shown.onclick = (event) => {
      if (event.target === this.shown) this.shown.close();
    };
    this.shown.onclose = () => this.shown.remove();
    document.body.append(this.shown);
    this.shown.showModal();
  }

  #group(name, kinds) {
    const all = element(
      "button",
      { type: "button", className: "quiet", title: `All ${kinds.length}, one after the other` },
      "all",
    );
    all.onclick = () => this.#play(kinds);
    const items = kinds.map((kind) =>
      element(
        "button",
        { type: "button", dataset: { kind: kind.key }, onclick: () => this.#play([kind]) },
        kind.label,
      ),
    );
    return element("section", {}, element("h4", {}, name, " ", all), items);
  }

  async #play(kinds) {
    this.shown.close();
    for (const { key, label } of kinds) {
      const went = await attempt(label, () =>
        api.play({ user: this.view.user, place: this.view.current, kind: key }),
      );
      if (!went && kinds.length === 1) return;
    }
    say(kinds.length === 1 ? `Done in Teams: ${kinds[0].label}` : `Done in Teams: ${kinds.length} things`);
    await attempt("Not shown", () => this.view.load());
    this.view.loadPlaces();
  }
}

function narrow(section, wanted) {
  let any = false;
  for (const item of section.querySelectorAll("[data-kind]")) {
    item.hidden = !item.textContent.toLowerCase().includes(wanted);
    any ||= !item.hidden;
  }
  section.hidden = !any;
}
