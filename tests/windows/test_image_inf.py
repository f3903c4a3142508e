# SPDX-License-Identifier: Apache-2.0
"""Which files an INF wants beside it."""

import pytest
from image_media import DRIVERS, inf

from harness.image_builder.inf import needed

WHOLE = r"""
; a comment with [Section] in it
[VERSION]
Signature = "$Windows NT$"
CatalogFile = Adapter.CAT
[Manufacturer]
%Vendor% = Models, NTamd64, NTx86
[Adapter.ndi]
CopyFiles = Adapter.CopyFiles, \
    Program.CopyFiles, @Single.dll ; goes on from the line before
[Adapter.ndi.NTamd64.CoInstallers]
CopyFiles=Helper
[Old.ndi.NTx86]
CopyFiles = Old.CopyFiles
[Adapter.CopyFiles]
adapter.sys,,,2
[Program.CopyFiles]
"there.exe",%Program%,,2
[Helper]
helper.dll
[Old.CopyFiles]
old.sys
[SourceDisksNames.amd64]
1 = %Disk%,,,
2 = %Disk%,"",,"\programs"
[SourceDisksFiles]
adapter.sys = 1,,
here.exe = 2,"tools",
old.sys = 1
[SourceDisksFiles.amd64]
helper.dll = 1
[SourceDisksFiles.arm64]
far.dll = 1
[Strings]
Vendor = "A vendor; with a semicolon, and a comma"
Disk = "[Disk]"
Program = "here.exe"
"""
FILES = ["adapter.cat", "adapter.sys", "helper.dll", "programs/tools/here.exe", "single.dll"]


@pytest.mark.parametrize("encoding", ["ascii", "utf-16", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_file_that_is_copied_here_is_named_with_its_folder(encoding: str, end: str) -> None:
    assert needed(WHOLE.replace("\n", end).encode(encoding)) == FILES


def test_letters_may_be_large_or_small() -> None:
    assert needed(WHOLE.upper().encode()) == FILES


def test_the_drivers_infs_name_their_programs_too() -> None:
    for infs in DRIVERS.values():
        for name, copied in infs.items():
            assert needed(inf(name, copied).encode()) == sorted([f"{name}.cat", *copied])


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("", []),
        ("no section = at all", []),
        ("[SourceDisksFiles]\na.sys", []),
        ("[SourceDisksFiles]\na.sys=", ["a.sys"]),
        ("[SourceDisksFiles]\na.sys=7,,", ["a.sys"]),
        ("[Install]\nCopyFiles=", []),
        ("[Install]\nCopyFiles=Nowhere", []),
        ("[SourceDisksFiles]\n%name%=1\n[Strings]\nname=a.sys", ["a.sys"]),
        ("[SourceDisksNames]\n1=,,,x64\n[SourceDisksFiles]\na.sys=1", ["x64/a.sys"]),
        ("[Version]\nCatalogFile=", []),
        ("[Install]\nCopyFiles=@a.sys,", ["a.sys"]),
        ("[Install]\nCopyINF=other.inf", ["other.inf"]),
        ("[Install]\nCopyFiles=@sub\\a.sys", ["sub/a.sys"]),
        ("[Install]\nCopyINF=sub\\other.inf", ["sub/other.inf"]),
        ("[Install]\nCopyFiles=L\n[L]\nb.sys,sub\\a.sys", ["sub/a.sys"]),
        ("[Install]\nCopyFiles=@%unknown%", ["%unknown%"]),
        ("[Install]\nCopyFiles=A\n[A]\nx.sys\n[B]\n[A]\ny.sys", ["x.sys", "y.sys"]),
        ("[Version]\nCatalogFile=a.cat\nCatalogFile.NTamd64=b.cat", ["b.cat"]),
    ],
)
def test_what_is_odd_is_read_as_far_as_it_goes(text: str, files: list[str]) -> None:
    assert needed(text.encode()) == files
