# SPDX-License-Identifier: Apache-2.0
"""Other people's drivers in the reference guest: the kernel's library, loading and refusing, unloading."""

import re
import struct
from collections.abc import Callable

import pefile
import pytest
from labs import finish, start_lab
from reference_drivers import assert_all_checks_pass, build, build_loader, verdicts

_BODY = """
async def main():
    folder = Path(sys.argv[1])
    with Hypervisor() as hypervisor:
        guest = await started(hypervisor)
        for path in folder.glob("*.sys"):
            await guest.connection.put(f"/tmp/{path.name}", path.read_bytes())
        await guest.connection.put("/tmp/ntload", (folder / "ntload").read_bytes())
        done = await guest.connection.exec(
            "cd /tmp; chmod +x ntload; ./ntload l /tmp/library.sys; ./ntload l -; "
            "./ntload imports /tmp/imports.sys; ./ntload imports -; "
            "./ntload clients /tmp/clients.sys; ./ntload clients -; "
            "./ntload datagrams /tmp/datagrams.sys; ./ntload datagrams -; "
            "./ntload everyday /tmp/everyday.sys; ./ntload everyday -; "
            "./ntload guarded /tmp/guarded.sys; ./ntload guarded -; "
            "./ntload sections /tmp/sections.sys; ./ntload sections -; "
            "for bad in bad-*.sys; do ./ntload ${bad%.sys} /tmp/$bad; done; "
            "./ntload stuck /tmp/stuck.sys; ./ntload quick /tmp/stuck-DQUICK.sys; "
            "./ntload device /tmp/device-DDEED=0.sys; "
            "for code in 0x222000 0x222001 0x222002 0x222004; do ntdriver ioctl device $code 41 16; done; "
            "./ntload device =0x222003; ./ntload device -; "
            "./ntload stuck - & sleep 0.5; for i in 1 2 3; do ./ntload quick =0x222000; done; echo quick; "
            "./ntload stuck =0x222000; wait; echo unloaded; ./ntload quick -; dmesg",
            limit=60,
        )
        (folder / "said").write_bytes(done.stdout)
        await guest.stop()
asyncio.run(main())
"""

_MACHINE, _CHARACTERISTICS, _MAGIC, _ENTRY = 4, 22, 24, 40  # in a PE header
_DIRECTORIES, _OPTIONAL_SIZE = 136, 20
_TLS = 9


def _patched(image: bytes, at: int, value: bytes) -> bytes:
    header = struct.unpack_from("<I", image, 0x3C)[0]
    return image[: header + at] + value + image[header + at + len(value) :]


def _characteristic(image: bytes, flag: int) -> bytes:
    header = struct.unpack_from("<I", image, 0x3C)[0]
    flags = struct.unpack_from("<H", image, header + _CHARACTERISTICS)[0]
    return _patched(image, _CHARACTERISTICS, struct.pack("<H", flags | flag))


def _writable_code(image: bytes) -> bytes:
    header = struct.unpack_from("<I", image, 0x3C)[0]
    first = 24 + struct.unpack_from("<H", image, header + _OPTIONAL_SIZE)[0]
    flags = struct.unpack_from("<I", image, header + first + 36)[0]
    return _patched(image, first + 36, struct.pack("<I", flags | 0x80000000))


def _by_number(image: bytes) -> bytes:
    """Its first import is of number 77."""
    pe = pefile.PE(data=image)
    thunk = pe.get_offset_from_rva(pe.DIRECTORY_ENTRY_IMPORT[0].struct.OriginalFirstThunk)
    return image[:thunk] + struct.pack("<Q", 1 << 63 | 77) + image[thunk + 8 :]


# What is wrong with an image -> how to make it from one that is right, and what the guest must say of it.
REFUSED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "text": (lambda image: b"not a driver" * 10, "it is no PE image: it does not begin with MZ"),
    "x86": (lambda image: _patched(image, _MACHINE, b"\x4c\x01"), "it is for x86"),
    "arm64": (lambda image: _patched(image, _MACHINE, b"\x64\xaa"), "it is for ARM64"),
    "pe32": (lambda image: _patched(image, _MAGIC, b"\x0b\x01"), "its optional header is PE32, not PE32+"),
    "entry": (lambda image: _patched(image, _ENTRY, bytes(4)), "its entry point 0x0 lies outside its code"),
    "cut": (lambda image: image[: len(image) // 2], "it is cut short"),
    "stub": (lambda image: image[:0x50], "it is cut short"),
    "fixed": (lambda image: _characteristic(image, 1), "it has no relocations"),
    "wx": (_writable_code, "section .text can be written and executed"),
    "tls": (
        lambda image: _patched(image, _DIRECTORIES + 8 * _TLS, struct.pack("<II", 0x1000, 40)),
        "it has a TLS directory",
    ),
    "number": (_by_number, "it imports what this guest does not have"),
    "kmdf": (lambda image: image.replace(b"ntoskrnl.exe", b"WDFLDR.SYS\0\0"), "made with KMDF"),
    "ndis": (lambda image: image.replace(b"ntoskrnl.exe", b"NDIS.SYS\0\0\0\0"), "made with NDIS"),
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The output of all drivers, in one guest."""
    folder = tmp_path_factory.mktemp("drivers")
    build_loader(folder)
    for name in ("library", "imports", "clients", "datagrams", "everyday", "guarded", "sections", "stuck"):
        image = build(name, folder).read_bytes()
    build("stuck", folder, "-DQUICK")
    build("device", folder, "-DDEED=0")
    for name, (spoil, _) in REFUSED.items():
        (folder / f"bad-{name}.sys").write_bytes(spoil(image))
    finish(start_lab(_BODY, folder))
    return (folder / "said").read_text(errors="replace")


def test_the_kernels_library_does_what_drivers_know_of_it(said: str) -> None:
    """Formatted text, delays until a moment, waits for all of several, sizes that no pool has, stacks."""
    assert_all_checks_pass(said, "library", 30)


def test_what_wsk_clients_import_is_there_and_works(said: str) -> None:
    """Locks, things done once, text, cancel-safe queues, remove locks; and the names of the rest."""
    assert_all_checks_pass(said, "imports", 23)


def test_what_larger_wsk_clients_import_is_there_and_works(said: str) -> None:
    """Tables, lookaside lists, timers, the service key, files, text, times; and the names of the rest."""
    assert_all_checks_pass(said, "clients", 29)


def test_exceptions_go_to_whoever_guards_the_driver(said: str) -> None:
    """Every kind, from every place; what is kept on the way, and what each frame's end does."""
    assert_all_checks_pass(said, "guarded", 33)


def test_sections_and_irps_that_are_made_for_a_driver_do_what_it_expects(said: str) -> None:
    """Views of memory and of a file; controls by every method, one that pends, a read and a write."""
    assert_all_checks_pass(said, "sections", 22)


def test_wsk_beside_its_streams_is_as_clients_know_it(said: str) -> None:
    """Datagrams several at a time and with fixed addresses, hints, keepalive, refusals."""
    assert_all_checks_pass(said, "datagrams", 21)


def test_ordinary_clients_of_wsk_find_what_the_documents_promise(said: str) -> None:
    """A server in static events, lists, descriptors released once applied, options without IRPs, refusals."""
    assert_all_checks_pass(said, "everyday", 31)


@pytest.mark.parametrize("wrong", REFUSED)
def test_a_driver_that_is_not_loaded_leaves_a_line_that_says_why(said: str, wrong: str) -> None:
    _, words = REFUSED[wrong]
    assert re.search(rf"ntlab: bad-{wrong} is not loaded: .*{re.escape(words)}", said), said


def test_an_import_by_number_is_told_with_its_number(said: str) -> None:
    assert re.search(r"ntlab: the driver imports \S+!#77 by its number", said), said


def test_an_unload_that_takes_its_time_keeps_nobody_elses_controls(said: str) -> None:
    before, _, after = said.partition("quick\n")
    assert before.splitlines()[-3:] == ["00000000"] * 3, said
    assert after.splitlines()[0] == "c0000034", "no control is let into a driver that is leaving"


def test_a_work_item_holds_its_device_and_its_driver(said: str) -> None:
    assert verdicts(said, "stuck") == {"work-item-has-its-device": True}


def test_requests_of_a_program_are_as_the_io_manager_makes_them(said: str) -> None:
    """A file object that the driver keeps something in, MDLs of direct controls, cleanup before close."""
    found = assert_all_checks_pass(said, "device", 13)
    assert found.keys() >= {"file-object", "mdl", "cleanup", "driver-name"}, found


def test_the_answer_of_a_direct_control_is_what_the_driver_wrote_behind_the_mdl(said: str) -> None:
    answers = re.findall(r"^00000000 ((?:\w\w)*)$", said, re.MULTILINE)
    assert answers == ["", "42" * 16, "42" * 16, ""], said
    assert re.search("ntlab: control 0x222003 is METHOD_NEITHER", said)
