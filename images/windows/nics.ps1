# SPDX-License-Identifier: Apache-2.0
#
# Runs at every start of the guest: gives the two adapters their addresses, sees
# to it that the ways in are there, and makes the adapter under test put on the
# wire what the kernel hands to it. Adapters are found by their MAC addresses,
# because a run may choose another model than the image was built with. Nothing
# of it is kept for the next start. The result is the first line of nics.txt:
# "set", or what went wrong.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'

$Said = Join-Path $PSScriptRoot 'nics.txt'
$Network = (Get-Content -Raw -Path (Join-Path $PSScriptRoot 'settings.json') | ConvertFrom-Json).network
# All of it together: who waits for the file waits longer than that.
$LimitSeconds = 240
$GiveUp = (Get-Date).AddSeconds($LimitSeconds)
$AddressLimitSeconds = 30
$Ways = 'sshd', 'WinRM', 'QEMU-GA'
# What would send by itself: topology discovery, link layer discovery, file sharing.
$Bindings = 'ms_lltdio', 'ms_rspndr', 'ms_lldp', 'ms_server', 'ms_msclient'
$NetBios = 'HKLM:\SYSTEM\CurrentControlSet\Services\NetBT\Parameters\Interfaces'
$NetBiosOff = 2

# A driver that is new to this machine is installed while we wait.
function Wait-Adapter([string] $Mac) {
    $wanted = $Mac.Replace(':', '-')
    while ($true) {
        $found = Get-NetAdapter -ErrorAction SilentlyContinue |
            Where-Object { $_.MacAddress -eq $wanted -and $_.Status -eq 'Up' }
        if ($found) {
            return $found
        }
        if ((Get-Date) -gt $GiveUp) {
            throw "no adapter with the address $Mac is up"
        }
        Start-Sleep -Milliseconds 500
    }
}

# The addresses are the lab's alone: nobody needs to be asked whether they are in use.
function Set-AddressOnce($Adapter, [string] $Family, [string] $Address, [int] $Prefix) {
    Set-NetIPInterface -InterfaceIndex $Adapter.ifIndex -AddressFamily $Family -Dhcp Disabled `
        -DadTransmits 0 -RouterDiscovery Disabled
    Get-NetIPAddress -InterfaceIndex $Adapter.ifIndex -AddressFamily $Family -PrefixOrigin Manual `
        -ErrorAction SilentlyContinue | Remove-NetIPAddress -Confirm:$false
    New-NetIPAddress -InterfaceIndex $Adapter.ifIndex -AddressFamily $Family -IPAddress $Address `
        -PrefixLength $Prefix -PolicyStore ActiveStore | Out-Null
}

# An adapter is up before it has an IP interface: tried again for a while.
function Set-Address($Adapter, [string] $Family, [string] $Address, [int] $Prefix) {
    $end = (Get-Date).AddSeconds($AddressLimitSeconds)
    while ($true) {
        try {
            Set-AddressOnce $Adapter $Family $Address $Prefix
            return
        } catch {
            if ((Get-Date) -gt $end -or (Get-Date) -gt $GiveUp) {
                throw
            }
            Start-Sleep -Milliseconds 500
        }
    }
}

# Windows starts services late when it is busy, and one that failed not again. What is switched off stays so.
function Start-Ways {
    foreach ($name in $Ways) {
        $service = Get-Service -Name $name -ErrorAction SilentlyContinue
        if ($service -and $service.StartType -ne 'Disabled' -and $service.Status -eq 'Stopped') {
            & sc.exe start $name | Out-Null
        }
    }
}

# An adapter may not have the one or the other; what it has is looked at afterwards.
function Disable-Extras($Adapter) {
    $name = $Adapter.Name
    Set-ItemProperty -Path "$NetBios\Tcpip_$($Adapter.InterfaceGuid)" -Name 'NetbiosOptions' -Value $NetBiosOff `
        -ErrorAction SilentlyContinue
    Disable-NetAdapterLso -Name $name -ErrorAction SilentlyContinue
    Disable-NetAdapterRsc -Name $name -ErrorAction SilentlyContinue
    Disable-NetAdapterChecksumOffload -Name $name -ErrorAction SilentlyContinue
    foreach ($binding in $Bindings) {
        Disable-NetAdapterBinding -Name $name -ComponentID $binding -ErrorAction SilentlyContinue
    }
}

function Assert-NoOffload($Adapter) {
    $name = $Adapter.Name
    $lso = Get-NetAdapterLso -Name $name -ErrorAction SilentlyContinue
    if ($lso -and ($lso.IPv4Enabled -or $lso.IPv6Enabled)) {
        throw "$name still sends segments that it cuts itself (LSO)"
    }
    $rsc = Get-NetAdapterRsc -Name $name -ErrorAction SilentlyContinue
    if ($rsc -and ($rsc.IPv4Enabled -or $rsc.IPv6Enabled)) {
        throw "$name still joins the segments that it receives (RSC)"
    }
    $sums = Get-NetAdapterChecksumOffload -Name $name -ErrorAction SilentlyContinue
    if ($sums -and (@($sums.TcpIPv4Enabled, $sums.TcpIPv6Enabled) -match 'Enabled$')) {
        throw "$name still computes checksums itself"
    }
}

Remove-Item -Path $Said -ErrorAction SilentlyContinue
try {
    Start-Ways
    $management = Wait-Adapter $Network.mgmt.mac
    Set-Address $management 'IPv4' $Network.mgmt.address4 $Network.mgmt.prefix4
    $test = Wait-Adapter $Network.test.mac
    Disable-Extras $test
    # Changing them restarts the adapter, which loses addresses that were set before.
    $test = Wait-Adapter $Network.test.mac
    Set-Address $test 'IPv4' $Network.test.address4 $Network.test.prefix4
    Set-Address $test 'IPv6' $Network.test.address6 $Network.test.prefix6
    Assert-NoOffload $test
    $result = 'set'
} catch {
    $result = "$_" -replace '\s+', ' '
}
# In one step, so that who waits for the file finds it whole.
Set-Content -Path "$Said.new" -Value $result
Move-Item -Path "$Said.new" -Destination $Said -Force
