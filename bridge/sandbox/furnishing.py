"""What makes the demo's tenant a place where people work: faces, a team, channels, files.

furnish ─▶ photos · team "Directorate": General, Programme, Personnel (private) · files
talk    ─▶ a few posts with replies in the channels
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files as resources

from bridge.sandbox.tenant.client import ControlledTenant, Person
from bridge.sandbox.tenant.client_files import FilesClient
from bridge.sandbox.tenant.client_people import PeopleClient
from bridge.sandbox.tenant.client_teams import Place, TeamHandle, TeamsClient

SAMPLES = resources("bridge.sandbox") / "samples"
FACES = ("maria", "jonas", "aicha")
"""Who of the people, in their order, has a picture; the last of them has none."""
TITLES = (
    ("Head of department", "Directorate"),
    ("Budget officer", "Finance"),
    ("Legal adviser", "Legal affairs"),
    ("Technician", "IT"),
)
PLAN = """\
# Programme 2027

1. Budget: first draft in September
2. Hearing of the departments in October
3. Decision in November
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """The team and its channels; `personnel` is private, of the first two people."""

    team: TeamHandle
    general: Place
    programme: Place
    personnel: Place


async def furnish(tenant: ControlledTenant, people: Sequence[Person]) -> Rooms:
    """Give people faces and titles, and make the team.

    Raises:
        ControlError: The tenant refused.
    """
    directory, teams = PeopleClient(tenant), TeamsClient(tenant)
    for person, (title, department) in zip(people, TITLES, strict=True):
        await directory.set_profile(person.id, jobTitle=title, department=department)
    for person, face in zip(people, FACES, strict=False):
        await directory.set_photo(person.id, (SAMPLES / f"{face}.png").read_bytes())
    first, second, *others = people
    team = await teams.create_team(
        "Directorate",
        owners=[first.id],
        members=[second.id, *(person.id for person in others)],
        channels=["Programme"],
        description="Those who lead, and those who help them",
        visibility="private",
    )
    await directory.set_photo(team.id, (SAMPLES / "team.png").read_bytes())
    personnel = await teams.create_channel(
        team.id, "Personnel", membership="private", owners=[first.id], members=[second.id]
    )
    return Rooms(
        team=team, general=team.general, programme=team.channels["Programme"], personnel=personnel
    )


async def talk(tenant: ControlledTenant, rooms: Rooms, people: Sequence[Person]) -> None:
    """Let the people say a few things in the channels, with files.

    Raises:
        ControlError: The tenant refused.
    """
    teams, files = TeamsClient(tenant), FilesClient(tenant)
    maria, jonas, aicha, tom = people
    plan = await files.put(rooms.programme, "Programme 2027.md", PLAN.encode())
    chart = await files.put(rooms.programme, "Budget.png", (SAMPLES / "chart.png").read_bytes())
    await teams.type(
        rooms.general,
        maria.id,
        "<p>Welcome! Here we tell what <strong>everyone</strong> should know.</p>",
        subject="What this channel is for",
    )
    root = await teams.type(
        rooms.programme,
        jonas.id,
        f"<p>The plan and the first figures for next year.</p>{plan.mark}{chart.mark}",
        subject="Programme 2027",
        attachments=[plan.attachment, chart.attachment],
    )
    await teams.type(
        rooms.programme, aicha.id, "<p>The hearing needs a legal basis.</p>", reply_to=root
    )
    await teams.type(
        rooms.programme, tom.id, "<p>IT asks for <b>104</b>, not more.</p>", reply_to=root
    )
    await teams.react(rooms.programme, root, maria.id, "👍")
    await teams.type(
        rooms.personnel, maria.id, "<p>Interviews are on Tuesday, only the two of us.</p>"
    )
