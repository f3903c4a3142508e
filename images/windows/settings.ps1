# SPDX-License-Identifier: Apache-2.0
#
# A part of provision.ps1: how Windows itself is set.

$FirewallPolicy = 'HKLM:\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy'
$FirewallProfiles = 'DomainProfile', 'StandardProfile', 'PublicProfile'
$Maintenance = 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Schedule\Maintenance'
# The folders of scheduled tasks that would find much to do in each fresh copy of the disk.
$MaintenanceTasks = '\Microsoft\Windows\Defrag\', '\Microsoft\Windows\.NET Framework\'

# A password of Windows' own policy ends after 42 days, and a login over WinRM with it.
function Set-Account {
    Set-LocalUser -Name $Settings.account -PasswordNeverExpires $true
    Invoke-Program 'net.exe' @('accounts', '/maxpwage:unlimited') | Out-Null
}

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

# Every guest starts from a fresh copy of the disk: what is due in one is due in all, at each start.
function Disable-Maintenance {
    Set-Registry $Maintenance 'MaintenanceDisabled' 1
    foreach ($folder in $MaintenanceTasks) {
        Get-ScheduledTask -TaskPath $folder -ErrorAction SilentlyContinue |
            Disable-ScheduledTask -ErrorAction SilentlyContinue | Out-Null
    }
}

# Its network inspection lies in the path of the data, and it may take a fresh driver for a virus. Where it
# protects itself it takes no orders: facts.ps1 looks what has come of them.
function Set-Defender {
    if (Get-Command -Name 'Uninstall-WindowsFeature' -ErrorAction SilentlyContinue) {
        Get-WindowsFeature -Name 'Windows-Defender*' | Where-Object Installed |
            Uninstall-WindowsFeature | Out-Null
    } else {
        Add-MpPreference -ExclusionPath $Lab -ErrorAction SilentlyContinue
        Set-MpPreference -DisableRealtimeMonitoring $true -ErrorAction SilentlyContinue
    }
}

# The firewall stays on, but it may not swallow the RST of a port without a listener: that is TCP's answer
# to a late SYN, and is judged. https://support.microsoft.com/help/2586744
function Set-TestNetwork {
    foreach ($name in $FirewallProfiles) {
        Set-Registry "$FirewallPolicy\$name" 'DisableStealthMode' 1
    }
    $test = $Settings.network.test
    Add-FirewallRule 'wsk-test' @{ LocalAddress = @($test.net4, $test.net6) }
    Register-AtStart 'wsk-nics' "$Lab\nics.ps1"
}

# Nobody needs to log in any more, and the answers of Setup, with the product key, have done their duty.
function Remove-Logon {
    $logon = 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon'
    Set-Registry $logon 'AutoAdminLogon' '0' 'String'
    foreach ($name in 'DefaultPassword', 'AutoLogonCount') {
        Remove-ItemProperty -Path $logon -Name $name -ErrorAction SilentlyContinue
    }
    foreach ($folder in "$env:windir\Panther", "$env:windir\Panther\Unattend", "$env:windir\System32\Sysprep") {
        Remove-Item -Path "$folder\*unattend*.xml" -Force -ErrorAction SilentlyContinue
    }
}
