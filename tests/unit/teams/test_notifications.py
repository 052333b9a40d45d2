"""Notifications: taken apart, told apart, decrypted; whatever a stranger sends does no harm."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from contextlib import suppress
from datetime import timedelta

import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, padding as symmetric
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import given, strategies as st

from bridge.domain.ids import ConversationId, MessageRef, Place, Side, TeamsUserId, TenantId
from bridge.errors import Unconvertible
from bridge.ports import ConversationNews, NewEntry, News, PersonNews, TeamNews
from bridge.teams import notifications
from bridge.teams.addresses import Address, team_id
from bridge.teams.certificates import is_fresh, make_certificate, public_part
from bridge.teams.notifications import (
    NEWS_WINDOW,
    Glimpse,
    LifecycleEvent,
    Notice,
    UnknownKey,
    Untrusted,
    decrypt,
    entry_of,
    is_ours,
    lifecycle_of,
    read_entry,
    split_body,
    subject_of,
)
from bridge.teams.payloads import Json
from tests.unit.teams.memory import NOW, TENANT

CHAT = "19:2da4c29f6d7041eca70b638b43d45437@thread.v2"
PAIR = make_certificate(NOW)
CERTIFICATE = x509.load_pem_x509_certificate(PAIR.certificate.encode())
_PRIVATE = load_pem_private_key(PAIR.private_key.encode(), password=None)
assert isinstance(_PRIVATE, rsa.RSAPrivateKey)
KEYS = {PAIR.id: _PRIVATE}
CONTENT = b'{"id": "1616990032035"}'


def text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def seal(content: bytes = CONTENT, *, key: bytes | None = None, pad: bool = True) -> dict[str, str]:
    """Encrypt as the documentation of Graph says, by other means than the sandbox."""
    secret = os.urandom(32) if key is None else key
    padder = symmetric.PKCS7(128).padder()
    padded = padder.update(content) + padder.finalize() if pad else content
    encryptor = Cipher(algorithms.AES(secret), modes.CBC(secret[:16])).encryptor()
    data = encryptor.update(padded) + encryptor.finalize()
    return wrap(secret, data)


def wrap(secret: bytes, data: bytes) -> dict[str, str]:
    public = CERTIFICATE.public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)  # noqa: S303
    return {
        "data": text(data),
        "dataKey": text(public.encrypt(secret, oaep)),
        "dataSignature": text(hmac.new(secret, data, hashlib.sha256).digest()),
        "encryptionCertificateId": PAIR.id,
        "encryptionCertificateThumbprint": "00",
    }


def item(**changes: object) -> dict[str, object]:
    place = f"chats('{CHAT}')/messages('1616990032035')"
    return {
        "subscriptionId": "s",
        "changeType": "created",
        "clientState": "the state",
        "tenantId": TENANT,
        "resource": place,
        "resourceData": {"id": "1616990032035", "@odata.id": place},
        **changes,
    }


# --- content ----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [16, 24, 32])
def test_what_was_sealed_is_opened(size: int) -> None:
    assert decrypt(seal(key=os.urandom(size)), KEYS) == CONTENT


@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 100_000])
def test_content_of_any_length_is_opened(length: int) -> None:
    assert decrypt(seal(b"x" * length), KEYS) == b"x" * length


def test_content_for_another_certificate_is_no_forgery() -> None:
    with pytest.raises(UnknownKey):
        decrypt({**seal(), "encryptionCertificateId": "another"}, KEYS)


@pytest.mark.parametrize("name", ["data", "dataSignature"])
def test_one_changed_bit_is_a_bad_signature(name: str) -> None:
    sealed = seal()
    raw = bytearray(base64.b64decode(sealed[name]))
    raw[5] ^= 1
    with pytest.raises(Untrusted) as raised:
        decrypt({**sealed, name: text(bytes(raw))}, KEYS)
    assert raised.value.reason == "bad_signature"


def test_the_signature_is_checked_before_anything_is_decrypted() -> None:
    """Without this order the padding would tell a forger about the content."""
    secret = os.urandom(32)
    broken = wrap(secret, os.urandom(32))
    with pytest.raises(Untrusted) as raised:
        decrypt({**broken, "dataSignature": text(b"0" * 32)}, KEYS)
    assert raised.value.reason == "bad_signature"


def test_well_signed_nonsense_is_malformed() -> None:
    secret = os.urandom(32)
    for data in (b"", b"short", os.urandom(33)):
        with pytest.raises(Unconvertible):
            decrypt(wrap(secret, data), KEYS)
    with pytest.raises(Untrusted) as raised:
        decrypt(seal(b"\x00" * 16, pad=False), KEYS)
    assert raised.value.reason == "malformed"


@pytest.mark.parametrize("secret", [b"", b"x", bytes(15), bytes(64)], ids=len)
def test_a_key_that_is_none_of_aes_is_malformed(secret: bytes) -> None:
    with pytest.raises(Untrusted) as raised:
        decrypt(wrap(secret, os.urandom(32)), KEYS)
    assert raised.value.reason == "malformed"


@pytest.mark.parametrize("name", ["data", "dataKey", "dataSignature"])
@pytest.mark.parametrize(
    "value", [None, 3, "", "!", "ä", "A" * (4 * 1024 * 1024 + 1), "AAAA"], ids=range(7)
)
def test_malformed_content_is_refused(name: str, value: object) -> None:
    with pytest.raises(Unconvertible):
        decrypt({**seal(), name: value}, KEYS)


def test_a_certificate_is_what_graph_takes() -> None:
    der = base64.b64decode(public_part(PAIR))
    assert x509.load_der_x509_certificate(der) == CERTIFICATE
    public = CERTIFICATE.public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    assert public.key_size == 2048
    assert len(PAIR.id) <= 128
    assert is_fresh(PAIR, NOW)
    assert not is_fresh(PAIR, NOW + timedelta(days=340))


# --- the body of a POST -----------------------------------------------------------------------


@given(st.binary(max_size=200))
def test_any_bytes_are_taken_apart_or_refused(raw: bytes) -> None:
    with suppress(Unconvertible):
        split_body(raw)
    with suppress(Unconvertible):
        read_entry(raw)


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}", b'{"value": 3}', b'{"value": [' + b"{}," * 1000 + b"{}]}"]
)
def test_what_is_no_notification_is_refused(raw: bytes) -> None:
    with pytest.raises(Unconvertible):
        split_body(raw)


def test_a_body_is_split_into_items_and_tokens() -> None:
    raw = orjson.dumps({"value": [item(), 3, item()], "validationTokens": ["a", None, "b"]})
    post = split_body(raw)
    assert len(post.items) == 2
    assert post.tokens == ("a", "b")
    assert split_body(orjson.dumps({"value": [], "validationTokens": None})).tokens == ()


@pytest.mark.parametrize(
    ("state", "accepted", "ours"),
    [
        ("the state", ["the state"], True),
        ("the state", ["another", "the state"], True),
        ("the state", [], False),
        ("the stat", ["the state"], False),
        ("", [""], True),
        ("ünï\ud800", ["the state"], False),
        (None, [""], False),
        (3, ["3"], False),
        ("x" * 129, ["x" * 129], False),
    ],
)
def test_only_a_known_client_state_is_ours(state: object, accepted: list[str], ours: bool) -> None:
    assert is_ours(item(clientState=state), tuple(accepted)) is ours


TEAM = "FBE2BF47-16C8-47CF-B4A5-4B9B187C508B"
CHANNEL = "19:4a95f7d8db4c4e7fae857bcebe0623e6@thread.tacv2"
PERSON = "8ea0e38b-efb3-4757-924a-5f94061cf8c2"


def place(conversation: str) -> Place:
    return Place(tenant=TenantId(TENANT), conversation=ConversationId(conversation))


@pytest.mark.parametrize(
    ("path", "conversation", "ref"),
    [
        (f"chats('{CHAT}')/messages('1')", CHAT, "1"),
        (f"/Chats('{CHAT}')/Messages('1')", CHAT, "1"),
        ("chats('19:it''s@x')/messages('1')", "19:it's@x", "1"),
        ("teams('t')/channels('19:c@thread.tacv2')/messages('1')", "t/19:c@thread.tacv2", "1"),
        ("Teams('T')/Channels('C')/Messages('1')/Replies('2')", "t/C", "1/2"),
    ],
)
def test_an_item_names_its_message(path: str, conversation: str, ref: str) -> None:
    expected = Address(place=place(conversation), ref=MessageRef(ref))
    assert subject_of(item(resource=path)) == expected
    data = {"@odata.id": path}
    assert subject_of(item(resource=None, resourceData=data)) == expected


CHAT_NEWS = ConversationNews(place=place(CHAT))
CHANNEL_NEWS = ConversationNews(place=place(f"{TEAM.lower()}/{CHANNEL}"))
TEAM_NEWS = TeamNews(tenant=TenantId(TENANT), team=team_id(TEAM))
PERSON_NEWS = PersonNews(tenant=TenantId(TENANT), person=TeamsUserId(PERSON))


@pytest.mark.parametrize(
    ("path", "news"),
    [
        (f"chats('{CHAT}')", CHAT_NEWS),
        (f"Chats('{CHAT}')/Members('MCMjMCMj')", CHAT_NEWS),
        (f"teams('{TEAM}')", TEAM_NEWS),
        (f"teams('{TEAM}')/members('MCMjMCMj')", TEAM_NEWS),
        (f"teams('{TEAM}')/channels('{CHANNEL}')", CHANNEL_NEWS),
        (f"teams('{TEAM}')/Channels('{CHANNEL}')/members('MCMjMCMj')", CHANNEL_NEWS),
        (f"Users/{PERSON}", PERSON_NEWS),
        (f"users('{PERSON.upper()}')", PERSON_NEWS),
    ],
)
def test_an_item_that_is_about_no_message_is_news_of_its_thing(path: str, news: News) -> None:
    assert subject_of(item(resource=path)) == news
    for change in ("created", "Updated", "deleted"):
        entry = entry_of(
            item(resource=path, changeType=change), (), received_at=NOW, due=lambda _: NOW
        )
        assert read_entry(entry.raw) == news
        assert entry.due_at == NOW + NEWS_WINDOW


def test_news_of_one_thing_are_one_entry_until_it_is_read_and_of_two_things_two() -> None:
    member, chat = f"chats('{CHAT}')/members('a')", f"chats('{CHAT}')"
    other, team = f"teams('{TEAM}')/channels('{CHANNEL}')", f"teams('{TEAM}')"
    assert key_of(item(resource=member)) == key_of(item(resource=chat, changeType="updated"), 9)
    keys = {key_of(item(resource=path)) for path in (chat, other, team, f"Users/{PERSON}")}
    assert len(keys) == 4


def test_news_do_not_hurry_the_messages_of_their_chat() -> None:
    """What is due takes with it everything earlier of its conversation, due or not."""
    news, message = (
        entry_of(one, (), received_at=NOW, due=lambda _: NOW)
        for one in (item(resource=f"chats('{CHAT}')"), item())
    )
    assert news.conversation != message.conversation


@pytest.mark.parametrize(
    "path",
    [
        "",
        "users('x')/presence",
        "communications/presences/x",
        "chats/x/messages",
        "chats('x')/messages('1')/hostedContents('2')",
        "teams('x')/channels('y')/tabs('z')",
        "chats('')",
    ],
)
def test_an_item_about_something_else_is_refused(path: str) -> None:
    with pytest.raises(Unconvertible):
        subject_of(item(resource=path, resourceData={"@odata.id": path}))


@given(st.text(max_size=60), st.sampled_from(["chats('{}')", "teams('{}')", "Users/{}", "{}"]))
def test_any_resource_names_something_or_is_refused(text: str, form: str) -> None:
    with suppress(Unconvertible):
        subject_of(item(resource=form.format(text)))


@pytest.mark.parametrize(
    ("event", "read"),
    [
        ("reauthorizationRequired", LifecycleEvent.REAUTHORIZATION_REQUIRED),
        ("SubscriptionRemoved", LifecycleEvent.SUBSCRIPTION_REMOVED),
        ("missed", LifecycleEvent.MISSED),
        ("newKind", None),
        (None, None),
    ],
)
def test_lifecycle_notifications_are_told_apart(event: object, read: LifecycleEvent | None) -> None:
    found = lifecycle_of(item(lifecycleEvent=event))
    assert (found.event if found else None) == read


# --- entries ----------------------------------------------------------------------------------


def key_of(one: Json, seconds: float = 0) -> str:
    now = NOW + timedelta(seconds=seconds)
    return entry_of(one, ("token",), received_at=now, due=lambda _: now).key


def test_an_entry_is_ordered_by_its_message_and_keeps_no_client_state() -> None:
    entry = entry_of(
        item(encryptedContent=seal()),
        ("token",),
        received_at=NOW,
        due=lambda _: NOW + timedelta(seconds=1),
    )
    assert entry.side is Side.TEAMS
    assert entry.conversation == f"{TENANT}/{CHAT}"
    assert entry.position == 1616990032035
    assert entry.due_at == NOW + timedelta(seconds=1)
    assert b"the state" not in entry.raw


def test_what_was_stored_is_read_again() -> None:
    sealed = seal()
    entry = entry_of(item(encryptedContent=sealed), ("token",), received_at=NOW, due=lambda _: NOW)
    notice = read_entry(entry.raw)
    assert isinstance(notice, Notice)
    assert notice.sealed == sealed
    assert notice.tokens == ("token",)
    assert notice.change == "created"
    assert notice.address.ref == "1616990032035"


def test_a_message_without_a_number_is_ordered_by_its_arrival() -> None:
    other = item(resource=f"chats('{CHAT}')/messages('abc')")
    entry = entry_of(other, (), received_at=NOW, due=lambda _: NOW)
    assert entry.position == int(NOW.timestamp() * 1000)


def test_a_repeated_notification_is_the_same_entry() -> None:
    sealed = seal()
    assert key_of(item(encryptedContent=sealed)) == key_of(item(encryptedContent=sealed), 9)
    updated = item(changeType="updated", encryptedContent=sealed)
    again = item(changeType="Updated", encryptedContent=sealed, subscriptionExpirationDateTime="x")
    assert key_of(updated) == key_of(again, 9)


def test_what_somebody_forged_does_not_take_the_place_of_the_genuine_one() -> None:
    assert key_of(item(encryptedContent=seal())) != key_of(item(encryptedContent=seal()))


def test_what_is_not_a_repetition_is_another_entry() -> None:
    updated = item(changeType="updated", encryptedContent=seal())
    later = item(changeType="updated", encryptedContent=seal())
    other = item(resource=f"chats('{CHAT}')/messages('2')")
    keys = {key_of(item()), key_of(updated), key_of(later), key_of(other)}
    assert len(keys) == 4
    bell = item(changeType="updated")
    assert key_of(bell) != key_of(bell, 1)


def test_the_limits_are_named() -> None:
    assert notifications.BODY_BYTES_MAX == 8 * 1024 * 1024
    with pytest.raises(Unconvertible, match="too large"):
        split_body(b" " * (notifications.BODY_BYTES_MAX + 1))


def test_what_is_told_to_one_person_is_an_entry_of_theirs() -> None:
    anna, ben = TeamsUserId("anna"), TeamsUserId("ben")

    def entry(viewer: TeamsUserId, **changes: object) -> NewEntry:
        found = item(resource=f"chats('{CHAT}')", **changes)
        return entry_of(found, ("token",), received_at=NOW, due=lambda _: NOW, viewer=viewer)

    bells = [entry(anna, encryptedContent=None), entry(anna, encryptedContent=None)]
    letters = [entry(anna, encryptedContent=seal()), entry(anna, encryptedContent=seal())]
    others = entry(ben, encryptedContent=None)

    assert len({one.key for one in bells}) == 1
    assert len({one.key for one in (*bells, *letters, others)}) == 4
    assert len({one.conversation for one in (*bells, *letters)}) == 1
    found = read_entry(letters[0].raw)
    assert isinstance(found, Glimpse)
    assert (found.person, found.place.conversation, found.tokens) == (anna, CHAT, ("token",))
    assert found.sealed is not None
    with pytest.raises(Unconvertible):
        entry_of(item(), (), received_at=NOW, due=lambda _: NOW, viewer=anna)
