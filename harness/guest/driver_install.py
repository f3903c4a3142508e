# SPDX-License-Identifier: Apache-2.0
"""Installs and starts the driver inside a Windows guest, over any channel, until it answers."""

import time
from dataclasses import dataclass

from harness.core.errors import GuestHung, HarnessError
from harness.core.paths import BUILT_DRIVER
from harness.core.printable import printable
from harness.guest.base import Progress
from harness.guest.channel import Channel, powershell
from harness.guest.control import ControlClient
from harness.guest.image_manifest import ImageManifest
from harness.guest.options import GuestOptions
from harness.guest.serial import Port, served

FILES = ("wsktest.sys", "wskctl.exe")

FOLDER = "C:/wsk"  # in the guest
_WSKCTL = r"C:\wsk\wskctl.exe"
_DRIVER = r"C:\wsk\wsktest.sys"
_ADAPTERS_SET = "set"
_ADAPTERS_LIMIT_S = 300
_COMMAND_LIMIT_S = 60.0
_PORT_LIMIT_S = 20.0

_DAY_MIN = 24 * 60
_SOON_MIN = 14 * _DAY_MIN

_SPECIAL_POOL = 0x1  # of Driver Verifier's flags

# images/windows/nics.ps1 writes the file at every start: "set", or what kept it from that. One from
# an earlier start says nothing.
_ADAPTERS = r"""
$ErrorActionPreference = 'Stop'; $ProgressPreference = 'SilentlyContinue'
$file = 'C:\wsk\nics.txt'
$boot = (Get-CimInstance Win32_OperatingSystem).LastBootUpTime
$end = (Get-Date).AddSeconds({limit})
while (-not (Test-Path $file) -or (Get-Item $file).LastWriteTime -lt $boot) {{
  if ((Get-Date) -gt $end) {{ throw 'nothing was set within {limit} s' }}
  Start-Sleep -Milliseconds 500
}}
Get-Content $file -TotalCount 1
"""
# Said by Windows itself, after the driver was started: a key=value a line. `stealth` is that of the firewall:
# on, it swallows the RST of a port without a listener, whatever its rules allow, and no case may judge one.
# `licence-minutes` is the rest of an evaluation, or of the days before an activation; 0 when they are
# over, and for a licence without end.
_FACTS = r"""
$ErrorActionPreference = 'Stop'; $ProgressPreference = 'SilentlyContinue'
Set-Date -Date ([DateTimeOffset]::FromUnixTimeMilliseconds({now_ms}).LocalDateTime) | Out-Null
$control = Get-ItemProperty 'HKLM:\SYSTEM\CurrentControlSet\Control'
$memory = Get-ItemProperty 'HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management'
$flags = [long] $memory.VerifyDriverLevel
if (-not $flags) {{
  $flags = [long] [regex]::Match((verifier.exe /querysettings | Out-String), '0x[0-9a-fA-F]+').Value }}
$guard = Get-CimInstance Win32_DeviceGuard -Namespace root\Microsoft\Windows\DeviceGuard -EA SilentlyContinue
$licence = Get-CimInstance SoftwareLicensingProduct -OperationTimeoutSec 20 -EA SilentlyContinue -Filter `
  "ApplicationID='55c92734-d682-4d71-983e-d6ec3f16059f' AND PartialProductKey IS NOT NULL" |
  Select-Object -First 1
$local = 'HKLM:\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy'
$policy = 'HKLM:\SOFTWARE\Policies\Microsoft\WindowsFirewall'
$stealthy = 'DomainProfile', 'StandardProfile', 'PublicProfile' | Where-Object {{
  (Get-ItemProperty "$local\$_" -EA SilentlyContinue).DisableStealthMode -ne 1 -or
  (($_, $_.Replace('Standard', 'Private') | ForEach-Object {{
    (Get-ItemProperty "$policy\$_" -EA SilentlyContinue).DisableStealthMode }}) -contains 0) }}
'test-signing=' + [bool] ($control.SystemStartOptions -match 'TESTSIGNING')
'verifier-flags=' + $flags
'stealth=' + $(if ($stealthy) {{ 'on' }} else {{ 'off' }})
'vbs=' + $(if ($guard.VirtualizationBasedSecurityStatus -eq 2 -and $guard.SecurityServicesRunning -contains 2)
  {{ 'on' }} else {{ 'off' }})
$activated = if ($licence.LicenseStatus -eq 1) {{ 'yes' }} else {{ 'no' }}
'activated=' + $(if ($licence) {{ $activated }} else {{ 'unknown' }})
'evaluation=' + $(if ($licence.Description -match 'EVAL') {{ 'yes' }} else {{ 'no' }})
'licence-minutes=' + $(if ($licence) {{ $licence.GracePeriodRemaining }} else {{ 'unknown' }})
'verified=' + [bool] ((verifier.exe /query | Out-String) -match 'wsktest\.sys')
"""


# No platform feature is required: without Secure Boot, which test signing excludes, it would not come on.
_SWITCH_ON_VBS = r"""
$ErrorActionPreference = 'Stop'; $ProgressPreference = 'SilentlyContinue'
$guard = 'HKLM:\SYSTEM\CurrentControlSet\Control\DeviceGuard'
$integrity = "$guard\Scenarios\HypervisorEnforcedCodeIntegrity"
New-Item $integrity -Force | Out-Null
Remove-ItemProperty $guard -Name RequirePlatformSecurityFeatures -ErrorAction SilentlyContinue
New-ItemProperty $guard -Name EnableVirtualizationBasedSecurity -Value 1 -PropertyType DWord -Force | Out-Null
New-ItemProperty $integrity -Name Enabled -Value 1 -PropertyType DWord -Force | Out-Null
bcdedit.exe /set hypervisorlaunchtype auto
if ($LASTEXITCODE -ne 0) { throw "bcdedit ended with $LASTEXITCODE" }
shutdown.exe /r /t 1
"""


@dataclass(frozen=True)
class InstalledDriver:
    """A driver that answers, with the facts of the guest it runs in."""

    control: ControlClient
    info: dict[str, str]
    ends_itself: bool  # Windows shuts itself down now and then, as its licence is over


async def deploy(
    channel: Channel,
    sealed: ImageManifest,
    options: GuestOptions,
    progress: Progress,
    port: Port | None = None,
) -> InstalledDriver:
    """Install and start the driver through Windows' service manager, and open the control of it.

    That goes over `port` where the guest has it. Raises HarnessError with what
    is not as it was sealed, or as `options` ask.
    """
    progress(f"installing the driver in {sealed.name}")
    for name in FILES:
        await channel.upload(f"{FOLDER}/{name}", (BUILT_DRIVER / name).read_bytes())
    await _must(channel, f"{_WSKCTL} install {_DRIVER}")
    await _must(channel, f"{_WSKCTL} start")
    facts = await _facts(channel)
    if options.verifier:
        _require_verifier(facts)
    if options.vbs and facts.get("vbs") != "on":
        raise HarnessError(
            "memory integrity did not come on in the guest: this host's processor may lack what it wants"
        )
    control, way = await _open_control(channel, port, progress)
    try:
        info = await control.info()
        _require_build(info, sealed)
    except BaseException:
        control.close()
        raise
    return InstalledDriver(control, {**info, **facts, "control": way}, _tell_licence(facts, progress))


async def _open_control(channel: Channel, port: Port | None, progress: Progress) -> tuple[ControlClient, str]:
    """Connects over the port, or the channel without the port's driver: the client, and the name of its way.

    A reading of the clock takes a port a fraction of a ms, and WinRM tens of
    them: events that are closer together than that have no order. Without the port's
    driver in the guest the channel does.
    """
    if port:
        try:
            stream = await served(channel, _WSKCTL, port)
            return await ControlClient.open(stream, _PORT_LIMIT_S), "virtio port"
        except (HarnessError, GuestHung) as error:
            progress(f"the guest has no virtio port ({error}): scenarios go over its login")
    return await ControlClient.open(await channel.stream(f"{_WSKCTL} serve"), _COMMAND_LIMIT_S), "login"


async def switch_on_vbs(channel: Channel) -> None:
    """Switch on memory integrity in this copy of the image; the guest then restarts. Raises HarnessError."""
    await _powershell(channel, _SWITCH_ON_VBS, "switch on memory integrity")


async def adapters_ready(channel: Channel) -> None:
    """The guest has set its adapters: addresses, no offloads. Raises HarnessError with what it says else."""
    script = _ADAPTERS.format(limit=_ADAPTERS_LIMIT_S)
    said = await _powershell(channel, script, "wait for its adapters", _ADAPTERS_LIMIT_S + _COMMAND_LIMIT_S)
    if said.strip() != _ADAPTERS_SET:
        raise HarnessError(f"the guest could not set its network adapters: {printable(said.strip())}")


async def remove(channel: Channel) -> None:
    """Stop the driver and take it out of the service manager. Raises HarnessError when it stays."""
    await _must(channel, f"{_WSKCTL} stop")
    await _must(channel, f"{_WSKCTL} remove")


async def _must(channel: Channel, command: str) -> None:
    result = await channel.exec(command, limit=_COMMAND_LIMIT_S)
    if result.status != 0:
        raise HarnessError(f"`{command}` failed in the guest: {result.said}")


async def _powershell(channel: Channel, script: str, purpose: str, limit: float = _COMMAND_LIMIT_S) -> str:
    try:
        result = await channel.exec(powershell(script), limit=limit)
    except GuestHung:
        raise GuestHung(f"PowerShell in the guest did not {purpose} within {limit:g} s") from None
    if result.status != 0:
        raise HarnessError(f"PowerShell in the guest cannot {purpose}: {result.said}")
    return result.stdout.decode(errors="replace")


async def _facts(channel: Channel) -> dict[str, str]:
    script = _FACTS.format(now_ms=time.time_ns() // 1_000_000)
    lines = (await _powershell(channel, script, "tell how Windows is set")).splitlines()
    facts = {key: value.strip() for key, mark, value in (line.partition("=") for line in lines) if mark}
    if facts.get("test-signing") != "True":
        raise HarnessError("test signing is off in the guest; build the image again")
    return facts


def _tell_licence(facts: dict[str, str], progress: Progress) -> bool:
    """A word where an evaluation ends soon or has ended. True when Windows shuts itself down for it.

    Other media that are not activated go on all the same.
    """
    told = facts.get("licence-minutes", "")
    if facts.get("evaluation") != "yes" or not told.isdecimal():
        return False
    activated, days = facts.get("activated") == "yes", int(told) // _DAY_MIN
    if not activated and int(told) == 0:
        progress("Windows is not activated, and its days are over: it shuts itself down about every hour")
        return True
    if not activated:
        progress(f"Windows is not activated: in {days} days it begins to shut itself down about every hour")
    elif 0 < int(told) < _SOON_MIN:
        progress(f"the evaluation of this Windows ends in {days} days")
    return False


def _require_verifier(facts: dict[str, str]) -> None:
    flags = int(facts["verifier-flags"]) if facts.get("verifier-flags", "").isdecimal() else 0
    if facts.get("verified") != "True":
        raise HarnessError("Driver Verifier does not watch wsktest.sys; build the image again")
    if not flags & _SPECIAL_POOL:
        raise HarnessError(
            f"Driver Verifier runs without special pool (flags {flags:#x}); build the image again"
        )


def _require_build(info: dict[str, str], sealed: ImageManifest) -> None:
    if not f"{sealed.build}.".startswith(f"{info.get('os')}."):
        raise HarnessError(
            f"the guest is Windows {info.get('os')}, its manifest says {sealed.build}; build the image again"
        )
