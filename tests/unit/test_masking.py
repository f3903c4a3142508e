# SPDX-License-Identifier: Apache-2.0
"""Secrets and names do not get past the mask, and the rest of a text does."""

import base64
import socket

import pytest

from harness.core.paths import REPOSITORY
from harness.diagnostics.masking import Mask

KEY = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ"
PEM = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{KEY}\n{KEY}=\n-----END OPENSSH PRIVATE KEY-----"


@pytest.fixture
def mask(monkeypatch: pytest.MonkeyPatch) -> Mask:
    monkeypatch.setattr(socket, "gethostname", lambda: "gandalf.example.org")
    monkeypatch.setenv("HOME", "/home/frodo")
    monkeypatch.setenv("USER", "frodo")
    monkeypatch.setenv("CI_TOKEN", "tok-8423")
    return Mask.of_this_machine(["Mellon-1954"])


@pytest.mark.parametrize(
    "text",
    [
        "login with Mellon-1954 at",
        "export CI=tok-8423",
        f"key:\n{PEM}\nend",
        '{"key": "' + PEM.replace("\n", "\\n") + '"}',
        PEM[: len(PEM) // 2],
        PEM[-80:],
        f'"password": "{KEY}"',
        f'"admin_password":"{KEY} with \\" and spaces {KEY}"',
        f"net use /user:x PASSWORD={KEY}",
        f"passwd='{KEY}'",
        f"<graphics type='vnc' passwd='{KEY}'/>",
        f"<Password><Value>{KEY}</Value><PlainText>true</PlainText></Password>",
        f"<wsm:AdminPassword a='1'>\n{KEY}\n</wsm:AdminPassword>",
        f"winrm_secret: {KEY}",
        f"curl https://user:{KEY}@example.org/",
        f"Authorization: Basic {KEY}",
        f"Set-User -AdminPassword {KEY} -Force",
        f"login --token '{KEY}'",
        "login with " + "\0".join("Mellon-1954") + "\0",
    ],
)
def test_a_secret_does_not_get_through(text: str, mask: Mask) -> None:
    masked = mask(text)
    assert not any(secret in masked.replace("\0", "") for secret in (KEY, KEY[-20:], "Mellon", "tok-8423"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
@pytest.mark.parametrize("before", ["a", "ab", "abc"])
def test_a_longer_text_that_was_encoded_with_a_secret_in_it_is_hidden(
    before: str, encoding: str, mask: Mask
) -> None:
    code = base64.b64encode(f"{before}Mellon-1954 and more".encode(encoding)).decode()
    assert mask(f"powershell -EncodedCommand {code} -NoLogo") == "powershell -EncodedCommand <hidden> -NoLogo"


def test_names_are_replaced_as_words_only(mask: Mask) -> None:
    said = mask("frodo@gandalf:/home/frodo/iso, GANDALF.example.org, frodo's; gandalfine, /home/frodolin")
    assert said == "<user>@<host>:<home>/iso, <host>, <user>'s; gandalfine, /home/frodolin"


def test_other_text_is_left_alone(mask: Mask) -> None:
    text = (
        REPOSITORY / "tests" / "support" / "runs.py"
    ).read_text() + "*** STOP: 0xD1; key: value; the VM ended"
    assert mask(text) == text


def test_the_mask_keeps_json_and_xml_whole(mask: Mask) -> None:
    assert mask('{"password": "a b", "x": 1}') == '{"password": "<hidden>", "x": 1}'
    assert mask("<Password><Value>a</Value></Password><b/>") == "<Password><hidden></Password><b/>"


def test_a_large_text_does_not_take_long(mask: Mask) -> None:
    many = (
        "x",
        "<",
        "<password>",
        "password=",
        'password="',
        "-----BEGIN PRIVATE KEY-----",
        "://a:",
        "-password ",
        "a/",
        "token",
        "Cookie: ",
        "/v password ",
        "config ",
        "net use ",
        "%41",
        "0x41,",
    )
    for text in (*(one * 3_000 for one in many), f"<{'x' * 100_000}"):
        assert mask(text)
