// The side-by-side page. Left, Teams: the demo's own small API. Right, Matrix: the homeserver itself,
// with the access token of the chosen user; nothing of it passes the demo.

import { element } from "./lib/dom.js";
import { call, say } from "./lib/web.js";
import { MatrixView } from "./matrix/view.js";
import { TeamsView } from "./teams/view.js";

function choose(id, people, chosen) {
  const select = document.getElementById(id);
  select.replaceChildren(...people.map(([value, words]) => element("option", { value }, words)));
  select.onchange = () => chosen(select.value);
}

function foot(world) {
  const code = (words) => element("code", {}, words);
  document
    .getElementById("client")
    .append(
      "Any Matrix client: homeserver ",
      code(world.homeserver),
      ", user ",
      code(world.matrix[0].user_id),
      ", password ",
      code(world.password),
      ". To sign in to Teams, write ",
      code("login"),
      ` to ${world.bot}.`,
    );
}

// On a narrow screen one half is shown at a time.
function tabs() {
  for (const tab of document.querySelectorAll("#tabs button")) {
    tab.onclick = () => {
      document.body.dataset.half = tab.dataset.half;
      for (const other of document.querySelectorAll("#tabs button"))
        other.setAttribute("aria-selected", String(other === tab));
    };
  }
}

async function start() {
  const world = await call("api/world");
  tabs();
  foot(world);
  const [teams, matrix] = [new TeamsView(world), new MatrixView(world)];
  choose(
    "teams-user",
    world.teams.map(({ id, name }) => [id, name]),
    (id) => teams.begin(id),
  );
  choose(
    "matrix-user",
    world.matrix.map(({ user_id: id, linked }) => [
      id,
      `${id.split(":")[0]} · ${linked ? `${linked} in Teams` : "not in Teams yet"}`,
    ]),
    (id) => matrix.begin(world.matrix.find((user) => user.user_id === id)),
  );
  document.getElementById("teams-user").value = teams.user;
  await teams.start();
  say("ready");
  document.body.dataset.ready = "yes";
}

start().catch((error) => say(`The demo does not answer: ${error.message}`, true));
