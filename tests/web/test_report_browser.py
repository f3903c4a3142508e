# SPDX-License-Identifier: Apache-2.0
"""The report in a real browser: filters, cases, ladders; on a phone, in the dark, without scripts."""

import json
from collections.abc import Iterator

import pytest
import stories
from browser import PHONE, browser, contrast, log, luminance
from runs import case, record
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from harness.report.files import file_name
from harness.report.html import write_report
from harness.verdict import Outcome

HOSTILE = "<img src=x onerror='window.owned = 1'><script>window.owned = 1</script>"
GREEN = "suites/disconnect/test_fin.py::test_green[ipv6]"
RED = "suites/disconnect/test_fin.py::test_red[ipv4]"
CAUSE = "expected one FIN of the guest, saw none"
OTHER = "suites/close/test_close.py::test_other"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report with a green case, a red one, and one of another class of promises."""
    with record(tmp_path_factory.mktemp("results")) as run:
        stories.add(run, case(GREEN, sentence="It passes."))
        stories.add(run, case(RED, outcome=Outcome.DEVIATION, why=f"assert 0 == 1 {HOSTILE}", cause=CAUSE))
        stories.add(run, case(OTHER, requirements=["T-01"], sentence=f"It is seen. {HOSTILE}"))
    stored = json.loads((run.folder / "run.json").read_text())
    stored["requirements"]["T-01"] = {
        **stored["requirements"]["D-08"],
        "id": "T-01",
        "statement": "Half-closed connections stay.",
        "requirement_class": "TCP",
    }
    (run.folder / "run.json").write_text(json.dumps(stored))
    return write_report(run.folder).as_uri()


@pytest.fixture(scope="module")
def started() -> Iterator[Chrome]:
    with browser() as chromium:
        yield chromium


@pytest.fixture
def chromium(started: Chrome, page: str) -> Iterator[Chrome]:
    """A browser at the report. Whatever a test does there, it logs no error and asks for nothing else."""
    log(started, "performance")
    started.get("about:blank")
    started.get(page)
    yield started
    errors, sent = log(started, "browser"), log(started, "performance")
    started.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    started.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    assert errors == []
    messages = [json.loads(entry["message"])["message"] for entry in sent]
    asked = {
        message["params"]["request"]["url"].partition("#")[0]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    }
    assert page in asked
    assert asked <= {page, "about:blank"}


def shown(chromium: Chrome, selector: str) -> list[str]:
    """The elements that a reader can see, by the first words of each."""
    return [
        found.text.split()[0] for found in chromium.find_elements(By.CSS_SELECTOR, selector) if found.text
    ]


def promises(chromium: Chrome) -> list[str]:
    """The rows that a reader can see."""
    found = chromium.find_elements(By.CSS_SELECTOR, ".promise[data-rows]")
    return [str(promise.get_attribute("data-rows")) for promise in found if promise.is_displayed()]


def of_case(chromium: Chrome, name: str) -> WebElement:
    return chromium.find_element(By.ID, f"case-{file_name(name).rpartition('-')[2]}")


def opened(chromium: Chrome, name: str) -> WebElement:
    """A case with its ladder drawn."""
    found = of_case(chromium, name)
    if not found.get_attribute("open"):
        found.find_element(By.TAG_NAME, "summary").click()
    WebDriverWait(chromium, 10).until(lambda _: found.find_elements(By.CSS_SELECTOR, ".ladder"))
    return found


def ladder_text(found: WebElement) -> str:
    return " ".join(text.text for text in found.find_elements(By.CSS_SELECTOR, ".ladder text"))


def test_a_filter_by_outcome_leaves_the_other_cases_and_promises(chromium: Chrome) -> None:
    assert shown(chromium, ".case > summary") == ["deviation", "pass", "pass"]
    chromium.find_element(By.CSS_SELECTOR, "input[value=pass]").click()
    assert shown(chromium, ".case > summary") == ["deviation"]
    assert promises(chromium) == ["D-08"]
    chromium.find_element(By.CSS_SELECTOR, "button[type=reset]").click()
    WebDriverWait(chromium, 5).until(lambda _: len(shown(chromium, ".case > summary")) == 3)


def test_a_filter_by_class_leaves_its_promises_and_their_cases(chromium: Chrome) -> None:
    chromium.find_element(By.CSS_SELECTOR, "#class").send_keys("TCP")
    rows = promises(chromium)
    assert "T-01" in rows
    assert "D-08" not in rows
    (only,) = (found for found in chromium.find_elements(By.CSS_SELECTOR, ".case") if found.is_displayed())
    assert OTHER in only.text
    assert chromium.find_element(By.ID, "shown").text.endswith("1 of 3 cases.")


def test_a_filter_by_text_finds_promises_and_cases_by_their_words(chromium: Chrome) -> None:
    box = chromium.find_element(By.ID, "text")
    box.send_keys("HALF-CLOSED")
    assert promises(chromium) == ["T-01"]
    box.clear()
    box.send_keys("ipv6")
    (only,) = (found for found in chromium.find_elements(By.CSS_SELECTOR, ".case") if found.is_displayed())
    assert GREEN in only.text


def test_a_promise_leads_to_its_own_cases(chromium: Chrome) -> None:
    chromium.find_element(By.CSS_SELECTOR, "a[data-row=D-08]").click()
    assert shown(chromium, ".case > summary") == ["deviation", "pass"]
    assert promises(chromium) == ["D-08"]


def test_a_green_case_is_drawn_when_it_is_opened(chromium: Chrome) -> None:
    found = of_case(chromium, GREEN)
    assert not found.find_elements(By.CSS_SELECTOR, ".ladder")
    opened(chromium, GREEN)
    assert "FIN+ACK seq 1 ack 1 len 0" in ladder_text(found)
    assert "500 ms" in ladder_text(found)
    found.find_element(By.CSS_SELECTOR, "details.table > summary").click()
    assert "disconnect #1 (graceful, DISPATCH_LEVEL)" in found.find_element(By.CSS_SELECTOR, ".events").text


def test_guest_wire_and_peer_are_columns_from_left_to_right(chromium: Chrome) -> None:
    found = opened(chromium, RED)

    def place(selector: str) -> float:
        return float(found.find_element(By.CSS_SELECTOR, f".ladder {selector}").rect["x"])

    columns = [place(f".life.{name}") for name in ("guest", "wire", "peer")]
    assert columns == sorted(columns)
    assert place("text.time") < place(".guest text.fact") < columns[0]
    arrow = found.find_element(By.CSS_SELECTOR, ".packet.turn line").rect
    assert (arrow["x"], arrow["x"] + arrow["width"]) == pytest.approx((columns[0], columns[2]), abs=2)


def test_arrows_point_to_who_receives_and_every_guest_event_has_its_bar(chromium: Chrome) -> None:
    found = opened(chromium, RED)

    def marks(selector: str) -> list[dict[str, float]]:
        return [mark.rect for mark in found.find_elements(By.CSS_SELECTOR, f".ladder {selector}")]

    guest, peer = (marks(f".life.{name}")[0]["x"] for name in ("guest", "peer"))
    assert all(head["x"] + head["width"] == pytest.approx(peer, abs=2) for head in marks("[href='#to-peer']"))
    assert all(head["x"] == pytest.approx(guest, abs=2) for head in marks("[href='#to-guest']"))
    assert (len(marks("[href='#to-peer']")), len(marks("[href='#to-guest']"))) == (3, 2)
    assert len(marks(".bar")) == len(marks("[href^='#mark-']")) == 5
    connect, disconnect = marks(".irp")
    assert connect["y"] + connect["height"] <= disconnect["y"]
    assert connect["x"] + connect["width"] < guest


def test_a_case_is_opened_with_the_keyboard(chromium: Chrome) -> None:
    for _ in range(200):
        chromium.switch_to.active_element.send_keys(Keys.TAB)
        if GREEN in chromium.switch_to.active_element.text:
            break
    chromium.switch_to.active_element.send_keys(Keys.ENTER)
    WebDriverWait(chromium, 10).until(
        lambda _: of_case(chromium, GREEN).find_elements(By.CSS_SELECTOR, ".ladder")
    )


def test_a_link_to_a_case_opens_it(chromium: Chrome, page: str) -> None:
    chromium.get(f"{page}#{of_case(chromium, GREEN).get_attribute('id')}")
    WebDriverWait(chromium, 10).until(
        lambda _: of_case(chromium, GREEN).find_elements(By.CSS_SELECTOR, ".ladder")
    )


def test_a_red_case_shows_its_evidence_without_scripts(chromium: Chrome, page: str) -> None:
    chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        chromium.get(page)
        found = chromium.find_element(By.CSS_SELECTOR, "article.promise .example")
        assert "assert 0 == 1" in found.text
        assert "FIN+ACK seq 1" in ladder_text(found)
        assert not chromium.find_element(By.ID, "filters").is_displayed()
        assert "need the small script" in chromium.find_element(By.TAG_NAME, "noscript").text
    finally:
        chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_what_a_guest_says_is_shown_and_never_run(chromium: Chrome) -> None:
    opened(chromium, RED)
    found = opened(chromium, OTHER)
    assert HOSTILE in found.text
    assert chromium.execute_script("return window.owned") is None
    assert not chromium.find_elements(By.TAG_NAME, "img")


def test_on_a_phone_nothing_is_wider_than_the_screen(chromium: Chrome) -> None:
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    for name in (RED, GREEN, OTHER):
        opened(chromium, name)
    widest = """
        const right = (element) => Math.ceil(element.getBoundingClientRect().right);
        return [document.documentElement.scrollWidth,
            ...[...document.querySelectorAll(".ladder text, .ladder line")].map(right)];
    """
    widths = chromium.execute_script(widest)
    assert len(widths) > 50
    assert max(widths) <= PHONE["width"]


@pytest.mark.parametrize("width", [680, 850, 1280])
def test_the_words_of_the_guest_leave_room_for_the_times(chromium: Chrome, width: int) -> None:
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {**PHONE, "width": width, "mobile": False})
    found = opened(chromium, RED)
    words = [text.rect["x"] for text in found.find_elements(By.CSS_SELECTOR, ".guest text:not(.time)")]
    times = [text.rect for text in found.find_elements(By.CSS_SELECTOR, ".guest text.time")]
    assert min(words) > max(time["x"] + time["width"] for time in times)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_in_the_light_and_in_the_dark(chromium: Chrome, scheme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    opened(chromium, RED)
    paper = chromium.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (luminance(paper) < 0.1) == (scheme == "dark")
    for selector in ("body", ".faint", ".deviation", ".pass", "a", "td", ".ladder .time", ".ladder .call"):
        element = chromium.find_element(By.CSS_SELECTOR, selector)
        style = "const style = getComputedStyle(arguments[0]); return arguments[1] ? style.fill : style.color"
        ink = chromium.execute_script(style, element, "ladder" in selector)
        assert contrast(ink, paper) >= 4.5, selector  # WCAG 2, level AA


def test_on_paper_the_red_case_stands_with_its_ladder_and_the_filters_do_not(chromium: Chrome) -> None:
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert "FIN+ACK seq 1" in ladder_text(chromium.find_element(By.CSS_SELECTOR, ".example"))
    assert not chromium.find_element(By.ID, "filters").is_displayed()


SMALL = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
BIG = {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": False}


@pytest.mark.parametrize("screen", [BIG, SMALL])
def test_the_first_screen_says_what_is_broken_and_why(chromium: Chrome, screen: dict[str, int]) -> None:
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    for selector in (".scope", "h1", ".whys li", ".picture"):
        place = chromium.find_element(By.CSS_SELECTOR, selector).rect
        assert place["y"] + place["height"] <= screen["height"], selector
    heading = chromium.find_element(By.TAG_NAME, "h1").text
    assert heading.startswith("1 promise broken, 1 kept, ")
    assert "expected one FIN of the guest, saw none" in chromium.find_element(By.CSS_SELECTOR, ".whys").text


@pytest.mark.parametrize("screen", [BIG, SMALL])
def test_the_picture_fits_the_screen_and_tells_without_colour_too(
    chromium: Chrome, screen: dict[str, int]
) -> None:
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    picture = chromium.find_element(By.CSS_SELECTOR, ".picture")
    assert picture.rect["x"] + picture.rect["width"] <= screen["width"]
    head = [name.get_attribute("textContent") for name in picture.find_elements(By.CSS_SELECTOR, "thead th")]
    row = [cell.text for cell in picture.find_elements(By.CSS_SELECTOR, "tbody tr > *")]
    assert (head, row) == (["all", "ipv4", "ipv6"], ["D-08", "1/2", "1/1", "0/1"])


def test_under_a_broken_promise_one_ladder_is_open_and_what_is_well_is_folded(chromium: Chrome) -> None:
    examples = chromium.find_elements(By.CSS_SELECTOR, "article.promise details.example[open] .ladder")
    assert len(examples) == 1
    assert examples[0].is_displayed()
    assert chromium.find_elements(By.CSS_SELECTOR, "details.folded[open]") == []
    folded = chromium.find_elements(By.CSS_SELECTOR, "details.folded > summary")
    assert [part.text.partition(" ")[2] for part in folded] == ["kept", "not judged"]


def test_a_cause_leads_to_its_promise_and_the_example_to_its_case(chromium: Chrome) -> None:
    chromium.find_element(By.CSS_SELECTOR, ".whys a").click()
    assert chromium.current_url.endswith("#promise-D-08")
    chromium.find_element(By.CSS_SELECTOR, ".example summary a").click()
    WebDriverWait(chromium, 10).until(lambda _: of_case(chromium, RED).get_attribute("open"))


def test_a_filter_opens_what_was_folded(chromium: Chrome) -> None:
    chromium.find_element(By.ID, "text").send_keys("half-closed")
    assert promises(chromium) == ["T-01"]
