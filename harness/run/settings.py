# SPDX-License-Identifier: Apache-2.0
"""What a user can choose for a run."""

from dataclasses import dataclass, field
from pathlib import Path

from harness.core.paths import BASELINES
from harness.guest.base import Options
from harness.lab.nic_models import EMBEDDED

RESULTS = Path("results")
HISTORY = "history.sqlite"  # in the folder of results
AT_ONCE = 24
CPUS = 2


@dataclass(frozen=True)
class Settings:
    """One run's choices, checked where they are first used."""

    guest: str = "reference"
    fault: str | None = None  # a wrong behaviour of the reference guest, by name
    options: Options = field(default_factory=Options)
    cpus: int = CPUS  # virtual ones, of each guest
    results: Path = RESULTS
    at_once: int = AT_ONCE  # scenarios that run side by side in the guest
    baselines: Path = BASELINES  # folder of what each guest was seen to do
    accept_changes: bool = False  # what differs from the baseline replaces it
    dump: bool | None = None  # the memory of guests that are lost is dumped; None: as the guest wishes
    uri: str = EMBEDDED  # of libvirt
    labs: int = 1  # side by side, each with a guest
    lab: str = ""  # one of several is named in the names of its guests' logs

    def as_arguments(self) -> list[str]:
        """The options of pytest that choose the same."""
        options = self.options
        arguments = ["--guest", self.guest, "--results", str(self.results), "--at-once", str(self.at_once)]
        arguments += ["--cpus", str(self.cpus), "--baselines", str(self.baselines)]
        arguments += ["--fault", self.fault] if self.fault else []
        arguments += [] if self.dump is None else ["--dump" if self.dump else "--no-dump"]
        arguments += ["--verifier"] * options.verifier + ["--emulate"] * options.emulate
        arguments += ["--nic", options.nic] if options.nic else []
        arguments += ["--accept-changes"] * self.accept_changes
        return arguments + (["-n", str(self.labs)] if self.labs > 1 else [])
