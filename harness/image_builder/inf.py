# SPDX-License-Identifier: Apache-2.0
"""The files that must lie beside an INF: every one that Windows copies when it takes the driver in.

Windows takes a driver whole or not at all. The syntax is that of "General syntax
rules for INF files" and of the sections' own pages, all under
https://learn.microsoft.com/windows-hardware/drivers/install/.
"""

import codecs
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

_OTHER_PROCESSORS = re.compile(r"\.(?:nt)?(?:x86|ia64|arm|arm64)\b")
_QUOTED_OR_COMMENT = re.compile(r'("[^"]*")|;.*')
_SECTION = re.compile(r"\[([^\]]+)\]")
_FIELD = re.compile(r'(?:^|(?<=,))(?:"[^"]*"|[^,])*')
_STRING = re.compile(r"%([^%]+)%")
_FOLDER_FIELD, _SUBFOLDER_FIELD = 3, 1  # of a line of SourceDisksNames, and of one of SourceDisksFiles

# Name in lower case -> lines, without comments.
_Sections = Mapping[str, list[str]]


def needed(data: bytes) -> list[str]:
    """The files that an INF names for this processor, relative to its folder with `/`, in lower case.

    They are those of SourceDisksFiles and CopyFiles, and the catalogue, which holds the signature.
    """
    sections = _sections(_text(data))
    sources = _sources(sections)
    ours, others = set(_copied(sections, ours=True)), set(_copied(sections, ours=False))
    names = (sources.keys() - others) | ours  # what only another processor copies may be left out
    return sorted({*(sources.get(name, _path(name)) for name in names), *_catalogues(sections)})


def _sources(sections: _Sections) -> dict[str, str]:
    """A source file's name -> its path."""
    folders = {}
    for key, fields in _entries(sections, "sourcedisksnames", "sourcedisksnames.amd64"):
        folders[key] = fields[_FOLDER_FIELD] if len(fields) > _FOLDER_FIELD else ""
    found = {}
    for name, fields in _entries(sections, "sourcedisksfiles", "sourcedisksfiles.amd64"):
        subfolder = fields[_SUBFOLDER_FIELD] if len(fields) > _SUBFOLDER_FIELD else ""
        found[name] = _path(folders.get(fields[0], ""), subfolder, name)
    return found


def _path(*parts: str) -> str:
    """The path with `/`, whichever bars the INF has."""
    return "/".join(part for path in parts for part in re.split(r"[\\/]", path) if part)


def _copied(sections: _Sections, *, ours: bool) -> Iterator[str]:
    """The source files of CopyFiles and CopyINF, for this processor or for the others."""
    for section in sections:
        if bool(_OTHER_PROCESSORS.search(section)) == ours:
            continue
        for key, fields in _entries(sections, section):
            if key == "copyinf":
                yield from filter(None, fields)
            elif key == "copyfiles":
                for field in filter(None, fields):
                    yield from [field[1:]] if field.startswith("@") else _listed(sections, field)


def _listed(sections: _Sections, name: str) -> Iterator[str]:
    """Source names of a CopyFiles list; a line has target name, source name if it is another, flags."""
    for line in sections.get(name, ()):
        there, here, *_ = [*_fields(sections, line), "", ""]
        yield here or there


def _catalogues(sections: _Sections) -> list[str]:
    found = {key: fields[0] for key, fields in _entries(sections, "version") if fields[0]}
    keys = ("catalogfile.ntamd64", "catalogfile.nt", "catalogfile")
    return [found[key] for key in keys if key in found][:1]


# ---- the syntax


def _text(data: bytes) -> str:
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    return data.removeprefix(codecs.BOM_UTF8).decode("cp1252", errors="replace")


def _sections(text: str) -> _Sections:
    """All in lower case: Windows makes no difference. A section that occurs twice is one."""
    found: dict[str, list[str]] = defaultdict(list)
    lines, begun = found[""], ""
    for raw in text.lower().splitlines():
        line = begun + _QUOTED_OR_COMMENT.sub(r"\1", raw).strip()
        begun = line[:-1] if line.endswith("\\") else ""
        if begun or not line:
            continue
        if section := _SECTION.match(line):
            lines = found[section[1].strip()]
        else:
            lines.append(line)
    return dict(found)


def _entries(sections: _Sections, *names: str) -> Iterator[tuple[str, list[str]]]:
    """The lines `key = field, field` of sections; of fields there is always one, which may be empty."""
    for name in names:
        for line in sections.get(name, ()):
            key, mark, value = line.partition("=")
            if mark:
                yield _replaced(sections, key.strip().strip('"')), _fields(sections, value)


def _fields(sections: _Sections, text: str) -> list[str]:
    return [_replaced(sections, field.strip().strip('"')) for field in _FIELD.findall(text)]


def _replaced(sections: _Sections, text: str) -> str:
    """The text with what [Strings] has for %name%; names that it lacks are numbers of folders."""

    def value(name: "re.Match[str]") -> str:
        for line in (line for key in ("strings", "strings.0409") for line in sections.get(key, ())):
            key, mark, told = line.partition("=")
            if mark and key.strip() == name[1]:
                return told.strip().strip('"')
        return name[0]

    return _STRING.sub(value, text)
