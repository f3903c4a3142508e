# SPDX-License-Identifier: Apache-2.0
"""The scripts that run inside Windows: here they are only parsed, and held against what the host expects."""

import re
from functools import cache

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

from harness.core.paths import WINDOWS_IMAGES
from harness.image_builder import facts, provision, stages
from harness.image_builder.versions import versions

SCRIPTS = ("provision.ps1", "nics.ps1")
# fmt: off
WINDOWS_OWN = {  # as Microsoft's reference of Windows PowerShell 5.1 and its modules has them
    "Add-MpPreference", "Confirm-SecureBootUEFI", "ConvertFrom-Json", "Copy-Item",
    "Disable-NetAdapterBinding", "Disable-NetAdapterChecksumOffload", "Disable-NetAdapterLso",
    "Disable-NetAdapterRsc", "Disable-NetFirewallRule", "Enable-PSRemoting", "Expand-Archive",
    "ForEach-Object", "Get-ChildItem", "Get-CimInstance", "Get-Command", "Get-Content", "Get-Date",
    "Get-Item", "Get-ItemProperty", "Get-NetAdapter", "Get-NetAdapterChecksumOffload",
    "Get-NetAdapterLso", "Get-NetAdapterRsc", "Get-NetIPAddress", "Get-Service", "Get-WindowsFeature",
    "Join-Path", "Move-Item", "New-Item", "New-ItemProperty", "New-NetFirewallRule", "New-NetIPAddress",
    "New-Object", "New-ScheduledTaskAction", "New-ScheduledTaskPrincipal",
    "New-ScheduledTaskSettingsSet", "New-ScheduledTaskTrigger", "New-SelfSignedCertificate", "Out-Null",
    "Out-String", "Register-ScheduledTask", "Remove-Item", "Remove-ItemProperty",
    "Remove-NetFirewallRule", "Remove-NetIPAddress", "Restart-Computer", "Select-Object", "Set-Content",
    "Set-Item", "Set-ItemProperty", "Set-MpPreference", "Set-NetIPInterface", "Set-Service",
    "Set-StrictMode", "Set-TimeZone", "Split-Path", "Start-Process", "Start-Service", "Start-Sleep",
    "Stop-Computer", "Stop-Service", "Test-Path", "Uninstall-WindowsFeature",
    "Unregister-ScheduledTask", "Where-Object", "Write-Host",
}
# fmt: on


@cache
def source(name: str) -> str:
    return (WINDOWS_IMAGES / name).read_text()


def parse(text: str) -> Node:
    return Parser(Language(tree_sitter_powershell.language())).parse(text.encode()).root_node


def of_kind(node: Node, kind: str) -> list[Node]:
    found = [node] if node.type == kind else []
    return found + [inner for child in node.children for inner in of_kind(child, kind)]


def words(node: Node) -> str:
    return (node.text or b"").decode()


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_has_no_error_of_syntax(name: str) -> None:
    root = parse(source(name))
    assert not root.has_error
    assert len(of_kind(root, "function_statement")) > 2


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_parser_notices_a_script_that_is_cut_short(name: str) -> None:
    text = source(name)
    assert parse(text[: text.rindex("}")]).has_error


@pytest.mark.parametrize("name", SCRIPTS)
def test_powershell_5_reads_it_in_any_code_page(name: str) -> None:
    assert source(name).isascii()


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_function_that_is_called_is_defined_or_windows_own(name: str) -> None:
    root = parse(source(name))
    defined = {words(of_kind(node, "function_name")[0]) for node in of_kind(root, "function_statement")}
    called = {words(node) for node in of_kind(root, "command_name")}
    assert defined <= called, "nothing is defined and never used"
    assert called - defined <= WINDOWS_OWN


def test_every_stage_is_entered_in_its_order() -> None:
    entered = re.findall(r"Enter-Stage '(\w+)'", source("provision.ps1"))
    assert entered == [stage.name for stage in stages.STAGES if stage.name not in stages.MAY_BE_SILENT]
    assert provision.settings_file()["stages"] == [stage.name for stage in stages.STAGES]


def test_every_fact_that_is_expected_is_told() -> None:
    told = set(re.findall(r"Send-Fact '([a-z-]+)'", source("provision.ps1")))
    assert set(facts.expected()) <= told
    assert {"build", "channels", "ssh-host-key", "winrm-certificate", "evaluation-minutes"} <= told


def test_every_setting_that_is_read_is_given() -> None:
    given = provision.settings_file()
    for name in SCRIPTS:
        for path in re.findall(r"\$Settings\.([A-Za-z0-9.]+)", source(name)):
            place = given
            for step in path.removesuffix(".Count").split("."):
                place = place[step]
        for end, step in re.findall(r"\$(?i:Network\.)?(mgmt|test)\.([a-z]+[46]?)\b", source(name)):
            assert step in given["network"][end]


def test_the_files_that_are_read_are_those_that_are_delivered() -> None:
    names = set(re.findall(r"Join-Path \$(?:Lab|PSScriptRoot) '([\w.-]+)'", source("provision.ps1")))
    delivered = {path.name for path in provision._PROGRAMS} | {"settings.json", "login_key.pub", *SCRIPTS}
    assert names - delivered == {"openssh.zip", "qemu-ga.msi", "nics.txt"}


def test_no_version_lacks_anything() -> None:
    assert set(versions()) == {
        "windows-server-2019",
        "windows-server-2022",
        "windows-server-2025",
        "windows-10",
        "windows-11",
    }
