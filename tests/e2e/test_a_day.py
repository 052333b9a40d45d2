"""Maria's whole day at her Matrix client, while everybody else is in Teams; both sides compared at the end."""

from __future__ import annotations

import re
import secrets
from typing import Any
from urllib.parse import quote

from bridge.sandbox.people import MatrixPerson
from bridge.sandbox.script import text_of
from bridge.sandbox.tenant.client import Person
from bridge.sandbox.tenant.client_files import FilesClient
from tests.e2e.test_files_to_teams import put, sha256
from tests.e2e.test_pictures_and_files import MB, picture
from tests.e2e.test_sign_in_lost import LOST
from tests.kit.e2e_channels import Scene, people_in
from tests.kit.e2e_world import ARRIVAL, World, eventually

Json = dict[str, Any]
FILE_BYTES = 60 * MB
REPLACE = "m.replace"


class Day:
    """Maria's conversations: with Tom, with Tom and Aïcha, about lunch, in a channel."""

    def __init__(self, world: World, scene: Scene, aicha: Person, jonas: Person) -> None:
        self.world = world
        self.scene = scene
        self.aicha = aicha
        self.jonas = jonas
        self.chats: dict[str, str] = {}
        self.rooms: dict[str, str] = {}

    @property
    def maria(self) -> MatrixPerson:
        return self.scene.person

    async def begin(self) -> None:
        """Let Maria sign in, and others write to her first."""
        await self.scene.begin()
        self.desk = await self.world.desk(self.maria)
        maria, tom = self.scene.maria, self.scene.tom
        people = {
            "pair": ("oneOnOne", (maria, tom)),
            "plan": ("group", (maria, tom, self.aicha)),
            "lunch": ("group", (maria, tom, self.aicha, self.jonas)),
        }
        for name, (kind, members) in people.items():
            topic: Json = {} if kind == "oneOnOne" else {"topic": name}
            chat = await self.world.tenant.create_chat(kind, [one.id for one in members], **topic)
            self.chats[name] = chat
            self.rooms[name] = await self.world.opened(chat, tom, self.maria)

    async def answers(self, name: str, question: str, answer: str) -> str:
        """Let Tom ask and Maria answer him; return her event."""
        await self.world.say(self.chats[name], self.scene.tom, question)
        _, asked = await self.world.read(self.maria, question)
        relation = {"m.in_reply_to": {"event_id": asked.id}}
        event = await self.maria.say(self.rooms[name], answer, **{"m.relates_to": relation})
        await self.finds(name, answer)
        return event

    async def finds(self, name: str, text: str) -> Json:
        """Wait until Maria has said that in a chat, as herself."""
        found: list[Json] = []

        async def is_there() -> bool:
            every = await self.world.messages(self.chats[name])
            found[:] = [one for one in every if plain(one).endswith(text)]
            return bool(found)

        await eventually(is_there, f"{text!r} in {name}")
        (message,) = found
        assert message["from"]["user"]["id"] == self.scene.maria.id
        return message

    async def send(self, name: str, kind: str, **content: object) -> str:
        path = f"rooms/{quote(self.rooms[name])}/send/{kind}/{secrets.token_hex(8)}"
        return str((await self.maria.call("PUT", path, content))["event_id"])

    async def in_matrix(self, room: str) -> list[tuple[str, str]]:
        """Who says what in a room as it stands now, oldest first: edits made, what was taken back gone."""
        path = f"rooms/{quote(room)}/messages?dir=b&limit=1000"
        events = (await self.maria.call("GET", path))["chunk"][::-1]
        said: dict[str, tuple[str, str]] = {}
        for event in events:
            content = event["content"]
            if event["type"] != "m.room.message" or content.get("msgtype") == "m.notice":
                continue
            relation = content.get("m.relates_to", {})
            if relation.get("rel_type") == REPLACE:
                content = content["m.new_content"]
                if relation["event_id"] in said:
                    said[relation["event_id"]] = (event["sender"], words_of(content))
            elif content:
                said[event["event_id"]] = (event["sender"], words_of(content))
        return list(said.values())

    def as_in_teams(self, said: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """The same, under the ids that people have in Teams."""
        people = (self.scene.maria, self.scene.tom, self.aicha, self.jonas)
        users = {self.world.slot.ghost(one.id): one.id for one in people}
        users[self.maria.user] = self.scene.maria.id
        return [(users[sender], words) for sender, words in said]


def words_of(content: Json) -> str:
    """What a reader sees of a message: a picture's or a file's name, or the words."""
    if content["msgtype"] == "m.text":
        return str(content["body"])
    return str(content.get("filename", content["body"]))


def plain(message: Json) -> str:
    """What a reader sees of a message in Teams: names of files and pictures, words."""
    files = [one["name"] for one in message["attachments"] if one["contentType"] == "reference"]
    pictures = re.findall(r'<img [^>]*alt="([^"]*)"', message["body"]["content"])
    return " ".join([*files, *pictures, text_of(message)]).strip()


async def test_a_day_in_matrix_among_people_in_teams(world: World) -> None:
    aicha, jonas, eve = await world.tenant.add_users("Aïcha Benali", "Jonas Meier", "Eve Out")
    day = Day(world, await people_in(world), aicha, jonas)
    await day.begin()

    typo = await day.answers("pair", "Coffee?", "At tne")
    await day.answers("plan", "Is the plan ready?", "Tomorrow.")
    hasty = await day.answers("lunch", "Who is in?", "Me!")
    await answer_in_the_channel(day)
    await show_a_photo(day)
    await send_a_large_file(day)
    await edit(day, typo, "At ten")
    await react_to(day, "Who is in?")
    await take_back(day, hasty)
    await start_a_chat(day, eve)
    await lose_the_sign_in(day)

    await world.at_rest()
    for name in day.chats:
        await same_on_both_sides(day, name)
    replies = [text_of(one) for one in await day.scene.in_teams()][1:]
    assert replies == ["News of the roses?", "They flower."]


async def answer_in_the_channel(day: Day) -> None:
    scene = day.scene
    await scene.type("News of the roses?")
    asked = await scene.find("News of the roses?")
    await scene.say("They flower.", root=asked.id)
    answer = await scene.find_in_teams("They flower.")
    assert answer["replyToId"] == (await scene.find_in_teams("News of the roses?"))["id"]


async def show_a_photo(day: Day) -> None:
    uri = await put(day.maria, picture(640, 480), "image/png")
    await day.send("plan", "m.room.message", msgtype="m.image", body="board.png", url=uri)
    await day.finds("plan", "board.png")


async def send_a_large_file(day: Day) -> None:
    data = secrets.token_bytes(FILE_BYTES)
    uri = await put(day.maria, data, "video/mp4")
    await day.send("plan", "m.room.message", msgtype="m.file", body="plan.bin", url=uri)
    shown = await day.finds("plan", "plan.bin")
    (kept,) = await FilesClient(day.world.tenant).kept()
    assert (kept.size, kept.sha256) == (FILE_BYTES, sha256(data))
    assert kept.readers == {day.scene.maria.id, day.scene.tom.id, day.aicha.id}
    assert shown["attachments"][0]["contentUrl"] == kept.dav_url


async def edit(day: Day, event: str, words: str) -> None:
    new = {"msgtype": "m.text", "body": words}
    relation = {"rel_type": REPLACE, "event_id": event}
    more: Json = {"m.new_content": new, "m.relates_to": relation}
    await day.send("pair", "m.room.message", msgtype="m.text", body=f"* {words}", **more)
    await day.finds("pair", words)


async def react_to(day: Day, words: str) -> None:
    _, said = await day.world.read(day.maria, words)
    annotation = {"rel_type": "m.annotation", "event_id": said.id, "key": "🎉"}
    await day.send("lunch", "m.reaction", **{"m.relates_to": annotation})

    async def is_there() -> bool:
        every = await day.world.messages(day.chats["lunch"])
        (found,) = [one for one in every if text_of(one) == words]
        return [one["reactionType"] for one in found["reactions"]] == ["🎉"]

    await eventually(is_there, "the reaction")


async def take_back(day: Day, event: str) -> None:
    path = f"rooms/{quote(day.rooms['lunch'])}/redact/{quote(event)}/taken-back"
    await day.maria.call("PUT", path, {})

    async def is_gone() -> bool:
        every = await day.world.messages(day.chats["lunch"])
        return any(one["deletedDateTime"] is not None for one in every)

    await eventually(is_gone, "the deletion")


async def start_a_chat(day: Day, eve: Person) -> None:
    """With somebody whom she has never written to."""
    answer = await day.maria.ask(day.desk, "start-chat Eve Out", ARRIVAL)
    assert "Eve Out" in answer.body
    ghost = day.world.slot.ghost(eve.id)

    def rooms() -> list[str]:
        return [room for room, who in day.maria.members.items() if ghost in who]

    await day.maria.wait_for(lambda: bool(rooms()), ARRIVAL, "the room of the new chat")
    (day.rooms["eve"],) = rooms()
    # Graph makes no second one for two people.
    members = [day.scene.maria.id, eve.id]
    day.chats["eve"] = await day.world.tenant.create_chat("oneOnOne", members)
    await day.maria.say(day.rooms["eve"], "Hello Eve.")
    await day.finds("eve", "Hello Eve.")


async def lose_the_sign_in(day: Day) -> None:
    """What she writes then waits for the next one; others go on."""
    world, maria = day.world, day.scene.maria
    await world.tenant.revoke_sessions(maria.id, access_tokens=True)
    await day.maria.say(day.rooms["plan"], "Written without a sign-in.")
    await day.maria.say(day.rooms["plan"], "And once more.")
    await world.say(day.chats["plan"], day.aicha, "Meanwhile in Teams.")
    await world.read(day.maria, "Meanwhile in Teams.")

    def is_told() -> bool:
        return any(said.body.startswith(LOST) for said in day.maria.rooms[day.desk])

    await day.maria.wait_for(is_told, ARRIVAL, LOST)
    await world.follow(await world.link_for(day.maria, day.desk), maria)
    await day.finds("plan", "Written without a sign-in.")
    await day.finds("plan", "And once more.")


async def same_on_both_sides(day: Day, name: str) -> None:
    """What each has said in a chat, in order; what was written without a sign-in came later."""
    in_teams = [
        (one["from"]["user"]["id"], plain(one))
        for one in await day.world.messages(day.chats[name])
        if one["deletedDateTime"] is None
    ]
    in_matrix = day.as_in_teams(await day.in_matrix(day.rooms[name]))
    for who in {who for who, _ in [*in_teams, *in_matrix]}:
        assert by(who, in_matrix) == by(who, in_teams), (name, who)


def by(who: str, said: list[tuple[str, str]]) -> list[str]:
    return [words for author, words in said if author == who]
