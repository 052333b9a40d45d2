"""Windows' names of time zones: all there, and each a zone of the IANA."""

from __future__ import annotations

from zoneinfo import available_timezones

import pytest
from hypothesis import given, strategies as st

from bridge.teams.time_zones import ZONES, iana_of


def test_every_zone_is_one_of_the_ianas() -> None:
    assert set(ZONES.values()) - available_timezones() == set()
    assert len(ZONES) > 130


@pytest.mark.parametrize(
    ("named", "zone"),
    [
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("w. europe standard time", "Europe/Berlin"),
        ("UTC", "Etc/UTC"),
        ("UTC-11", "Etc/GMT+11"),
        ("Pacific Standard Time (Mexico)", "America/Tijuana"),
        ("Pacific Standard Time", "America/Los_Angeles"),
        ("Russia Time Zone 3", "Europe/Samara"),
        ("America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("Customized Time Zone", None),
        ("tzone://Microsoft/Custom", None),
        ("../../etc/passwd", None),
        ("", None),
        (None, None),
    ],
)
def test_a_zone_of_windows_has_a_name_of_the_iana(named: str | None, zone: str | None) -> None:
    assert iana_of(named) == zone


@given(st.text(max_size=50))
def test_whatever_a_mailbox_says_is_a_zone_or_none(named: str) -> None:
    zone = iana_of(named)

    assert zone is None or zone == named or zone in available_timezones()
