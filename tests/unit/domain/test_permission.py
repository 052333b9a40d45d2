"""Who may do what: the closest rule decides."""

from __future__ import annotations

import pytest

from bridge.domain.ids import UserId
from bridge.domain.permission import Permission, Permissions

RULES = Permissions(
    {
        "*": Permission.RELAY,
        "example.org": Permission.USER,
        "other.org:8448": Permission.USER,
        "@root:example.org": Permission.ADMIN,
        "@former:example.org": Permission.NONE,
    }
)


@pytest.mark.parametrize(
    ("user", "level"),
    [
        ("@anna:example.org", Permission.USER),
        ("@root:example.org", Permission.ADMIN),
        ("@former:example.org", Permission.NONE),
        ("@root:elsewhere.org", Permission.RELAY),
        ("@anna:other.org:8448", Permission.USER),
        ("@anna:other.org", Permission.RELAY),
        ("nonsense", Permission.RELAY),
    ],
)
def test_the_closest_rule_decides(user: str, level: Permission) -> None:
    assert RULES.of(UserId(user)) is level


def test_whom_no_rule_names_may_nothing() -> None:
    assert Permissions({}).of(UserId("@anna:example.org")) is Permission.NONE


def test_without_configuration_our_own_users_may_sign_in() -> None:
    rules = Permissions.default("example.org")

    assert rules.of(UserId("@anna:example.org")) is Permission.USER
    assert rules.of(UserId("@anna:other.org")) is Permission.RELAY
