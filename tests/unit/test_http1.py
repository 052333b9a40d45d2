"""The lean client against a server that answers with the bytes it was told to answer with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
import uvloop
from hypothesis import given, settings, strategies as st

from bridge import http1
from bridge.http1 import Answer, Broken, NotConnected, Pool

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
PATIENCE = timedelta(seconds=5)


@dataclass
class Host:
    """Answers each request with the next of `answers`; an empty one hangs up, None says nothing."""

    answers: Iterator[bytes | None]
    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    hung_up: int = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await _request(reader):
                self.requests.append(head)
                answer = next(self.answers)
                if answer is None:
                    await reader.read()
                    break
                if not answer:
                    break
                writer.write(answer)
                await writer.drain()
        except OSError:
            pass
        finally:
            self.hung_up += 1
            writer.close()


async def _request(reader: asyncio.StreamReader) -> bytes:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            head += await reader.readexactly(int(value))
    return head


@asynccontextmanager
async def hosting(*answers: bytes | None) -> AsyncIterator[Host]:
    host = Host(iter(answers))
    server = await asyncio.start_server(host.talk, "127.0.0.1", 0)
    host.port = server.sockets[0].getsockname()[1]
    async with server:
        yield host


@asynccontextmanager
async def pool_of(
    host: Host, *, most: int = 4, limit: timedelta = PATIENCE, prefix: str = ""
) -> AsyncIterator[Pool]:
    pool = Pool(
        f"http://127.0.0.1:{host.port}{prefix}",
        connections_max=most,
        answer_limit=limit,
        headers={"Authorization": "Bearer secret"},
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


async def test_headers_are_found_in_lower_case() -> None:
    raw = b"HTTP/1.1 429 No\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"
    async with hosting(raw) as host, pool_of(host) as pool:
        answer = await ask(pool)
        assert (answer.status, answer.headers["retry-after"]) == (429, "7")


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


async def test_an_answer_without_end_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http1, "ANSWER_BYTES_MAX", 1000)
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000
    async with hosting(raw) as host, pool_of(host) as pool:
        with pytest.raises(Broken, match="more than 1000 bytes"):
            await ask(pool)


async def test_where_nobody_listens_nothing_was_sent(unused_tcp_port: int) -> None:
    pool = Pool(
        f"http://127.0.0.1:{unused_tcp_port}", connections_max=1, answer_limit=PATIENCE, headers={}
    )
    with pytest.raises(NotConnected):
        await ask(pool)


async def test_whoever_gives_up_waiting_leaves_no_answer_for_the_next() -> None:
    async with hosting(None, OK) as host, pool_of(host, most=1) as pool:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await ask(pool)
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
        await _until(lambda: host.hung_up == 1)


async def _until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while not done():
            await asyncio.get_running_loop().run_in_executor(None, lambda: None)


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
