# SPDX-License-Identifier: Apache-2.0
#
# Makes a fresh Windows into a guest: phase Install at the first logon, phase
# Verify after the restart that test signing needs. What is to be done stands in
# settings.json beside this file; how far it is, and what it found, is said on
# COM1 in the lines that harness/image_builder/stages.py describes. The host judges them.

[CmdletBinding()]
param([Parameter(Mandatory)][ValidateSet('Install', 'Verify')][string] $Phase)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'

$Lab = 'C:\wsk'
$Control = 'HKLM:\SYSTEM\CurrentControlSet\Control'
$Policies = 'HKLM:\SOFTWARE\Policies\Microsoft'
$Settings = Get-Content -Raw -Path (Join-Path $PSScriptRoot 'settings.json') | ConvertFrom-Json
$ServiceLimitSeconds = 300
$AdapterLimitSeconds = 300

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

# ---- drivers

function Install-Drivers {
    $certificate = Join-Path $Lab 'wsktest.cer'
    foreach ($store in 'Root', 'TrustedPublisher') {
        Invoke-Program 'certutil.exe' @('-f', '-addstore', $store, $certificate) | Out-Null
    }
    $drivers = Join-Path (Split-Path -Qualifier $PSScriptRoot) '\drivers'
    if (Test-Path -Path $drivers) {
        # 259: all of them are there already, from Windows PE. 3010: one waits for the restart.
        Invoke-Program 'pnputil.exe' @('/add-driver', "$drivers\*.inf", '/subdirs', '/install') `
            -Good 0, 259, 3010 | Out-Null
    }
}

# ---- ways in

function Install-Ssh {
    $archive = Join-Path $Lab 'openssh.zip'
    if (Test-Path -Path $archive) {
        Expand-Archive -Path $archive -DestinationPath $env:ProgramFiles -Force
        Invoke-Program 'powershell.exe' @('-NoProfile', '-ExecutionPolicy', 'Bypass', '-File',
            "$env:ProgramFiles\OpenSSH-Win64\install-sshd.ps1") | Out-Null
    }
    # Windows Server 2025 brings it along, switched off.
    if (-not (Get-Service -Name 'sshd' -ErrorAction SilentlyContinue)) {
        return
    }
    # Its first start makes its folder, with the rights that it wants there.
    Set-Service -Name 'sshd' -StartupType Automatic
    Start-Service -Name 'sshd'
    Wait-Until { Test-Path -Path $HostKey } $ServiceLimitSeconds 'the making of the SSH host key'
    $keys = "$env:ProgramData\ssh\administrators_authorized_keys"
    Copy-Item -Path (Join-Path $Lab 'login_key.pub') -Destination $keys -Force
    # sshd ignores the file when anybody else could write to it: SYSTEM and Administrators, no others.
    Invoke-Program 'icacls.exe' @($keys, '/inheritance:r', '/grant', '*S-1-5-18:F', '*S-1-5-32-544:F') |
        Out-Null
    Add-FirewallRule 'wsk-ssh' @{ Protocol = 'TCP'; LocalPort = 22 }
}
$HostKey = "$env:ProgramData\ssh\ssh_host_ed25519_key.pub"

function Install-WinRm {
    Enable-PSRemoting -SkipNetworkProfileCheck -Force | Out-Null
    $certificate = New-SelfSignedCertificate -DnsName 'wsk-guest' -CertStoreLocation 'Cert:\LocalMachine\My' `
        -NotAfter (Get-Date).AddYears(10)
    # Over HTTPS alone, so that nothing can go in clear.
    Get-ChildItem -Path 'WSMan:\localhost\Listener' | Remove-Item -Recurse -Force
    New-Item -Path 'WSMan:\localhost\Listener' -Transport HTTPS -Address '*' `
        -CertificateThumbPrint $certificate.Thumbprint -Force | Out-Null
    Set-Item -Path 'WSMan:\localhost\Service\AllowUnencrypted' -Value $false -Force
    Set-Item -Path 'WSMan:\localhost\Service\Auth\Basic' -Value $false -Force
    # Without it an administrator other than the built-in one has no rights from afar.
    Set-Registry 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System' `
        'LocalAccountTokenFilterPolicy' 1
    Set-Service -Name 'WinRM' -StartupType Automatic
    Disable-NetFirewallRule -Name 'WINRM-HTTP-In-TCP*' -ErrorAction SilentlyContinue
    Add-FirewallRule 'wsk-winrm' @{ Protocol = 'TCP'; LocalPort = 5986 }
}

function Install-Agent {
    $installer = Join-Path $Lab 'qemu-ga.msi'
    if (-not (Test-Path -Path $installer)) {
        return
    }
    $process = Start-Process -FilePath 'msiexec.exe' -Wait -PassThru `
        -ArgumentList '/i', $installer, '/qn', '/norestart'
    if ($process.ExitCode -notin 0, 3010) {
        throw "the installer of the guest agent ended with $($process.ExitCode)"
    }
    Invoke-Program 'sc.exe' @('failure', 'QEMU-GA', 'reset=', '60', 'actions=', 'restart/1000') | Out-Null
}

function Get-Channels {
    $services = @{ ssh = 'sshd'; winrm = 'WinRM'; agent = 'QEMU-GA' }
    foreach ($name in 'ssh', 'winrm', 'agent') {
        $service = Get-Service -Name $services[$name] -ErrorAction SilentlyContinue
        if ($service -and $service.StartType -ne 'Disabled') {
            $name
        }
    }
}

# ---- settings

function Set-Boot {
    Invoke-Program 'bcdedit.exe' @('/set', '{current}', 'testsigning', 'on') | Out-Null
    # A guest that has crashed twice must not end in a repair that waits for somebody.
    Invoke-Program 'bcdedit.exe' @('/set', '{current}', 'bootstatuspolicy', 'ignoreallfailures') | Out-Null
    Invoke-Program 'bcdedit.exe' @('/set', '{current}', 'recoveryenabled', 'no') | Out-Null
    Invoke-Program 'bcdedit.exe' @('/set', 'hypervisorlaunchtype', 'off') | Out-Null
    Set-Registry "$Control\DeviceGuard" 'EnableVirtualizationBasedSecurity' 0
    Set-Registry "$Control\DeviceGuard\Scenarios\HypervisorEnforcedCodeIntegrity" 'Enabled' 0
    Set-Registry "$Control\Lsa" 'LsaCfgFlags' 0
}

function Set-Crash {
    $crash = "$Control\CrashControl"
    Set-Registry $crash 'CrashDumpEnabled' $Settings.crash.dump
    Set-Registry $crash 'AutoReboot' ([int] $Settings.crash.restart)
    Set-Registry $crash 'DumpFile' $Settings.crash.path 'ExpandString'
    Set-Registry $crash 'Overwrite' 1
    Set-Registry $crash 'AlwaysKeepMemoryDump' 1
    Set-Registry $crash 'NMICrashDump' 1
}

function Set-Verifier {
    # 2: it takes effect with the next start.
    Invoke-Program 'verifier.exe' @('/flags', ('0x{0:x}' -f $Settings.verifier.flags), '/driver',
        $Settings.verifier.driver) -Good 0, 2 | Out-Null
}

# Nothing may run, send or restart by itself while times are measured and packets counted.
function Set-Quiet {
    foreach ($what in 'monitor-timeout-ac', 'disk-timeout-ac', 'standby-timeout-ac', 'hibernate-timeout-ac') {
        # 1: this machine cannot do it anyway.
        Invoke-Program 'powercfg.exe' @('/change', $what, '0') -Good 0, 1 | Out-Null
    }
    Invoke-Program 'powercfg.exe' @('/hibernate', 'off') -Good 0, 1 | Out-Null
    Set-Registry "$Policies\Windows\WindowsUpdate\AU" 'NoAutoUpdate' 1
    foreach ($name in 'wuauserv', 'UsoSvc', 'W32Time', 'WSearch', 'SysMain', 'DiagTrack') {
        if (Get-Service -Name $name -ErrorAction SilentlyContinue) {
            Stop-Service -Name $name -Force -ErrorAction SilentlyContinue
            Set-Service -Name $name -StartupType Disabled -ErrorAction SilentlyContinue
        }
    }
    Set-Registry "$Policies\Windows NT\DNSClient" 'EnableMulticast' 0
    Set-Registry 'HKLM:\SYSTEM\CurrentControlSet\Services\Dnscache\Parameters' 'EnableMDNS' 0
    Set-Registry 'HKLM:\SYSTEM\CurrentControlSet\Services\NlaSvc\Parameters\Internet' 'EnableActiveProbing' 0
    Set-Registry 'HKLM:\SOFTWARE\Microsoft\ServerManager' 'DoNotOpenServerManagerAtLogon' 1
    # The harness sets the clock, in UTC as the machine's own clock.
    Set-TimeZone -Id 'UTC'
}

# Its network inspection lies in the path of the data, and it may take a fresh driver for a virus.
function Set-Defender {
    if (Get-Command -Name 'Uninstall-WindowsFeature' -ErrorAction SilentlyContinue) {
        Get-WindowsFeature -Name 'Windows-Defender*' | Where-Object Installed |
            Uninstall-WindowsFeature | Out-Null
        return 'removed'
    }
    try {
        Add-MpPreference -ExclusionPath $Lab
        Set-MpPreference -DisableRealtimeMonitoring $true
        return 'quiet'
    } catch {
        return 'on'
    }
}

function Set-TestNetwork {
    $test = $Settings.network.test
    Add-FirewallRule 'wsk-test' @{ LocalAddress = @($test.net4, $test.net6) }
    Register-AtStart 'wsk-nics' "$Lab\nics.ps1"
}

# ---- looking

function Get-Vbs {
    $guard = Get-CimInstance -Namespace 'root\Microsoft\Windows\DeviceGuard' -ClassName 'Win32_DeviceGuard' `
        -ErrorAction SilentlyContinue
    if ($guard -and $guard.VirtualizationBasedSecurityStatus -eq 2) {
        return 'on'
    }
    return 'off'
}

function Get-SecureBoot {
    try {
        if (Confirm-SecureBootUEFI) {
            return 'on'
        }
    } catch {
        return 'off' # a firmware that knows no Secure Boot has no variable to ask for
    }
    return 'off'
}

function Get-EvaluationMinutes {
    $windows = '55c92734-d682-4d71-983e-d6ec3f16059f'
    $product = Get-CimInstance -ClassName 'SoftwareLicensingProduct' `
        -Filter "ApplicationID='$windows' AND PartialProductKey IS NOT NULL" | Select-Object -First 1
    if ($product -and $product.Description -match 'EVAL') {
        return $product.GracePeriodRemaining
    }
    return 'none'
}

# Loads the driver as a run will, and asks Verifier whether it watches it.
function Test-Driver {
    $program = Join-Path $Lab 'wskctl.exe'
    Invoke-Program $program @('install', (Join-Path $Lab 'wsktest.sys')) | Out-Null
    Invoke-Program $program @('start') | Out-Null
    Invoke-Program $program @('info') | Out-Null
    Send-Fact 'driver' 'loaded'
    $watched = (Invoke-Program 'verifier.exe' @('/query')) -match [regex]::Escape($Settings.verifier.driver)
    Send-Fact 'driver-verified' $(if ($watched) { 'yes' } else { 'no' })
    Invoke-Program $program @('stop') | Out-Null
    Invoke-Program $program @('remove') | Out-Null
}

function Send-Settings {
    $version = 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion'
    Send-Fact 'build' "10.0.$(Get-Registry $version 'CurrentBuildNumber').$(Get-Registry $version 'UBR')"
    Send-Fact 'edition' (Get-Registry $version 'EditionID')
    $testing = (Get-Registry $Control 'SystemStartOptions') -match 'TESTSIGNING'
    Send-Fact 'test-signing' $(if ($testing) { 'on' } else { 'off' })
    Send-Fact 'secure-boot' (Get-SecureBoot)
    Send-Fact 'vbs' (Get-Vbs)
    $memory = "$Control\Session Manager\Memory Management"
    Send-Fact 'verifier' ('0x{0:x}' -f (Get-Registry $memory 'VerifyDriverLevel'))
    Send-Fact 'crash-dump' (Get-Registry "$Control\CrashControl" 'CrashDumpEnabled')
    Send-Fact 'crash-restart' (Get-Registry "$Control\CrashControl" 'AutoReboot')
    Send-Fact 'qpc-frequency' ([System.Diagnostics.Stopwatch]::Frequency)
    Send-Fact 'evaluation-minutes' (Get-EvaluationMinutes)
}

function Send-Channels {
    $channels = @(Get-Channels)
    Send-Fact 'channels' ($channels -join ' ')
    if ('ssh' -in $channels) {
        $words = (Get-Content -Path $HostKey -TotalCount 1) -split ' '
        Send-Fact 'ssh-host-key' "$($words[0]) $($words[1])"
    }
    $listener = Get-ChildItem -Path 'WSMan:\localhost\Listener' |
        Where-Object { $_.Keys -contains 'Transport=HTTPS' }
    $thumbprint = (Get-Item -Path "WSMan:\localhost\Listener\$($listener.Name)\CertificateThumbprint").Value
    $certificate = Get-Item -Path "Cert:\LocalMachine\My\$thumbprint"
    $digest = [System.Security.Cryptography.SHA256]::Create().ComputeHash($certificate.RawData)
    Send-Fact 'winrm-certificate' ([BitConverter]::ToString($digest).Replace('-', '').ToLowerInvariant())
}

function Send-TestNetwork {
    $said = Join-Path $Lab 'nics.txt'
    Wait-Until { Test-Path -Path $said } $AdapterLimitSeconds 'the setting of the adapters'
    Send-Fact 'test-nic' (Get-Content -Path $said -TotalCount 1)
}

# Nobody needs to log in any more.
function Remove-Logon {
    $logon = 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon'
    Set-Registry $logon 'AutoAdminLogon' '0' 'String'
    foreach ($name in 'DefaultPassword', 'AutoLogonCount') {
        Remove-ItemProperty -Path $logon -Name $name -ErrorAction SilentlyContinue
    }
}

# ---- the two phases

function Invoke-Install {
    Enter-Stage 'logon'
    New-Item -ItemType Directory -Path $Lab -Force | Out-Null
    Copy-Item -Path (Join-Path $PSScriptRoot '*') -Destination $Lab -Recurse -Force
    Get-ChildItem -Path $Lab -Recurse -File | ForEach-Object { $_.IsReadOnly = $false }
    Enter-Stage 'drivers'
    Install-Drivers
    Enter-Stage 'channels'
    Install-Ssh
    Install-WinRm
    Install-Agent
    Enter-Stage 'settings'
    Set-Boot
    Set-Crash
    Set-Verifier
    Set-Quiet
    Set-TestNetwork
    Send-Fact 'defender' (Set-Defender)
    Register-AtStart 'wsk-verify' "$Lab\provision.ps1 -Phase Verify"
    Restart-Computer -Force
}

function Invoke-Verify {
    Enter-Stage 'restarted'
    Unregister-ScheduledTask -TaskName 'wsk-verify' -Confirm:$false
    Wait-Until { (Get-Service -Name 'WinRM').Status -eq 'Running' } $ServiceLimitSeconds 'the start of WinRM'
    Enter-Stage 'verify'
    Send-Settings
    Send-Channels
    Send-TestNetwork
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
