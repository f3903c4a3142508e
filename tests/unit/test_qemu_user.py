# SPDX-License-Identifier: Apache-2.0
"""Root can start QEMU as libvirt's user, or is told why not."""

import grp
import os
import pwd
from pathlib import Path
from types import SimpleNamespace
from xml.etree.ElementTree import Element

import pytest

from harness.core.system import System
from harness.lab import host, qemu_user

WHOLE = "         0          0 4294967295\n"
ALONE = "         0       1000          1\n"


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A process of root's, on a machine with libvirt's user."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(pwd, "getpwnam", lambda _: SimpleNamespace(pw_uid=64055, pw_gid=994))
    for name, content in {
        "status": "Name:\tx\nCapEff:\t000001ffffffffff\n",
        "uid_map": WHOLE,
        "gid_map": WHOLE,
        "setgroups": "allow\n",
    }.items():
        (tmp_path / name).write_text(content)
    return tmp_path


def words(description: Element) -> list[str]:
    return [element.get("value", "") for element in description.iter() if element.tag.endswith("}arg")]


def test_root_itself_can(root: Path) -> None:
    assert qemu_user.obstacle(root) == ""


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("status", "CapEff:\t000001ffffffff7f\n", "root lacks CAP_SETUID"),
        ("status", "CapEff:\t0000000000000000\n", "root lacks CAP_SETGID and CAP_SETUID"),
        ("uid_map", ALONE, "user namespace: run as an ordinary user"),
        ("gid_map", ALONE, "user namespace: run as an ordinary user"),
        ("setgroups", "deny\n", "user namespace: run as an ordinary user"),
    ],
)
def test_root_of_a_namespace_or_without_the_right_is_told(
    root: Path, file: str, content: str, said: str
) -> None:
    (root / file).write_text(content)
    assert said in qemu_user.obstacle(root)


def test_a_missing_user_is_told_with_what_makes_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> None:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwnam", missing)
    assert "useradd --system" in qemu_user.obstacle(root)
    found = host.embedded_libvirt()
    assert (found.ok, "is missing" in found.detail, "useradd" in found.remedy) == (False, True, True)


@pytest.mark.parametrize(
    ("ids", "group", "said"),
    [
        (("ubuntu", "debian"), "users", "the group kvm is missing: groupadd --system kvm"),
        (("linuxmint", "ubuntu", "debian"), "users", "the group kvm is missing: groupadd --system kvm"),
        (("ubuntu", "debian"), "kvm", ""),
        (("debian",), "users", ""),
    ],
)
def test_a_group_that_only_ubuntu_s_libvirt_looks_up_is_told_there(
    root: Path, monkeypatch: pytest.MonkeyPatch, ids: tuple[str, ...], group: str, said: str
) -> None:
    monkeypatch.setattr(qemu_user, "this_system", lambda: System("a system", ids, "1"))
    monkeypatch.setattr(grp, "getgrall", lambda: [SimpleNamespace(gr_name=group)])
    assert qemu_user.obstacle(root) == said


@pytest.mark.parametrize(
    ("version", "option"),
    [(7_002_022, ["-runas", "libvirt-qemu"]), (10_000_003, ["-run-with", "user=libvirt-qemu"])],
)
def test_each_qemu_is_told_in_its_own_words(root: Path, version: int, option: list[str]) -> None:
    description = Element("domain")
    qemu_user.become(description, version)
    assert words(description)[:2] == option


def test_an_ordinary_user_s_qemu_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    description = Element("domain")
    qemu_user.become(description, 10_000_003)
    assert (words(description), qemu_user.obstacle()) == ([], "")
