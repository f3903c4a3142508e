# SPDX-License-Identifier: Apache-2.0
"""Finds the texts that are written in code within a text: base64, hex, escapes, UTF-16 amid other bytes."""

import base64
import binascii
import contextlib
import html
import re
from collections.abc import Callable, Iterator
from functools import partial
from urllib.parse import unquote

_SHORTEST = 4  # letters of a text that is worth a look
_BREAK = r"\\?\r?\n[ \t]*"
# Each looks behind, so that the search does not begin anew at every letter.
_BASE64 = re.compile(rf"(?<![\w+/-])[\w+/-]{{6,}}(?:{_BREAK}[\w+/-]{{4,}})*={{0,2}}", re.ASCII)
_BETWEEN = rf"(?:[ ,:-]|, |\\x|%|,?{_BREAK})?(?:0x)?"  # bytes
_HEX = re.compile(rf"(?<![\w-])(?:0x)?[0-9a-f]{{2}}(?:{_BETWEEN}[0-9a-f]{{2}}){{3,}}(?!\w)", re.IGNORECASE)
_NO_HEX = re.compile("0x|[^0-9a-f]", re.IGNORECASE)
_NO_SPACE = r"[^\s\"'<>]"
_ESCAPED = re.compile(
    rf"(?<!{_NO_SPACE}){_NO_SPACE}*(?:%[0-9a-f]{{2}}|&\#?\w+;|\\u[0-9a-f]{{4}}|\\x[0-9a-f]{{2}}){_NO_SPACE}*",
    re.IGNORECASE,
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-f]{4})|x([0-9a-f]{2}))", re.IGNORECASE)
_WIDE = re.compile(r"(?:[^\0]\0){4,}[^\0]?|(?:\0[^\0]){4,}")


def replaced(text: str, mask: Callable[[str], str], shown: str) -> str:
    """The text, with `shown` in the place of each code whose text the mask would change."""
    text = _WIDE.sub(lambda found: _masked(found[0], found[0].replace("\0", ""), mask), text)
    for code, decoded in ((_ESCAPED, _escaped), (_HEX, _hex), (_BASE64, _base64)):
        text = code.sub(partial(_shown, decoded, mask, shown), text)
    return text


def _masked(code: str, told: str, mask: Callable[[str], str]) -> str:
    after = mask(told)
    return code if after == told else after


def _shown(
    decoded: Callable[[str], Iterator[str]], mask: Callable[[str], str], shown: str, code: "re.Match[str]"
) -> str:
    return shown if any(mask(told) != told for told in decoded(code[0])) else code[0]


def _escaped(code: str) -> Iterator[str]:
    told = _ESCAPE.sub(lambda found: chr(int(found[1] or found[2], 16)), html.unescape(code))
    yield unquote(told, errors="replace")


def _hex(code: str) -> Iterator[str]:
    yield from _texts(bytes.fromhex(_NO_HEX.sub("", code)))


def _base64(code: str) -> Iterator[str]:
    lines = re.split(r"\\?\s+", code)
    for each in dict.fromkeys(["".join(lines), *lines]):
        letters = each.rstrip("=").translate(_FOR_URLS)
        with contextlib.suppress(binascii.Error):
            yield from _texts(base64.b64decode(letters + "=" * (-len(letters) % 4)))


_FOR_URLS = str.maketrans("-_", "+/")


def _texts(data: bytes) -> Iterator[str]:
    """The texts that the bytes are in UTF-8 and in UTF-16."""
    for encoding in ("utf-8", "utf-16-le"):
        with contextlib.suppress(UnicodeError):
            told = data.decode(encoding).strip("\0\ufeff")
            if len(told) >= _SHORTEST and all(letter.isprintable() or letter.isspace() for letter in told):
                yield told
