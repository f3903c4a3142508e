# SPDX-License-Identifier: Apache-2.0
"""Puts into a wheel what the harness needs of the repository besides itself: harness.core.paths finds it."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

FOLDERS = ("guest_driver", "images", "suites")
FILES = ("conftest.py", "packages.txt", "pyproject.toml", "LICENSE")


class BuildWithRepository(build_py):
    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib) / "harness" / "repository"
        shutil.rmtree(target, ignore_errors=True)
        for name in FOLDERS:
            shutil.copytree(name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in FILES:
            shutil.copy(name, target)


setup(cmdclass={"build_py": BuildWithRepository})
