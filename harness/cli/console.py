# SPDX-License-Identifier: Apache-2.0
"""The console script: so small that Ctrl-C finds it ready, even while the rest is being imported."""

import sys


def main() -> None:
    """wsk-conformance."""
    try:
        from harness.cli import ending

        sys.exit(ending.run(_command))
    except KeyboardInterrupt:
        sys.exit(130)


def _command() -> None:
    from harness.cli.main import main as command_line

    command_line()
