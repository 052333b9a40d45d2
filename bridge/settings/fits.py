"""What a setting must look like: functions from text to a value that raise `Unfit` with the reason.

An `Unfit` completes the sentence "teams.webhook_url ..." and names no value: it may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from pathlib import Path
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

from cryptography.fernet import Fernet

T = TypeVar("T")
Fit = Callable[[str], T]

FILE_BYTES_MAX = 256 * 1024  # of config.yaml and of every file that it names
PORT_MAX = 65_535
TOKEN_CHARACTERS_MIN = 32
TOKEN_CHARACTERS_MAX = 255
TEMPLATE_CHARACTERS_MAX = 64  # leaves room for Teams' id and the domain in the 255 of a user id
WORD_CHARACTERS_MAX = 24
HOST_CHARACTERS_MAX = 230  # of a server name, for the same sum (Matrix spec v1.19, Server Name)

PLACEHOLDER = re.compile(r"change[ _-]?me", re.IGNORECASE)
WHOLE_NUMBER = re.compile(r"[0-9]{1,9}")
HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*\.?")
# Matrix spec v1.19, User Identifiers: what a user id's localpart may hold.
LOCALPART = re.compile(r"[a-z0-9._=/+-]+")
TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")  # RFC 6750, section 2.1: what a bearer token may hold
DATABASE_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]]*)(:[0-9]{1,5})?")
WORD = re.compile(rf"[\w -]{{1,{WORD_CHARACTERS_MAX}}}")
MEDIA_URI = re.compile(r"mxc://[A-Za-z0-9.:\[\]-]{1,230}/[A-Za-z0-9_-]{1,255}")
POSTGRES_SCHEMES = {"postgres", "postgresql"}


class Unfit(ValueError):
    """A value is not what the setting takes; the message says what it must be."""


def filled(text: str) -> str:
    """Fit text in which somebody has put something of their own."""
    if not text.strip():
        raise Unfit("is empty")
    if PLACEHOLDER.search(text):
        raise Unfit("still holds the placeholder of the example")
    return text


def printable(text: str) -> str:
    """Fit one line of text."""
    if not text.isprintable():
        raise Unfit("holds a character that cannot be shown")
    return text.strip()


def media_uri(text: str) -> str:
    """Fit the address of something that a homeserver keeps."""
    if MEDIA_URI.fullmatch(text) is None:
        raise Unfit("is no address of media")
    return text


def contents(path: Path) -> str:
    """Read a small text file.

    Raises:
        Unfit: It cannot be read, is too large, or is no text; the message says which.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise Unfit("names a file that cannot be read: " + (error.strerror or "")) from error
    if len(raw) > FILE_BYTES_MAX:
        raise Unfit("names a file that is larger than 256 KiB")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unfit("names a file that is not text in UTF-8") from None


def number(minimum: int, maximum: int) -> Fit[int]:
    def fit(text: str) -> int:
        if not WHOLE_NUMBER.fullmatch(text) or not minimum <= int(text) <= maximum:
            problem = f"is not a whole number from {minimum} to {maximum}"
            raise Unfit(problem)
        return int(text)

    return fit


def truth(text: str) -> bool:
    return one_of({"true": True, "false": False})(text.lower())


def one_of(choices: Mapping[str, T]) -> Fit[T]:
    def fit(text: str) -> T:
        if text not in choices:
            problem = f"is none of {', '.join(choices)}"
            raise Unfit(problem)
        return choices[text]

    return fit


def guid(text: str) -> str:
    """Fit an id of Microsoft's, in the one form in which its notifications carry it."""
    try:
        value = UUID(text)
    except ValueError:
        value = UUID(int=0)
    if value.int == 0 or str(value) != text.lower():
        raise Unfit("is not an id of the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")
    return str(value)


def host_patterns(text: str) -> tuple[str, ...]:
    """Fit host names, parted by commas or spaces; `*.` before one stands for all that end with it."""
    found = tuple(text.lower().replace(",", " ").split())
    for pattern in found:
        name = pattern.removeprefix("*.")
        # One label would be a whole top-level domain, or a machine of this network.
        if not HOST_NAME.fullmatch(name) or "." not in name.rstrip("."):
            raise Unfit("holds something that is no host name, nor one with *. before it")
    return found


def host(text: str) -> str:
    """Fit a host name or an address; IPv6 stands in brackets."""
    try:
        if text.startswith("[") and text.endswith("]"):
            return f"[{IPv6Address(text[1:-1])}]"
        if re.fullmatch(r"[0-9.]+", text):
            return str(IPv4Address(text))
    except AddressValueError:
        raise Unfit("holds an IP address that does not exist") from None
    if len(text) > HOST_CHARACTERS_MAX or not HOST_NAME.fullmatch(text):
        raise Unfit("holds no valid host name")
    return text


def port(text: str) -> int:
    if not WHOLE_NUMBER.fullmatch(text) or not 1 <= int(text) <= PORT_MAX:
        raise Unfit("holds a port that is not a number from 1 to 65535")
    return int(text)


def host_and_port(text: str) -> tuple[str, int]:
    """Fit where to listen; the host loses its brackets."""
    before, colon, after = text.rpartition(":")
    if not colon or not before:
        raise Unfit("is not of the form host:port")
    return host(before).strip("[]"), port(after)


def server_name(text: str) -> str:
    """Fit the part of a Matrix user id after the first colon: a host, perhaps with a port."""
    before, colon, after = text.rpartition(":")
    if "/" in text or "@" in text:
        raise Unfit("is not the bare name of a homeserver")
    if colon and not text.endswith("]"):
        return f"{host(before)}:{port(after)}"
    return host(text)


def web_address(text: str) -> str:
    """Fit an http or https URL without credentials or query; it loses its last slash."""
    parts = _split(printable(text))
    if parts.scheme not in {"http", "https"}:
        raise Unfit("does not begin with http:// or https://")
    if not parts.hostname:
        raise Unfit("holds no host")
    if parts.username is not None or parts.password is not None:
        raise Unfit("holds a user name or a password")
    if parts.query or parts.fragment or " " in text or text.endswith(("?", "#")):
        raise Unfit("holds more than scheme, host, port and path")
    host(f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname)
    return parts.geturl().rstrip("/")


def secure_web_address(text: str) -> str:
    address = web_address(text)
    if not address.startswith("https:"):
        raise Unfit("does not begin with https://")
    return address


def homeserver_address(text: str) -> str:
    """Fit the address of a homeserver: its clients' API begins right below it."""
    address = web_address(text)
    if "/_matrix" in address:
        raise Unfit("holds a path of the Matrix API")
    return address


def endpoint_address(text: str) -> str:
    """Fit an address of Microsoft's; the bridge adds version, tenant and path itself."""
    address = secure_web_address(text)
    if address.endswith(("/v1.0", "/beta", "/oauth2/v2.0")):
        raise Unfit("holds a version, which the bridge adds itself")
    return address


def database_uri(text: str) -> str:
    """Fit `embedded`, or the URI of a Postgres, or of several (postgresql.org, "libpq", 34.1.1.2)."""
    if text == "embedded":
        return text
    try:
        parts = urlsplit(printable(text))
    except ValueError:
        raise Unfit("is not a valid address") from None
    if parts.scheme not in POSTGRES_SCHEMES:
        raise Unfit("is neither `embedded` nor begins with postgresql://")
    if "@" in parts.path + parts.query + parts.fragment:
        # Half of the password would be taken for the host, and shown as such.
        raise Unfit("has an @ too late: write / as %2F, ? as %3F, # as %23 and @ as %40")
    hosts = parts.netloc.rpartition("@")[2]
    if not hosts and "host=" not in parts.query:
        raise Unfit("holds no host")
    if not all(DATABASE_HOST.fullmatch(each) for each in hosts.split(",")):
        raise Unfit("holds no valid host and port")
    return text


def token(text: str) -> str:
    """Fit a shared secret that travels in an Authorization header."""
    if not TOKEN_CHARACTERS_MIN <= len(text) <= TOKEN_CHARACTERS_MAX:
        raise Unfit("is not 32 to 255 characters long")
    if not TOKEN.fullmatch(text):
        raise Unfit("holds a character that a token may not have")
    return text


def client_secret(text: str) -> str:
    """Fit the value of a client secret, and not its id, which the portal shows beside it."""
    try:
        UUID(text)
    except ValueError:
        return printable(text)
    raise Unfit("is the id of a secret and not its value")


def fernet_key(text: str) -> str:
    try:
        Fernet(text)
    except ValueError:
        raise Unfit("is not a Fernet key") from None
    return text


def localpart(text: str) -> str:
    if len(text) > TEMPLATE_CHARACTERS_MAX or not LOCALPART.fullmatch(text):
        raise Unfit("is not 1 to 64 of a-z 0-9 . _ = / + -")
    return text


def localpart_with(placeholder: str) -> Fit[str]:
    """Fit a localpart that holds `placeholder` once, and something before it.

    Without anything before it, every user of the homeserver would lie in our namespace.
    """

    def fit(text: str) -> str:
        _has_once(text, placeholder)
        before, after = text.split(placeholder)
        if not before:
            problem = f"has nothing before {placeholder}"
            raise Unfit(problem)
        localpart(before + after)
        return text

    return fit


def text_with(placeholder: str, *also: str) -> Fit[str]:
    """Fit text that holds `placeholder` once, and perhaps others."""

    def fit(text: str) -> str:
        _has_once(printable(text), placeholder)
        rest = text.replace(placeholder, "")
        for other in also:
            if rest.count(other) > 1:
                problem = f"holds {other} twice"
                raise Unfit(problem)
            rest = rest.replace(other, "")
        if set("{}") & set(rest):
            raise Unfit("holds another { or }")
        if len(rest) > TEMPLATE_CHARACTERS_MAX:
            problem = f"is longer than {TEMPLATE_CHARACTERS_MAX} characters"
            raise Unfit(problem)
        return text

    return fit


def words(defaults: Mapping[str, str]) -> Fit[dict[str, str]]:
    """Fit `name=word, name=word`, which says some of `defaults` otherwise."""

    def fit(text: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for part in filter(str.strip, printable(text).split(",")):
            name, equals, word = (piece.strip() for piece in part.partition("="))
            if not equals or name not in defaults:
                problem = f"does not say what is called how: there are {', '.join(defaults)}"
                raise Unfit(problem)
            if name in found:
                problem = f"says {name} twice"
                raise Unfit(problem)
            if not WORD.fullmatch(word):
                problem = f"has no word of up to {WORD_CHARACTERS_MAX} letters for {name}"
                raise Unfit(problem)
            found[name] = word
        return {**defaults, **found}

    return fit


def _has_once(text: str, placeholder: str) -> None:
    if text.count(placeholder) != 1:
        problem = f"does not hold {placeholder} exactly once"
        raise Unfit(problem)


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port  # looked at only when asked for
    except ValueError:
        raise Unfit("is not a valid address") from None
    return parts
