# SPDX-License-Identifier: Apache-2.0
"""The options that a user can choose for a run, declared once.

From this table come the options of `wsk-conformance run` and of pytest, the
command lines of the runs that a night or a replay starts, the keys of a matrix,
the settings in run.json, and those that `replay` takes from there. A new option
is a field here, used where it takes effect, and named in docs/.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from harness.core.paths import BASELINES, RESULTS
from harness.guest.options import GuestOptions
from harness.lab.choices import EMBEDDED, NIC_MODELS
from harness.run.option import Topic, command_line, option, options_of

# What a case needs that is named, whatever it is: the settings that leave no case out.
ANY_CASE: dict[str, Any] = {"variants": "all", "destructive": True, "timing": True}

_COUNT = (1, 64)


@dataclass(frozen=True)
class Settings:
    """One run's choices, checked where they are first used."""

    guest: str = option("reference", "The guest to judge.", Topic.GUEST, axis=True)
    fault: str | None = option(
        None, "A wrong behaviour that the reference guest is to show.", Topic.GUEST, metavar="NAME", axis=True
    )
    freedom: str | None = option(
        None,
        "Other ways of keeping every promise that the reference guest is to take.",
        Topic.GUEST,
        metavar="NAME[,NAME]",
        axis=True,
    )
    cpus: int = option(2, "Virtual CPUs of each guest.", Topic.GUEST, within=_COUNT, axis=True)
    nic: str | None = option(
        None,
        "The NIC under test in a Windows guest; its image's own by default.",
        Topic.GUEST,
        choices=NIC_MODELS,
        axis=True,
        depends_on_guest=True,
    )
    verifier: bool = option(
        False,
        "Refuse a Windows guest whose Driver Verifier does not watch the driver.",
        Topic.GUEST,
        axis=True,
        depends_on_guest=True,
    )
    strict_client: bool = option(
        False,
        "Hold the driver to what the documents ask of a client of WSK, in the reference guest.",
        Topic.GUEST,
        axis=True,
        depends_on_guest=True,
    )
    vbs: bool = option(
        False,
        "Switch on memory integrity (VBS, HVCI) in a Windows guest, which restarts it once.",
        Topic.GUEST,
        axis=True,
        depends_on_guest=True,
    )
    at_once: int = option(24, "Scenarios side by side in the guest.", Topic.LOAD, within=_COUNT)
    labs: int = option(
        1,
        "Labs side by side, a guest in each.",
        Topic.LOAD,
        flag="-n",
        within=_COUNT,
        native_to_pytest=True,
    )
    variants: str = option(
        "pairs",
        "Every value of a case's axes and every pair that matters, or all combinations.",
        Topic.CASES,
        choices=("pairs", "all"),
    )
    destructive: bool = option(False, "Also the cases that a guest may not survive, last.", Topic.CASES)
    timing: bool = option(
        False, "Also the cases that measure times, over a thousand rounds each.", Topic.CASES
    )
    select: str | None = option(
        None,
        "Only cases whose name matches, as pytest's -k.",
        Topic.CASES,
        flag="-k",
        metavar="EXPR",
        native_to_pytest=True,
    )
    marks: str | None = option(
        None,
        "Only cases with these marks, as pytest's -m.",
        Topic.CASES,
        flag="-m",
        metavar="EXPR",
        native_to_pytest=True,
    )
    emulate: bool = option(False, "Let a Windows guest run without KVM, which takes very long.", Topic.HOST)
    dump: bool | None = option(
        None,
        "Keep the memory of guests that crash or hang; by default as the guest's kind needs it.",
        Topic.HOST,
    )
    results: Path = option(RESULTS, "Folder for results.", Topic.HOST)
    baselines: Path = option(
        BASELINES,
        "Folder of what each guest was seen to do where no document says.",
        Topic.HOST,
        default_text="suites/baselines",
    )
    keep_guest: bool = option(
        False, "When the cases are over, a shell in the lab with the guest still there.", Topic.HOST
    )
    accept_changes: bool = option(False, "Put what differs from the guest's baseline into it.", Topic.HOST)

    # Not for users to choose on a command line.
    uri: str = EMBEDDED  # of libvirt
    lab: str = ""  # one of several is named in the names of its guests' logs

    @property
    def guest_options(self) -> GuestOptions:
        """The options of the guest itself."""
        return GuestOptions(self.verifier, self.emulate, self.nic or "", self.strict_client, self.vbs)

    @property
    def freedoms(self) -> tuple[str, ...]:
        """Their names."""
        return () if self.freedom is None else tuple(self.freedom.split(","))

    def as_arguments(self) -> list[str]:
        """The options that choose the same, for `wsk-conformance run` and for pytest."""
        chosen = {made.name: getattr(self, made.name) for made in fields(self)}
        return command_line(
            OPTIONS, {name: value for name, value in chosen.items() if value != DEFAULTS[name]}
        )

    def record(self) -> dict[str, Any]:
        """The settings that run.json keeps."""
        return {one.name: getattr(self, one.name) for one in OPTIONS if one.in_record}


OPTIONS = options_of(Settings)
# What decides how a guest is started, and whether it may be here.
STARTS_GUEST = tuple(one for one in OPTIONS if one.topic is Topic.GUEST or one.name == "emulate")
BY_NAME = {one.name: one for one in OPTIONS}
DEFAULTS: dict[str, Any] = {made.name: made.default for made in fields(Settings)}
