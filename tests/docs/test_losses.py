"""What a message may lose has a name, a meaning, and a row for the operator who finds it counted."""

from __future__ import annotations

import re

from bridge.convert import losses
from tests.docs.test_docs import ROOT

ROW = re.compile(r"^\| `([a-z_]+)` \| (.+) \|$", re.MULTILINE)


def test_every_name_of_a_loss_is_in_the_closed_set() -> None:
    names = {value for name, value in vars(losses).items() if name.isupper() and name != "LOSSES"}
    assert names == losses.LOSSES.keys()


def test_the_operations_guide_says_what_each_loss_means() -> None:
    guide = (ROOT / "docs/operations.md").read_text()
    table = guide.partition("## What could not be carried over")[2].partition("\n## ")[0]
    assert dict(ROW.findall(table)) == losses.LOSSES
