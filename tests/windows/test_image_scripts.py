# SPDX-License-Identifier: Apache-2.0
"""The scripts that run inside Windows: here they are only parsed, and held against what the host expects."""

import inspect
import re
from functools import cache

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

from harness.core.paths import WINDOWS_IMAGES
from harness.guest import channel, driver_install, winrm
from harness.image_builder import answer, facts, provision, stages
from harness.image_builder.versions import Version, find, versions

PARTS = ("provision.ps1", "ways.ps1", "settings.ps1", "facts.ps1")  # the first takes in the others
SCRIPTS = (*PARTS, "nics.ps1")
PROGRAMS = (PARTS, ("nics.ps1",))  # each is one program for Windows
BY_THE_HOST = {
    "adapters": driver_install._ADAPTERS.format(limit=1),
    "facts": driver_install._FACTS.format(now_ms=1),
    "memory integrity": driver_install._SWITCH_ON_VBS,
    "upload": winrm._PUT.format(path="x"),
    "download": winrm._GET.format(path="x", most=1),
}
VERSION = find("windows-11")
MOST_COMMAND = 8191  # letters, of cmd.exe
# As Microsoft's reference of Windows PowerShell 5.1 and its modules has them: commands, and parameters.
# fmt: off
WINDOWS_OWN = {
    "Add-MpPreference": "ExclusionPath", "Confirm-SecureBootUEFI": "", "ConvertFrom-Json": "",
    "Copy-Item": "Destination Force Path Recurse", "Disable-NetAdapterBinding": "ComponentID Name",
    "Disable-NetAdapterChecksumOffload": "Name", "Disable-NetAdapterLso": "Name",
    "Disable-NetAdapterRsc": "Name", "Disable-NetFirewallRule": "Name", "Disable-ScheduledTask": "",
    "Enable-PSRemoting": "Force SkipNetworkProfileCheck", "Expand-Archive": "DestinationPath Force Path",
    "ForEach-Object": "", "Get-ChildItem": "File Path Recurse",
    "Get-CimInstance": "ClassName Filter Namespace OperationTimeoutSec", "Get-Command": "Name",
    "Get-Content": "Path Raw TotalCount", "Get-Date": "", "Get-FileHash": "Algorithm LiteralPath",
    "Get-Item": "Path", "Get-ItemProperty": "Path", "Get-LocalUser": "Name", "Get-MpComputerStatus": "",
    "Get-MpPreference": "", "Get-NetAdapter": "", "Get-NetAdapterChecksumOffload": "Name",
    "Get-NetAdapterLso": "Name", "Get-NetAdapterRsc": "Name", "Get-NetConnectionProfile": "",
    "Get-NetIPAddress": "AddressFamily InterfaceIndex PrefixOrigin", "Get-ScheduledTask": "TaskPath",
    "Get-Service": "Name", "Get-WindowsFeature": "Name", "Join-Path": "",
    "Move-Item": "Destination Force Path",
    "New-Item": "Address CertificateThumbPrint Force ItemType Path Transport",
    "New-ItemProperty": "Force Name Path PropertyType Value",
    "New-NetFirewallRule": "Action Direction DisplayName LocalAddress LocalPort Name Profile Protocol",
    "New-NetIPAddress": "AddressFamily IPAddress InterfaceIndex PolicyStore PrefixLength", "New-Object": "",
    "New-ScheduledTaskAction": "Argument Execute",
    "New-ScheduledTaskPrincipal": "LogonType RunLevel UserId",
    "New-ScheduledTaskSettingsSet": "AllowStartIfOnBatteries DontStopIfGoingOnBatteries",
    "New-ScheduledTaskTrigger": "AtStartup",
    "New-SelfSignedCertificate": "CertStoreLocation DnsName NotAfter", "Out-Null": "", "Out-String": "",
    "Register-ScheduledTask": "Action Force Principal Settings TaskName Trigger",
    "Remove-Item": "Force Path Recurse", "Remove-ItemProperty": "Name Path",
    "Remove-NetFirewallRule": "Name", "Remove-NetIPAddress": "Confirm", "Restart-Computer": "Force",
    "Select-Object": "First", "Set-Content": "Path Value", "Set-Date": "Date",
    "Set-ItemProperty": "Name Path Value", "Set-LocalUser": "Name PasswordNeverExpires",
    "Set-MpPreference": "DisableRealtimeMonitoring",
    "Set-NetConnectionProfile": "InterfaceIndex NetworkCategory",
    "Set-NetIPInterface": "AddressFamily DadTransmits Dhcp InterfaceIndex RouterDiscovery",
    "Set-Service": "Name StartupType", "Set-StrictMode": "Version", "Set-TimeZone": "Id",
    "Split-Path": "Qualifier", "Start-Process": "ArgumentList FilePath PassThru Wait",
    "Start-Service": "Name", "Start-Sleep": "Milliseconds", "Stop-Computer": "Force",
    "Stop-Service": "Force Name", "Test-Path": "Path", "Uninstall-WindowsFeature": "",
    "Unregister-ScheduledTask": "Confirm TaskName", "Where-Object": "ne", "Write-Host": "",
}
# fmt: on
OF_EVERY_COMMAND = {"EA", "ErrorAction"}


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


@pytest.mark.parametrize("name", BY_THE_HOST)
def test_what_the_host_has_windows_perform_has_no_error_of_syntax(name: str) -> None:
    assert not parse(BY_THE_HOST[name]).has_error
    assert len(channel.powershell(BY_THE_HOST[name])) < MOST_COMMAND


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_parser_notices_a_script_that_is_cut_short(name: str) -> None:
    text = source(name)
    assert parse(text[: text.rindex("}")]).has_error


@pytest.mark.parametrize("name", SCRIPTS)
def test_powershell_5_reads_it_in_any_code_page(name: str) -> None:
    assert source(name).isascii()


@pytest.mark.parametrize("names", PROGRAMS)
def test_every_function_that_is_called_is_defined_or_windows_own(names: tuple[str, ...]) -> None:
    roots = [parse(source(name)) for name in names]
    functions = [node for root in roots for node in of_kind(root, "function_statement")]
    defined = {words(of_kind(node, "function_name")[0]) for node in functions}
    called = {words(node) for root in roots for node in of_kind(root, "command_name")}
    programs = {name for name in called if name.endswith(".exe")}
    assert defined <= called, "nothing is defined and never used"
    assert called - defined - programs <= set(WINDOWS_OWN)


def strange_parameters(script: str) -> set[tuple[str, str]]:
    """(command, parameter) of each that a command of Windows' own does not have."""
    given = {
        (words(name), words(parameter).removeprefix("-"))
        for command in of_kind(parse(script), "command")
        for name in of_kind(command, "command_name")[:1]
        for elements in command.children
        if elements.type == "command_elements"
        for parameter in elements.children
        if parameter.type == "command_parameter" and words(name) in WINDOWS_OWN
    }
    return {one for one in given if one[1] not in {*WINDOWS_OWN[one[0]].split(), *OF_EVERY_COMMAND}}


@pytest.mark.parametrize("name", [*SCRIPTS, *BY_THE_HOST])
def test_every_parameter_is_one_that_its_command_has(name: str) -> None:
    """Windows stops at one that it does not know, and here nothing is performed."""
    script = BY_THE_HOST.get(name) or source(name)
    assert strange_parameters(script) == set()
    assert strange_parameters(f"{script}\nGet-Item -Pth x") == {("Get-Item", "Pth")}


def test_a_rule_of_the_firewall_is_given_parameters_that_there_are() -> None:
    splatted = re.findall(r"Add-FirewallRule '[\w-]+' @\{(.*)\}", whole())
    given = {name for rule in splatted for name in re.findall(r"(\w+) =", rule)}
    assert given
    assert given <= set(WINDOWS_OWN["New-NetFirewallRule"].split())


def test_provision_takes_in_its_parts() -> None:
    assert re.findall(r"^\. \(Join-Path \$PSScriptRoot '(.*)'\)$", source(PARTS[0]), re.M) == list(PARTS[1:])


def test_nothing_is_assigned_that_powershell_has_for_itself() -> None:
    own = {"args", "error", "event", "host", "input", "matches", "profile", "pid", "pwd", "sender", "this"}
    for name in SCRIPTS:
        assigned = {
            words(node).lstrip("$").lower()
            for kind in ("left_assignment_expression", "foreach_statement")
            for statement in of_kind(parse(source(name)), kind)
            for node in of_kind(statement, "variable")[:1]
        }
        assert assigned
        assert not assigned & own


def test_nothing_that_may_be_nothing_is_piped_from_a_variable() -> None:
    """An empty variable sends one $null down the pipe, and that is counted."""
    for name in SCRIPTS:
        piped = re.findall(r"\$(\w+)\s*\|\s*(?:Where|ForEach)-Object", source(name))
        assert {variable for variable in piped if variable[0].islower()} <= {"policies"}


def whole() -> str:
    """provision.ps1 with its parts."""
    return "\n".join(source(name) for name in PARTS)


def test_every_stage_is_entered_in_its_order() -> None:
    entered = re.findall(r"Enter-Stage '(\w+)'", whole())
    assert entered == [stage.name for stage in stages.STAGES if stage.name not in stages.MAY_BE_SILENT]
    given = provision.settings_file(VERSION)
    assert given["stages"] == [stage.name for stage in stages.STAGES]


def test_every_fact_that_is_expected_is_told() -> None:
    told = set(re.findall(r"Send-Fact '([a-z-]+)'", whole()))
    assert set(facts.expected()) <= told
    assert {"build", "channels", "ssh-host-key", "winrm-certificate", "evaluation-minutes"} <= told
    assert set(facts._WARNINGS) <= told


def test_every_setting_that_is_read_is_given() -> None:
    given = provision.settings_file(VERSION)
    for name in SCRIPTS:
        for path in re.findall(r"\$Settings\.([A-Za-z0-9.]+)", source(name)):
            place = given
            for step in path.removesuffix(".Count").split("."):
                place = place[step]
        for end, step in re.findall(r"\$(?i:Network\.)?(mgmt|test)\.([a-z]+[46]?)\b", source(name)):
            assert step in given["network"][end]


@pytest.mark.parametrize("version", versions().values(), ids=lambda version: version.name)
def test_the_account_that_is_set_up_is_the_one_that_logs_in(version: Version) -> None:
    assert provision.settings_file(version)["account"] == version.account


def test_the_files_that_are_read_are_those_that_are_delivered() -> None:
    names = set(re.findall(r"Join-Path \$(?:Lab|PSScriptRoot) '([\w.-]+)'", whole()))
    delivered = {path.name for path in provision._PROGRAMS} | {"settings.json", "login_key.pub"}
    delivered |= set(provision._SCRIPTS)
    assert names - delivered == {"openssh.zip", "qemu-ga.msi", "nics.txt"}
    assert set(provision._SCRIPTS) == set(SCRIPTS)


# ---- what has stopped others


def body(function: str) -> str:
    """The body of a function of provision.ps1 or its parts."""
    (found,) = [
        words(node)
        for name in SCRIPTS
        for node in of_kind(parse(source(name)), "function_statement")
        if words(of_kind(node, "function_name")[0]) == function
    ]
    return found


def test_winrm_is_asked_for_nothing_that_it_refuses_on_a_public_network() -> None:
    """Set-Item below WSMan: is refused there (2150859113), whatever is set."""
    for name in SCRIPTS:
        refused = r"Set-Item\b.*WSMan:|Set-WSMan\w+|winrm(\.cmd)? (set|quickconfig)"
        assert not re.search(refused, source(name), re.IGNORECASE)
    # Its defaults do; they are read back, which is never refused.
    assert {"winrm-clear", "winrm-basic"} <= set(facts.expected())


def test_networks_become_private_before_winrm_is_set_up() -> None:
    install = body("Invoke-Install")
    assert install.index("Set-PrivateNetworks") < install.index("Install-WinRm")


def test_the_policy_for_unidentified_networks_is_set_before_the_first_start_and_again() -> None:
    """A profile that is being identified cannot be set, and the policy makes it Private in the end."""
    signature = re.search(r"Signatures\\\\?([0-9A-F]{96})", answer._UNIDENTIFIED)
    assert signature
    assert f"$Unidentified = '{signature[1]}'" in source("ways.ps1")
    private = body("Set-PrivateNetworks")
    assert re.search(
        r"Set-Registry \S+ NT\\CurrentVersion\\NetworkList\\Signatures\\\$Unidentified\" 'Category' 1",
        private,
    )
    assert re.search(r"Set-NetConnectionProfile .*-NetworkCategory Private", private)


def test_a_password_never_ends() -> None:
    assert "-PasswordNeverExpires $true" in body("Set-Account")
    assert "/maxpwage:unlimited" in body("Set-Account")
    assert facts.expected()["password-expires"] == "never"


def test_a_closed_port_answers_with_a_reset_in_every_profile() -> None:
    profiles = re.search(r"\$FirewallProfiles = (.*)", source("settings.ps1"))
    assert profiles
    assert re.findall(r"'(\w+)'", profiles[1]) == ["DomainProfile", "StandardProfile", "PublicProfile"]
    assert "'DisableStealthMode' 1" in body("Set-TestNetwork")
    assert facts.expected()["stealth"] == "off"


@pytest.mark.parametrize("script", [source("facts.ps1"), driver_install._FACTS], ids=["build", "start"])
def test_stealth_mode_is_looked_for_where_a_policy_may_force_it(script: str) -> None:
    """A group policy writes the private profile's under either name; what has no value is not off."""
    assert "DisableStealthMode" in script
    assert ".Replace('Standard', 'Private')" in script
    assert "-contains 0" in script
    assert re.search(r"DisableStealthMode'?\)?,? -ne 1", script)


def test_every_fact_of_a_start_that_is_looked_at_or_promised_is_told() -> None:
    told = set(re.findall(r"^'([a-z-]+)=' \+", driver_install._FACTS, re.M))
    looked_at = set(re.findall(r'facts(?:\.get\(|\[)"([a-z-]+)"', inspect.getsource(driver_install)))
    assert looked_at <= told
    # The guide says of these that they stand among a guest's facts.
    assert told - looked_at == {"stealth"}


def test_ways_in_are_started_again_and_not_waited_for() -> None:
    for function in ("Install-Ssh", "Install-WinRm", "Install-Agent"):
        assert "Set-AlwaysThere" in body(function)
    assert "delayed-auto" in body("Set-AlwaysThere")
    assert "'failure'" in body("Set-AlwaysThere")
    services = re.search(r"\$Services = @\{(.*)\}", source("ways.ps1"))
    ways = re.search(r"\$Ways = (.*)", source("nics.ps1"))
    assert services
    assert ways
    assert set(re.findall(r"'([\w-]+)'", services[1])) == set(re.findall(r"'([\w-]+)'", ways[1]))


def test_an_address_is_tried_again_for_half_a_minute() -> None:
    assert seconds("AddressLimitSeconds", "nics.ps1") == 30
    assert "catch" in body("Set-Address")
    assert "$AddressLimitSeconds" in body("Set-Address")


def test_inner_limits_add_up_to_less_than_the_outer_ones() -> None:
    nics = seconds("LimitSeconds", "nics.ps1") + seconds("AddressLimitSeconds", "nics.ps1")
    assert nics < seconds("AdapterLimitSeconds", "provision.ps1")
    assert nics < driver_install._ADAPTERS_LIMIT_S
    # One moment for all of it: a wait of each adapter's own would be as long each time.
    assert source("nics.ps1").count("AddSeconds($LimitSeconds)") == 1
    verify = sum(seconds(name, "provision.ps1") for name in ("AdapterLimitSeconds", "NetworkLimitSeconds"))
    verify += 3 * seconds("ServiceLimitSeconds", "provision.ps1")
    assert verify < next(stage.limit_s for stage in stages.STAGES if stage.name == "verify")


def test_what_would_keep_a_fresh_disk_busy_is_off() -> None:
    assert "'MaintenanceDisabled' 1" in body("Disable-Maintenance")
    assert "Defrag" in source("settings.ps1")
    assert ".NET Framework" in source("settings.ps1")
    assert "Disable-Maintenance" in body("Invoke-Install")


def test_defender_is_asked_what_it_does_and_not_what_it_was_told() -> None:
    assert "RealTimeProtectionEnabled" in body("Get-Defender")
    assert "Get-Defender" in body("Send-Settings")  # after the restart


def seconds(name: str, script: str) -> int:
    found = re.search(rf"^\${name} = (\d+)$", source(script), re.M)
    assert found
    return int(found[1])


def test_no_version_lacks_anything() -> None:
    assert set(versions()) == {
        "windows-server-2019",
        "windows-server-2022",
        "windows-server-2025",
        "windows-10",
        "windows-11",
    }
