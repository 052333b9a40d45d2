"""The YAML of a file as nodes, which know their lines; what breaks it is told without quoting it."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import cast

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode
from ruamel.yaml.reader import ReaderError

from bridge.errors import ConfigError
from bridge.settings.fits import Unfit, contents


def compose(path: Path) -> Node | None:
    """Parse a file into nodes, not values: nodes have lines, and nothing is built from foreign tags.

    Raises:
        ConfigError: The file cannot be read, is empty, or is no YAML.
    """
    try:
        text = contents(path)
    except Unfit as problem:
        said = str(problem).removeprefix("names a file that ")
        raise ConfigError((f"{path}: {said} — `teams-bridge config example` prints one",)) from None
    if not text.strip():
        raise ConfigError(
            (f"{path.name}: is empty — begin with what `teams-bridge config example` prints",)
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an anchor used twice
        # Neither the message nor the chain: both quote the file, and so perhaps a secret.
        try:
            return cast("Node | None", YAML(typ="rt").compose(text))
        except (YAMLError, ValueError, ArithmeticError, RecursionError) as error:
            line, what = _told(error, text)
    place = f"{path.name}:{line}" if line else path.name
    raise ConfigError(
        (f"{place}: is not valid YAML: {what} — look at this line and the one above",)
    )


def _told(error: Exception, text: str) -> tuple[int, str]:
    """Say where the YAML breaks and why, without quoting the file."""
    if isinstance(error, ReaderError):
        position: int = error.position
        return text.count("\n", 0, position) + 1, "a character that YAML does not allow"
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        what = re.sub(r"""(['"])(?!<[a-z -]+>|.['"]).*\1""", "something", error.problem or "")
        return error.problem_mark.line + 1, what.strip() or "it cannot be understood"
    return 0, "it is nested too deeply, or holds a number out of bounds"


def line_of(node: Node) -> int:
    line: int = node.start_mark.line
    return line + 1


def on_one_line(node: Node) -> Node:
    """Return a mapping of names to words as the text `name=word, name=word`; others as they are."""
    if not isinstance(node, MappingNode):
        return node
    pairs = [(key.value, value.value) for key, value in node.value]
    if not all(isinstance(part, str) for pair in pairs for part in pair):
        return node
    text = ", ".join(f"{key}={value}" for key, value in pairs)
    return ScalarNode("tag:yaml.org,2002:str", text, node.start_mark, node.end_mark)


def is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.tag == "tag:yaml.org,2002:null"
