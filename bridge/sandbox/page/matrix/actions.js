// What a person can do with what is said in Matrix: the small buttons beside a message, and the box in
// which a thread is answered. All of it is ordinary client-server API.

import { Composer } from "../lib/compose.js";
import { element } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { pickEmoji } from "../lib/pick.js";
import { object, text } from "../lib/shape.js";
import { attempt } from "../lib/web.js";
import { nameOf } from "./people.js";
import { preview } from "./event.js";
import { threadOf } from "./relations.js";
import { answering, editing, inThread, textContent } from "./wording.js";

/**
 * The actions of a room, as a context has them. `desk` gives `session`, `room()`, `context()`, `composer`
 * (where the person writes), `redraw()`, `jump(id)` and `openRoom(id)`.
 */
export class Actions {
  constructor(desk) {
    this.desk = desk;
    this.boxes = new Map(); // Composers of threads by root: what is half written stays.
    this.pending = null; // `{kind: "answer" | "edit", event, box}`
  }

  /** The buttons beside a message. */
  menu(event, content) {
    const { session, room } = this.desk;
    const mine = event.sender === session.id;
    const here = room();
    const buttons = [
      button("smile", "React", (at) => pickEmoji(at, (key) => this.toggle(event, key))),
      button("reply", "Reply", () => this.answer(event)),
      threadOf(event) === null && button("thread", "Reply in thread", () => this.openThread(event)),
      mine && event.type === "m.room.message" && button("edit", "Edit", () => this.edit(event, content)),
      (mine || here.mayRedact(session.id)) && button("bin", "Delete", () => this.redact(event)),
    ];
    return element("menu", { className: "acts" }, buttons.filter(Boolean));
  }

  /** React, or take one's own reaction back. */
  toggle(event, key, own) {
    const { session, room } = this.desk;
    const relation = { rel_type: "m.annotation", event_id: event.event_id, key };
    return attempt("Not reacted", () =>
      own
        ? session.redact(room().id, own.event_id)
        : session.send(room().id, "m.reaction", { "m.relates_to": relation }),
    );
  }

  redact(event) {
    const { session, room } = this.desk;
    return attempt("Not deleted", () => session.redact(room().id, event.event_id));
  }

  answer(event) {
    const context = this.desk.context();
    const box = this.#boxFor(threadOf(event));
    this.pending = { kind: "answer", event, box };
    box.show(`Replying to ${nameOf(event.sender, context.people)}: ${preview(event, context)}`);
  }

  edit(event, content) {
    const box = this.#boxFor(threadOf(event));
    this.pending = { kind: "edit", event, box };
    box.write(text(object(content).body));
    box.show("Editing");
  }

  giveUp(box) {
    if (this.pending?.box !== box) return;
    if (this.pending.kind === "edit") box.write("");
    this.pending = null;
  }

  /** Send what was written in the room, or in the thread of `root`. */
  send(words, root = null) {
    const { session, room, context } = this.desk;
    const here = room();
    if (!here) return false;
    const people = [...context().people].filter(
      ([id, { membership }]) => membership === "join" && id !== session.id,
    );
    const box = this.#boxFor(root);
    const pending = this.pending?.box === box ? this.pending : null;
    let content = textContent(words, people);
    if (pending?.kind === "edit") content = editing(content, pending.event);
    else {
      if (pending?.kind === "answer") content = answering(content, pending.event);
      if (root !== null)
        content = inThread(content, root, context().index.threads.get(root)?.at(-1)?.event_id ?? root);
    }
    return attempt("Not sent in Matrix", async () => {
      await session.send(here.id, "m.room.message", content);
      if (pending !== null) this.pending = null;
      box.clear();
    });
  }

  openThread(event) {
    this.desk.context().openThreads.add(event.event_id);
    this.desk.redraw();
    this.#box(event.event_id).input.focus();
  }

  threadToggled(event, open) {
    const { openThreads } = this.desk.context();
    if (open === openThreads.has(event.event_id)) return;
    if (open) {
      openThreads.add(event.event_id);
      this.desk.loadThread(event.event_id);
    } else openThreads.delete(event.event_id);
  }

  /** The box below a thread. */
  answerBox(event) {
    return this.#box(event.event_id).form;
  }

  #boxFor(root) {
    return root === null ? this.desk.composer : this.#box(root);
  }

  #box(root) {
    if (!this.boxes.has(root)) {
      const box = new Composer({
        placeholder: "Reply in thread",
        label: "Reply in thread",
        send: (words) => this.send(words, root),
        gaveUp: () => this.giveUp(box),
      });
      this.boxes.set(root, box);
    }
    return this.boxes.get(root);
  }

  jump(id) {
    return this.desk.jump(id);
  }

  openRoom(id) {
    return this.desk.openRoom(id);
  }
}

function button(sign, label, act) {
  const made = element("button", { type: "button", title: label, ariaLabel: label }, icon(sign));
  made.onclick = () => act(made);
  return made;
}
