# SPDX-License-Identifier: Apache-2.0
"""`KernelDumpParser` of the package kdmp-parser, on every Python.

Its wheel for Python 3.12 and later (0.7.4) has a library of the stable interface, but by a
name that 3.12 alone looks for: here it is loaded by whatever name it has.
"""

import importlib.util
import sys
from importlib.metadata import files

_LIBRARY = "kdmp_parser._kdmp_parser"


def _load_library() -> None:
    (path,) = (file.locate() for file in files("kdmp-parser") or () if file.name.startswith("_kdmp_parser."))
    spec = importlib.util.spec_from_file_location(_LIBRARY, path)
    assert spec
    assert spec.loader
    sys.modules[_LIBRARY] = library = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(library)


_load_library()

from kdmp_parser import KernelDumpParser  # noqa: E402 - it imports the library by that name

__all__ = ["KernelDumpParser"]
