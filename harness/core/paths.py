# SPDX-License-Identifier: Apache-2.0
"""Where the parts of the repository lie: the one place that knows it."""

from pathlib import Path

from harness.core import cache

PACKAGE = Path(__file__).resolve().parents[1]
_IN_WHEEL = PACKAGE / "repository"  # setup.py puts it there

# In a checkout the repository itself; in a wheel the parts that are needed.
REPOSITORY = _IN_WHEEL if _IN_WHEEL.is_dir() else PACKAGE.parent
# What is built of it: beside it, or, where it may not be ours to write to, in the user's cache.
_BUILT = cache.place("build") if _IN_WHEEL.is_dir() else REPOSITORY / "build"

SUITES = REPOSITORY / "suites"
REQUIREMENTS = SUITES / "requirements.toml"
BASELINES = SUITES / "baselines"
KNOWN_ISSUES = SUITES / "known-issues.toml"
DRIVER = REPOSITORY / "guest_driver"
ABI_HEADER = DRIVER / "include" / "wsktest_abi.h"
BUILT_DRIVER = _BUILT / "guest_driver"
IMAGES = REPOSITORY / "images"
REFERENCE_IMAGE = IMAGES / "reference"
WINDOWS_IMAGES = IMAGES / "windows"
PACKAGES = REPOSITORY / "packages.txt"

RESULTS = Path("results")  # of runs, in the folder that a user is in
HISTORY = "history.sqlite"  # in the folder of results
