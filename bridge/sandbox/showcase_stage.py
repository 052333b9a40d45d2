"""Where an entry of `showcase_kinds.py` is played, and those that take more than one step.

    async def act(scene: Stage) -> None     by `scene.user`, in `scene.place`

What has to do with a message takes the newest one that fits; where there is none, ControlError
says so in words.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files as resources
from typing import cast

from bridge.sandbox.tenant import client_kinds
from bridge.sandbox.tenant.client import ControlError, ControlledTenant
from bridge.sandbox.tenant.client_files import CHAT_FILES, File, FilesClient, OneDrive
from bridge.sandbox.tenant.client_teams import Place
from bridge.sandbox.tenant.errors import Json
from bridge.sandbox.tenant.world import Channel, Chat, Message, User

SAMPLES = resources("bridge.sandbox") / "samples"
MINUTES = """\
item;owner;due
Draft of the budget;Jonas Berg;2026-10-01
Hearing of the departments;Aïcha Benali;2026-10-15
"""

EVENT_FIELDS: dict[str, Json] = {
    "teamsAppInstalled": {"teamsAppDisplayName": "Planner"},
    "teamsAppRemoved": {"teamsAppDisplayName": "Planner"},
    "teamsAppUpgraded": {"teamsAppDisplayName": "Planner"},
    "callEnded": {"callDuration": "PT12M30S"},
    "channelDescriptionUpdated": {"channelDescription": "What everyone should know"},
    "teamDescriptionUpdated": {"teamDescription": "Those who lead"},
    "chatRenamed": {"chatDisplayName": "A new name"},
    "channelRenamed": {"channelDisplayName": "A new name"},
    "teamRenamed": {"teamDisplayName": "A new name"},
}
"""What a system message says here in the place of what the tenant makes up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Who acts where. `brought` remembers, by name, strangers and robots from one time to the next."""

    tenant: ControlledTenant
    place: Chat | Channel
    where: client_kinds.Where
    path: str
    """The place below the tenant's control address."""
    user: str
    people: tuple[str, ...]
    """Everyone in the directory, by id."""
    brought: dict[str, str]

    async def say(self, kind: str, **options: object) -> str:
        """Say something of a kind; `user` in the options replaces who acts."""
        return await client_kinds.say(
            self.tenant, self.where, kind, **{"user": self.user, **options}
        )

    async def event(self, kind: str, **fields: object) -> None:
        """Have a system message say that the acting person did something, to another if need be."""
        others = [person for person in self.place.people if person != self.user]
        await client_kinds.play_event(
            self.tenant, self.where, kind, by=self.user, people=others[:1], **fields
        )

    async def post(self, text: str, *files: File) -> None:
        """Say something with files, as the Teams client does."""
        body: Json = {
            "user": self.user,
            "content": text + "".join(file.mark for file in files),
            "attachments": [file.attachment for file in files],
        }
        await self.tenant.call("POST", f"{self.path}/messages", body)

    async def put(self, name: str, content: bytes) -> File:
        """Put a file where the Teams client puts it: beside the channel, or into one's OneDrive."""
        files = FilesClient(self.tenant)
        if isinstance(self.where, tuple):
            team, channel = self.where
            return await files.put(Place(team=team, channel=channel), name, content)
        drive, others = OneDrive(self.user), [p for p in self.place.people if p != self.user]
        known = [person for person in others if person in self.people]
        return await files.put(drive, f"{CHAT_FILES}/{name}", content, share_with=known)

    def newest(
        self, fits: Callable[[Message], bool] = lambda _: True, what: str = "message"
    ) -> str:
        """The id of the newest message that fits.

        Raises:
            ControlError: There is none.
        """
        for message in reversed(self.place.messages.values()):
            if message.event_detail is None and fits(message):
                return str(message.id)
        msg = f"there is no {what} here yet"
        raise ControlError(msg)

    def is_mine(self, message: Message) -> bool:
        """Tell whether the acting person said it, and it is still there."""
        sender = message.sender
        return isinstance(sender, User) and sender.id == self.user and message.deleted is None

    async def robot(self, kind: str, name: str) -> str:
        """Bring a bot or a webhook in, once."""
        if name not in self.brought:
            self.brought[name] = await client_kinds.bring_robot(self.tenant, kind, name)
        return self.brought[name]

    async def stranger(self, kind: str, name: str) -> str:
        """Bring somebody from outside in, once."""
        if name not in self.brought:
            self.brought[name] = await client_kinds.bring_stranger(self.tenant, kind, name)
        return self.brought[name]


def sample(name: str) -> bytes:
    """Return a file that comes with the demo."""
    return (SAMPLES / name).read_bytes()


def encoded(name: str) -> str:
    """Return the same in base64."""
    return base64.b64encode(sample(name)).decode()


def spaced(name: str) -> str:
    """Return `callEnded` as `Call ended`."""
    return re.sub(r"(?<=[a-z])([A-Z])", lambda m: " " + m[1].lower(), name).capitalize()


# --- answers ---


async def quote(scene: Stage) -> None:
    await scene.say("quote", messages=[scene.newest(_is_there)], text="<p>I agree with this.</p>")


async def quote_two(scene: Stage) -> None:
    there = [m for m in scene.place.messages.values() if m.event_detail is None and _is_there(m)]
    last = [str(message.id) for message in there[-2:]] or [scene.newest(_is_there)]
    await scene.say("quote", messages=last, text="<p>Both of you are right.</p>")


async def forward(scene: Stage) -> None:
    await scene.say("forward", messages=[scene.newest(_is_there)])


async def reply(scene: Stage) -> None:
    root = scene.newest(lambda message: message.reply_to is None and _is_there(message), "post")
    await scene.say("rich", text="<p>I look into it and <b>answer today</b>.</p>", reply_to=root)


def _is_there(message: Message) -> bool:
    return message.deleted is None


# --- pictures and files ---


async def custom_emoji(scene: Stage) -> None:
    await scene.say("custom_emoji", name="parrot", data=encoded("parrot.png"))


async def picture(scene: Stage) -> None:
    shown = {"data": encoded("chart.png"), "width": 640, "height": 400}
    await scene.say("inline_image", text="<p>The first draft:</p>", **shown)


async def pictures(scene: Stage) -> None:
    shown = {"data": encoded("chart.png"), "width": 320, "height": 200, "count": 2}
    await scene.say("inline_image", text="<p>Before and after:</p>", **shown)


async def document(scene: Stage) -> None:
    await scene.post("", await scene.put("Programme 2027.pdf", sample("programme.pdf")))


async def files(scene: Stage) -> None:
    found = [
        await scene.put("Programme 2027.pdf", sample("programme.pdf")),
        await scene.put("Minutes.csv", MINUTES.encode()),
    ]
    await scene.post("<p>For <strong>Monday</strong>, please read both.</p>", *found)


async def picture_file(scene: Stage) -> None:
    await scene.post("", await scene.put("Budget.png", sample("chart.png")))


async def voice(scene: Stage) -> None:
    await scene.post("", await scene.put("Voice message.m4a", sample("voice.m4a")))


async def video(scene: Stage) -> None:
    await scene.post("", await scene.put("Video clip.mp4", sample("clip.mp4")))


async def hosted_video(scene: Stage) -> None:
    await scene.say("hosted_video", data=encoded("clip.mp4"))


# --- said by others ---


async def by_bot(scene: Stage) -> None:
    robot = await scene.robot("bot", "Helper")
    await scene.say("adaptive_card", user=robot, title="Holiday request of Jonas Berg")


async def by_webhook(scene: Stage) -> None:
    robot = await scene.robot("office365Connector", "Build server")
    await scene.say("connector_card", user=robot, title="Build failed")


async def by_federated(scene: Stage) -> None:
    person = await scene.stranger("federatedUser", "Ines Lopes (Fabrikam)")
    await scene.say("rich", user=person, text="<p>Greetings from another organisation.</p>")


async def by_anonymous(scene: Stage) -> None:
    person = await scene.stranger("anonymousGuest", "Visitor")
    await scene.say("rich", user=person, text="<p>I am here by the link of the meeting.</p>")


async def by_phone(scene: Stage) -> None:
    person = await scene.stranger("phoneUser", "+1555 0100")
    await scene.say("rich", user=person, text="<p>I am on the phone.</p>")


# --- changes ---


async def edit(scene: Stage) -> None:
    message = scene.newest(scene.is_mine, "message of yours")
    content: Json = {"content": "<p>This was <strong>edited</strong>.</p>"}
    await scene.tenant.call("PATCH", f"{scene.path}/messages/{message}", content)


async def delete(scene: Stage) -> None:
    message = scene.newest(scene.is_mine, "message of yours")
    await scene.tenant.call("DELETE", f"{scene.path}/messages/{message}")


async def undelete(scene: Stage) -> None:
    message = scene.newest(lambda found: found.deleted is not None, "deleted message")
    await scene.tenant.call("POST", f"{scene.path}/messages/{message}/undelete")


async def react(scene: Stage) -> None:
    await _reaction(scene, {"kind": "👍"})


async def unreact(scene: Stage) -> None:
    await _reaction(scene, {"kind": "👍", "remove": True})


async def react_custom(scene: Stage) -> None:
    """With a picture that lies in a message of its own kind; Graph shows an address of it."""
    message = scene.place.messages[await scene.say("custom_emoji", data=encoded("parrot.png"))]
    found = re.search(r'source="([^"]+)"', message.content.text)
    url = found[1] if found else None
    await _reaction(scene, {"kind": "custom", "name": "parrot", "content_url": url})


async def _reaction(scene: Stage, body: Json) -> None:
    message = scene.newest(_is_there)
    whole = {"user": scene.user, **body}
    await scene.tenant.call("POST", f"{scene.path}/messages/{message}/reactions", whole)


async def pin(scene: Stage) -> None:
    chat = cast("str", scene.where)
    await client_kinds.change_pins(scene.tenant, chat, pin=[scene.newest(_is_there)], by=scene.user)


async def unpin(scene: Stage) -> None:
    pins = list(scene.place.pins) if isinstance(scene.place, Chat) else []
    chat = cast("str", scene.where)
    await client_kinds.change_pins(scene.tenant, chat, unpin=pins[-1:], by=scene.user)


async def unfurl(scene: Stage) -> None:
    def has_link(message: Message) -> bool:
        return scene.is_mine(message) and "<a " in message.content.text

    message = scene.newest(has_link, "link of yours")
    await client_kinds.unfurl(scene.tenant, scene.where, message, card=True)


async def violate(scene: Stage) -> None:
    message = scene.newest(scene.is_mine, "message of yours")
    await client_kinds.violate(scene.tenant, scene.where, message)


async def lift(scene: Stage) -> None:
    message = scene.newest(lambda found: found.policy_violation is not None, "blocked message")
    await client_kinds.lift_violation(scene.tenant, scene.where, message)


async def rename_chat(scene: Stage) -> None:
    before = scene.place.topic if isinstance(scene.place, Chat) else None
    await scene.tenant.change_chat(cast("str", scene.where), topic=_other(before), by=scene.user)


async def rename_channel(scene: Stage) -> None:
    before = scene.place.name if isinstance(scene.place, Channel) else None
    await scene.tenant.call("PATCH", scene.path, {"name": _other(before), "by": scene.user})


def _other(name: str | None) -> str:
    """Another name, and from that one back."""
    now = name or "Our chat"
    return now.removesuffix(" (new)") if now.endswith(" (new)") else f"{now} (new)"


async def remove_member(scene: Stage) -> None:
    others = [person for person in scene.place.people if person != scene.user]
    if len(others) < 2:  # noqa: PLR2004 - whoever is left has somebody to talk to
        raise ControlError("there are too few people here")
    scene.brought[f"gone {scene.where}"] = others[-1]
    await scene.tenant.change_chat(cast("str", scene.where), remove=others[-1:], by=scene.user)


async def add_member(scene: Stage) -> None:
    absent = [person for person in scene.people if person not in scene.place.people]
    who = scene.brought.pop(f"gone {scene.where}", absent[0] if absent else None)
    if who is None:
        raise ControlError("everyone is here already")
    await scene.tenant.change_chat(cast("str", scene.where), add=[who], by=scene.user)


async def archive(scene: Stage) -> None:
    await _archive(scene, archived=True)


async def unarchive(scene: Stage) -> None:
    await _archive(scene, archived=False)


async def _archive(scene: Stage, *, archived: bool) -> None:
    team, _ = cast("tuple[str, str]", scene.where)
    await scene.tenant.call("PATCH", f"/teams/{team}", {"archived": archived, "by": scene.user})
