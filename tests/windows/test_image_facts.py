# SPDX-License-Identifier: Apache-2.0
"""Facts that the finished Windows tells of itself, judged."""

from datetime import UTC, datetime

import pytest
from image_facts import facts_of

from harness.image_builder import facts
from harness.image_builder.install_progress import BuildFailed
from harness.image_builder.versions import find, media

SERVER = find("windows-server-2022")
MEDIUM = next(medium for medium in media() if medium.version == SERVER.name)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
KEY = "ssh-ed25519 " + "A" * 68


def judge(told: dict[str, str], wanted: tuple[str, ...] = ("winrm",)) -> facts.ImageFacts:
    return facts.judge(told, SERVER, MEDIUM, wanted, NOW)


def test_what_is_right_is_taken_over() -> None:
    told = facts_of(MEDIUM.build, **{"channels": "ssh winrm agent", "ssh-host-key": KEY})
    found = judge(told, ("winrm", "ssh", "agent"))
    assert found.build == MEDIUM.build
    assert found.channels == ("ssh", "winrm", "agent")
    assert found.ssh_host_key == KEY
    assert found.winrm_cert_sha256 == "ab" * 32
    assert found.evaluation_expires == datetime(2026, 8, 28, tzinfo=UTC)


def test_a_licensed_medium_has_no_end() -> None:
    assert judge(facts_of(MEDIUM.build, **{"evaluation-minutes": "none"})).evaluation_expires is None


@pytest.mark.parametrize("name", [*facts.expected(), "build", "winrm-certificate", "qpc-frequency"])
def test_a_fact_that_is_not_told_is_wrong(name: str) -> None:
    told = facts_of(MEDIUM.build)
    del told[name]
    with pytest.raises(BuildFailed, match=f"{name} is 'not told'"):
        judge(told)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("test-signing", "off", "test-signing is 'off' instead of 'on'"),
        ("test-nic", "no adapter has the address x", "test-nic is 'no adapter has the address x'"),
        ("driver-verified", "no", "driver-verified is 'no' instead of 'yes'"),
        ("build", "10.0.26100.1", "is not Windows Server 2022"),
        ("build", "10.0.20348.1; rm", "which is none"),
        ("stealth", "on", "stealth is 'on' instead of 'off'"),
        ("password-expires", "2026-04-12T00:00:00", "instead of 'never'"),
        ("winrm-clear", "true", "winrm-clear is 'true'"),
        ("verifier", "0x20000", "verifier is '0x20000' instead of"),
        ("verifier", "none", "verifier is 'none'"),
        ("winrm-certificate", "AB" * 32, "which is none"),
        ("evaluation-minutes", "-5", "which is none"),
        ("evaluation-minutes", "9" * 8, "which is none"),
        ("channels", "", "there is no channel winrm"),
    ],
)
def test_a_fact_that_is_wrong_is_named(name: str, value: str, why: str) -> None:
    with pytest.raises(BuildFailed, match=why):
        judge(facts_of(MEDIUM.build, **{name: value}))


def test_another_build_of_the_same_version_than_the_isos_is_wrong() -> None:
    medium = next(medium for medium in media() if medium.version == "windows-11")
    facts.judge(facts_of(medium.build), find("windows-11"), medium, (), NOW)
    with pytest.raises(BuildFailed, match=f"not that of its ISO, {medium.build}"):
        facts.judge(facts_of("10.0.22000.1"), find("windows-11"), medium, (), NOW)


def test_a_channel_without_its_host_key_or_that_was_asked_for_and_is_missing_is_wrong() -> None:
    with pytest.raises(BuildFailed, match="ssh-host-key"):
        judge(facts_of(MEDIUM.build, channels="ssh winrm"))
    with pytest.raises(BuildFailed, match="there is no channel agent"):
        judge(facts_of(MEDIUM.build), ("winrm", "agent"))


def test_verifier_may_have_more_flags_than_were_asked_for() -> None:
    more = int(facts.expected()["verifier"], 16) | 0x100000
    judge(facts_of(MEDIUM.build, verifier=f"{more:#x}"))


def test_what_does_no_harm_is_a_warning_and_no_failure() -> None:
    harmless = {"defender": "on", "maintenance": "on", "network": "public", "activated": "no"}
    told = facts_of(MEDIUM.build, **harmless)
    assert not judge(told).activated
    assert len(facts.warnings(told)) == len(harmless)
    assert "tamper protection" in facts.warnings(told)[0]
    quiet = {"defender": "quiet", "maintenance": "off", "network": "private", "activated": "yes"}
    assert facts.warnings(facts_of(MEDIUM.build, **quiet)) == []


@pytest.mark.parametrize(("minutes", "words"), [("14400", 1), ("none", 0)])
def test_only_an_evaluation_that_is_not_activated_is_said_to_shut_itself_down(
    minutes: str, words: int
) -> None:
    told = facts_of(MEDIUM.build, **{"activated": "no", "evaluation-minutes": minutes})
    assert len(facts.warnings(told)) == words


def test_everything_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(BuildFailed) as failed:
        judge({})
    assert str(failed.value).count(";") > len(facts.expected())
