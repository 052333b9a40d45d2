"""The vault: keys can be changed, and a wrong one is explained."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from bridge.errors import ConfigError
from bridge.store.secrets import Vault

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


def test_what_is_sealed_opens_again() -> None:
    sealed = Vault([OLD]).seal("secret, with ünicode")

    assert b"secret" not in sealed
    assert Vault([OLD]).open(sealed) == "secret, with ünicode"


def test_a_new_key_writes_while_the_old_one_still_reads() -> None:
    both = Vault([NEW, OLD])

    assert both.open(Vault([OLD]).seal("old")) == "old"
    assert Vault([NEW]).open(both.seal("new")) == "new"


def test_a_key_that_is_missing_is_asked_for() -> None:
    with pytest.raises(ConfigError, match="put the key that wrote it back into the list"):
        Vault([NEW]).open(Vault([OLD]).seal("old"))


@pytest.mark.parametrize("keys", [[], ["too short"], [OLD, "ümlaut"], ["A" * 44]])
def test_keys_that_are_none_are_refused(keys: list[str]) -> None:
    with pytest.raises(ConfigError, match="encryption_keys"):
        Vault(keys)
