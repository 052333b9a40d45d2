"""The arithmetic behind `make bench`: a wrong ratio is worse than none."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import orjson
import pytest

from bridge.sandbox.tenant.world import User
from tests.bench import figures
from tests.bench.__main__ import ALSO, ON_GROUND, ON_RIG, choose
from tests.bench.floor import Lanes, Plan
from tests.bench.ground import ghost_id
from tests.bench.measures import load
from tests.bench.outward import B14_CHAT_POSTS_PER_S, fair_shares
from tests.bench.processes import age_s, cpu_ms, program, result_of, rss_bytes, tree_cpu_ms
from tests.bench.rig import Portal
from tests.bench.stub import Arrived, Sent, _Homeserver
from tests.bench.volley import BROKEN, TAKEN, Volley, request
from tests.bench.writers import TEXT, key_of


def test_percentiles_are_interpolated_and_know_a_single_value() -> None:
    values = [float(n) for n in range(1, 102)]

    assert figures.percentile(values, 50) == 51
    assert figures.percentile(values, 99) == 100
    assert figures.percentile([7.0], 99) == 7.0
    assert figures.median([3.0, 1.0, 2.00049]) == 2.0


def test_jain_is_1_for_equals_and_1_over_n_for_a_monopoly() -> None:
    assert figures.jain([2.0] * 10) == pytest.approx(1)
    assert figures.jain([5.0, 0, 0, 0]) == pytest.approx(0.25)
    assert figures.jain([0.0, 0.0]) == 1


def test_max_min_shares_give_the_modest_what_they_want() -> None:
    assert figures.max_min_shares([100, 1, 2], 13) == [10, 1, 2]
    assert figures.max_min_shares([1, 1], 100) == [1, 1]
    assert figures.max_min_shares([9, 9, 9], 9) == [3, 3, 3]


def test_slopes_of_lines_and_exponents_of_powers() -> None:
    assert figures.slope([(1, 5), (2, 7), (3, 9)]) == pytest.approx(2)
    assert figures.growth([(1_000, 3), (10_000, 3), (100_000, 3)]) == pytest.approx(0)
    assert figures.growth([(1_000, 2), (10_000, 20), (100_000, 200)]) == pytest.approx(1)


def test_a_rate_leaves_out_what_came_before_the_first_look() -> None:
    looked = [(0.0, 0.0), (1.0, 100.0), (2.0, 300.0), (3.0, 500.0), (9.0, 500.0)]

    assert figures.rate_of(looked) == pytest.approx(200)
    assert figures.rate_of([(1.0, 4.0)]) == 0
    assert figures.rate_of([(1.0, 0.0), (2.0, 0.0)]) == 0


def test_inversions_and_doubles_are_counted_apart() -> None:
    arrivals = [("a", "1"), ("b", "9"), ("a", "3"), ("a", "2"), ("b", "9"), ("a", "4")]

    assert figures.inversions(arrivals) == 1
    assert figures.twice(text for _, text in arrivals) == 1


def test_proc_is_read_although_names_hold_brackets_and_spaces() -> None:
    stat = "7 (a (b) c) S 3 7 7 0 -1 4194304 1 2 3 4 10 20 30 40 20 0 1 0 5"

    assert figures.cpu_ticks(stat) == 100
    assert figures.parent(stat) == 3
    assert figures.started_tick(stat) == 5
    assert figures.resident_bytes("Name:\tx\nVmRSS:\t     2 kB\nThreads:\t1\n") == 2048
    with pytest.raises(ValueError, match="ended"):
        figures.resident_bytes("Name:\tx\n")


def test_this_process_has_memory_and_used_the_cpu() -> None:
    pid = os.getpid()

    assert rss_bytes(pid) > 1_000_000
    assert tree_cpu_ms(pid) >= cpu_ms(pid) > 0
    assert 0 < age_s(pid) < 3_600


def test_benchmarks_are_chosen_by_name_and_once() -> None:
    assert choose(["b4", "B10", "B11", "B1", "b8a"]) == (["B1", "B10", "B8A"], [])
    assert choose(["B99"]) == ([], ["B99"])
    assert sorted(choose([])[0]) == sorted([*ON_RIG, *ON_GROUND])
    assert set(ALSO.values()) <= {*ON_RIG, *ON_GROUND}


def test_the_map_names_every_benchmark() -> None:
    described = Path(figures.__file__).with_name("__init__.py").read_text()

    for title, _ in [*ON_RIG.values(), *ON_GROUND.values()]:
        assert title.split(" ")[0].partition("+")[0] in described


def test_fair_shares_are_the_budget_and_the_flood_gets_no_more_than_its_chats_let_pass() -> None:
    shares = fair_shares([200, *[60] * 9], 25.0)

    assert sum(shares) == pytest.approx(B14_CHAT_POSTS_PER_S * 26)
    assert shares == pytest.approx([52.0] * 10)
    assert fair_shares([200, *[10] * 9], 25.0) == pytest.approx([130.0, *[10.0] * 9])


def test_texts_of_a_load_are_known_again_in_teams() -> None:
    author = User(id="u", display_name="U", upn="u@x")
    portal = Portal(chat="c", author=author, room="!r:x", ghost="@g:x")

    [texts] = load([portal], 3).texts

    assert [TEXT.fullmatch(key_of(text)) is not None for text in texts] == [True] * 3
    assert sorted(texts) == list(texts)


def test_ghosts_of_the_sql_are_those_of_python() -> None:
    # SELECT md5('ghost 1/1')::uuid::text
    assert ghost_id(1, 1) == "91363496-b800-25fd-e62c-e085c6a2344b"


def test_the_stub_takes_a_transaction_once() -> None:
    stub = _Homeserver()
    target = b"/_matrix/client/v3/rooms/%21r%3Ax/send/m.room.message/t1?user_id=%40g"

    first = stub.send(target, b'{"body":"hello"}')

    assert stub.send(target + b"&ts=1", b'{"body":"hello"}') == first
    assert (len(stub.sends), stub.repeated) == (1, 1)
    shown = orjson.loads(stub.answer(b"GET", b"/_stub/sends").partition(b"\r\n\r\n")[2])
    assert [send[1:] for send in shown] == [["!r:x", "t1", "hello"]]
    who = stub.answer(b"GET", b"/_matrix/client/v3/account/whoami?user_id=%40g&device_id=D")
    assert b'"device_id":"D"' in who
    stub.answer(b"GET", b"/_stub/clear")
    assert stub.sends == []
    assert stub.send(target, b'{"body":"hello"}') == first
    assert stub.send(target.replace(b"t1", b"t2"), b'{"body":"hello"}') != first


def test_what_arrived_is_held_against_what_was_wanted() -> None:
    sends = [("!a", "1"), ("!a", "3"), ("!a", "2"), ("!b", "x"), ("!a", "1")]
    arrived = Arrived(
        wanted=frozenset({"1", "2", "3", "4"}),
        sends=tuple(Sent(at=n, room=r, txn=str(n), body=b) for n, (r, b) in enumerate(sends)),
    )

    assert arrived.faults() == {"lost": 1, "twice": 1, "inversions": 1, "strange": 1}
    assert arrived.last == 4
    with pytest.raises(RuntimeError, match="nothing arrived"):
        _ = Arrived(wanted=frozenset({"1"}), sends=()).last


def test_a_volley_says_what_became_of_its_posts() -> None:
    volley = Volley(0, [request("/n", b"{}")] * 4)
    volley.statuses = [TAKEN, 503, TAKEN, BROKEN]
    volley.seconds = [0.001, 0.002, 3.0, 0.004]

    found = volley.result(2.0)

    assert found["per_s"] == 2.0
    assert found["statuses"] == {"0": 1, "202": 2, "503": 1}
    assert found["taken"] == [0, 2]
    assert found["slow"] == 1


async def test_a_volley_hits_the_bare_server(tmp_path: Path) -> None:
    (tmp_path / "bodies").write_bytes(b'{"value":[]}\n' * 20)

    async with program("tests.bench.bare", "intake") as (_, port):
        found = await result_of(
            "tests.bench.volley", str(tmp_path / "bodies"), "--port", port, "--path", "/n"
        )

    assert found["statuses"] == {"202": 20}


async def test_bare_sends_reach_the_stub() -> None:
    async with program("tests.bench.stub") as (_, port):
        url = f"http://127.0.0.1:{port}"
        found = await result_of("tests.bench.bare", "put", "--url", url, "--count", "64")

    assert found["per_s"] > 0
    assert found["cpu_ms"] > 0


async def test_the_floor_keeps_the_order_of_a_lane_and_lets_no_lane_wait_for_another() -> None:
    carried: list[tuple[str, str]] = []
    stuck, last_came = asyncio.Event(), asyncio.Event()

    async def carry(key: str, raw: bytes) -> None:
        if key == "slow":
            await stuck.wait()
        carried.append((key, raw.decode()))
        if key == "last":
            last_came.set()

    lanes = Lanes(carry)
    for lane, key in (("a", "slow"), ("a", "next"), ("b", "other"), ("b", "last")):
        lanes.put(lane, key, lane.encode())
    await last_came.wait()
    assert carried == [("other", "b"), ("last", "b")]

    stuck.set()
    await lanes.at_rest()
    lanes.put("a", "again", b"a")
    await lanes.at_rest()
    assert carried[2:] == [("slow", "a"), ("next", "a"), ("again", "a")]


def test_the_floor_reads_the_plan_that_was_written(tmp_path: Path) -> None:
    plan = Plan(
        database="postgresql:///floor",
        homeserver="http://127.0.0.1:1",
        as_token="as",  # noqa: S106 - of nobody
        certificate="one",
        private_key="pem",
        graph="https://127.0.0.1:2",
        authority="authority.pem",
        rooms={"19:chat": ("!room:stub", "@teams_x:stub")},
        chats={},
    )
    read = Plan.read(plan.write(tmp_path / "plan"))
    assert read.database == plan.database
    assert tuple(read.rooms["19:chat"]) == plan.rooms["19:chat"]
