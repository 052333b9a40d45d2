r"""JSON from strangers: fast where it is well-formed, patient where Matrix is laxer than orjson.

Half a surrogate pair ("\ud800") is JSON but no Unicode text. Synapse 1.163.2 takes none from its
own users; other servers may, and orjson refuses it. Refusing a transaction makes the homeserver
send it again for ever, with everything behind it: so what orjson refuses is read again by the
standard library, and cleaned.
"""

from __future__ import annotations

import json
from typing import cast

import orjson

from bridge.errors import Unconvertible


def loads(raw: bytes) -> object:
    """Read JSON; halves of surrogate pairs become U+FFFD.

    Raises:
        Unconvertible: It is no JSON, or nested deeper than anybody means.
    """
    try:
        return cast("object", orjson.loads(raw))
    except orjson.JSONDecodeError:
        return _loads_patiently(raw)


def _loads_patiently(raw: bytes) -> object:
    try:
        # Written out and read again: replacing in the text form needs no walk through the tree.
        lax = json.dumps(json.loads(raw), ensure_ascii=False, allow_nan=False)
        return cast("object", orjson.loads(lax.encode("utf-8", "replace")))
    except (ValueError, RecursionError) as error:
        problem = f"no JSON: {type(error).__name__}"
        raise Unconvertible(problem) from error
