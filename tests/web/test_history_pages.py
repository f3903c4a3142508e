# SPDX-License-Identifier: Apache-2.0
"""The pages of nights: in a real browser, on a phone, in the dark, and whatever guests and hosts said."""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import pytest
from browser import PHONE, browser, contrast, log, luminance
from nights import ONE, TIMED, TWO, cell, failed, night
from runs import case
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By

from harness.core.errors import UsageError
from harness.history.known import Issue, KnownIssues
from harness.history.night import CellStatus
from harness.history.pages import write_pages
from harness.history.store import Store
from harness.report.html import write_report
from harness.verdict import Outcome

HOSTILE = "<img src=x onerror='window.owned = 1'><script>window.owned = 1</script>"
SLOW, FAST = [list(range(at, at + 1000)) for at in (20_000, 10_000)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages of three nights, the last of them killed, with everything that a night can have."""
    results = tmp_path_factory.mktemp("nights")
    known = KnownIssues(
        (
            Issue(f"the vendor knows {HOSTILE}", date(2026, 2, 1), cases="*known*"),
            Issue("nobody looked again", date(2026, 1, 1), cases=ONE),
        )
    )
    with Store.open(str(results / "history.sqlite")) as store:
        for number in (0, 1):
            cases = [case(ONE), case(TWO), failed("suites/known.py::test_known"), case("goes")]
            store.keep(night(results, number, cell("plain", cases, times=FAST)))
        cases = [
            failed(ONE, f"no FIN came\n{HOSTILE}"),
            failed(TWO),
            failed("suites/known.py::test_known"),
            case("lost", outcome=Outcome.INCONCLUSIVE, why="3 packets were lost"),
        ]
        last = night(
            results,
            2,
            cell("plain", cases, [case(TWO)], times=SLOW),
            cell(f"wine {HOSTILE}", [case(ONE)], guest="wine", build=HOSTILE, settings={"nic": HOSTILE}),
            cell("lost", None),
            cell("waiting", status=CellStatus.WAITING),
            ended=False,
        )
        write_report(last / "plain-1")
        store.keep(last)
        store.pin("matrix-0000")
        return write_pages(store, results / "pages", known).parent


@pytest.fixture(scope="module")
def started() -> Iterator[Chrome]:
    with browser() as chromium:
        yield chromium


@pytest.fixture
def chromium(started: Chrome, folder: Path) -> Iterator[Chrome]:
    """A browser at the page, which logs no error."""
    started.get((folder / "index.html").as_uri())
    yield started
    started.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    started.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    assert log(started, "browser") == []


def section(chromium: Chrome, name: str) -> str:
    """The words from one heading to the next."""
    text = chromium.find_element(By.TAG_NAME, "body").text
    return text.partition(f"\n{name}\n")[2]


def test_the_page_of_a_killed_night_says_so_and_shows_what_it_did(chromium: Chrome) -> None:
    (warning,) = chromium.find_elements(By.CSS_SELECTOR, ".warning")
    assert warning.text == "It has not ended: it still runs, or was killed. What follows is what it has done."
    assert "the worker was lost" in section(chromium, "Cells")
    assert "Nothing was tried." in section(chromium, "Cells")


def test_what_changed_comes_first_and_the_worst_of_it_first_of_all(chromium: Chrome) -> None:
    headings = [found.text for found in chromium.find_elements(By.CSS_SELECTOR, "h3, h4") if found.text]
    assert headings[:8] == [
        "What changed",
        "New failures (2)",
        "Disappeared cases (1)",
        "New cases (1)",
        "Times (1 of 1 times differ)",
        "Failures",
        "Not judged (1); none of it counts against a guest",
        "Flaky",
    ]
    assert "Against matrix-0000, the pinned baseline" in chromium.page_source


def test_failures_stay_whether_they_are_known_flaky_or_expired(chromium: Chrome) -> None:
    rows = chromium.find_elements(By.XPATH, "//h3[.='Failures']/following-sibling::table[1]/tbody/tr")
    told = [row.text for row in rows]
    assert len(told) == 3
    assert "EXPIRED 2026-01-01" in told[0] + told[1]
    assert "Attempts: deviation, pass." in told[0] + told[1]
    assert "known until 2026-02-01" in told[2]
    assert "1 of 4 attempts in 3 nights failed: 25 %" in section(chromium, "Flaky")
    assert "2 cases fail for a reason that nobody has looked into." in section(chromium, "Failures")


def test_a_failure_leads_to_its_case_in_the_report(chromium: Chrome) -> None:
    link = chromium.find_element(By.XPATH, f"//a[contains(., '{ONE}')]")
    address = link.get_attribute("href") or ""
    assert "/matrix-0002/plain-1/report.html#case-" in address
    chromium.get(address)
    assert "no FIN came" in chromium.find_element(By.CSS_SELECTOR, "details.case[open]").text


def test_trends_are_drawn_for_cells_promises_and_times(chromium: Chrome) -> None:
    drawn = [found.get_attribute("aria-label") or "" for found in chromium.find_elements(By.TAG_NAME, "svg")]
    assert "Cases of plain that failed or were not judged, night by night; 4 a night at most" in drawn
    assert "D-08 on reference, night by night" in drawn
    assert "WskDisconnect call in plain, night by night" in drawn
    assert TIMED in section(chromium, "Times")
    assert "3 nights, last 2026-01-03" in section(chromium, "Promises")


def test_what_guests_and_hosts_say_is_shown_and_never_run(chromium: Chrome, folder: Path) -> None:
    assert chromium.execute_script("return window.owned") is None
    assert not chromium.find_elements(By.CSS_SELECTOR, "img, script")
    assert HOSTILE in chromium.find_element(By.TAG_NAME, "body").text
    assert "<img" not in re.sub(r"\\<", "", (folder / "summary.md").read_text())


def test_the_page_asks_for_nothing_else(folder: Path) -> None:
    page = (folder / "index.html").read_text()
    assert "default-src 'none'" in page
    assert not re.findall(
        r"""(?:src=|url\(|@import|href="(?:https?:|//))""", re.sub(r"&lt;.*?&gt;", "", page)
    )


def test_on_a_phone_nothing_is_wider_than_the_screen(chromium: Chrome) -> None:
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    for details in chromium.find_elements(By.TAG_NAME, "details"):
        chromium.execute_script("arguments[0].open = true", details)
    widest = """
        const right = (element) => Math.ceil(element.getBoundingClientRect().right);
        return [document.documentElement.scrollWidth, ...[...document.querySelectorAll("body *")].map(right)];
    """
    assert max(chromium.execute_script(widest)) <= PHONE["width"]


def test_details_open_and_parts_are_reached_with_the_keyboard(chromium: Chrome) -> None:
    for _ in range(60):
        chromium.switch_to.active_element.send_keys(Keys.TAB)
        if chromium.switch_to.active_element.text.startswith("Against matrix-0000"):
            break
    chromium.switch_to.active_element.send_keys(Keys.ENTER)
    assert chromium.find_element(By.CSS_SELECTOR, "section > details").get_attribute("open")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_in_the_light_and_in_the_dark(chromium: Chrome, scheme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    paper = chromium.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (luminance(paper) < 0.1) == (scheme == "dark")
    for selector in (
        ".faint",
        ".deviation",
        ".flaky",
        ".pass",
        "a",
        ".why",
        ".mark",
        ".expired",
        "h4",
        ".ends",
    ):
        element = chromium.find_element(By.CSS_SELECTOR, selector)
        ink = chromium.execute_script("return getComputedStyle(arguments[0]).color", element)
        assert contrast(ink, paper) >= 4.5, selector  # WCAG 2, level AA


def test_badges_are_images_that_say_how_the_night_went(folder: Path) -> None:
    told = {
        ElementTree.parse(path).findtext("{http://www.w3.org/2000/svg}title") for path in folder.glob("*.svg")
    }
    assert told == {
        "matrix: 3 of 6 failed",
        "plain: 3 of 5 failed",
        f"wine {HOSTILE}: 1 passed",
        "lost: 0 passed, not finished",
        "waiting: 0 passed, not finished",
    }


def test_every_matrix_has_its_part_of_the_page(tmp_path: Path) -> None:
    with Store.open(str(tmp_path / "h.sqlite")) as store:
        store.keep(night(tmp_path, 1, cell("plain", [case(ONE)]), matrix="daily"))
        store.keep(night(tmp_path, 0, cell("plain", [failed(ONE)]), matrix="weekly"))
        page = write_pages(store, tmp_path / "pages").read_text()
    assert page.index("daily: night daily-0001") < page.index("weekly: night weekly-0000")
    assert "2 nights of 2 matrices" in page


def test_a_store_without_nights_has_no_page(tmp_path: Path) -> None:
    with (
        Store.open(str(tmp_path / "h.sqlite")) as store,
        pytest.raises(UsageError, match="holds no night yet"),
    ):
        write_pages(store, tmp_path / "pages")
    assert not (tmp_path / "pages").exists()


def test_a_folder_that_cannot_be_written_is_a_clear_line(tmp_path: Path) -> None:
    (tmp_path / "pages").write_text("a file")
    with Store.open(str(tmp_path / "h.sqlite")) as store:
        store.keep(night(tmp_path, 0, cell("plain", [case(ONE)])))
        with pytest.raises(UsageError, match=r"cannot write the pages into .*: File exists"):
            write_pages(store, tmp_path / "pages")
