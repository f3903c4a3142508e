# SPDX-License-Identifier: Apache-2.0
"""The table of docs/exploring.md that says which faults are noticed without the suites."""

import explore_page

from harness.guest import switches


def found(fault: str, *signs: str) -> dict[str, object]:
    return {"fault": fault, "signs": list(signs), "scenarios": 30, "seconds": 4.4, "scenario": []}


def test_a_fault_that_is_not_noticed_has_a_word_on_why() -> None:
    results = [found("no fault"), found("no-fin", "fin-has-a-cause"), found("fin-delayed")]
    page = explore_page.written("before\n<!-- noticed -->\nold\n<!-- end -->\nbehind", results)
    assert page.splitlines() == [
        "before",
        "<!-- noticed -->",
        "Noticed are 1 of 2 faults.",
        "",
        "| fault | noticed by | scenarios | seconds |",
        "|---|---|---|---|",
        "| `no-fin` | `fin-has-a-cause` | 30 | 4 |",
        f"| `fin-delayed` | not noticed: {explore_page.REASONS['fin-delayed']} | 30 | 4 |",
        "<!-- end -->",
        "behind",
    ]


def test_every_reason_is_of_a_fault() -> None:
    assert set(explore_page.REASONS) <= set(switches.faults())


def test_the_page_names_no_fault_that_is_gone() -> None:
    page = explore_page.PAGE.read_text()
    assert "<!-- noticed -->" in page
    named = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `") and "| " in line}
    table = page[page.index("<!-- noticed -->") :]
    assert {name for name in named if f"| `{name}` |" in table} <= set(switches.faults())
