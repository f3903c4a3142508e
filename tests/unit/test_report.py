# SPDX-License-Identifier: Apache-2.0
"""A report says what a run found and what that is worth, in one file."""

import base64
import gzip
import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import stories
from runs import GUEST, case, record

from harness.core.errors import UsageError
from harness.core.units import ms, us
from harness.evidence import EventRow, PacketRow, PeerRow, Row
from harness.report import CaseFiles, RunRecord
from harness.report.html import MOST_UNPACKED, write_report
from harness.report.timelines import encode_rows
from harness.verdict import Outcome

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"' onload=alert(3) {{ 7 * 1234567 }}"
PACK = re.compile(r'<script type="text/plain" id="pack-(\d+)">([^<]*)</script>')
PLACE = re.compile(r'<div data-pack="(\d+)" data-part="(\d+)">')


def report(run: RunRecord) -> str:
    """The report with the evidence of each case where the page's script would put it."""
    page = write_report(run.folder).read_text()
    packs = {
        number: json.loads(gzip.decompress(base64.b64decode(pack))) for number, pack in PACK.findall(page)
    }
    return PLACE.sub(lambda place: f"<div>{packs[place[1]][int(place[2])]}", PACK.sub("", page))


class Markup(HTMLParser):
    """The tags of a page with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def body(page: str) -> str:
    text = re.sub(r"<[^>]+>", " ", page.partition("<body>")[2].partition("<script>")[0])
    return html.unescape(" ".join(text.split()))


def test_the_first_line_says_what_a_verdict_is_worth(tmp_path: Path) -> None:
    with record(tmp_path) as run:
        run.add(case())
    assert body(report(run)).startswith("Guest: reference. The reference guest is this project's own")
    assert "says nothing about Windows" in body(report(run))
    with record(tmp_path, guest={**GUEST, "name": "windows-2025", "kind": "windows"}) as run:
        pass
    assert body(report(run)).startswith("Guest: windows-2025. A verdict holds for this build of Windows")


def test_outcomes_are_counted_and_put_to_their_rows(tmp_path: Path) -> None:
    with record(tmp_path) as run:
        run.add(case("one", requirements=["D-08", "D-16"]))
        run.add(case("two", outcome=Outcome.DEVIATION, why="two FINs"))
    text = body(report(run))
    assert "1 pass 1 deviation" in text
    assert re.search(r"broken D-08: Without WSK_FLAG_ABORTIVE .* 1 of 2 cases failed", text)
    assert re.search(r"1 kept .* D-16 .* REQUIRE 1 pass", text)
    assert re.search(r"D-28 .* REQUIRE none of its cases was performed", text)


def test_a_case_shows_its_ladder_its_tables_and_links_its_evidence(tmp_path: Path) -> None:
    with record(tmp_path) as run:
        stories.add(run, case())
    page = report(run)
    text = body(page)
    assert "530.000" in text
    assert "disconnect #1 (graceful) completion" in text
    assert "FIN+ACK seq 1 ack 1 len 0" in text
    assert "530 ms 2 ms disconnect #1 (graceful, DISPATCH_LEVEL) completion DISPATCH_LEVEL" in text
    assert "25 ms guest FIN+ACK 1 1 0" in text
    assert f'href="{CaseFiles.of(case().id).capture}"' in page


def test_a_case_says_in_words_what_its_outcome_means_and_how_to_see_it_again(tmp_path: Path) -> None:
    with record(tmp_path) as run:
        run.add(case(outcome=Outcome.HUNG, why="disconnect #6 never completed"))
    text = body(report(run))
    assert "or it stopped answering: disconnect #6 never completed" in text
    assert f"wsk-conformance replay '{case().id}' --run {run.folder}" in text


def test_every_outcome_has_a_meaning(tmp_path: Path) -> None:
    with record(tmp_path) as run:
        for outcome in Outcome:
            run.add(case(outcome.value, outcome=outcome))
    page = report(run)
    assert body(page).count("wsk-conformance replay") == len(Outcome)


def test_what_the_guest_did_wrong_comes_first(tmp_path: Path) -> None:
    with record(tmp_path) as run:
        for outcome in (Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.DEVIATION):
            run.add(case(outcome.value, outcome=outcome))
    page = report(run)
    assert re.findall(r"<summary><b[^>]*>([a-z]+)", page) == ["deviation", "inconclusive", "pass"]
    assert page.index("1 promise broken") < page.index('class="promise"') < page.index('id="cases"')


def test_the_first_red_cases_stand_in_the_page_itself(tmp_path: Path) -> None:
    with record(tmp_path) as run:
        for number in range(MOST_UNPACKED + 1):
            run.add(case(f"red-{number}", outcome=Outcome.DEVIATION, why=f"It failed:\ndetail {number}."))
        run.add(case("green", why="nothing to see"))
    page = write_report(run.folder).read_text()
    assert f"detail {MOST_UNPACKED - 1}." in page
    assert f"detail {MOST_UNPACKED}." not in page
    assert "nothing to see" not in page
    assert "nothing to see" in report(run)


def test_what_was_measured_is_plotted(tmp_path: Path) -> None:
    measured = {"WskDisconnect": {"call": [10 * us] * 99 + [ms], "completion": [], "at_dispatch": []}}
    with record(tmp_path) as run:
        (run.folder / "timings/x.json").write_text(json.dumps(measured))
        run.add(case("suites/x.py::test_x[graceful-dispatch]", samples="timings/x.json"))
    assert (
        "WskDisconnect , from the call to its return graceful-dispatch 100 rounds: p50 10 us, p90 10 us, "
        "p99 19.9 us, max 1 ms" in body(report(run))
    )


@pytest.mark.parametrize("timeline", ["traces/none.json", "../../secret.json", "run.json", "traces"])
def test_a_timeline_that_cannot_be_used_is_left_out(tmp_path: Path, timeline: str) -> None:
    (tmp_path / "secret.json").write_bytes(encode_rows([PeerRow(1, "secret")]))
    with record(tmp_path) as run:
        run.add(case(timeline=timeline))
    page = report(run)
    assert "<figure>" not in page
    assert "secret" not in body(page)


def test_what_a_guest_says_is_text_and_never_markup(tmp_path: Path) -> None:
    says = {"sentence": HOSTILE, "why": HOSTILE, "recorded": {HOSTILE: HOSTILE}, "attempts": [HOSTILE] * 2}
    kinds = (HOSTILE, "call", "wait end")
    events: list[Row] = [EventRow(5, 1, kind, HOSTILE, 0, HOSTILE, status=5) for kind in kinds]
    rows = [*events, PacketRow(6, "guest", 60), PeerRow(7, HOSTILE)]
    with record(tmp_path, guest={**GUEST, "name": HOSTILE, "build": HOSTILE}) as run:
        for outcome in (Outcome.PASS, Outcome.DEVIATION):
            stories.add(run, case(f"{outcome}{HOSTILE}", outcome=outcome, **says), rows)
    tags = Markup(report(run)).tags
    assert [attributes for tag, attributes in tags if tag == "script"] == [{}]
    assert not [tag for tag, _ in tags if tag == "img"]
    assert not [name for _, attributes in tags for name in attributes if name.startswith("on")]
    assert "8641969" not in body(report(run))


def test_a_link_of_a_damaged_run_is_a_file_name_and_no_script(tmp_path: Path) -> None:
    with record(tmp_path) as run:
        run.add(case(capture="javascript:alert(1)"))
    assert 'href="javascript%3Aalert%281%29"' in report(run)


def test_a_report_asks_for_nothing_from_outside(tmp_path: Path) -> None:
    with record(tmp_path) as run:
        stories.add(run, case())
    page = report(run)
    assert not re.search(r"(@import|url\(|https?:)", page)
    tags = Markup(page).tags
    assert not [attributes for _, attributes in tags if "src" in attributes]
    assert {str(attributes["href"])[0] for tag, attributes in tags if tag == "use"} == {"#"}
    (policy,) = (a["content"] for _, a in tags if "http-equiv" in a)
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")


def test_an_outcome_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with record(tmp_path) as run:
        run.add(case())
    path = run.folder / "run.json"
    path.write_text(path.read_text().replace('"outcome": "pass"', '"outcome": "splendid"'))
    with pytest.raises(UsageError, match=r"is damaged: cases\.0\.outcome: input should be 'pass'"):
        report(run)


def test_a_run_with_rows_missing_is_refused(tmp_path: Path) -> None:
    with record(tmp_path, guest={"kind": "reference"}) as run:
        pass
    with pytest.raises(UsageError, match="is damaged"):
        report(run)


def test_a_run_whose_requirements_are_damaged_is_refused(tmp_path: Path) -> None:
    with record(tmp_path) as run:
        run.add(case())
    path = run.folder / "run.json"
    path.write_text(path.read_text().replace('"requirement_class"', '"class"'))
    with pytest.raises(UsageError, match="is damaged"):
        report(run)
