# SPDX-License-Identifier: Apache-2.0
"""How far an installation has come, judged by its signs; it knows no machine and no clock of its own."""

from collections.abc import Callable
from dataclasses import dataclass, field

from harness.core.errors import HarnessError
from harness.core.printable import printable
from harness.image_builder import stages
from harness.image_builder.stages import STAGES, SerialEvent

_MOST_FACTS = 100


class BuildFailed(HarnessError):
    """The installation went wrong; where its evidence was kept is told by who raises it on."""


@dataclass
class InstallProgress:
    """One installation. Moments are seconds of any clock that does not jump; `scale` multiplies limits.

    `pressing` says that somebody should press a key now. All that take a sign
    raise BuildFailed when it means that no image will come of this.
    """

    now: float
    tell: Callable[[str], None]
    scale: float = 1.0
    most_starts: int = stages.MOST_STARTS
    pressing: bool = False
    ready: bool = False
    reached: int = 0  # stages
    starts: int = 1
    facts: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._disc_started = False
        self._begin("the firmware starts", stages.FIRMWARE_LIMIT_S, self.now)

    def take(self, sign: SerialEvent, now: float) -> None:
        """Something was said on COM1."""
        match sign.kind:
            case "disc":
                self._start_disc(now)
            case "disc failed":
                self._judge_disc(sign.text)
            case "shell" | "nothing":
                raise BuildFailed(self._nothing_to_start())
            case "stage":
                self._enter(sign.text, now)
            case "fact":
                self._note(sign.text)
            case "fail":
                raise BuildFailed(f"{self.place}: Windows reports: {printable(sign.text)}")
            case "ready":
                self._finish(now)

    def restart(self) -> None:
        """The machine was reset."""
        self.pressing = False
        self.starts += 1
        if self.starts > self.most_starts:
            raise BuildFailed(
                f"{self.place}: the machine was started {self.starts} times, more often than an installation "
                "needs: it restarts in a loop; its screen shows what it last said"
            )

    def end(self, event: str) -> None:
        """The machine has ended; well, if everything was done before."""
        if not self.ready:
            raise BuildFailed(f"{self.place}: the machine ended ({event}) before Windows was ready")

    def check_time(self, now: float) -> None:
        """Nothing takes longer than it may."""
        if now > self.deadline:
            raise BuildFailed(
                f"{self.place}: nothing new for {_duration(self._limit)}, the most that this may take; "
                "--limit-scale 2 allows twice the time"
            )

    @property
    def deadline(self) -> float:
        """When the present stage must have ended, on the clock of time.monotonic."""
        return self._since + self._limit

    @property
    def place(self) -> str:
        """The present stage, in words."""
        return f"{self.reached}/{len(STAGES)} {self._text}"

    def waited(self, now: float) -> str:
        """How long it has been under way, and how long it may be."""
        return f"{_duration(now - self._since)} of at most {_duration(self._limit)}"

    def _begin(self, text: str, limit_s: float, now: float) -> None:
        self._text, self._limit, self._since = text, limit_s, now
        self.tell(self.place)

    def _start_disc(self, now: float) -> None:
        """Only the first start is answered: later the disk has a system, or the prompt must run out."""
        if self._disc_started:
            return
        self._disc_started = self.pressing = True
        self._begin("the ISO starts; a key is pressed", self.scale * stages.KEY_LIMIT_S, now)

    def _judge_disc(self, why: str) -> None:
        if self.reached or self.starts > 1:
            return  # behind a start from the disk this is as it should be
        if self._disc_started:
            raise BuildFailed(
                f"{self.place}: no key reached it in time ({printable(why)}); try again, "
                "with less load on this machine"
            )
        raise BuildFailed(
            f"{self.place}: it finds nothing to start on the ISO ({printable(why)}): "
            "this is no installation disc for UEFI"
        )

    def _nothing_to_start(self) -> str:
        if self.reached or self.starts > 1:
            return f"{self.place}: after a restart the firmware found no system on the disk"
        return f"{self.place}: the firmware started nothing from the ISO and fell through to its shell"

    def _enter(self, text: str, now: float) -> None:
        numbers, name = text.split(" ")
        number, of = map(int, numbers.split("/"))
        if of != len(STAGES) or not 0 < number <= of or STAGES[number - 1].name != name:
            raise BuildFailed(f"{self.place}: a stage that does not exist was reported: {text}")
        if number <= self.reached:
            raise BuildFailed(f"{self.place}: stage {name} has begun a second time: the installation loops")
        passed = [stage.name for stage in STAGES[self.reached : number - 1]]
        left_out = [name for name in passed if name not in stages.MAY_BE_SILENT]
        if left_out:
            raise BuildFailed(f"{self.place}: stage {name} has begun without {', '.join(left_out)}")
        self.pressing = False
        self.reached = number
        self._begin(STAGES[number - 1].text, self.scale * STAGES[number - 1].limit_s, now)

    def _note(self, text: str) -> None:
        key, _, value = text.partition("=")
        if len(self.facts) >= _MOST_FACTS and key not in self.facts:
            raise BuildFailed(f"{self.place}: more than {_MOST_FACTS} facts were reported")
        self.facts[key] = printable(value)

    def _finish(self, now: float) -> None:
        if self.reached != len(STAGES):
            raise BuildFailed(f"{self.place}: Windows reports to be ready, with stages missing")
        self.ready = True
        self._begin("powering off", self.scale * stages.POWER_OFF_LIMIT_S, now)


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"
