# SPDX-License-Identifier: Apache-2.0
"""The answer file, element by element, as Windows Setup will look for them."""

from xml.etree.ElementTree import Element, fromstring

import pytest

from harness.image_builder import answer, stages
from harness.image_builder.answer import Answers
from harness.image_builder.versions import find, versions

NAMES = {"u": "urn:schemas-microsoft-com:unattend"}
ACTION = "{http://schemas.microsoft.com/WMIConfig/2002/State}action"
PASSWORD = 'a<b>&"c'
PASSES = {
    "windowsPE": ["International-Core-WinPE", "PnpCustomizationsWinPE", "Setup"],
    "offlineServicing": ["LUA-Settings"],
    "specialize": ["Shell-Setup", "Deployment"],
    "oobeSystem": ["International-Core", "Shell-Setup"],
}
# What Microsoft's reference of the answer file has: in which passes a component may stand, and with what.
ALLOWED = {
    "International-Core-WinPE": (
        {"windowsPE"},
        {"InputLocale", "LayeredDriver", "SetupUILanguage", "SystemLocale", "UILanguage"}
        | {"UILanguageFallback", "UserLocale"},
    ),
    "International-Core": (
        {"specialize", "oobeSystem"},
        {"InputLocale", "SystemLocale", "UILanguage", "UILanguageFallback", "UserLocale"},
    ),
    "PnpCustomizationsWinPE": ({"windowsPE"}, {"DriverPaths"}),
    "Setup": (
        {"windowsPE"},
        {"ComplianceCheck", "Diagnostics", "DiskConfiguration", "DynamicUpdate", "EnableFirewall"}
        | {"EnableNetwork", "ImageInstall", "RunAsynchronous", "RunSynchronous", "UpgradeData", "UserData"},
    ),
    "LUA-Settings": ({"offlineServicing"}, {"EnableLUA"}),
    "Deployment": (
        {"specialize", "auditSystem", "auditUser"},
        {"ExtendOSPartition", "RunAsynchronous", "RunSynchronous"},
    ),
    "Shell-Setup": (
        {"specialize", "oobeSystem", "generalize", "auditSystem", "auditUser"},
        {"AutoLogon", "ComputerName", "FirstLogonCommands", "OOBE", "ProductKey", "TimeZone", "UserAccounts"},
    ),
}
# And within those: Setup takes no file with a word in it that it does not know.
WITHIN = {
    "SetupUILanguage": {"UILanguage", "WillShowUI"},
    "DriverPaths": {"PathAndCredentials"},
    "PathAndCredentials": {"Credentials", "Path"},
    "DiskConfiguration": {"DisableEncryptedDiskProvisioning", "Disk", "WillShowUI"},
    "Disk": {"CreatePartitions", "DiskID", "ModifyPartitions", "WillWipeDisk"},
    "CreatePartitions": {"CreatePartition"},
    "CreatePartition": {"Extend", "Order", "Size", "Type"},
    "ModifyPartitions": {"ModifyPartition"},
    "ModifyPartition": {*("Active", "Extend", "Format", "Label", "Letter", "Order", "PartitionID", "TypeID")},
    "ImageInstall": {"DataImage", "OSImage"},
    "OSImage": {"Compact", "InstallFrom", "InstallTo", "InstallToAvailablePartition", "WillShowUI"},
    "InstallFrom": {"Credentials", "MetaData", "Path"},
    "InstallTo": {"DiskID", "PartitionID"},
    "MetaData": {"Key", "Value"},
    "UserData": {"AcceptEula", "FullName", "Organization", "ProductKey"},
    "ProductKey": {"Key", "WillShowUI"},
    "RunSynchronous": {"RunSynchronousCommand"},
    "RunSynchronousCommand": {"Credentials", "Description", "Order", "Path"},
    "OOBE": {
        *("HideEULAPage", "HideLocalAccountScreen", "HideOEMRegistrationScreen", "HideOnlineAccountScreens"),
        *("HideWirelessSetupInOOBE", "NetworkLocation", "OEMAppId", "ProtectYourPC", "SkipMachineOOBE"),
        *("SkipUserOOBE", "UnattendEnableRetailDemo", "VMModeOptimizations"),
    },
    "UserAccounts": {"AdministratorPassword", "DomainAccounts", "LocalAccounts"},
    "LocalAccounts": {"LocalAccount"},
    "LocalAccount": {"Description", "DisplayName", "Group", "Name", "Password"},
    "AdministratorPassword": {"PlainText", "Value"},
    "Password": {"PlainText", "Value"},
    "AutoLogon": {"Domain", "Enabled", "LogonCount", "Password", "Username"},
    "FirstLogonCommands": {"SynchronousCommand"},
    "SynchronousCommand": {"CommandLine", "Description", "Order", "RequiresUserInput"},
}
# Words that take one of a few values, are true or false, or numbers.
VALUES = {
    "WillShowUI": {"Always", "Never", "OnError"},
    "Type": {"EFI", "Extended", "Logical", "MSR", "Primary"},
    "Format": {"FAT32", "NTFS"},
    "ProtectYourPC": {"1", "2", "3"},
}
SWITCHES = {
    *("AcceptEula", "Enabled", "EnableLUA", "Extend", "HideEULAPage", "HideLocalAccountScreen"),
    *("HideOnlineAccountScreens", "HideWirelessSetupInOOBE", "PlainText", "WillWipeDisk"),
}
NUMBERS = {"DiskID", "LogonCount", "Order", "PartitionID", "Size"}
LISTED = {  # one of a list, which is added to what there is
    *("CreatePartition", "Disk", "LocalAccount", "MetaData", "ModifyPartition", "PathAndCredentials"),
    *("RunSynchronousCommand", "SynchronousCommand"),
}
# What Setup asks somebody, unless the answer is there: pass, component, path.
ASKED = [
    *(
        ("windowsPE", "International-Core-WinPE", name)
        for name in ("SetupUILanguage/UILanguage", "InputLocale", "SystemLocale", "UILanguage", "UserLocale")
    ),
    ("windowsPE", "Setup", "DiskConfiguration/Disk/DiskID"),
    ("windowsPE", "Setup", "ImageInstall/OSImage/InstallTo/PartitionID"),
    ("windowsPE", "Setup", "ImageInstall/OSImage/InstallFrom/MetaData/Value"),
    ("windowsPE", "Setup", "UserData/AcceptEula"),
    ("windowsPE", "Setup", "UserData/ProductKey/WillShowUI"),
    ("specialize", "Shell-Setup", "ComputerName"),
    *(
        ("oobeSystem", "International-Core", name)
        for name in ("InputLocale", "SystemLocale", "UILanguage", "UserLocale")
    ),
    *(
        ("oobeSystem", "Shell-Setup", f"OOBE/{name}")
        for name in ("HideEULAPage", "HideOnlineAccountScreens", "HideWirelessSetupInOOBE", "ProtectYourPC")
    ),
    ("oobeSystem", "Shell-Setup", "UserAccounts"),
]
MOST_LETTERS = 259  # of a RunSynchronousCommand's Path
MOST_COMPUTER, MOST_FIRST_COMMAND = 15, 1024
each_version = pytest.mark.parametrize("name", versions())


def answers(name: str, *, drivers: bool = True, image: int = 3) -> Element:
    return fromstring(answer.build(Answers(find(name), image, PASSWORD, drivers)))


def part(root: Element, phase: str, component: str) -> Element:
    path = f"u:settings[@pass='{phase}']/u:component[@name='Microsoft-Windows-{component}']"
    (found,) = root.findall(path, NAMES)
    return found


def text(element: Element, path: str) -> str | None:
    return element.findtext("/".join(f"u:{step}" for step in path.split("/")), None, NAMES)


def texts(element: Element, path: str) -> list[str | None]:
    return [found.text for found in element.findall("/".join(f"u:{step}" for step in path.split("/")), NAMES)]


def commands(component: Element) -> list[str]:
    path = "RunSynchronous/RunSynchronousCommand"
    assert texts(component, f"{path}/Order") == [
        str(n + 1) for n in range(len(texts(component, f"{path}/Path")))
    ]
    return [command or "" for command in texts(component, f"{path}/Path")]


@each_version
def test_every_component_is_in_its_pass_and_for_this_processor(name: str) -> None:
    root = answers(name)
    assert root.tag == f"{{{NAMES['u']}}}unattend"
    found = {
        settings.get("pass"): [
            (component.get("name") or "").removeprefix("Microsoft-Windows-") for component in settings
        ]
        for settings in root
    }
    assert found == PASSES
    for component in root.findall("u:settings/u:component", NAMES):
        assert component.get("processorArchitecture") == "amd64"
        assert component.get("publicKeyToken") == "31bf3856ad364e35"
        assert (component.get("language"), component.get("versionScope")) == ("neutral", "nonSxS")


@each_version
def test_nothing_stands_where_windows_does_not_look_for_it(name: str) -> None:
    for settings in answers(name):
        for component in settings:
            passes, settings_of_it = ALLOWED[(component.get("name") or "").removeprefix("Microsoft-Windows-")]
            assert settings.get("pass") in passes
            assert {child.tag.partition("}")[2] for child in component} <= settings_of_it


def local(element: Element) -> str:
    return element.tag.partition("}")[2]


@pytest.mark.parametrize("key", [None, "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE"])
@each_version
def test_every_word_and_value_is_one_that_setup_knows(name: str, key: str | None) -> None:
    root = fromstring(answer.build(Answers(find(name), 3, PASSWORD, True, key)))
    for element in (inner for setting in root for component in setting for inner in component.iter()):
        word, text_of_it = local(element), (element.text or "").strip()
        if word == "component":  # its words are those of the test before
            continue
        if len(element):
            assert {local(child) for child in element} <= WITHIN[word]
        elif word in NUMBERS:
            assert text_of_it.isdecimal()
        else:
            assert text_of_it in VALUES.get(word, {"true", "false"} if word in SWITCHES else {text_of_it})
            assert text_of_it, word
        assert (element.get(ACTION) == "add") == (word in LISTED)


@each_version
def test_names_are_no_longer_than_windows_takes(name: str) -> None:
    root = answers(name)
    assert len(text(part(root, "specialize", "Shell-Setup"), "ComputerName") or "") <= MOST_COMPUTER
    (command,) = texts(
        part(root, "oobeSystem", "Shell-Setup"), "FirstLogonCommands/SynchronousCommand/CommandLine"
    )
    assert len(command or "") <= MOST_FIRST_COMMAND


@each_version
@pytest.mark.parametrize(("phase", "component", "path"), ASKED)
def test_whatever_setup_would_ask_is_answered(name: str, phase: str, component: str, path: str) -> None:
    root = answers(name)
    (answered,) = part(root, phase, component).findall(
        "/".join(f"u:{step}" for step in path.split("/")), NAMES
    )
    assert (answered.text or "").strip() or len(answered)


@each_version
def test_region_and_keyboard_are_those_of_the_medium_in_both_passes(name: str) -> None:
    root = answers(name)
    for phase, component in (("windowsPE", "International-Core-WinPE"), ("oobeSystem", "International-Core")):
        told = part(root, phase, component)
        assert text(told, "InputLocale") == "0409:00000409"
        assert {text(told, place) for place in ("SystemLocale", "UILanguage", "UserLocale")} == {"en-US"}


@each_version
def test_no_command_is_longer_than_setup_takes(name: str) -> None:
    root = answers(name)
    for phase, component in (("windowsPE", "Setup"), ("specialize", "Deployment")):
        assert all(len(command) <= MOST_LETTERS for command in commands(part(root, phase, component)))


@each_version
def test_unidentified_networks_are_private_from_the_first_start(name: str) -> None:
    given = commands(part(answers(name), "specialize", "Deployment"))
    (policy,) = [command for command in given if "NetworkList" in command]
    assert policy.startswith('reg add "HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\')
    assert policy.endswith('" /v Category /t REG_DWORD /d 1 /f')


@each_version
def test_a_product_key_is_given_when_there_is_one_and_is_in_no_words_about_it(name: str) -> None:
    given = Answers(find(name), 1, PASSWORD, drivers=False, product_key="AAAAA-BBBBB-CCCCC-DDDDD-EEEEE")
    setup = part(fromstring(answer.build(given)), "windowsPE", "Setup")
    assert text(setup, "UserData/ProductKey/Key") == given.product_key
    assert text(setup, "UserData/ProductKey/WillShowUI") == "OnError"
    assert "AAAAA" not in repr(given)
    assert PASSWORD not in repr(given)


def test_nothing_is_before_the_declaration() -> None:
    data = answer.build(Answers(find("windows-10"), 1, PASSWORD, drivers=False))
    assert data.startswith(b"<?xml ")
    assert b'xmlns="urn:schemas-microsoft-com:unattend"' in data


@each_version
def test_the_disk_gets_its_three_partitions_and_windows_the_third(name: str) -> None:
    setup = part(answers(name), "windowsPE", "Setup")
    disk = "DiskConfiguration/Disk"
    assert (text(setup, f"{disk}/DiskID"), text(setup, f"{disk}/WillWipeDisk")) == ("0", "true")
    made = f"{disk}/CreatePartitions/CreatePartition"
    assert texts(setup, f"{made}/Type") == ["EFI", "MSR", "Primary"]
    assert texts(setup, f"{made}/Order") == ["1", "2", "3"]
    assert texts(setup, f"{made}/Size") == ["260", "16"]
    assert texts(setup, f"{made}/Extend") == ["true"]
    formatted = f"{disk}/ModifyPartitions/ModifyPartition"
    assert texts(setup, f"{formatted}/Format") == ["FAT32", "NTFS"]
    assert texts(setup, f"{formatted}/PartitionID") == ["1", "3"]
    assert texts(setup, f"{formatted}/Letter") == ["C"]
    target = "ImageInstall/OSImage/InstallTo"
    assert (text(setup, f"{target}/DiskID"), text(setup, f"{target}/PartitionID")) == ("0", "3")
    for item in [*setup.iterfind(".//u:CreatePartition", NAMES), *setup.iterfind(".//u:MetaData", NAMES)]:
        assert item.get(ACTION) == "add"


@each_version
def test_the_image_is_chosen_by_its_number_and_without_a_product_key(name: str) -> None:
    setup = part(answers(name, image=3), "windowsPE", "Setup")
    chosen = "ImageInstall/OSImage/InstallFrom/MetaData"
    assert (text(setup, f"{chosen}/Key"), text(setup, f"{chosen}/Value")) == ("/IMAGE/INDEX", "3")
    assert text(setup, "UserData/AcceptEula") == "true"
    (key,) = setup.findall("u:UserData/u:ProductKey", NAMES)
    assert [child.tag.partition("}")[2] for child in key] == ["WillShowUI"]


@each_version
def test_only_clients_are_kept_from_looking_at_the_hardware(name: str) -> None:
    setup = part(answers(name), "windowsPE", "Setup")
    bypassed = [command for command in commands(setup) if "LabConfig" in command]
    assert len(bypassed) == (4 if find(name).client else 0)
    for command in bypassed:
        assert command.startswith(r'reg add "HKLM\SYSTEM\Setup\LabConfig" /v Bypass')
        assert command.endswith("/t REG_DWORD /d 1 /f")


def test_drivers_are_looked_for_wherever_the_disc_may_be_and_only_if_there_are_any() -> None:
    component = part(answers("windows-11"), "windowsPE", "PnpCustomizationsWinPE")
    entries = component.findall("u:DriverPaths/u:PathAndCredentials", NAMES)
    assert [text(entry, "Path") for entry in entries] == [f"{letter}:\\drivers" for letter in "DEFGH"]
    values = [entry.get("{http://schemas.microsoft.com/WMIConfig/2002/State}keyValue") for entry in entries]
    assert values == ["1", "2", "3", "4", "5"]
    assert (
        "PnpCustomizationsWinPE"
        not in answer.build(Answers(find("windows-11"), 1, PASSWORD, drivers=False)).decode()
    )


@each_version
def test_early_stages_are_said_on_com1_and_never_fail_the_installation(name: str) -> None:
    root = answers(name)
    for phase, component, stage in (
        ("windowsPE", "Setup", "setup"),
        ("specialize", "Deployment", "specialize"),
    ):
        said = commands(part(root, phase, component))[0]
        assert said == f"cmd.exe /c echo {stages.line(stage)}>COM1 & exit 0"


@each_version
def test_disks_are_not_encrypted_and_clients_need_no_network(name: str) -> None:
    given = commands(part(answers(name), "specialize", "Deployment"))
    assert any(r'\BitLocker" /v PreventDeviceEncryption /t REG_DWORD /d 1' in command for command in given)
    assert any("BypassNRO" in command for command in given) == find(name).client
    assert text(part(answers(name), "specialize", "Shell-Setup"), "TimeZone") == "UTC"


@each_version
def test_the_administrator_logs_in_once_and_starts_the_provisioning(name: str) -> None:
    version, shell = find(name), part(answers(name), "oobeSystem", "Shell-Setup")
    account = "UserAccounts/LocalAccounts/LocalAccount"
    if version.client:
        assert text(shell, f"{account}/Name") == text(shell, "AutoLogon/Username") == "wsk"
        assert text(shell, f"{account}/Group") == "Administrators"
        assert text(shell, f"{account}/Password/Value") == PASSWORD
        assert text(shell, "UserAccounts/AdministratorPassword/Value") is None
    else:
        assert text(shell, "UserAccounts/AdministratorPassword/Value") == PASSWORD
        assert text(shell, "AutoLogon/Username") == "Administrator"
        assert texts(shell, f"{account}/Name") == []
    assert text(shell, "AutoLogon/Password/Value") == PASSWORD
    assert text(shell, "AutoLogon/Enabled") == "true"
    assert texts(shell, "FirstLogonCommands/SynchronousCommand/CommandLine") == [
        r"cmd.exe /c for %d in (D E F G H) do if exist %d:\wsk\provision.ps1 powershell.exe -NoProfile "
        r"-ExecutionPolicy Bypass -File %d:\wsk\provision.ps1 -Phase Install"
    ]
    for page in ("EULAPage", "LocalAccountScreen", "OnlineAccountScreens", "WirelessSetupInOOBE"):
        assert text(shell, f"OOBE/Hide{page}") == "true"


def test_no_question_is_asked_whether_an_administrator_means_it() -> None:
    assert text(part(answers("windows-11"), "offlineServicing", "LUA-Settings"), "EnableLUA") == "false"
