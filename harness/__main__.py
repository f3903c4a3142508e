# SPDX-License-Identifier: Apache-2.0
"""`python -m harness`: for those who start it from a program, and so know the Python but not the script."""

from harness.cli.console import main

main()
