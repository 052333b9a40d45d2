"""Cards, subjects, importance, forwards and files as they come to a Matrix room."""

from __future__ import annotations

import json

from bridge.sandbox.people import MatrixPerson, Said
from bridge.sandbox.tenant import client_kinds as kinds
from tests.kit.e2e_world import World, eventually

CARD = "io.github.matrix-teams-bridge.card"

SHOWN = {
    "adaptive_card": "Approval\nAmount: 12 £\ncomment: …\nOpen (https://tea.example/1)",
    "hero_card": "Tea\nhot\n[image] (https://tea.example/a.png)\nCome now\nMore (https://tea.example)",
    "thumbnail_card": "Tea\nhot\nCome now\nMore (https://tea.example)",
    "list_card": "Tea\n• Item 1\n  tea\n• Item 2\n  tea",
    "connector_card": "Build failed\nThe kettle is cold.\nBranch: main",
    "announcement": "Tea time",
    "loop": "🔁 Loop component (https://contoso.sharepoint.example/:fl:/g/tea/page.loop?web=1)",
    "meeting": "📅 Tea party\norganized by Maria Rossi",
    "tab": "Tab: Planner (https://teams.example/l/entity/tab)",
    "unknown_attachment": "hologram card",
}


async def test_every_kind_of_card_is_readable_and_kept(world: World) -> None:
    person, chat, room = await _people(world)
    for kind in SHOWN:
        await kinds.say(world.tenant, chat, kind)
    await eventually(lambda: _has(person, room, len(SHOWN)), "every card")
    await world.at_rest()

    cards = (await person.history(room))[1:]
    assert {kind: card.body for kind, card in zip(SHOWN, cards, strict=True)} == SHOWN
    [kept] = cards[0].content[CARD]
    assert kept["type"] == "application/vnd.microsoft.card.adaptive"
    assert json.loads(kept["json"])["type"] == "AdaptiveCard"
    assert world.bridge.metric("teams_bridge_losses_total", side="teams", what="card_inputs") == 1
    assert (
        world.bridge.metric("teams_bridge_losses_total", side="teams", what="loop_live_content")
        == 1
    )


async def test_subject_importance_and_urgency_are_seen_and_survive_an_edit(world: World) -> None:
    person, chat, room = await _people(world)
    said = await kinds.say(world.tenant, chat, "urgent", subject="Kettle", text="<p>It boils</p>")
    await kinds.say(world.tenant, chat, "important", text="<p>Soon</p>")
    await eventually(lambda: _has(person, room, 2), "both")
    urgent, important = (await person.history(room))[1:]
    assert urgent.body == "🔔 Urgent\n\nKettle\n\nIt boils"
    assert urgent.html == "<strong>🔔 Urgent</strong><h3>Kettle</h3>It boils"
    assert important.body == "❗ Important\n\nSoon"

    await world.tenant.edit(chat, said, "It boils over", content_type="text")
    await eventually(lambda: _has(person, room, 3), "the edit")
    [edit] = [one for one in await person.history(room) if "m.new_content" in one.content]
    assert edit.content["m.new_content"]["body"] == "🔔 Urgent\n\nKettle\n\nIt boils over"


async def test_a_code_snippet_is_shown_as_code(world: World) -> None:
    person, chat, room = await _people(world)
    code = "def tea() -> int:\n    return 4\n"
    await kinds.say(world.tenant, chat, "code_snippet", code=code, name="tea.py")
    await kinds.say(world.tenant, chat, "code_snippet", code="x" * 200_000, name="large.txt")
    await eventually(lambda: _has(person, room, 2), "both snippets")
    shown, named = (await person.history(room))[1:]
    assert shown.body == "tea.py\n```python\ndef tea() -> int:\n    return 4\n```"
    pre = '<pre><code class="language-python">def tea() -&gt; int:\n    return 4</code></pre>'
    assert pre in (shown.html or "")
    assert named.body == "[code snippet: large.txt]"
    lost = {"side": "teams", "what": "code_snippet_text"}
    assert world.bridge.metric("teams_bridge_losses_total", **lost) == 1


async def test_a_forward_says_whose_it_was(world: World) -> None:
    person, chat, room = await _people(world)
    await kinds.say(world.tenant, chat, "forward", text="look")
    await eventually(lambda: _has(person, room, 1), "the forward")
    forward = (await person.history(room))[-1]
    lines = forward.body.splitlines()
    assert lines[0].startswith("> ↪ Forwarded from Tom Novák, ")
    assert lines[1:] == [f"> the first message of {chat}", "", "look"]


async def _people(world: World) -> tuple[MatrixPerson, str, str]:
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    person = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, tom.id], topic="Cards")
    room = await world.opened(chat, tom, person)
    return person, chat, room


async def _has(person: MatrixPerson, room: str, count: int) -> bool:
    said: list[Said] = await person.history(room)
    return len(said) > count
