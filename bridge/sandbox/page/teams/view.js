// The Teams half of the page: one person's Teams client.
//
//     places ─▶ list · messages ─▶ posts or a chat (message.js) · what the person does ─▶ the tenant
//
// News comes by a long poll of the place that is open.

import { Composer } from "../lib/compose.js";
import { element, followEnd, keep, pointAt, toEnd } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { pickEmoji } from "../lib/pick.js";
import { RETRY_MS, attempt, pause, say } from "../lib/web.js";
import { enumerate } from "../lib/words.js";
import * as api from "./api.js";
import { drawHead } from "./head.js";
import { plainOf, teamsHtml } from "./html.js";
import { KindsMenu } from "./kinds.js";
import { senderOf } from "./message.js";
import { drawPlaces } from "./places.js";
import { rowsOf } from "./timeline.js";

const PLACEHOLDER = "Write in Teams";
const LISTS_MS = 5000; // How often the list of places is asked for.

export class TeamsView {
  constructor(world) {
    this.section = document.getElementById("teams");
    this.scroller = document.getElementById("teams-scroll");
    this.holder = document.getElementById("teams-messages");
    this.people = {};
    this.places = { chats: [], teams: [] };
    this.messages = [];
    this.pins = [];
    this.pending = null; // `{kind: "quote" | "reply" | "edit", message}`
    this.composer = new Composer({
      id: "teams-text",
      placeholder: PLACEHOLDER,
      label: "Message in Teams",
      send: (words) => this.send(words),
      gaveUp: () => this.giveUp(),
    });
    this.composer.form.id = "teams-form";
    document.getElementById("teams-compose").replaceWith(this.composer.form);
    this.kinds = new KindsMenu(document.getElementById("teams-kinds"), this);
    // Somebody who is in Teams alone: two windows of one person would have little to say.
    const linked = new Set(world.matrix.map((user) => user.linked));
    this.user = (world.teams.find(({ name }) => !linked.has(name)) ?? world.teams[0]).id;
    this.current = null;
  }

  /** Begin; returns once the list and the first place are drawn. */
  async start() {
    await this.begin(this.user);
    this.#follow();
    this.#keepPlaces();
  }

  /** Be this person from now on. */
  async begin(user) {
    this.user = user;
    await this.loadPlaces();
    await this.load();
    this.poll?.abort();
  }

  async loadPlaces() {
    [this.places, this.people] = await Promise.all([api.places(this.user), api.people()]);
    if (!this.all.some(({ key }) => key === this.current)) this.current = this.all[0]?.key ?? null;
    this.draw();
  }

  get all() {
    return [...this.places.chats, ...this.places.teams.flatMap(({ channels }) => channels)];
  }

  get place() {
    return this.all.find(({ key }) => key === this.current) ?? null;
  }

  async load() {
    const place = this.current;
    if (place === null) return;
    const found = await api.messages(place);
    if (place !== this.current) return;
    [this.messages, this.pins] = [found.messages, found.pins];
    if (this.messages.some((message) => senderOf(message, this.context()).name === "Unknown"))
      this.people = await api.people();
    this.draw();
  }

  async #keepPlaces() {
    for (;;) {
      await pause(LISTS_MS);
      await this.loadPlaces().catch(() => {}); // The poll says what is wrong.
    }
  }

  async #follow() {
    const since = new Map();
    for (;;) {
      const place = this.current;
      this.poll = new AbortController();
      try {
        const { next } = await api.events(place, since.get(place) ?? 0, this.poll.signal);
        since.set(place, next);
        await this.load();
      } catch (error) {
        if (error.name === "AbortError") continue;
        say(`The Teams side does not answer: ${error.message}`, true);
        await pause(RETRY_MS);
      }
    }
  }

  /** What messages are drawn with. */
  context() {
    const context = {
      me: this.user,
      people: this.people,
      nameOf: (id) => this.people[id]?.name ?? "",
      hasPhoto: (id) =>
        this.people[id]?.photo === true || this.places.teams.some((team) => team.id === id && team.photo),
      photoUrl: api.photoUrl,
      hostedUrl: api.hostedUrl,
      isHosted: api.isHosted,
      fileUrl: api.fileUrl,
      about: api.about,
      text: (url) =>
        fetch(api.hostedUrl(url)).then((answer) =>
          answer.ok ? answer.text() : Promise.reject(answer.status),
        ),
      html: (content) => teamsHtml({ body: { content } }, context).made,
      jump: (id) => this.jump(id),
      toggle: (message, kind, own) => this.act(message, own ? "unreact" : "react", { kind }),
      menu: (message) => this.#menu(message),
    };
    return context;
  }

  nameOf(place) {
    if (place.name || place.topic) return place.name ?? place.topic;
    const others = place.members
      .filter((id) => id !== this.user)
      .map((id) => this.people[id]?.name || "Someone");
    return others.length ? enumerate(others, 4) : "Only you";
  }

  // --- drawing ---

  draw() {
    const context = this.context();
    drawPlaces(document.getElementById("teams-chats"), this, context);
    drawHead(document.getElementById("teams-head"), this, context);
    const rows = rowsOf(this.place, this.messages, context, (root) => this.begins("reply", root));
    followEnd(this.scroller, () => keep(this.holder, rows));
    this.composer.refuse(
      this.place === null ? "No chat is open" : this.place.archived ? "This team is archived" : null,
      this.place?.layout === "post" ? "Begin a post in Teams" : PLACEHOLDER,
    );
  }

  #menu(message) {
    const mine = senderOf(message, this.context()).id === this.user;
    const pinned = this.pins.includes(message.id);
    const inChat = this.place?.layout === undefined;
    const buttons = [
      button("smile", "React", (at) => pickEmoji(at, (kind) => this.act(message, "react", { kind }))),
      inChat
        ? button("reply", "Quote", () => this.begins("quote", message))
        : button("reply", "Reply", () => this.begins("reply", message)),
      inChat && button("pin", pinned ? "Unpin" : "Pin", () => this.act(message, pinned ? "unpin" : "pin")),
      mine && button("edit", "Edit", () => this.begins("edit", message)),
      mine && button("bin", "Delete", () => this.act(message, "delete")),
    ];
    return element("menu", { className: "acts" }, buttons.filter(Boolean));
  }

  // --- what the person does ---

  async open(place) {
    this.current = place.key;
    this.composer.clear();
    [this.messages, this.pins] = [[], []];
    this.panel("talk");
    this.draw();
    await attempt("Not shown", () => this.load());
    toEnd(this.scroller);
    this.poll?.abort();
  }

  panel(name) {
    this.section.dataset.panel = name;
  }

  begins(kind, message) {
    this.pending = { kind, message };
    const words = plainOf(message.body.content);
    if (kind === "edit") this.composer.write(words);
    const name = senderOf(message, this.context()).name;
    this.composer.show(
      kind === "edit"
        ? "Editing"
        : `${kind === "quote" ? "Quoting" : "Replying to"} ${name}: ${words.slice(0, 80)}`,
    );
  }

  giveUp() {
    if (this.pending?.kind === "edit") this.composer.write("");
    this.pending = null;
  }

  send(words) {
    const { kind, message } = this.pending ?? {};
    return attempt("Not sent in Teams", async () => {
      const wish = { user: this.user, place: this.current };
      if (kind === "edit") await api.act({ ...wish, message: message.id, act: "edit", text: words });
      else
        await api.type({
          ...wish,
          text: words,
          ...(kind === "quote" && { quote: message.id }),
          ...(kind === "reply" && { reply_to: message.replyToId ?? message.id }),
        });
      this.pending = null;
      this.composer.clear();
      await this.load();
      if (kind === undefined) toEnd(this.scroller);
    });
  }

  act(message, act, more = {}) {
    return attempt("Not done in Teams", async () => {
      await api.act({ user: this.user, place: this.current, message: message.id, act, ...more });
      await this.load();
    });
  }

  jump(id) {
    const found = this.holder.querySelector(`[data-message="${CSS.escape(id)}"]`);
    if (found) pointAt(found);
    else say("That message is not here.", true);
  }
}

function button(sign, label, act) {
  const made = element("button", { type: "button", title: label, ariaLabel: label }, icon(sign));
  made.onclick = () => act(made);
  return made;
}
