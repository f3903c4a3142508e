# SPDX-License-Identifier: Apache-2.0
"""Where the parts of the repository lie: the one place that knows it."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

SUITES = REPOSITORY / "suites"
REQUIREMENTS = SUITES / "requirements.toml"
BASELINES = SUITES / "baselines"
KNOWN_ISSUES = SUITES / "known-issues.toml"
ABI_HEADER = REPOSITORY / "guest_driver" / "include" / "wsktest_abi.h"
BUILT_DRIVER = REPOSITORY / "build" / "guest_driver"
REFERENCE_IMAGE = REPOSITORY / "images" / "reference"
WINDOWS_IMAGES = REPOSITORY / "images" / "windows"
PACKAGES = REPOSITORY / "packages.txt"

RESULTS = Path("results")  # of runs, in the folder that a user is in
HISTORY = "history.sqlite"  # in the folder of results
