# SPDX-License-Identifier: Apache-2.0
"""The answer file: everything that Windows Setup would ask.

Its parts are described at
https://learn.microsoft.com/windows-hardware/customize/desktop/unattend/ under
the names of the components.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, SubElement, indent, register_namespace, tostring

from harness.image_builder import stages
from harness.image_builder.versions import Version

FILE = "autounattend.xml"

_UNATTEND = "urn:schemas-microsoft-com:unattend"
_WCM = "http://schemas.microsoft.com/WMIConfig/2002/State"
_COMPONENT = {
    "processorArchitecture": "amd64",
    "publicKeyToken": "31bf3856ad364e35",
    "language": "neutral",
    "versionScope": "nonSxS",
}
_LANGUAGE = "en-US"
_KEYBOARD = "0409:00000409"
_REGION = {
    "InputLocale": _KEYBOARD,
    "SystemLocale": _LANGUAGE,
    "UILanguage": _LANGUAGE,
    "UserLocale": _LANGUAGE,
}
_COMPUTER = "WSKGUEST"
# The disc's letter depends on what else there is; those that it can have.
_LETTERS = "DEFGH"
_EFI_MIB, _RESERVED_MIB = 260, 16
_WINDOWS_PARTITION = "3"
# Windows 11 would look for Secure Boot, which test signing excludes, and for a processor by its name.
_CHECKS = ("TPMCheck", "SecureBootCheck", "RAMCheck", "CPUCheck")
# The policy for networks that nobody identifies, as those of a lab: WinRM refuses much on a Public one.
_UNIDENTIFIED = (
    r"HKLM\SOFTWARE\Policies\Microsoft\Windows NT\CurrentVersion\NetworkList\Signatures"
    r"\010103000F0000F0010000000F0000F0C967A3643C3AD745950DA7859209176EF5B87C875FA20DF21951640E807D7C24"
)
_PRIVATE = 1
_AUTOMATIC_LOGONS = 3  # one is needed; a Setup that restarts once more may use up another


@dataclass(frozen=True)
class Answers:
    """The values that differ between images; `image` is the number in install.wim."""

    version: Version
    image: int
    password: str = field(repr=False)
    drivers: bool  # whether the provision ISO has any
    product_key: str | None = field(default=None, repr=False)  # None: the medium has its own


def build(answers: Answers) -> bytes:
    """The file. Windows ignores one with anything before the XML declaration, and asks instead."""
    register_namespace("", _UNATTEND)
    register_namespace("wcm", _WCM)
    root = Element(_tag("unattend"))
    _add_windows_pe(root, answers)
    _add_offline(root)
    _add_specialize(root, answers.version)
    _add_oobe(root, answers)
    indent(root)
    text: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return text


# ---- Windows PE: the disk, and the copies on it


def _add_windows_pe(root: Element, answers: Answers) -> None:
    settings = _pass(root, "windowsPE")
    international = _component(settings, "International-Core-WinPE")
    _texts(_sub(international, "SetupUILanguage"), UILanguage=_LANGUAGE, WillShowUI="OnError")
    _texts(international, **_REGION)
    if answers.drivers:
        paths = _sub(_component(settings, "PnpCustomizationsWinPE"), "DriverPaths")
        for number, letter in enumerate(_LETTERS, 1):
            entry = _item(paths, "PathAndCredentials")
            entry.set(f"{{{_WCM}}}keyValue", str(number))
            _texts(entry, Path=f"{letter}:\\drivers")
    setup = _component(settings, "Setup")
    commands = [_say("setup")]
    if answers.version.client:
        commands += [_registry(r"HKLM\SYSTEM\Setup\LabConfig", f"Bypass{check}", 1) for check in _CHECKS]
    _add_commands(setup, commands)
    _add_disk(setup)
    _add_image(setup, answers)


def _add_disk(setup: Element) -> None:
    configuration = _sub(setup, "DiskConfiguration")
    _texts(configuration, WillShowUI="OnError")
    disk = _item(configuration, "Disk")
    _texts(disk, DiskID="0", WillWipeDisk="true")
    partitions = _sub(disk, "CreatePartitions")
    _texts(_item(partitions, "CreatePartition"), Order="1", Type="EFI", Size=str(_EFI_MIB))
    _texts(_item(partitions, "CreatePartition"), Order="2", Type="MSR", Size=str(_RESERVED_MIB))
    _texts(_item(partitions, "CreatePartition"), Order="3", Type="Primary", Extend="true")
    formats = _sub(disk, "ModifyPartitions")
    _texts(_item(formats, "ModifyPartition"), Order="1", PartitionID="1", Format="FAT32", Label="System")
    _texts(
        _item(formats, "ModifyPartition"),
        Order="2",
        PartitionID=_WINDOWS_PARTITION,
        Format="NTFS",
        Label="Windows",
        Letter="C",
    )


def _add_image(setup: Element, answers: Answers) -> None:
    system = _sub(_sub(setup, "ImageInstall"), "OSImage")
    _texts(_sub(system, "InstallTo"), DiskID="0", PartitionID=_WINDOWS_PARTITION)
    _texts(_item(_sub(system, "InstallFrom"), "MetaData"), Key="/IMAGE/INDEX", Value=str(answers.image))
    user = _sub(setup, "UserData")
    _texts(user, AcceptEula="true")
    # Without one an evaluation takes its own, and it refuses any other; an empty one would be asked about.
    key = _sub(user, "ProductKey")
    if answers.product_key:
        _texts(key, Key=answers.product_key)
    _texts(key, WillShowUI="OnError")


# ---- the installed system, before and at its first start


def _add_offline(root: Element) -> None:
    """No questions whether an administrator means it: the commands of the first logon would wait for them."""
    _texts(_component(_pass(root, "offlineServicing"), "LUA-Settings"), EnableLUA="false")


def _add_specialize(root: Element, version: Version) -> None:
    settings = _pass(root, "specialize")
    _texts(_component(settings, "Shell-Setup"), ComputerName=_COMPUTER, TimeZone="UTC")
    commands = [
        _say("specialize"),
        # With a TPM, Windows 11 encrypts the disk by itself, and a changed start asks for the key.
        _registry(r"HKLM\SYSTEM\CurrentControlSet\Control\BitLocker", "PreventDeviceEncryption", 1),
        r"reg add HKLM\SYSTEM\CurrentControlSet\Control\Network\NewNetworkWindowOff /f",
        _registry(_UNIDENTIFIED, "Category", _PRIVATE),
    ]
    if version.client:
        commands.append(_registry(r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\OOBE", "BypassNRO", 1))
    _add_commands(_component(settings, "Deployment"), commands)


def _add_oobe(root: Element, answers: Answers) -> None:
    settings = _pass(root, "oobeSystem")
    # Windows 10 and 11 ask for region and keyboard again, whatever Windows PE was told.
    _texts(_component(settings, "International-Core"), **_REGION)
    shell = _component(settings, "Shell-Setup")
    _texts(
        _sub(shell, "OOBE"),
        HideEULAPage="true",
        HideLocalAccountScreen="true",
        HideOnlineAccountScreens="true",
        HideWirelessSetupInOOBE="true",
        ProtectYourPC="3",
    )
    version, accounts = answers.version, _sub(shell, "UserAccounts")
    if version.client:
        account = _item(_sub(accounts, "LocalAccounts"), "LocalAccount")
        _add_password(account, "Password", answers.password)
        _texts(account, Name=version.account, Group="Administrators")
    else:
        _add_password(accounts, "AdministratorPassword", answers.password)
    logon = _sub(shell, "AutoLogon")
    _add_password(logon, "Password", answers.password)
    _texts(logon, Enabled="true", LogonCount=str(_AUTOMATIC_LOGONS), Username=version.account)
    command = _item(_sub(shell, "FirstLogonCommands"), "SynchronousCommand")
    _texts(command, Order="1", CommandLine=_provision())


def _add_password(parent: Element, tag: str, password: str) -> None:
    _texts(_sub(parent, tag), Value=password, PlainText="true")


# ---- commands


def _provision() -> str:
    script = r"%d:\wsk\provision.ps1"
    run = f"powershell.exe -NoProfile -ExecutionPolicy Bypass -File {script} -Phase Install"
    return f"cmd.exe /c for %d in ({' '.join(_LETTERS)}) do if exist {script} {run}"


def _say(stage: str) -> str:
    """Writes the stage to COM1; without a driver for COM1 it does nothing, and succeeds all the same."""
    return f"cmd.exe /c echo {stages.line(stage)}>COM1 & exit 0"


def _registry(key: str, name: str, value: int) -> str:
    return f'reg add "{key}" /v {name} /t REG_DWORD /d {value} /f'


def _add_commands(component: Element, commands: Sequence[str]) -> None:
    parent = _sub(component, "RunSynchronous")
    for number, command in enumerate(commands, 1):
        _texts(_item(parent, "RunSynchronousCommand"), Order=str(number), Path=command)


# ---- the tree


def _tag(name: str) -> str:
    return f"{{{_UNATTEND}}}{name}"


def _sub(parent: Element, name: str) -> Element:
    return SubElement(parent, _tag(name))


def _item(parent: Element, name: str) -> Element:
    """One of a list."""
    return SubElement(parent, _tag(name), {f"{{{_WCM}}}action": "add"})


def _texts(parent: Element, **values: str) -> None:
    for name, value in values.items():
        _sub(parent, name).text = value


def _pass(root: Element, name: str) -> Element:
    return SubElement(root, _tag("settings"), {"pass": name})


def _component(settings: Element, name: str) -> Element:
    return SubElement(settings, _tag("component"), {"name": f"Microsoft-Windows-{name}", **_COMPONENT})
