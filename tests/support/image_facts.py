# SPDX-License-Identifier: Apache-2.0
"""The facts that a Windows in order would tell of itself."""

from harness.image_builder import facts


def facts_of(build: str, /, **changes: str) -> dict[str, str]:
    """Its facts; an evaluation that lasts for 180 days."""
    return {
        **facts.expected(),
        "build": build,
        "winrm-certificate": "ab" * 32,
        "qpc-frequency": "10000000",
        "evaluation-minutes": str(180 * 24 * 60),
        "channels": "winrm",
        **changes,
    }
