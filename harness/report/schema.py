# SPDX-License-Identifier: Apache-2.0
"""The parts of a run.json that its readers rely on: the one place that says so.

More is welcome, and is left as it is: a part that only one reader knows is checked by that one.
"""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from harness.report.ended import End
from harness.verdict.outcome import Outcome

_STRICT = ConfigDict(strict=True, extra="allow")
_Finite = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Count = Annotated[int, Field(ge=0)]
_Name = Annotated[str, Field(min_length=1, max_length=2000)]
_MOST_SAID = 200  # letters


def _moment(text: str) -> str:
    datetime.fromisoformat(text)  # ValueError
    return text


_Moment = Annotated[str, AfterValidator(_moment)]


class _Guest(BaseModel):
    model_config = _STRICT

    name: _Name
    kind: str = ""
    build: str = ""
    accelerator: str = ""


class _Selection(BaseModel):
    model_config = _STRICT

    selected: _Count
    of: _Count | None
    arguments: list[str]


class _Requirement(BaseModel):
    model_config = _STRICT

    id: _Name
    statement: str
    source: str
    section: str
    requirement_class: str
    provenance: str
    pages: list[str]


class _Finding(BaseModel):
    model_config = _STRICT

    subject: str
    lines: list[str]
    files: list[str]


class _Law(BaseModel):
    model_config = _STRICT

    law: str
    sentence: str
    row: str
    words: str
    evidence: list[str]
    open: str


class _Case(BaseModel):
    model_config = _STRICT

    id: _Name
    sentence: str
    requirements: list[str]
    outcome: Annotated[Outcome, Field(strict=False)]
    seconds: _Finite
    why: str
    cause: str
    recorded: dict[str, str]
    noted: dict[str, str] = {}
    timings: dict[str, dict[str, dict[str, int]]]
    attempts: list[str]
    capture: str | None
    trace: str | None
    scenario: str | None
    timeline: str | None
    samples: str | None
    serial_log: str | None
    findings: list[_Finding]
    laws: list[_Law] = []
    blamed: list[str] = []
    clock_bound_ns: _Count | None
    host: dict[str, int | None] = {}


class _Run(BaseModel):
    model_config = _STRICT

    run_id: _Name
    started: _Moment
    seconds: _Finite
    ended: Annotated[End | None, Field(strict=False)] = None
    why: str = ""
    selection: _Selection | None = None
    guest: _Guest
    settings: dict[str, Any]
    requirements: dict[str, _Requirement]
    cases: list[_Case]


def faults_of(run: Any) -> str:
    """Names the first fault of a run.json and how many more there are; empty when it is in order."""
    try:
        _Run.model_validate(run)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
    else:
        return ""
    first = faults[0]
    place = ".".join(map(str, first["loc"]))[:_MOST_SAID]
    more = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
    return f"{place}: {first['msg'][:1].lower()}{first['msg'][1:]}{more}"
