"""Classes of values, which never change: that is checked before the bridge runs, not while it does.

`dataclass` is the standard library's, but that `frozen` is for the type checker alone. Kept up at
run time it costs twice: to make such a class takes twice as long, 0.25 and 0.13 ms, and hundreds are
made at every start; and to make a value of it as well, of which a message has thousands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:
    import dataclasses

    def dataclass(*, frozen: bool = False, eq: bool = True, **how: bool) -> object:
        """Make a class whose values compare by their content, and can be keys if they are `frozen`."""
        return dataclasses.dataclass(eq=eq, unsafe_hash=frozen and eq, **how)
