# SPDX-License-Identifier: Apache-2.0
"""The reference guest's verifier: one misdeed of a driver, one bugcheck, seen through pvpanic."""

import re
from pathlib import Path

import conformance
import pytest
from reference_drivers import Doomed, stop_code, stop_guests

from harness.core.errors import UsageError
from harness.core.paths import REPOSITORY
from harness.guest import find
from harness.guest.options import GuestOptions

# Misdeed (its number in drivers/bad.c) -> the bugcheck's code and, where it is a number, first parameter.
MISDEEDS: dict[str, tuple[int, int, int | None]] = {
    "wait at DISPATCH_LEVEL": (1, 0xB8, None),
    "complete an IRP twice": (2, 0x44, None),
    "use a freed IRP": (3, 0xD5, None),
    "use a closed socket": (4, 0xD5, None),
    "free pool twice": (5, 0xC2, 0x07),
    "free pool with another tag": (6, 0xC2, 0x0A),
    "write behind a block of pool": (7, 0x19, 0x20),
    "lower the level in a DPC": (8, 0x0A, None),
    "return raised from a completion routine": (9, 0xC8, 0x20000),
    "leak pool": (10, 0xC4, 0x62),
    "unload while registered": (11, 0xCE, None),
    "leak a security descriptor": (12, 0xC4, 0xF001),
    "retain data for ever": (13, 0xC4, 0xF001),
    "free an IRP that is pending": (14, 0xC9, 0x02),
    "release a lock that is free": (15, 0x10, None),
    "close a socket while another thread is inside a call of it": (16, 0xC4, 0xF005),
    "call a socket's function while its close is in progress": (17, 0xD5, None),
    "write before a block of pool": (40, 0x19, 0x20),
    "write to freed pool": (41, 0x19, 0x03),
    "leave a timer that is set": (44, 0xC7, 0),
    "leave a DPC that is queued": (45, 0xC7, 1),
    "leave a thread": (46, 0xCE, None),
    "unload while registered, with an NPI that lay on the stack": (47, 0xCE, None),
    "delay for no time at DISPATCH_LEVEL": (48, 0xB8, None),
    "acquire a spin lock twice": (49, 0x0F, None),
    "free an MDL whose pages are locked": (50, 0xCB, None),
}
# A dispatch routine and its IRP disagree (number in drivers/device.c) -> the first parameter of 0xC9.
DISPATCHES = {
    "return another status than the IRP's": (1, 0x224),
    "return success and not complete the IRP": (2, 0x226),
    "mark the IRP pending and return success": (3, 0x23E),
    "return pending for an IRP that is not marked": (4, 0x23D),
}
# The same with special pool, which meets it in the act: the address is the first parameter.
IN_THE_ACT = {
    "write to freed pool": (42, 0xD5),
    "write behind a block of pool": (43, 0xD6),
}
# The same in the strict mode, with the rule's name.
FORBIDDEN = {
    "bind to an address with something in its padding": (18, "address-padding"),
    "give a basic socket a context": (19, "basic-socket"),
    "ask for the size of an answer beside an IRP": (20, "size-beside-irp"),
    "ask for the address list at DISPATCH_LEVEL": (21, "passive"),
    "give the size of no input": (22, "no-input"),
    "bind to an IPv6 address of a flow": (23, "address-padding"),
    "connect to an address with something in its padding": (24, "address-padding"),
    "connect likewise with data": (25, "address-padding"),
    "connect a new socket from such an address": (26, "address-padding"),
    "connect a new socket to such an address": (27, "address-padding"),
    "send to such an address": (28, "address-padding"),
    "ask for the name of such an address": (29, "address-padding"),
    "fix such an address as a socket's destination": (30, "address-padding"),
    "give an address among hints": (31, "address-hints"),
    "control security descriptors with an IRP": (32, "client-irp"),
}
_RULE = re.compile(r'^RULE\(\w+, "([\w-]+)", (\w+),', re.M)
_RULES = dict(_RULE.findall((REPOSITORY / "images/reference/module/strict_rules.h").read_text()))


@pytest.fixture(scope="module")
def crashes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with each guest's serial log and whether it crashed; one guest a misdeed."""
    folder = tmp_path_factory.mktemp("bad")
    drivers = [Doomed("bad", "MISDEED", number) for number, *_ in MISDEEDS.values()]
    drivers += [Doomed("bad", "MISDEED", number, special=True) for number, _ in IN_THE_ACT.values()]
    drivers += [Doomed("bad", "MISDEED", number, strict=True) for number, _ in FORBIDDEN.values()]
    drivers += [Doomed("device", "DEED", number, control="=0x222000") for number, _ in DISPATCHES.values()]
    stop_guests(folder, drivers, limit=700)
    return folder


@pytest.mark.parametrize("misdeed", MISDEEDS)
def test_a_misdeed_stops_the_guest_with_its_code(crashes: Path, misdeed: str) -> None:
    number, code, parameter = MISDEEDS[misdeed]
    log = (crashes / f"bad{number}.serial").read_text(errors="replace")
    stop = stop_code(log)
    assert stop[0] == code
    assert parameter is None or stop[1] == parameter
    assert (crashes / f"bad{number}.crashed").read_text() == "True", log


@pytest.mark.parametrize("misdeed", DISPATCHES)
def test_a_dispatch_routine_that_disagrees_with_its_irp_stops_the_guest(crashes: Path, misdeed: str) -> None:
    number, parameter = DISPATCHES[misdeed]
    log = (crashes / f"device{number}.serial").read_text(errors="replace")
    assert stop_code(log)[:2] == [0xC9, parameter]


@pytest.mark.parametrize("misdeed", IN_THE_ACT)
def test_special_pool_stops_the_guest_where_the_pool_is_touched(crashes: Path, misdeed: str) -> None:
    number, code = IN_THE_ACT[misdeed]
    log = (crashes / f"bad{number}.serial").read_text(errors="replace")
    assert stop_code(log)[0] == code
    assert re.search(r"ntlab: at bad\+0x\w+", log), "where in the driver it was"


@pytest.mark.parametrize("misdeed", FORBIDDEN)
def test_the_strict_mode_stops_a_client_that_does_what_the_documents_forbid(
    crashes: Path, misdeed: str
) -> None:
    number, rule = FORBIDDEN[misdeed]
    log = (crashes / f"bad{number}.serial").read_text(errors="replace")
    assert f"ntlab: strict: {rule}: " in log
    assert stop_code(log)[:2] == [0xC4, 0xF006]
    assert (crashes / f"bad{number}.crashed").read_text() == "True", log


def test_every_rule_that_stops_the_guest_has_a_driver_that_breaks_it() -> None:
    assert {rule for rule, breach in _RULES.items() if breach == "STOP"} == {
        rule for _, rule in FORBIDDEN.values()
    }


def test_what_a_case_breaks_to_record_it_is_told_and_stops_nothing(tmp_path: Path) -> None:
    """The rest of what the suites break is in the default run: test_freedoms.py has all of that strictly."""
    ran = conformance.run(
        tmp_path,
        "--strict-client",
        "--destructive",
        "suites/destructive/test_broken_duties.py",
        "-k",
        "enabling_of_an_event or longer_than_its_mdls",
    )
    assert {case["outcome"] for case in ran.record["cases"]} <= {"recorded"}, ran.output
    assert conformance.broken_rules(ran) == {"enable-irp", "buf-in-mdls"}


def test_only_the_reference_guest_is_strict() -> None:
    with pytest.raises(UsageError, match="--strict-client is the reference guest's"):
        find("windows-11", GuestOptions(strict_client=True))
