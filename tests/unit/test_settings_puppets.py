"""The section `double_puppets`, and its list."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.config import Config, load
from bridge.domain.viewpoints import Reads
from bridge.errors import ConfigError
from bridge.matrix.registration import double_puppets, double_puppets_yaml, registration
from bridge.settings.puppets import read_pairs
from tests.docs.test_docs import EXAMPLE, filled_in

GUID = "a1b2c3d4-0000-4000-8000-000000000001"
TOKEN = "p" * 40


def loaded(folder: Path, *lines: str) -> Config:
    text = filled_in(EXAMPLE)
    body = "".join(f"  {line}\n" for line in lines)
    path = folder / "config.yaml"
    path.write_text(text.replace("double_puppets:\n", f"double_puppets:\n{body}"))
    return load(path, {})


def problem_of(folder: Path, *lines: str) -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, *lines)
    return "\n".join(caught.value.problems)


def test_it_is_off_unless_there_is_a_token(tmp_path: Path) -> None:
    assert loaded(tmp_path).double_puppets.as_token is None


def test_rule_and_list_are_read_with_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text(f"teams_user,mxid\n{GUID.upper()},@anna:example.org\n")
    rule = 'rule: "@{upn_localpart}:example.org"'

    made = loaded(tmp_path, f"as_token: {TOKEN}", rule, "pairs: pairs.csv").double_puppets

    assert made.rules.rule == "@{upn_localpart}:example.org"
    assert made.rules.pairs == {GUID: "@anna:example.org"}
    assert TOKEN not in repr(made)


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("@{upn_local}:example.org", "holds other braces than {user_id}, {upn}"),
        ("@anna:example.org", "names the same user for everybody"),
        ("{upn}", "makes no Matrix user id"),
        ("@Anna{employee_id}:example.org", "makes no Matrix user id"),
        ("@anna:{employee_id}", "leaves the homeserver to the directory"),
    ],
)
def test_a_rule_that_cannot_work_is_refused(tmp_path: Path, rule: str, problem: str) -> None:
    assert problem in problem_of(tmp_path, f"as_token: {TOKEN}", f'rule: "{rule}"')


def test_rule_and_list_want_the_token(tmp_path: Path) -> None:
    said = problem_of(tmp_path, 'rule: "@{upn_localpart}:example.org"')

    assert "double_puppets.as_token: is missing" in said
    assert "rule is of no use without it" in said


def test_one_token_for_two_registrations_is_refused(tmp_path: Path) -> None:
    assert "double_puppets.as_token: is the same as" in problem_of(
        tmp_path, f"as_token: {'a' * 40}"
    )


def test_bad_lines_of_the_list_are_named_each_with_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text(f"teams_user,mxid\n{GUID}\nanna,@a:example.org\n")

    said = problem_of(tmp_path, f"as_token: {TOKEN}", "pairs: pairs.csv")

    assert "has a bad line 2, which has 1 values, not two" in said
    assert "has a bad line 3, which begins with neither a user id" in said


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("x@example.org,anna", "names no Matrix user"),
        ("x@example.org,@Anna:example.org", "names no Matrix user"),
        ("ANNA@example.org,@other:example.org", "names a person of Teams a second time"),
        ("x@example.org,@anna:example.org", "names the Matrix user of line 2"),
        ("x@example.org,@x:example.org,y", "has 3 values"),
    ],
)
def test_a_bad_line(line: str, problem: str) -> None:
    found, problems = read_pairs(
        f"teams_user,mxid\nanna@example.org,@anna:example.org\n\n# a word\n{line}\n"
    )

    assert found == {"anna@example.org": "@anna:example.org"}
    assert [number for number, _ in problems] == [5]
    assert problem in problems[0][1]


def test_the_second_registration_is_told_nothing_and_covers_everybody(tmp_path: Path) -> None:
    config = loaded(tmp_path, f"as_token: {TOKEN}")
    first, second = registration(config), double_puppets(config)

    assert second["url"] is None
    assert second["as_token"] == TOKEN
    assert second["namespaces"]["users"] == [{"exclusive": False, "regex": r"^@.*:example\.org$"}]
    assert not {first[key] for key in ("id", "hs_token", "sender_localpart")} & {
        second[key] for key in ("id", "hs_token", "sender_localpart")
    }
    assert double_puppets_yaml(config) == double_puppets_yaml(config)
    assert "url: null" in double_puppets_yaml(config) or "url:\n" in double_puppets_yaml(config)


def test_views_are_followed_if_there_is_a_token_and_something_to_show(tmp_path: Path) -> None:
    assert not loaded(tmp_path).double_puppets.follows_views
    token = f"as_token: {TOKEN}"
    made = loaded(tmp_path, token).double_puppets
    assert (made.follows_views, made.reads, made.subscriptions_max) == (True, Reads.PUBLIC, 9_000)
    half = loaded(tmp_path, token, "reads: never").double_puppets
    assert half.follows_views
    assert not loaded(
        tmp_path, token, "reads: never", "tag_hidden: false"
    ).double_puppets.follows_views
    assert "double_puppets.reads" in problem_of(tmp_path, token, "reads: sometimes")
    assert "double_puppets.subscriptions_max" in problem_of(
        tmp_path, token, "subscriptions_max: 10001"
    )
