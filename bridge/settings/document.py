"""Where a setting comes from, and how a problem with it is told.

    config.yaml         key: value ---------.
                        key_file: path -----+--> text --fit--> value
    the environment     ..._KEY, ..._KEY_FILE'     `--> problem: "config.yaml:12: teams.x: ... — ..."

The environment wins over the file, as it does for every service in a container; within one of the
two, a setting given twice is a problem. No problem ever quotes a secret, nor anything that may be a
secret in the wrong place.
"""

from __future__ import annotations

import difflib
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import field
from pathlib import Path
from typing import TypeVar, cast

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from bridge.domain.values import dataclass
from bridge.errors import ConfigError
from bridge.settings.fits import Fit, Unfit, contents, filled, printable, truth
from bridge.settings.nodes import compose, is_null, line_of, on_one_line

T = TypeVar("T")
D = TypeVar("D")

ENVIRONMENT_PREFIX = "TEAMS_BRIDGE_"
LIKENESS_OF_KEYS = 0.6  # difflib's ratio from which a name is offered as "did you mean"
LIKENESS_OF_VARIABLES = 0.85
TRUTH = "tag:yaml.org,2002:bool"
NOT_TEXT = {TRUTH, "tag:yaml.org,2002:null"}
# A name that may be shown; what looks otherwise may be a secret that slipped into the wrong place.
PLAIN_NAME = re.compile(r"[A-Za-z_-]{1,40}")
# Kubernetes gives every pod such variables for a service called "teams-bridge" (kubernetes.io,
# "Service", "Environment variables"); they are not ours.
SERVICE_LINK = re.compile(r".*_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)\w*)?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A value in the file, and the line of its key."""

    line: int
    node: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What was said about a setting; `spelling` is its key, or that with `_file` appended."""

    spelling: str
    place: str
    line: int = 0
    texts: tuple[str, ...]
    listed: bool = False


@dataclass(slots=True, kw_only=True)
class Document:
    """The file and the environment together; collects every problem until `finish`."""

    path: Path
    env: Mapping[str, str]
    entries: dict[str, Entry]
    problems: list[tuple[int, str]] = field(default_factory=list)  # line, 0 for none; sentence
    sections: dict[str, Section] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path, env: Mapping[str, str]) -> Document:
        """Read and parse `path`; empty environment variables count as absent.

        Raises:
            ConfigError: The file cannot be read, or is not a YAML mapping.
        """
        document = cls.empty(path, {name: value for name, value in env.items() if value})
        document.entries = document.entries_of(compose(path), "this file")
        return document

    @classmethod
    def empty(cls, path: Path, env: Mapping[str, str]) -> Document:
        """Give a document in which nothing is said."""
        return cls(path=path, env=env, entries={})

    def section(self, name: str) -> Section:
        """Give the section `name`, empty when the file does not have it."""
        entry = self.entries.get(name)
        entries = self.entries_of(entry.node, name) if entry else {}
        line = entry.line if entry else 0
        self.sections[name] = Section(document=self, name=name, line=line, entries=entries)
        return self.sections[name]

    def place(self, line: int) -> str:
        return f"{self.path.name}:{line}" if line else self.path.name

    def complain(self, line: int, name: str, problem: str, *, place: str | None = None) -> None:
        self.problems.append((line, f"{place or self.place(line)}: {name}: {problem}"))

    def entries_of(self, node: Node | None, name: str) -> dict[str, Entry]:
        """Give the keys of a mapping with their lines; complain about what is none, or is twice."""
        found: dict[str, Entry] = {}
        if node is None or is_null(node):
            return found
        if not isinstance(node, MappingNode):
            self.complain(
                line_of(node),
                name,
                "is not a list of settings — write `key: value`, a line for each",
            )
            return found
        for key, value in node.value:
            self._enter(found, key, value, name)
        return found

    def _enter(self, found: dict[str, Entry], key: Node, value: Node, name: str) -> None:
        line = line_of(key)
        if not isinstance(key, ScalarNode):
            self.complain(line, name, "has a key that is not a name — write `key: value`")
        elif key.value in found:
            first = found[key.value].line
            shown = _shown(key.value)
            self.complain(line, name, f"has {shown} twice, first in line {first} — remove one")
        else:
            found[key.value] = Entry(line=line, node=value)

    def finish(self) -> None:
        """Look for what nobody asked for.

        Raises:
            ConfigError: With every problem that was found, in the order of the file.
        """
        self._unknown_sections()
        for section in self.sections.values():
            section.note_unknown()
        self._unknown_variables()
        if self.problems:
            ordered = sorted(self.problems, key=lambda problem: problem[0])
            raise ConfigError(tuple(dict.fromkeys(text for _, text in ordered)))

    def option_names(self) -> tuple[str, ...]:
        """Give "section.key" of every setting that was asked for."""
        return tuple(f"{s.name}.{key}" for s in self.sections.values() for key in s.asked)

    def variables(self) -> tuple[str, ...]:
        """Give the name of every environment variable that was looked for."""
        keys = ((s, key) for s in self.sections.values() for key in s.spellings())
        return tuple(section.variable(key) for section, key in keys)

    def _unknown_sections(self) -> None:
        for name, entry in self.entries.items():
            if name in self.sections:
                continue
            guess = _guess(name, self.sections, LIKENESS_OF_KEYS)
            advice = f"did you mean {guess}?" if guess else f"there are {', '.join(self.sections)}"
            self.complain(entry.line, _shown(name), f"is not a known section — {advice}")

    def _unknown_variables(self) -> None:
        known = set(self.variables())
        ours = (name for name in self.env if name.startswith(ENVIRONMENT_PREFIX))
        for name in sorted(n for n in ours if n not in known and not SERVICE_LINK.fullmatch(n)):
            guess = _guess(name, known, LIKENESS_OF_VARIABLES)
            if guess:
                advice = f"did you mean {guess}?"
            elif name.startswith(tuple(s.variable("") for s in self.sections.values())):
                advice = "unset it"
            else:
                continue
            self.complain(0, name, f"is not a known variable — {advice}", place="environment")


@dataclass(slots=True, kw_only=True)
class Section:
    """One section; remembers what it was asked for, so that the rest is known to be unknown.

    A setting that is missing or unfit is noted as a problem and replaced by a stand-in of the right
    type only in name. No stand-in gets out: `Document.finish` raises before.
    """

    document: Document
    name: str
    line: int
    entries: dict[str, Entry]
    asked: dict[str, bool] = field(default_factory=dict)  # key -> may it lie in a file of its own?
    found: dict[str, Given] = field(default_factory=dict)
    unsound: set[str] = field(default_factory=set)
    flags: set[str] = field(default_factory=set)
    tables: set[str] = field(default_factory=set)

    def required(self, key: str, fit: Fit[T], hint: str, *, secret: bool = False) -> T:
        """Read a setting that has no default; `hint` tells the operator what to do."""
        given = self._find(key, secret=secret)
        if given is None:
            self.missing(key, hint)
        fitted = None if given is None else self._single(key, given, fit, hint)
        return cast("T", fitted)

    def optional(
        self, key: str, fit: Fit[T], hint: str, *, default: D, secret: bool = False
    ) -> T | D:
        """Read a setting that may be left out."""
        given = self._find(key, secret=secret)
        fitted = None if given is None else self._single(key, given, fit, hint)
        return default if fitted is None else fitted

    def flag(self, key: str, *, default: bool) -> bool:
        """Read a setting that is true or false."""
        self.flags.add(key)
        return self.optional(key, truth, "write true or false", default=default)

    def table(self, key: str, fit: Fit[T], hint: str, *, default: D) -> T | D:
        """Read a setting that is itself a mapping of names to words.

        `fit` is given it as `name=word, name=word`, which is how the environment says it too.
        """
        self.tables.add(key)
        return self.optional(key, fit, hint, default=default)

    def several(self, key: str, fit: Fit[T], hint: str) -> tuple[T, ...]:
        """Read a list of secrets, or one; in a file or a variable white space parts them."""
        given = self._find(key, secret=True)
        texts = () if given is None else self._texts(key, given, hint)
        whole = [self._fitted(key, given, text, str, hint) for text in texts if given]
        parts = [part for text in whole if text for part in text.replace(",", " ").split()]
        if given is None or not (parts or key in self.unsound):
            self.missing(key, hint)
            return ()
        return tuple(cast("T", self._fitted(key, given, part, fit, hint)) for part in parts)

    def path(self, text: str) -> Path:
        """Fit a path; relative ones start at the configuration file."""
        try:
            return self.document.path.parent.absolute() / Path(printable(text)).expanduser()
        except RuntimeError:
            raise Unfit("names the home folder of nobody") from None

    def file(self, text: str) -> Path:
        """Fit the path of a file that can be read and holds something."""
        path = self.path(text)
        if not contents(path).strip():
            raise Unfit("names a file that is empty")
        return path

    def folder(self, text: str) -> Path:
        """Fit the path of a folder, or of nothing as yet."""
        path = self.path(text)
        try:
            if not stat.S_ISDIR(path.stat().st_mode):
                raise Unfit("names something that is no folder")
        except FileNotFoundError:
            pass
        except OSError as error:
            raise Unfit(
                "names a folder that cannot be reached: " + (error.strerror or "")
            ) from error
        return path

    def sound(self, *keys: str) -> bool:
        """Tell whether these settings were read without a problem."""
        return self.unsound.isdisjoint(keys)

    def given(self, key: str) -> bool:
        """Tell whether somebody said something about `key`, right or wrong."""
        return key in self.found

    def missing(self, key: str, hint: str) -> None:
        line = self.entries[key].line if key in self.entries else self.line
        self._note(key, "is missing", hint, line=line)

    def wrong(self, key: str, problem: str, hint: str) -> None:
        """Note a problem that `key` has with its neighbours."""
        self._note(key, problem, hint, line=self.line, given=self.found.get(key))

    def variable(self, key: str) -> str:
        return f"{ENVIRONMENT_PREFIX}{self.name}_{key}".upper()

    def spellings(self) -> list[str]:
        """Give every key that may be written, `_file` spellings included."""
        return [spelling for key in self.asked for spelling in self._spellings(key)]

    def note_unknown(self) -> None:
        known = self.spellings()
        for key, entry in self.entries.items():
            if key not in known:
                name = f"{self.name}.{_shown(key)}"
                advice = self._advice(key, known)
                self.document.complain(entry.line, name, f"is not a known setting — {advice}")

    def _advice(self, key: str, known: list[str]) -> str:
        homes = [s.name for s in self.document.sections.values() if key in s.spellings()]
        if homes:
            return f"it belongs in the section {homes[0]}"
        guess = _guess(key, known, LIKENESS_OF_KEYS)
        return f"did you mean {guess}?" if guess else f"there are {', '.join(known)}"

    def _spellings(self, key: str) -> tuple[str, ...]:
        return (key, f"{key}_file") if self.asked[key] else (key,)

    def _note(
        self, key: str, problem: str, hint: str, *, line: int = 0, given: Given | None = None
    ) -> None:
        self.unsound.add(key)
        name = f"{self.name}.{given.spelling if given else key}"
        line, place = (given.line, given.place) if given else (line, None)
        self.document.complain(line, name, f"{problem} — {hint}", place=place)

    def _find(self, key: str, *, secret: bool) -> Given | None:
        """Find what was said about `key`: the environment before the file, never two at once."""
        self.asked[key] = secret
        spellings = self._spellings(key)
        found = [given for s in spellings if (given := self._from_environment(s))]
        found = found or [given for s in spellings if (given := self._from_file(key, s))]
        if len(found) > 1:
            second = found[1].spelling
            self._note(key, f"is given a second time by {second}", "keep one", given=found[0])
        if found:
            self.found[key] = found[0]
        return self.found.get(key)

    def _from_environment(self, spelling: str) -> Given | None:
        name = self.variable(spelling)
        text = self.document.env.get(name)
        return None if text is None else Given(spelling=spelling, place=name, texts=(text,))

    def _from_file(self, key: str, spelling: str) -> Given | None:
        entry = self.entries.get(spelling)
        if entry is None or is_null(entry.node):
            return None
        listed = isinstance(entry.node, SequenceNode)
        nodes: list[Node] = entry.node.value if listed else [entry.node]
        if key in self.tables:
            nodes = [on_one_line(node) for node in nodes]
        unfit = NOT_TEXT - {TRUTH} if key in self.flags else NOT_TEXT
        texts = tuple(n.value for n in nodes if isinstance(n, ScalarNode) and n.tag not in unfit)
        if len(texts) < len(nodes):
            self._note(
                key, "is neither text nor a number", "write a value, in quotes", line=entry.line
            )
            texts = ()
        place = self.document.place(entry.line)
        return Given(spelling=spelling, place=place, line=entry.line, texts=texts, listed=listed)

    def _texts(self, key: str, given: Given, hint: str) -> tuple[str, ...]:
        """Give the texts themselves: those of the files, if the spelling names files."""
        if given.spelling == key:
            return given.texts
        read = (
            self._fitted(key, given, t, lambda t: contents(self.path(t)), hint) for t in given.texts
        )
        return tuple(text.rstrip("\r\n") for text in read if text is not None)

    def _single(self, key: str, given: Given, fit: Fit[T], hint: str) -> T | None:
        texts = self._texts(key, given, hint)
        if given.listed:
            self._note(key, "is a list where one value belongs", hint, given=given)
        elif texts:
            return self._fitted(key, given, texts[0], fit, hint)
        return None

    def _fitted(self, key: str, given: Given, text: str, fit: Fit[T], hint: str) -> T | None:
        try:
            return fit(filled(text))
        except Unfit as problem:
            self._note(key, str(problem), hint, given=given)
            return None


def _shown(name: str) -> str:
    return name if PLAIN_NAME.fullmatch(name) else "a name that is not shown"


def _guess(name: str, known: Iterable[str], likeness: float) -> str | None:
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=likeness)), None)
