# SPDX-License-Identifier: Apache-2.0
"""Takes private things out of a text: secrets, and the names of a machine and its people."""

import base64
import contextlib
import os
import pwd
import re
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_PRIVATE_KEY = re.compile(
    r"-----BEGIN (?P<kind>[A-Z ]*PRIVATE KEY)-----.*?(?:-----END (?P=kind)-----|\Z)", re.DOTALL
)
# The end of one that was cut. What looks behind keeps the search from beginning anew at every letter.
_KEYS_END = re.compile(r"(?<![A-Za-z0-9+/=\\\r\n])[A-Za-z0-9+/=\\\r\n]*-----END [A-Z ]*PRIVATE KEY-----")
_SECRET = r"(?:password|passwd|passphrase|secret|token|credential|api[_-]?key|productkey)[\w.-]*"
_WORD = rf"[\w.-]*{_SECRET}"
# name = value, name: value, "name": "value", name='value'; a value in quotes may have spaces.
_VALUE = r"""(?P<value>"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^\s,;<>"'&}\]]+)"""
_ASSIGNED = re.compile(rf"""(?P<name>(?<![\w.-]){_WORD}["']?\s*[:=]\s*){_VALUE}""", re.IGNORECASE)
# --name value and -Name value, of a command.
_OPTION = re.compile(rf"(?P<name>(?<![\w.-])--?{_WORD}[ \t]+(?!-)){_VALUE}", re.IGNORECASE)
# <Password><Value>...</Value></Password> and <password>...</password>, as answer files have them.
_ELEMENT = re.compile(
    rf"<(?P<tag>[\w:.-]*{_SECRET})(?P<attributes>[^>]*)(?<!/)>(?:(?!<(?P=tag)).){{0,4096}}?</(?P=tag)>",
    re.IGNORECASE | re.DOTALL,
)
# Of Windows: five groups of five.
_PRODUCT_KEY = re.compile(r"(?<![A-Za-z0-9-])[A-Za-z0-9]{5}(?:-[A-Za-z0-9]{5}){4}(?![A-Za-z0-9-])")
# What some services begin their tokens with; JSON Web Tokens begin with the base64 of '{"'.
_TOKEN = re.compile(
    r"(?<![\w-])(?:gh[opsur]_\w{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}|xox[a-z]-[\w-]{10,}|AKIA[0-9A-Z]{16}"
    r"|sk-[\w-]{16,}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)"
)
_IN_URL = re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)")
_AUTHORIZATION = re.compile(r"(authorization\s*:\s*\w+\s+)\S+", re.IGNORECASE)
_SECRET_NAME = re.compile(r"PASS|SECRET|TOKEN|CREDENTIAL|API_?KEY", re.IGNORECASE)
_SHORTEST = 4  # a shorter secret cannot be told from ordinary text
_OF_ANY_CASE = 4  # letters: "vm" may be a host, "VM" is a word
_ORDINARY_USERS = range(1000, 65000)
_HIDDEN = "<hidden>"
_CODE = "A-Za-z0-9+/"  # letters of base64
_SHORTEST_CODE = 6  # bytes of a secret within a longer code; fewer would be met by chance
_SUFFIXES = ("Password", "AdministratorPassword")  # what Windows adds before it encodes one


@dataclass(frozen=True)
class Mask:
    """Values to be replaced wherever they stand, longest first, with what stands for them then."""

    values: tuple[tuple[re.Pattern[str], str], ...]

    @classmethod
    def of_this_machine(cls, secrets: Iterable[str] = ()) -> "Mask":
        """Its name, its users and their homes, secrets of the environment, and those given."""
        secrets = [secret for secret in (*secrets, *_of_environment()) if len(secret) >= _SHORTEST]
        known = dict.fromkeys(secrets, _HIDDEN)
        known |= {each: _HIDDEN for secret in secrets for each in _encoded(secret)}
        known |= _names()
        ordered = sorted(known.items(), key=lambda entry: len(entry[0]), reverse=True)
        codes = [(_around(codes), _HIDDEN) for secret in secrets if (codes := [*_within_codes(secret)])]
        return cls((*codes, *((_alone(value), shown) for value, shown in ordered)))

    def __call__(self, text: str) -> str:
        """The text without them, and without what looks like a secret."""
        text = _PRIVATE_KEY.sub("<private key>", text)
        text = _KEYS_END.sub("<private key>", text)
        for pattern, shown in self.values:
            text = pattern.sub(shown, text)
        text = _ELEMENT.sub(rf"<\g<tag>\g<attributes>>{_HIDDEN}</\g<tag>>", text)
        text = _OPTION.sub(_assigned, _ASSIGNED.sub(_assigned, text))
        text = _IN_URL.sub(_HIDDEN, text)
        text = _PRODUCT_KEY.sub("<product key>", text)
        text = _TOKEN.sub(_HIDDEN, text)
        return _AUTHORIZATION.sub(rf"\g<1>{_HIDDEN}", text)


def _encoded(secret: str) -> Iterator[str]:
    """The secret in base64: of UTF-8, and of the UTF-16 that PowerShell and answer files take."""
    for suffix in ("", *_SUFFIXES):
        for encoding in ("utf-8", "utf-16-le"):
            with contextlib.suppress(UnicodeError):
                code = base64.b64encode((secret + suffix).encode(encoding)).decode()
                yield code
                yield code.rstrip("=")


def _within_codes(secret: str) -> Iterator[str]:
    """Its part in the base64 of a longer text (PowerShell encodes commands): three bytes are a group."""
    for encoding in ("utf-8", "utf-16-le"):
        with contextlib.suppress(UnicodeError):
            data = secret.encode(encoding)
            for skipped in range(3):  # bytes that share their group with what stands before
                whole = data[skipped:][: (len(data) - skipped) // 3 * 3]
                if len(whole) >= _SHORTEST_CODE:
                    yield base64.b64encode(whole).decode()


def _around(codes: Iterable[str]) -> re.Pattern[str]:
    """Matches the whole word of base64 that one of them is in."""
    within = "|".join(map(re.escape, codes))
    return re.compile(rf"(?<![{_CODE}])[{_CODE}]*?(?:{within})[{_CODE}]*=*")


def _assigned(found: "re.Match[str]") -> str:
    quote = found["value"][0] if found["value"][0] in "\"'" else ""
    return f"{found['name']}{quote}{_HIDDEN}{quote}"


def _alone(value: str) -> re.Pattern[str]:
    """Matches it as a word, so that a machine called "vm" does not go through the text like a plague.

    A zero may follow each letter: UTF-16 that a log of bytes has.
    """
    before = r"(?<!\w)" if value[0].isalnum() else ""
    after = r"(?!\w)" if value[-1].isalnum() else ""
    flags = re.IGNORECASE if len(value) >= _OF_ANY_CASE else re.NOFLAG
    letters = r"\0?".join(map(re.escape, value))
    return re.compile(f"{before}{letters}{after}", flags)


def _of_environment() -> Iterator[str]:
    for name, value in os.environ.items():
        if _SECRET_NAME.search(name):
            yield value


def _names() -> dict[str, str]:
    names = dict.fromkeys({socket.gethostname(), socket.gethostname().partition(".")[0]}, "<host>")
    people = [user for user in pwd.getpwall() if user.pw_uid in _ORDINARY_USERS]
    with_us = {os.environ.get(name, "") for name in ("USER", "LOGNAME", "SUDO_USER")}
    names |= dict.fromkeys({user.pw_name for user in people} | with_us - {"root"}, "<user>")
    names |= dict.fromkeys(
        {user.pw_gecos.partition(",")[0] for user in people if " " in user.pw_gecos}, "<user>"
    )
    homes = {user.pw_dir for user in people} | {str(Path.home())}
    names |= dict.fromkeys({home for home in homes if len(Path(home).parts) > 1}, "<home>")
    names.pop("", None)
    return {name: shown for name, shown in names.items() if name != "localhost"}
