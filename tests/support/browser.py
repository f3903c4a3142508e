# SPDX-License-Identifier: Apache-2.0
"""The system's Chromium without a window."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

DESKTOP = (1280, 900)
PHONE = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}


@contextmanager
def browser() -> Iterator[Chrome]:
    """The one in Debian's packages chromium and chromium-driver; nothing is downloaded."""
    options = ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for argument in ("--headless", "--window-size={},{}".format(*DESKTOP)):
        options.add_argument(argument)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium's does not work for root
    started = Chrome(options, Service("/usr/bin/chromedriver"))
    try:
        yield started
    finally:
        started.quit()


def log(chromium: Chrome, kind: str) -> list[dict[str, Any]]:
    """The lines logged since the last call."""
    entries: list[dict[str, Any]] = chromium.get_log(kind)  # type: ignore[no-untyped-call]
    return entries


def luminance(colour: str) -> float:
    """Relative, of 'rgb(r, g, b)' (WCAG 2)."""
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Any, other: Any) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)
