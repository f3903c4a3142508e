# SPDX-License-Identifier: Apache-2.0
"""Hides secrets among the words of commands: behind an option, or where a command has its password."""

import re
from functools import partial

from harness.diagnostics.secret_forms import NAME, QUOTED, WORD, hide

_WORD = rf"(?P<value>{QUOTED}|[^\s\"'<>]+)"
_SPACE = r"(?:[ \t]|[\\^`]\r?\n)+"  # a command may go on in the next line
_EXE = r"(?:\.exe)?[\"']?"


def _pattern(before: str, value: str = _WORD) -> re.Pattern[str]:
    return re.compile(rf"(?P<before>{before}){value}", re.IGNORECASE | re.DOTALL | re.MULTILINE)


# Programs, and their options that take a secret; what those are called elsewhere is no secret (mkdir -p).
_OF_PROGRAMS = (
    (
        r"ps(?:exec|kill|list|service|loggedon|info|shutdown)(?:64)?|paexec|winrs|winexe|signtool|certutil",
        "[-/]p",
    ),
    (r"sshpass|[xw]freerdp|rdesktop|evil-winrm|(?:docker|podman|az|oc|helm registry) login", "[-/]p"),
    (r"schtasks", "/rp"),
    (r"curl", r"-u|-U|--user|--proxy-user|-b|--cookie|--pass|--oauth2-bearer"),
    (r"plink|pscp|psftp|putty|kitty", "-pw"),
    (r"mysql\w*|mariadb\w*|7z[ar]?|un(?:rar|zip)|rar", r"-p(?=\S)"),
    (r"redis-cli", "-a"),
    (r"ldap\w+", "-w"),
    (r"zip|ipmitool|mosquitto_\w+", "-P"),
    (r"snmp\w+", "-[cAX]"),
    (r"osslsigncode|keytool|jarsigner", r"-(?:store|key|src(?:store|key)|dest(?:store|key))?pass"),
)
_PROGRAMS = tuple(
    (
        re.compile(rf"(?<![\w.-])(?:{programs}){_EXE}(?=[ \t])(?:[^\n]|(?<=[\\^`])\r?\n)+", re.IGNORECASE),
        re.compile(
            rf"(?P<before>(?<=\s)(?:{options})(?:(?<=-[pu])(?=[^\s:=])|[:=]|{_SPACE}))(?!-){_WORD}",
            re.DOTALL | (re.NOFLAG if options == "-P" else re.IGNORECASE),
        ),
    )
    for programs, options in _OF_PROGRAMS
)
_FORMS = (
    _pattern(rf"\bconvertto-securestring(?:{_SPACE}-(?:string|asplaintext|force)\b)*{_SPACE}(?!-)"),
    # --name value and -Name value.
    _pattern(rf"(?<![\w.-])(?:--?|/){NAME}{_SPACE}(?![-/])"),
    _pattern(r"\b(?:PSCredential|NetworkCredential)\b[^\n,]{0,200},\s*"),
    # net user NAME SECRET, net use X: \\HOST\SHARE SECRET.
    _pattern(rf"\bnet1?{_EXE}{_SPACE}user{_SPACE}(?:\"[^\"\n]*\"|[^\s/]\S*){_SPACE}(?![/*])"),
    _pattern(rf"\bnet1?{_EXE}{_SPACE}use\b[^\n]{{0,300}}?\\\\\S+(?:{_SPACE}/[a-z]\S*)*{_SPACE}(?![/*])"),
    _pattern(rf"(?<=\s)-U{_SPACE}?[\"']?[^\s%\"']+%|--user=[^\s%]+%"),  # of Samba: NAME%SECRET
    _pattern(r"\bpass(?:in|out)?(?:[ \t]+|=)pass:|(?<=[ \t])pass:(?=\S)"),  # of OpenSSL
    _pattern(
        rf"\becho{_SPACE}(?:-n{_SPACE})?",
        rf"{_WORD}(?=[ \t]*\|[ \t]*(?:sudo\b[^\n]{{0,100}}-S|passwd\b|chpasswd|cryptsetup"
        r"|kinit|[^\n|]{{0,100}}--(?:stdin|password-stdin)))",
    ),
    _pattern(rf"\bhtpasswd\b[^\n]{{0,300}}?{_SPACE}-\w*b\w*{_SPACE}\S+{_SPACE}\S+{_SPACE}"),
    _pattern(rf"\bautologon(?:64)?{_EXE}(?:{_SPACE}/accepteula)?{_SPACE}[^\s/]\S*{_SPACE}\S+{_SPACE}(?!/)"),
    _pattern(rf"\bsecret-set-value{_SPACE}\S+{_SPACE}(?!-)"),
    _pattern(r"\bnetsh\b[^\n]{0,300}?\bkey="),
    _pattern(
        rf"\bset-(?:item|content){_SPACE}(?:-path{_SPACE})?[\"']?env:{NAME}[\"']?{_SPACE}(?:-value{_SPACE})?"
    ),
    _pattern(rf"(?:passwd|sudo{_SPACE}-S)\b[^\n]{{0,100}}<<<{_SPACE}"),
    _pattern(
        rf"\b(?:configure|config)\b[^\n]{{0,300}}?{_SPACE}(?:set{_SPACE})?{WORD}{_SPACE}(?!-)"
    ),  # of aws, git
    _pattern(rf"/v{_SPACE}[\"']?{WORD}[^\n]{{0,300}}?{_SPACE}/d{_SPACE}"),  # of reg add
    _pattern(rf"-Name{_SPACE}[\"']?{WORD}[^\n]{{0,300}}?{_SPACE}-Value{_SPACE}"),  # of Set-ItemProperty
)


def without_options(text: str) -> str:
    """The text without what commands are given as a secret."""
    for form in _FORMS:
        text = form.sub(hide, text)
    for program, option in _PROGRAMS:
        text = program.sub(partial(_within, option), text)
    return text


def _within(option: re.Pattern[str], command: "re.Match[str]") -> str:
    return option.sub(hide, command[0])
