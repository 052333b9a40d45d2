"""What is encrypted before it is written: token caches, private keys, client states, sign-ins.

Fernet of the `cryptography` package (AES-128-CBC with HMAC-SHA256): the first key of the
configuration writes, every one of them reads, so that keys can be changed without an outage.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from bridge.errors import ConfigError


class Vault:
    """Seals and opens short texts with the keys of the configuration."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Take Fernet keys, the one that writes first.

        Raises:
            ConfigError: There is none, or one of them is no Fernet key.
        """
        if not keys:
            raise ConfigError(("bridge.encryption_keys is empty: at least one key is needed",))
        every = [_fernet(number, key) for number, key in enumerate(keys, 1)]
        self._newest, self._fernet = every[0], MultiFernet(every)

    def seal(self, text: str) -> bytes:
        """Return `text` encrypted and authenticated."""
        return self._fernet.encrypt(text.encode())

    def is_newest(self, sealed: bytes) -> bool:
        """Tell whether this was sealed with the key that seals now."""
        try:
            self._newest.decrypt(sealed)
        except InvalidToken:
            return False
        return True

    def open(self, sealed: bytes) -> str:
        """Return what was sealed.

        Raises:
            ConfigError: None of the keys has sealed this.
        """
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            problem = (
                "what is stored encrypted cannot be read with bridge.encryption_keys: put the key"
                " that wrote it back into the list, behind the new one"
            )
            raise ConfigError((problem,)) from None


def _fernet(number: int, key: str) -> Fernet:
    try:
        return Fernet(key)
    except ValueError:
        problem = (
            f"key {number} of bridge.encryption_keys is no Fernet key: 32 bytes in URL-safe"
            " base64, 44 characters"
        )
        raise ConfigError((problem,)) from None
