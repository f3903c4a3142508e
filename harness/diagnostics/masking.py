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

from harness.diagnostics import codes
from harness.diagnostics.secret_forms import HIDDEN, without_keys, without_secrets
from harness.diagnostics.secret_options import without_options

_SECRET_NAME = re.compile(r"PASS|SECRET|TOKEN|CREDENTIAL|API_?KEY", re.IGNORECASE)
_SHORTEST = 4  # a shorter secret cannot be told from ordinary text
_OF_ANY_CASE = 4  # letters: "vm" may be a host, "VM" is a word
_ORDINARY_USERS = range(1000, 65000)
_CODE = r"\w+/\-"  # letters of base64
_BREAK = r"(?:[\\^`=]?\r?\n[ \t]*)?"
_DEPTH = 2  # of codes within codes
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
        known = dict.fromkeys(secrets, HIDDEN)
        known |= {each: HIDDEN for secret in secrets for each in _encoded(secret)}
        known |= _names()
        ordered = sorted(known.items(), key=lambda entry: len(entry[0]), reverse=True)
        within = [(_around(parts), HIDDEN) for secret in secrets if (parts := [*_within_codes(secret)])]
        return cls((*within, *((_alone(value), shown) for value, shown in ordered)))

    def __call__(self, text: str) -> str:
        """The text without them, and without what looks like a secret; also where it is written in code."""
        return self._masked(text, _DEPTH)

    def _masked(self, text: str, depth: int) -> str:
        text = without_keys(text)
        for pattern, shown in self.values:
            text = pattern.sub(shown, text)
        text = without_secrets(without_options(text))
        return codes.replaced(text, lambda told: self._masked(told, depth - 1), HIDDEN) if depth else text


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


def _around(parts: Iterable[str]) -> re.Pattern[str]:
    """Matches the whole word of base64 that one of them is in, which may go on in the next line."""
    spelled = (
        _BREAK.join("[+-]" if letter in "+-" else "[/_]" if letter in "/_" else letter for letter in each)
        for each in parts
    )
    return re.compile(rf"(?<![{_CODE}])[{_CODE}]*?(?:{'|'.join(spelled)})[{_CODE}]*=*")


def _alone(value: str) -> re.Pattern[str]:
    """Matches it as a word, so that a machine called "vm" does not go through the text like a plague.

    It may go on in the next line.
    """
    before = r"(?<!\w)" if value[0].isalnum() else ""
    after = r"(?!\w)" if value[-1].isalnum() else ""
    flags = re.IGNORECASE if len(value) >= _OF_ANY_CASE else re.NOFLAG
    return re.compile(f"{before}{_BREAK.join(map(re.escape, value))}{after}", flags)


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
