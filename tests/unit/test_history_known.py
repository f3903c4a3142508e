# SPDX-License-Identifier: Apache-2.0
"""A file of known issues says which failures somebody looked into, and a bad one is refused."""

from datetime import date
from pathlib import Path

import pytest

from harness.core.errors import UsageError
from harness.history.known import Issue, KnownIssues, load_known

KEY = "0123456789ab"
CASE = "suites/close/test_pool.py::test_pool[ipv4-dispatch]"
DAY = date(2026, 11, 25)
GOOD = f"""
[[issue]]
failure = "{KEY}"
reason = "told to the vendor"
expires = 2026-11-25

[[issue]]
cases = "suites/close/*[ipv4-*]"
cells = "wine*"
reason = "a stub"
expires = 2027-01-01
"""


def load(tmp_path: Path, text: str) -> KnownIssues:
    path = tmp_path / "known.toml"
    path.write_text(text)
    return load_known(path)


def test_a_failure_is_known_by_its_key_or_by_its_case(tmp_path: Path) -> None:
    known = load(tmp_path, GOOD)
    assert known.knows("plain", CASE, KEY, DAY)
    assert not known.knows("plain", CASE, "ba9876543210", DAY)
    assert known.knows("wine-1-cpu", CASE, "ba9876543210", DAY)
    assert not known.knows("wine-1-cpu", CASE.replace("ipv4", "ipv6"), "ba9876543210", DAY)


def test_an_issue_is_known_on_its_last_day_and_no_longer(tmp_path: Path) -> None:
    known = load(tmp_path, GOOD)
    issue = known.of("plain", CASE, KEY, date(2026, 11, 26))
    assert issue is not None
    assert issue.expired(date(2026, 11, 26))
    assert not issue.expired(DAY)
    assert not known.knows("plain", CASE, KEY, date(2026, 11, 26))


def test_of_two_issues_the_one_that_lasts_longer_counts() -> None:
    short, long = (Issue("known", date(2026, month, 1), cases="*") for month in (1, 12))
    assert KnownIssues((short, long)).of("plain", CASE, KEY, DAY) is long


def test_the_suites_own_file_is_good() -> None:
    load_known()


ISSUE = 'failure = "0123456789ab"\nreason = "r"\nexpires = 2027-01-01\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[issue]", r"known.toml is not TOML"),
        ("[issues]", r"are tables \[\[issue\]\] and nothing else"),
        ('issue = "x"', r"are tables \[\[issue\]\] and nothing else"),
        ("issue = [1]", "issue 1 of .*: it is not a table"),
        (f"[[issue]]\n{ISSUE}[[issue]]\n", "issue 2 of .*: it has either a failure or cases"),
        (f'[[issue]]\n{ISSUE}cases = "*"', "it has either a failure or cases"),
        (f"[[issue]]\n{ISSUE}owner = 1", "there is no 'owner'; an issue has cases, cells, expires"),
        (
            '[[issue]]\nfailure = "xyz"\nreason = "r"\nexpires = 2027-01-01',
            "'xyz' is not the key of a failure",
        ),
        ('[[issue]]\ncases = "*"\nexpires = 2027-01-01', "it has no reason"),
        ('[[issue]]\ncases = "*"\nreason = " "\nexpires = 2027-01-01', "reason is no text"),
        ('[[issue]]\ncases = "*"\nreason = "r"', "it needs a day on which it expires"),
        ('[[issue]]\ncases = "*"\nreason = "r"\nexpires = "soon"', "it needs a day on which it expires"),
        ('[[issue]]\ncases = "*"\nreason = "r"\nexpires = 2027-01-01T00:00:00', "it needs a day"),
    ],
)
def test_a_bad_file_is_refused_with_the_issue_and_what_is_wrong(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        load(tmp_path, text)


def test_a_file_that_is_not_there_is_a_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read the known issues in .*: No such file"):
        load_known(tmp_path / "known.toml")
