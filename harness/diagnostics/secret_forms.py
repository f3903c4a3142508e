# SPDX-License-Identifier: Apache-2.0
"""Hides what looks like a secret by where it stands: behind a name, in an element, a URL or a header.

What is around it stays, so that a text can still be read. What a command takes is in secret_options.py.
"""

import re

HIDDEN = "<hidden>"

_SECRET = (
    r"passw(?:or)?d|passphrase|passcode|(?<![a-z])pwd|secret(?!ary|ari)|token(?!iz)|credential|psk|product_?key"
    r"|(?:api|access|account|private|encryption|signing|shared|auth|recovery|license)[_-]?key"
    r"|key_?(?:material|content)|(?<=key )content"
    r"|(?:key|store|user|http|ssh|sudo|become|vault|db|smtp|ldap)_?pass|(?<=[_.-])pass|(?<![\w.-])(?:pass|otp|jwt|pw)"
)
NAME = rf"[\w.-]{{0,100}}(?:{_SECRET})[\w.-]{{0,100}}"
WORD = rf"(?<![\w.-]){NAME}"
# What is told of a secret, and is none.
_ABOUT = re.compile(
    r"(?:file|path|folder|dir(?:ectory)?|age|len(?:gth)?|policy|expir\w*|required|chang\w+|count|limit|types?|prompt"
    r"|hint|attempts|complexity|history|used|in|out|uuid)$",
    re.IGNORECASE,
)
_COUNTED = re.compile(r"(?:tokens?|pass)$", re.IGNORECASE)
_PLACE = re.compile(r"/|~|\.{1,2}(?:/|$)|[A-Za-z]:\\")
_GAP = r"[ \t]*(?:[\\^`]?\r?\n[ \t]+)?"  # a value may begin on the next line
_IS = rf"\\*[\"']?[\])]*{_GAP}(?::=|=>|->|==?|:){_GAP}"
QUOTED = (
    r"""\"{3}.*?\"{3}|'{3}.*?'{3}|(?P<escaped>\\+["']).*?(?P=escaped)|"(?:[^"\\\n]|\\.)*"|'(?:[^'\n]|'')*'"""
)
_BLOCK = r"[|>][+-]?\d?[ \t]*\r?\n(?P<indent>[ \t]+)\S[^\n]*(?:\n(?P=indent)[^\n]*)*"  # of YAML
_LIST = r"\[[^\[\]{}]{0,4000}\]|hex(?:\(\w+\))?:[0-9a-f,\\\s]+"  # of JSON; of a registry file
_VALUE = rf"(?P<value>{_BLOCK}|[bru]?(?:{QUOTED})|{_LIST}|%s)"
_IN_LINE = r"""(?!<[a-z ]+>)[^\s,;"'&}\]]+"""
_WORDS = r"""(?!<[a-z ]+>)[^\n,;"'&}\]<>]+"""  # may have spaces
_BEGINS_LINE = r"^[ \t>+]*(?:- |\$(?:env:)?|(?:export|set|setx|declare -x|local|env|arg)[ \t]+)?"


def _assignment(before: str, between: str, value: str) -> re.Pattern[str]:
    pattern = rf"(?P<before>{before}(?P<quote>\\*[\"']?)(?P<name>{WORD}){between}){_VALUE % value}"
    return re.compile(pattern, re.IGNORECASE | re.DOTALL | re.MULTILINE)


_ASSIGNMENTS = (
    _assignment(_BEGINS_LINE, _IS, r"(?!<[a-z ]+>)[^\n\"'{}\[]+"),
    _assignment(r"(?<=[;\"'])[ \t]*", r"[ \t]*=[ \t]*", r"[^;\"'\n]+"),  # of a connection
    _assignment("", _IS.replace("==?|", ""), _WORDS),
    _assignment("", _IS, _IN_LINE),
    _assignment(r"^[ \t]*(?:env|arg|setx)[ \t]+", r"[ \t]+", r"[^\n\"']+"),
    _assignment("", r"[ \t]+reg_\w+[ \t]+", r"[^\n\"']+"),  # as `reg query` prints it
    _assignment("(?<=[\"'])", r"[\"'][ \t]*,[ \t]*(?=[\"'])", r"(?!)"),  # put("password", "x")
)


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE | re.DOTALL | re.MULTILINE)


_NAMED = rf"\b(?:name|key|id)\\*[\"']?\s*[:=]\s*\\*[\"']?(?:{WORD}|(?:set-)?cookie|(?:proxy-)?authorization)"
_TEXT = r"[^\"'\\<>\n]+"
_SCHEME = r"(?:(?:basic|bearer|digest|ntlm|negotiate|token|apikey|[\w-]*hmac[\w-]*)[ \t]+)?"
_HEADER = r"(?:(?:proxy-)?authorization|(?:set-)?cookie2?|x-[\w-]*(?:key|auth|signature))"
_OPEN, _CLOSE = "(?:<|&lt;)", "(?:>|&gt;)"
_TAG = rf"(?P<tag>(?:\w{{0,100}}:)?{NAME})(?P<attributes>[^<>&]{{0,1000}})(?<!/)"
# Each has what goes in `value`.
_FORMS = (
    # <Password><Value>...</Value></Password> and <password>...</password>, as answer files have them.
    _pattern(
        rf"(?P<before>{_OPEN}{_TAG}{_CLOSE})(?P<value>(?:(?!{_OPEN}(?P=tag)).){{0,4096}}?)(?={_OPEN}/(?P=tag))"
    ),
    _pattern(rf"(?P<before>{_OPEN}{_TAG}{_CLOSE})(?P<value>[^<&\n]+)"),
    _pattern(rf"(?P<before>{WORD}[ \t]*</[\w:]+>\s*<[\w:]+[^<>]{{0,300}}>)(?P<value>[^<]+)"),
    _pattern(
        rf"(?P<before>{WORD}[ \t]*[:=][ \t]*(?:</[\w:]{{1,50}}>\s*){{1,3}}(?:<[\w:]+[^<>]{{0,300}}>)?)"
        r"(?P<value>[^<\n]+)"
    ),
    _pattern(rf"(?P<before><\w[^<>]{{0,300}}=[\"']{WORD}[\"'][^<>]{{0,300}}>)(?P<value>[^<]+)(?=</)"),
    # A name here and its value there: <add key="..." value="..."/>, {{"name": "...", "value": "..."}}.
    _pattern(rf"(?P<before>{_NAMED}\b[^{{}}<>]{{0,200}}?\bvalue\\*[\"']?\s*[:=]\s*){_VALUE % _IN_LINE}"),
    _pattern(
        rf"(?P<before>(?<![\w-]){_HEADER}[ \t]*[:=][ \t]*{_SCHEME})(?P<value>[^\n\"'<>]{{1,2000}}+)(?=[\"'])"
    ),
    _pattern(rf"(?P<before>(?<![\w-]){_HEADER}\\*[\"']?[ \t]*[:=][ \t]*\\*[\"']{_SCHEME})(?P<value>{_TEXT})"),
    _pattern(rf"(?P<before>(?<![\w-]){_HEADER}[ \t]*[:=][ \t]*{_SCHEME})(?P<value>(?![\"'<])[^\n]+)"),
    _pattern(
        r"(?P<before>(?:passw(?:or)?d|passphrase)[ \t]+(?:(?:is|to|for[ \t]+\S+)[ \t]*:?[ \t]*)?)"
        rf"(?P<value>{QUOTED})"
    ),
    _pattern(r"(?P<before>\b(?:basic|bearer)[ \t]+)(?P<value>(?=[\w+/.-]*[\d=])[\w+/.-]{16,}=*)"),
    _pattern(r"(?P<before>passw(?:or)?d for \S+[ \t]*:[ \t]*)(?P<value>[^\n]+)"),
    _pattern(r"(?P<before>\b(?:login|account|user)\s+\S+\s+password\s+)(?P<value>\S+)"),  # ~/.netrc
    _pattern(rf"(?P<before>\bidentified[ \t]+by[ \t]+(?:password[ \t]+)?)(?P<value>{QUOTED}|\S+)"),
    # In URLs: who logs in, and what stands for a login.
    _pattern(
        r"(?P<before>(?<![\w/])//|://)(?P<value>[^\s:@/\"'<>\[]{0,200}:(?!\d+[/?#])[^\s\"'<>]{0,200})(?=@[^\s@\"'<>]{0,2000}(?:[\s\"'<>]|$))"
    ),
    _pattern(r"(?P<before>https?://)(?P<value>[^\s:@/\"'<>]{1,300}+)(?=@)"),
    _pattern(
        r"(?P<before>(?:[?&#]|&amp;)[\w.-]*(?:sig|signature|key|code|auth|ticket|session\w*|sid|jwt|otp|pass|pwd|pw"
        rf"|cred\w*|assertion|{_SECRET})=)(?P<value>(?!<[a-z ]+>)[^\s&#\"'<>]+)"
    ),
    _pattern(
        r"(?P<before>://(?:hooks\.slack\.com/\w+|discord(?:app)?\.com/api/webhooks)/)(?P<value>[^\s\"'<>]+)"
    ),
    _pattern(
        r"(?P<before>[\"'](?:d|p|q|dp|dq|qi|k)[\"']\s*:\s*[\"'])(?P<value>[\w-]{20,})"
    ),  # of a JSON Web Key
)
_KEYS = re.compile(
    r"-{4,5} ?BEGIN (?P<kind>[A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?) ?-{4,5}.*?(?:-{4,5} ?END (?P=kind) ?-{4,5}|\Z)"
    r"|(?<=Private-Lines: )\d+.*?(?=Private-MAC|\Z)|AGE-SECRET-KEY-1\w+",
    re.DOTALL,
)
# The end of one that was cut. What looks behind keeps the search from beginning anew at every letter.
_KEYS_END = re.compile(
    r"(?<![A-Za-z0-9+/=\\\r\n])[A-Za-z0-9+/=\\\r\n]*-{4,5} ?END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)? ?-{4,5}"
)
# Of Windows, and of others who took to the form: five groups of five.
_PRODUCT_KEY = re.compile(
    r"(?<![A-Za-z0-9-])(?:(?=[A-Z-]*\d)[A-Z0-9]{5}(?:-[A-Z0-9]{5}){4}"
    r"|(?i:[B-DF-HJ-KMNP-RTV-Y2-46-9]{5}(?:-[B-DF-HJ-KMNP-RTV-Y2-46-9]{5}){4}))(?![A-Za-z0-9-])"
)
# What some services begin their tokens with (JSON Web Tokens: the base64 of '{"'), and hashes of passwords.
_TOKEN = re.compile(
    r"(?<![\w-])(?:gh[opsur]_\w{16,}|github_pat_\w{16,}|gl[a-z]{2,4}-[\w-]{16,}|xox[a-z]-[\w-]{10,}|xapp-[\w-]{10,}"
    r"|A[KS]IA[0-9A-Z]{16}|AIza[\w-]{30,}|ya29\.[\w-]{16,}|[sr]k_(?:live|test)_\w{16,}|sk-[\w-]{16,}|SG\.[\w.-]{20,}"
    r"|npm_\w{20,}|pypi-[\w-]{16,}|hf_\w{20,}|hvs\.[\w-]{16,}|dckr_pat_[\w-]{16,}|dop_v1_\w{20,}|\d{8,10}:AA[\w-]{30,}"
    r"|eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)*|[0-9a-fA-F]{32}:[0-9a-fA-F]{32}(?![0-9a-fA-F])|\d{6}(?:-\d{6}){7}(?!\d))"
    r"|\$(?:[1-7]|2[abxy]?|g?y|apr1|argon2\w*|scrypt|pbkdf2[\w-]*|krb5\w*)\$[^\s:\"'<>]{8,}|\{S?SHA\d*\}[\w+/=]{16,}"
)


def without_keys(text: str) -> str:
    """The text without private keys, whole or cut."""
    return _KEYS_END.sub("<private key>", _KEYS.sub("<private key>", text))


def without_secrets(text: str) -> str:
    """The text without what a name, an element, a URL or a header says is a secret, or its own form does."""
    for form in _FORMS:
        text = form.sub(hide, text)
    for assignment in _ASSIGNMENTS:
        text = assignment.sub(_assigned, text)
    return _TOKEN.sub(HIDDEN, _PRODUCT_KEY.sub("<product key>", text))


def hide(found: "re.Match[str]") -> str:
    """The text that was found, without its value; quotes around that stay."""
    value = found["value"]
    quote = re.match(r"""\\*["']""", value)
    around = quote[0] if quote and value.endswith(quote[0]) and len(value) > len(quote[0]) else ""
    return f"{found['before']}{around}{HIDDEN}{around}"


def _assigned(found: "re.Match[str]") -> str:
    return found[0] if _is_harmless(found) else hide(found)


def _is_harmless(found: "re.Match[str]") -> bool:
    name, value = found["name"], found["value"].strip("\"'\\ \r\n")
    begins_line = found.string.rfind("\n", 0, found.start()) + 1 == found.start()
    if _ABOUT.search(name) or not value or HIDDEN in value:
        return True
    if _COUNTED.search(name) and re.match(r"\d+\b", value):
        return True
    is_option = found.string[: found.start()].endswith(("/", "-"))
    if name.lower() == "pass" and "=" not in found["before"] and not found["quote"] and not is_option:
        return not (begins_line and name.islower())  # a word of tests and of compilers, otherwise
    return name.upper() in ("PWD", "OLDPWD") and bool(_PLACE.match(value))
