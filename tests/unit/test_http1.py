"""The lean client against a server that answers with the bytes it was told to answer with."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
import uvloop
from hypothesis import given, settings, strategies as st

from bridge import http1
from bridge.http1 import Answer, Broken, NotConnected, Pool, TooLarge, Unsendable
from tests.kit.raw_host import OK, Host, hosting, until

PATIENCE = timedelta(seconds=5)
BYTES_MAX = 1000
BACKLOG_AT_MOST = 4
"""Connections that fit into a queue of 0: Linux takes one more than it is told."""


@asynccontextmanager
async def pool_of(
    host: Host,
    *,
    most: int = 4,
    limit: timedelta = PATIENCE,
    prefix: str = "",
    turn: timedelta | None = None,
) -> AsyncIterator[Pool]:
    pool = Pool(
        f"http://127.0.0.1:{host.port}{prefix}",
        connections_max=most,
        answer_limit=limit,
        headers={"Authorization": "Bearer secret"},
        bytes_max=BYTES_MAX,
        turn_limit=turn,
    )
    try:
        yield pool
    finally:
        pool.close()


async def ask(pool: Pool) -> Answer:
    return await pool.request("PUT", "/a?b=%20c", b'{"x":1}')


async def test_a_request_says_what_it_was_told_to_say() -> None:
    async with hosting(OK) as host, pool_of(host, prefix="/below/") as pool:
        answer = await ask(pool)
        assert (answer.status, answer.body) == (200, b"{}")
        assert host.requests == [
            b"PUT /below/a?b=%20c HTTP/1.1\r\n"
            b"Host: 127.0.0.1:" + str(host.port).encode() + b"\r\n"
            b'Authorization: Bearer secret\r\nContent-Length: 7\r\n\r\n{"x":1}'
        ]


async def test_the_last_question_is_asked_with_the_connection_in_hand() -> None:
    """If the server went away after that, nothing reaches one that took its place."""
    async with hosting(OK) as host, pool_of(host) as pool:

        async def ready() -> None:
            assert (host.connections, host.requests) == (1, [])

        assert (await pool.request("PUT", "/a", b"{}", ready=ready)).status == 200


async def test_who_may_not_send_after_all_sends_nothing() -> None:
    async def refuse() -> None:
        raise RuntimeError("taken over")

    async with hosting(OK) as host, pool_of(host, most=1) as pool:
        with pytest.raises(RuntimeError, match="taken over"):
            await pool.request("PUT", "/a", b"{}", ready=refuse)
        assert (await ask(pool)).status == 200
        assert len(host.requests) == 1


async def test_one_connection_serves_one_request_after_another() -> None:
    async with hosting(OK, OK, OK) as host, pool_of(host) as pool:
        for _ in range(3):
            await ask(pool)
        assert host.connections == 1


async def test_no_more_connections_are_opened_than_allowed_and_everybody_is_served() -> None:
    async with hosting(*[OK] * 20) as host, pool_of(host, most=3) as pool:
        answers = await asyncio.gather(*[ask(pool) for _ in range(20)])
        assert [answer.status for answer in answers] == [200] * 20
        assert host.connections <= 3


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
        b"HTTP/1.1 200 OK\r\ncontent-length:2\r\nX: \xe9\r\n\r\n{}",
    ],
    ids=["chunked", "after a word in between", "headers that are no ASCII"],
)
async def test_answers_of_every_form_are_read(raw: bytes) -> None:
    async with hosting(raw, OK) as host, pool_of(host) as pool:
        assert (await ask(pool)).body == b"{}"
        assert (await ask(pool)).body == b"{}"
        assert host.connections == 1


async def test_an_answer_that_closes_the_connection_is_read_and_a_new_one_opened() -> None:
    closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
    async with hosting(closing, OK) as host, pool_of(host) as pool:
        assert (await ask(pool)).body == b"{}"
        assert (await ask(pool)).body == b"{}"
        assert host.connections == 2


async def test_headers_are_found_in_any_case_and_of_several_the_first() -> None:
    raw = b"HTTP/1.1 429 No\r\nRetry-After: 7\r\nretry-after: 8\r\nContent-Length: 0\r\n\r\n"
    async with hosting(raw) as host, pool_of(host) as pool:
        answer = await ask(pool)
        found = [answer.headers.get(name) for name in ("Retry-After", "RETRY-AFTER", "Bj\u00f6rn")]
        assert (answer.status, found) == (429, ["7", "7", None])
        assert dict(answer.headers) == {"retry-after": "7", "content-length": "0"}
        assert len(answer.headers) == 2


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
    ],
    ids=["nothing", "cut", "another protocol", "no length", "an upgrade"],
)
async def test_an_answer_that_does_not_come_leaves_the_fate_unknown(raw: bytes) -> None:
    limit = timedelta(milliseconds=100)
    async with hosting(raw, OK) as host, pool_of(host, limit=limit) as pool:
        with pytest.raises(Broken):
            await ask(pool)
        assert (await ask(pool)).body == b"{}"


async def test_an_answer_is_waited_for_only_so_long_and_its_connection_given_up() -> None:
    limit = timedelta(milliseconds=50)
    async with hosting(None, OK) as host, pool_of(host, limit=limit) as pool:
        with pytest.raises(Broken, match=r"no answer in 0\.05 s"):
            await ask(pool)
        assert (await ask(pool)).status == 200
        assert host.connections == 2


async def test_an_answer_without_end_is_broken_off_and_its_beginning_kept() -> None:
    raw = b"HTTP/1.1 507 No\r\nA: b\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000
    async with hosting(raw, OK) as host, pool_of(host) as pool:
        with pytest.raises(TooLarge, match="more than 1000 bytes") as caught:
            await ask(pool)
        answer = caught.value.answer
        assert (answer.status, answer.headers["a"], answer.body) == (507, "b", b"x" * BYTES_MAX)
        assert (await ask(pool)).body == b"{}"
        assert host.connections == 2


async def test_a_head_without_end_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http1, "HEAD_BYTES_MAX", 1000)
    raw = b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1000
    async with hosting(raw) as host, pool_of(host) as pool:
        with pytest.raises(Broken, match="head"):
            await ask(pool)


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (b"HTTP/1.1 503 No\r\nConnection: close\r\n\r\nlater", b"later"),
        (b"HTTP/1.1 503 No\r\n\r\n", b""),
        (b"HTTP/1.0 503 No\r\n\r\nlater", b"later"),
    ],
)
async def test_a_body_may_end_with_the_connection(raw: bytes, body: bytes) -> None:
    async with hosting(raw) as host, pool_of(host) as pool:
        host.hangs_up = True
        answer = await ask(pool)
        assert (answer.status, answer.body) == (503, body)


async def test_an_answer_without_a_body_is_one() -> None:
    async with hosting(b"HTTP/1.1 204 No Content\r\n\r\n", OK) as host, pool_of(host) as pool:
        answer = await ask(pool)
        assert (answer.status, answer.body) == (204, b"")
        assert (await ask(pool)).body == b"{}"
        assert host.connections == 1


@pytest.mark.parametrize("more", [OK, OK[:20], b"SSH"])
async def test_what_follows_an_answer_unasked_is_nobodys(more: bytes) -> None:
    own = b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n["a"]'
    async with hosting(own + more, OK) as host, pool_of(host) as pool:
        assert (await ask(pool)).body == b'["a"]'
        assert (await ask(pool)).body == b"{}"
        assert host.connections == 2


async def test_own_headers_of_a_request_stand_behind_those_of_all() -> None:
    async with hosting(OK) as host, pool_of(host) as pool:
        await pool.request("POST", "/a", b"", headers={"Accept": "x/y", "If-Match": "*"})
        assert host.requests[0].endswith(
            b"Bearer secret\r\nAccept: x/y\r\nIf-Match: *\r\nContent-Length: 0\r\n\r\n"
        )


@pytest.mark.parametrize(
    ("target", "value"),
    [
        ("/a HTTP/1.1\r\nX: y", "b"),
        ("/a b", "c"),
        ("/a\n", "b"),
        ("/a\0", "b"),
        ("/a", "b\r\nX: y"),
        ("/a", "b\nX: y"),
        ("/a", "b\r"),
        ("/a", "\0"),
    ],
)
async def test_nothing_is_smuggled_into_a_head(target: str, value: str) -> None:
    async with hosting(OK) as host, pool_of(host) as pool:
        with pytest.raises(Unsendable):
            await pool.request("POST", target, b"", headers={"X-Own": value})
        assert host.connections == 0
    with pytest.raises(Unsendable):
        Pool("http://x", connections_max=1, answer_limit=PATIENCE, headers={"A": "b\r\nC: d"})


async def test_a_turn_is_waited_for_only_so_long() -> None:
    turn = timedelta(milliseconds=20)
    async with hosting(None) as host, pool_of(host, most=1, turn=turn) as pool:
        async with asyncio.TaskGroup() as group:
            first = group.create_task(_fate(pool))
            await host.heard(1)
            assert await _fate(pool) is NotConnected
            first.cancel()
        assert host.connections == 1


async def _fate(pool: Pool) -> type[Exception]:
    with pytest.raises((NotConnected, Broken)) as caught:
        await ask(pool)
    return caught.type


async def test_where_nobody_listens_nothing_was_sent(unused_tcp_port: int) -> None:
    pool = Pool(
        f"http://127.0.0.1:{unused_tcp_port}", connections_max=1, answer_limit=PATIENCE, headers={}
    )
    with pytest.raises(NotConnected):
        await ask(pool)


async def test_a_silent_address_of_a_host_keeps_nobody_from_its_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As IPv6 that is announced and does not work: connecting there takes longer than we wait."""
    async with hosting(OK) as host, pool_of(host) as pool:
        with _silent("127.0.0.2", host.port):
            found = [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, host.port))
                for address in ("127.0.0.2", "127.0.0.1")
            ]

            async def both(*_: object, **__: object) -> list[Any]:
                return found

            monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", both)
            assert (await ask(pool)).status == 200


@contextmanager
def _silent(address: str, port: int) -> Iterator[None]:
    """Listen without ever accepting, behind so full a queue that the kernel answers nobody else."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind((address, port))
        listener.listen(0)
        for _ in range(BACKLOG_AT_MOST):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with suppress(BlockingIOError):
                waiting.connect((address, port))
        yield


async def test_whoever_gives_up_waiting_leaves_no_answer_for_the_next() -> None:
    async with hosting(None, OK) as host, pool_of(host, most=1) as pool:
        async with asyncio.TaskGroup() as group:
            call = group.create_task(ask(pool))
            await host.heard(1)
            call.cancel()
        assert (await ask(pool)).status == 200
        assert host.connections == 2


async def test_a_connection_that_was_idle_for_long_is_not_used_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http1, "IDLE_MAX", timedelta(0))
    async with hosting(OK, OK) as host, pool_of(host) as pool:
        await ask(pool)
        await ask(pool)
        assert host.connections == 2


async def test_a_connection_that_was_closed_while_it_was_idle_is_not_used_again() -> None:
    async with hosting(OK, OK) as host, pool_of(host) as pool:
        host.hangs_up = True
        assert (await ask(pool)).body == b"{}"
        await until(lambda: not pool._idle or not pool._idle[0].is_open)
        assert (await ask(pool)).body == b"{}"
        assert host.connections == 2


def test_it_works_on_the_loop_of_the_product() -> None:
    async def play() -> None:
        async with hosting(OK, OK, b"", OK) as host, pool_of(host) as pool:
            assert [(await ask(pool)).body for _ in range(2)] == [b"{}"] * 2
            with pytest.raises(Broken):
                await ask(pool)
            assert (await ask(pool)).body == b"{}"

    uvloop.run(play())


async def test_closing_the_pool_hangs_up() -> None:
    async with hosting(OK) as host:
        async with pool_of(host) as pool:
            await ask(pool)
        await until(lambda: host.hung_up == 1)


@settings(max_examples=150, deadline=None)
@given(raw=st.binary(max_size=300) | st.binary(max_size=300).map(lambda b: OK[:17] + b))
def test_whatever_comes_it_is_an_answer_or_broken(raw: bytes) -> None:
    async def play() -> None:
        limit = timedelta(milliseconds=20)
        async with hosting(raw, OK) as host, pool_of(host, limit=limit) as pool:
            with suppress(Broken):
                assert (await ask(pool)).status >= 200
            assert (await ask(pool)).body == b"{}"

    asyncio.run(play())
