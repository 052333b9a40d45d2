"""What an operator got wrong: said in a sentence that tells what to do, never in a traceback."""

from __future__ import annotations

import socket
from pathlib import Path

from bridge.sandbox.postgres import EmbeddedPostgres
from bridge.sandbox.processes import spawn
from tests.kit.e2e_world import World, eventually

EXIT_CONFIG = 78
EXPIRED = "a secret that expired long ago"
AWAY = "subscription away, will try again"


async def refusal(world: World) -> str:
    """Start a bridge that cannot run, from scratch; return what it says."""
    world.bridge.launch = spawn
    await world.start(wait=False)
    code, said = await world.end_of_bridge()
    assert code == EXIT_CONFIG, said
    assert "Traceback" not in said
    return said


async def test_a_port_that_is_taken_is_named_with_what_to_do(quiet_world: World) -> None:
    with socket.create_server(("127.0.0.1", quiet_world.slot.port)):
        said = await refusal(quiet_world)

    assert f"127.0.0.1:{quiet_world.slot.port} is taken by another program" in said
    assert "choose another port" in said


async def test_a_database_of_a_newer_version_is_left_alone(quiet_world: World) -> None:
    async with quiet_world.store() as store:
        await store.execute(
            "INSERT INTO schema_migrations (number, name, checksum) VALUES (9999, '9999_x', 'x')"
        )

    said = await refusal(quiet_world)

    assert "schema 9999 of a newer version" in said
    assert "start that newer version" in said


async def test_a_database_that_does_not_exist_is_named(
    quiet_world: World, postgres: EmbeddedPostgres
) -> None:
    quiet_world.reconfigure(database=postgres.dsn("nowhere"))

    said = await refusal(quiet_world)

    assert 'database "nowhere" does not exist' in said


async def test_a_homeserver_that_does_not_know_the_token_is_told_apart(quiet_world: World) -> None:
    quiet_world.reconfigure(as_token="another-token-" + "x" * 32)

    said = await refusal(quiet_world)

    assert "does not know our as_token" in said
    assert "app_service_config_files" in said


async def test_a_wrong_server_name_is_told_apart(quiet_world: World) -> None:
    quiet_world.reconfigure(server_name="elsewhere.test")

    said = await refusal(quiet_world)

    assert "is homeserver.domain its server_name?" in said


async def test_a_homeserver_that_would_call_another_address_is_told_apart(
    quiet_world: World,
) -> None:
    quiet_world.reconfigure(appservice_id="someone-else")

    said = await refusal(quiet_world)

    assert "the registration file that it has loaded must say id: someone-else" in said


async def test_a_configuration_with_several_faults_is_refused_with_all_of_them(
    quiet_world: World,
) -> None:
    quiet_world.reconfigure(tenant_id="not a tenant", graph_url="ftp://graph")

    said = await refusal(quiet_world)

    assert "teams.tenant_id" in said
    assert "teams.graph_url" in said


async def test_an_authority_that_is_no_file_is_named(quiet_world: World, tmp_path: Path) -> None:
    quiet_world.reconfigure(authority=tmp_path / "missing.pem")

    assert "teams.ca_file" in await refusal(quiet_world)


async def test_a_wrong_client_secret_is_explained_once_and_waited_for(quiet_world: World) -> None:
    world = quiet_world
    wiring = world.bridge.wiring
    world.reconfigure(client_secret=EXPIRED)
    await world.start(wait=False)
    await eventually(lambda: bool(world.said(AWAY)), "the problem to be told")

    (told,) = world.said(AWAY)
    assert "the client secret is wrong" in told["error"]
    assert "Certificates & secrets" in told["error"]

    # An administrator gives the app that secret; nobody needs to touch the bridge.
    await world.tenant.change_app(wiring.client_id, secret=EXPIRED)
    await world.wait_until_ready()
    assert len(world.said("subscription back")) == len(world.said(AWAY)) == 1
    await world.stop()
    world.check_log()


async def test_a_permission_that_nobody_granted_is_explained_once_and_waited_for(
    quiet_world: World,
) -> None:
    world = quiet_world
    client = world.bridge.wiring.client_id
    await world.tenant.change_app(client, application_permissions=["User.ReadBasic.All"])
    await world.start(wait=False)
    await eventually(lambda: bool(world.said(AWAY)), "the problem to be told")

    (told,) = world.said(AWAY)
    assert "Chat.Read.All" in told["hint"]
    assert "admin consent" in told["hint"]

    await world.tenant.change_app(
        client, application_permissions=["Chat.Read.All", "User.ReadBasic.All"]
    )
    await world.wait_until_ready()
    await world.stop()
    world.check_log()
