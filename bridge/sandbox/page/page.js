// The side-by-side page. Teams: the demo's own small API. Matrix: the homeserver itself, with the
// access token of the chosen user; nothing of it passes the demo.

const $ = (id) => document.getElementById(id);
const SHOWN_TAGS = new Set("B STRONG I EM U S DEL CODE PRE P BR UL OL LI BLOCKQUOTE A H1 H2 H3 DIV SPAN TABLE TR TD TH TBODY THEAD HR".split(" "));
const RETRY_MS = 1500;
const KINDS = { oneOnOne: "one-on-one", group: "group", meeting: "meeting" };

const world = { teams: [], matrix: [], homeserver: "" };
const teams = { user: null, chat: null, chats: [], shown: "", poll: null };
const matrix = { user: null, room: null, rooms: new Map(), run: 0, poll: null };

function say(text, bad = false) {
  $("status").textContent = text;
  $("status").className = bad ? "bad" : "";
}

async function call(url, options = {}) {
  const answer = await fetch(url, options);
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(body.error?.message || body.error || `${answer.status} ${answer.statusText}`);
  return body;
}

// Builds elements from an allow-list; text of unknown tags stays, nothing of theirs runs.
function rich(html) {
  const from = new DOMParser().parseFromString(html, "text/html").body;
  const into = document.createElement("div");
  (function copy(source, target) {
    for (const node of source.childNodes) {
      if (node.nodeType === Node.TEXT_NODE) { target.append(node.textContent); continue; }
      if (node.nodeType !== Node.ELEMENT_NODE || ["SCRIPT", "STYLE"].includes(node.tagName)) continue;
      let next = target;
      if (SHOWN_TAGS.has(node.tagName)) {
        next = document.createElement(node.tagName);
        if (node.tagName === "A" && /^https?:/i.test(node.getAttribute("href") || "")) {
          next.href = node.getAttribute("href"); next.target = "_blank"; next.rel = "noopener noreferrer";
        }
        target.append(next);
      }
      copy(node, next);
    }
  })(from, into);
  return into;
}

// Text as it was written, with what looks like an address made a link.
function plain(text) {
  const into = document.createElement("div");
  into.className = "text";
  text.split(/(https?:\/\/[^\s<>"]+)/).forEach((piece, n) => {
    into.append(n % 2 === 0 ? piece : Object.assign(document.createElement("a"),
      { href: piece, textContent: piece, target: "_blank", rel: "noopener noreferrer" }));
  });
  return into;
}

function bubble(list, { who, at, content, mine, notice }) {
  const item = document.createElement("li");
  if (mine) item.classList.add("mine");
  if (notice) item.classList.add("notice");
  const head = document.createElement("span");
  head.className = "who";
  head.textContent = `${who} · ${new Date(at).toLocaleTimeString()}`;
  item.append(head, content);
  list.append(item);
}

function refill(list, fill, empty) {
  const low = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
  list.replaceChildren();
  fill();
  if (!list.children.length) {
    const item = document.createElement("li");
    item.className = "empty";
    item.textContent = empty;
    list.append(item);
  }
  if (low) list.scrollTop = list.scrollHeight;
}

// --- Teams ------------------------------------------------------------------------------------

async function loadChats() {
  teams.chats = await call(`api/teams/chats?user=${encodeURIComponent(teams.user)}`);
  if (!teams.chats.some((chat) => chat.id === teams.chat)) teams.chat = teams.chats[0]?.id ?? null;
  $("teams-chats").replaceChildren(...teams.chats.map((chat) => {
    const button = document.createElement("button");
    button.textContent = chat.name;
    button.className = chat.id === teams.chat ? "now" : "";
    const kind = document.createElement("small");
    kind.textContent = KINDS[chat.kind] || chat.kind;
    button.append(kind);
    button.onclick = () => { teams.chat = chat.id; teams.poll?.abort(); loadChats(); };
    return button;
  }));
  await loadMessages();
}

async function loadMessages() {
  if (!teams.chat) return;
  const messages = await call(`api/teams/messages?chat=${encodeURIComponent(teams.chat)}`);
  const key = JSON.stringify([teams.user, teams.chat, messages]);
  if (key === teams.shown) return;
  teams.shown = key;
  const list = $("teams-messages");
  refill(list, () => messages.forEach((m) => bubble(list, {
    who: m.name, at: m.at, mine: m.user === teams.user,
    content: m.html === null ? plain(m.text) : rich(m.html),
  })), "Nothing said here yet. Write the first message; its Matrix room is made with it.");
}

async function followTeams() {
  const since = new Map();
  for (;;) {
    const chat = teams.chat;
    teams.poll = new AbortController();
    try {
      const { next } = await call(
        `api/teams/events?chat=${encodeURIComponent(chat)}&since=${since.get(chat) ?? 0}`, { signal: teams.poll.signal });
      since.set(chat, next);
      await loadMessages();
    } catch (error) {
      if (error.name === "AbortError") continue;
      say(`The Teams side does not answer: ${error.message}`, true);
      await new Promise((done) => setTimeout(done, RETRY_MS));
    }
  }
}

$("teams-user").onchange = async () => {
  teams.user = $("teams-user").value;
  await loadChats();
  teams.poll?.abort();
};
$("teams-form").onsubmit = async (event) => {
  event.preventDefault();
  const text = $("teams-text").value.trim();
  if (!text || !teams.chat) return;
  $("teams-text").value = "";
  try {
    await call("api/teams/messages", {
      method: "POST", headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ user: teams.user, chat: teams.chat, text }),
    });
    await loadMessages();
  } catch (error) { say(`Not sent in Teams: ${error.message}`, true); }
};

// --- Matrix -----------------------------------------------------------------------------------

const client = (path) => `${world.homeserver}/_matrix/client/v3/${path}`;
const bearer = () => ({ Authorization: `Bearer ${matrix.user.access_token}` });

function roomOf(id) {
  if (!matrix.rooms.has(id)) matrix.rooms.set(id, { id, name: id, events: [], names: new Map(), invite: false });
  return matrix.rooms.get(id);
}

function note(room, event) {
  const content = event.content || {};
  if (event.type === "m.room.name") room.name = content.name || room.name;
  if (event.type === "m.room.member") room.names.set(event.state_key, content.displayname || event.state_key);
  if (event.type === "m.room.message" && !room.events.some((e) => e.event_id === event.event_id)) room.events.push(event);
}

function take(sync) {
  for (const [id, joined] of Object.entries(sync.rooms?.join || {})) {
    const room = roomOf(id);
    room.invite = false;
    [...(joined.state?.events || []), ...(joined.timeline?.events || [])].forEach((event) => note(room, event));
  }
  for (const [id, invited] of Object.entries(sync.rooms?.invite || {})) {
    const room = roomOf(id);
    room.invite = true;
    (invited.invite_state?.events || []).forEach((event) => note(room, event));
  }
  for (const id of Object.keys(sync.rooms?.leave || {})) matrix.rooms.delete(id);
  if (!matrix.rooms.has(matrix.room)) matrix.room = [...matrix.rooms.keys()].at(-1) ?? null;
}

function title(room) {
  if (room.name !== room.id) return room.name;
  const others = [...room.names].filter(([id]) => id !== matrix.user.user_id).map(([, name]) => name);
  return others.join(", ") || room.id;
}

function drawMatrix() {
  $("matrix-rooms").replaceChildren(...[...matrix.rooms.values()].map((room) => {
    const button = document.createElement("button");
    button.textContent = title(room);
    button.className = room.id === matrix.room ? "now" : room.invite ? "invite" : "";
    if (room.invite) button.append(Object.assign(document.createElement("small"), { textContent: "invited: click to join" }));
    button.onclick = () => room.invite ? join(room) : (matrix.room = room.id, drawMatrix());
    return button;
  }));
  const list = $("matrix-messages");
  const room = matrix.rooms.get(matrix.room);
  refill(list, () => (room?.events || []).forEach((event) => {
    const content = event.content;
    bubble(list, {
      who: room.names.get(event.sender) || event.sender, at: event.origin_server_ts,
      mine: event.sender === matrix.user.user_id, notice: content.msgtype === "m.notice",
      content: content.formatted_body ? rich(content.formatted_body) : plain(content.body || ""),
    });
  }), "No room yet. Write something in Teams, and a room appears here.");
}

async function join(room) {
  try {
    await call(client(`join/${encodeURIComponent(room.id)}`), { method: "POST", headers: bearer(), body: "{}" });
    matrix.room = room.id;
    matrix.poll?.abort();
  } catch (error) { say(`Cannot join: ${error.message}`, true); }
}

function isWithBot(room) {
  return room.names.has(world.bot) && [...room.names.keys()].every((id) => id === world.bot || id === matrix.user.user_id);
}

async function talkToBot() {
  const known = [...matrix.rooms.values()].find(isWithBot);
  if (known) { matrix.room = known.id; drawMatrix(); return; }
  try {
    const wish = { preset: "trusted_private_chat", is_direct: true, invite: [world.bot] };
    const { room_id } = await call(client("createRoom"), { method: "POST", headers: bearer(), body: JSON.stringify(wish) });
    matrix.room = roomOf(room_id).id;
    drawMatrix();
    // A poll that began while the room was being made may sleep through what is said there.
    matrix.poll?.abort();
  } catch (error) { say(`The bot cannot be invited: ${error.message}`, true); }
}

$("matrix-bot").onclick = talkToBot;

async function followMatrix() {
  const run = ++matrix.run;
  let since = "";
  matrix.rooms.clear();
  matrix.room = null;
  drawMatrix();
  while (run === matrix.run) {
    matrix.poll = new AbortController();
    try {
      const sync = await call(client(`sync?timeout=${since ? 25000 : 0}&since=${encodeURIComponent(since)}`.replace(/&since=$/, "")), { headers: bearer(), signal: matrix.poll.signal });
      if (run !== matrix.run) return;
      since = sync.next_batch;
      take(sync);
      drawMatrix();
    } catch (error) {
      if (error.name === "AbortError") continue;
      say(`The homeserver does not answer: ${error.message}`, true);
      await new Promise((done) => setTimeout(done, RETRY_MS));
    }
  }
}

$("matrix-user").onchange = () => {
  matrix.user = world.matrix.find((user) => user.user_id === $("matrix-user").value);
  matrix.poll?.abort();
  followMatrix();
};
$("matrix-form").onsubmit = async (event) => {
  event.preventDefault();
  const body = $("matrix-text").value.trim();
  if (!body || !matrix.room) return;
  $("matrix-text").value = "";
  const txn = `page-${Date.now()}-${Math.random().toString(36).slice(2)}`;
  try {
    await call(client(`rooms/${encodeURIComponent(matrix.room)}/send/m.room.message/${txn}`), {
      method: "PUT", headers: bearer(), body: JSON.stringify({ msgtype: "m.text", body }),
    });
  } catch (error) { say(`Not sent in Matrix: ${error.message}`, true); }
};

// --- start ------------------------------------------------------------------------------------

function option(value, label) {
  return Object.assign(document.createElement("option"), { value, textContent: label });
}

async function start() {
  Object.assign(world, await call("api/world"));
  $("teams-user").replaceChildren(...world.teams.map((user) => option(user.id, user.name)));
  const linked = new Set(world.matrix.map((user) => user.linked));
  $("matrix-user").replaceChildren(...world.matrix.map((user) => option(
    user.user_id, `${user.user_id.split(":")[0]} · ${user.linked ? `in Teams ${user.linked}` : "new here"}`)));
  // Somebody who is in Teams alone: two windows of one person would have little to say.
  teams.user = (world.teams.find((user) => !linked.has(user.name)) || world.teams[0]).id;
  $("teams-user").value = teams.user;
  matrix.user = world.matrix[0];
  const foot = $("client");
  foot.append("Any Matrix client: homeserver ");
  foot.append(Object.assign(document.createElement("code"), { textContent: world.homeserver }));
  foot.append(", user ");
  foot.append(Object.assign(document.createElement("code"), { textContent: world.matrix[0].user_id }));
  foot.append(", password ");
  foot.append(Object.assign(document.createElement("code"), { textContent: world.password }));
  foot.append(". To sign in to Teams, write ");
  foot.append(Object.assign(document.createElement("code"), { textContent: "login" }));
  foot.append(` to ${world.bot}.`);
  say("ready");
  document.body.dataset.ready = "yes";
  await loadChats();
  followTeams();
  followMatrix();
}

start().catch((error) => say(`The demo does not answer: ${error.message}`, true));
