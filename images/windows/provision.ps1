# SPDX-License-Identifier: Apache-2.0
#
# Makes a fresh Windows into a guest: phase Install at the first logon, phase
# Verify after the restart that test signing needs. What is to be done stands in
# settings.json beside this file; how far it is, and what it found, is said on
# COM1 in the lines that harness/image_builder/stages.py describes. The host judges them.
# What it does is in the files beside it: drivers and ways in, settings, facts.

[CmdletBinding()]
param([Parameter(Mandatory)][ValidateSet('Install', 'Verify')][string] $Phase)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'

$Lab = 'C:\wsk'
$Control = 'HKLM:\SYSTEM\CurrentControlSet\Control'
$Policies = 'HKLM:\SOFTWARE\Policies\Microsoft'
$Settings = Get-Content -Raw -Path (Join-Path $PSScriptRoot 'settings.json') | ConvertFrom-Json
$ServiceLimitSeconds = 120
$AdapterLimitSeconds = 300
$NetworkLimitSeconds = 60

# ---- talking to the host

# The port is opened for each line, so that a script that dies keeps it from nobody.
function Send-Line([string] $Text) {
    Write-Host $Text
    $port = New-Object System.IO.Ports.SerialPort 'COM1', 115200
    try {
        $port.Open()
        $port.Write("$Text`r`n")
    } finally {
        $port.Dispose()
    }
}

function Enter-Stage([string] $Name) {
    $number = [array]::IndexOf([string[]] $Settings.stages, $Name) + 1
    Send-Line "WSKLAB:STAGE $number/$($Settings.stages.Count) $Name"
}

function Send-Fact([string] $Key, $Value) {
    Send-Line "WSKLAB:FACT $Key=$Value"
}

trap {
    $place = "line $($_.InvocationInfo.ScriptLineNumber)"
    $what = "$_" -replace '\s+', ' '
    Send-Line "WSKLAB:FAIL $($what.Substring(0, [Math]::Min(900, $what.Length))) ($place)"
    exit 1
}

# ---- small helpers

function Set-Registry([string] $Key, [string] $Name, $Value, [string] $Type = 'DWord') {
    if (-not (Test-Path -Path $Key)) {
        New-Item -Path $Key -Force | Out-Null
    }
    New-ItemProperty -Path $Key -Name $Name -Value $Value -PropertyType $Type -Force | Out-Null
}

function Get-Registry([string] $Key, [string] $Name) {
    $properties = Get-ItemProperty -Path $Key -ErrorAction SilentlyContinue
    if ($properties -and $properties.PSObject.Properties[$Name]) {
        return $properties.$Name
    }
    return $null
}

# What a program writes to its error output is no failure of ours; its exit code is.
function Invoke-Program([string] $Program, [string[]] $Arguments, [int[]] $Good = @(0)) {
    $ErrorActionPreference = 'Continue'
    $said = & $Program @Arguments 2>&1 | Out-String
    if ($LASTEXITCODE -notin $Good) {
        throw "$Program $($Arguments -join ' ') ended with ${LASTEXITCODE}: $said"
    }
    return $said
}

function Wait-Until([scriptblock] $Condition, [int] $Seconds, [string] $What) {
    $giveUp = (Get-Date).AddSeconds($Seconds)
    while (-not (& $Condition)) {
        if ((Get-Date) -gt $giveUp) {
            throw "$What did not happen within $Seconds s"
        }
        Start-Sleep -Milliseconds 500
    }
}

# As SYSTEM, at every start, whether anybody logs in or not.
function Register-AtStart([string] $Name, [string] $Arguments) {
    $action = New-ScheduledTaskAction -Execute 'powershell.exe' `
        -Argument "-NoProfile -NonInteractive -ExecutionPolicy Bypass -File $Arguments"
    $principal = New-ScheduledTaskPrincipal -UserId 'S-1-5-18' -LogonType ServiceAccount -RunLevel Highest
    $options = New-ScheduledTaskSettingsSet -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries
    Register-ScheduledTask -TaskName $Name -Action $action -Principal $principal -Settings $options `
        -Trigger (New-ScheduledTaskTrigger -AtStartup) -Force | Out-Null
}

# Rules instead of no firewall: its filters stay in the path, as they are on everybody's Windows.
function Add-FirewallRule([string] $Name, [hashtable] $What) {
    Remove-NetFirewallRule -Name $Name -ErrorAction SilentlyContinue
    New-NetFirewallRule -Name $Name -DisplayName $Name -Direction Inbound -Action Allow -Profile Any @What |
        Out-Null
}

. (Join-Path $PSScriptRoot 'ways.ps1')
. (Join-Path $PSScriptRoot 'settings.ps1')
. (Join-Path $PSScriptRoot 'facts.ps1')

# ---- the two phases

function Invoke-Install {
    Enter-Stage 'logon'
    New-Item -ItemType Directory -Path $Lab -Force | Out-Null
    Copy-Item -Path (Join-Path $PSScriptRoot '*') -Destination $Lab -Recurse -Force
    Get-ChildItem -Path $Lab -Recurse -File | ForEach-Object { $_.IsReadOnly = $false }
    Enter-Stage 'drivers'
    Install-Drivers
    Enter-Stage 'channels'
    Set-PrivateNetworks
    Install-Ssh
    Install-WinRm
    Install-Agent
    Enter-Stage 'settings'
    Set-Account
    Set-Boot
    Set-Crash
    Set-Verifier
    Set-Quiet
    Disable-Maintenance
    Set-TestNetwork
    Set-Defender
    Register-AtStart 'wsk-verify' "$Lab\provision.ps1 -Phase Verify"
    Restart-Computer -Force
}

function Invoke-Verify {
    Enter-Stage 'restarted'
    Unregister-ScheduledTask -TaskName 'wsk-verify' -Confirm:$false
    Enter-Stage 'verify'
    Send-TestNetwork
    Send-Channels
    Send-Settings
    Test-Driver
    Remove-Logon
    Send-Line 'WSKLAB:READY'
    Stop-Computer -Force
}

if ($Phase -eq 'Install') {
    Invoke-Install
} else {
    Invoke-Verify
}
