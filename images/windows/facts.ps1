# SPDX-License-Identifier: Apache-2.0
#
# A part of provision.ps1: what the finished Windows is looked at for. harness/image_builder/facts.py judges it.

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

function Get-Licence {
    $windows = '55c92734-d682-4d71-983e-d6ec3f16059f'
    Get-CimInstance -ClassName 'SoftwareLicensingProduct' `
        -Filter "ApplicationID='$windows' AND PartialProductKey IS NOT NULL" | Select-Object -First 1
}

# Where the registry does not have them, the program itself does.
function Get-VerifierFlags {
    $level = Get-Registry "$Control\Session Manager\Memory Management" 'VerifyDriverLevel'
    if ($level) {
        return '0x{0:x}' -f $level
    }
    if ((Invoke-Program 'verifier.exe' @('/querysettings')) -match '0x[0-9a-fA-F]{1,8}') {
        return $Matches[0].ToLowerInvariant()
    }
    return 'none'
}

# Off: a port without a listener answers with RST, in every profile; no policy says otherwise.
function Get-Stealth {
    foreach ($name in $FirewallProfiles) {
        $policies = $name, $name.Replace('Standard', 'Private')
        $forced = $policies | ForEach-Object { Get-Registry "$Policies\WindowsFirewall\$_" 'DisableStealthMode' }
        if ($forced -contains 0 -or (Get-Registry "$FirewallPolicy\$name" 'DisableStealthMode') -ne 1) {
            return 'on'
        }
    }
    return 'off'
}

function Get-PasswordEnd {
    $end = (Get-LocalUser -Name $Settings.account).PasswordExpires
    if ($null -eq $end) {
        return 'never'
    }
    return $end.ToString('s')
}

function Get-Maintenance {
    $awake = @($MaintenanceTasks |
            ForEach-Object { Get-ScheduledTask -TaskPath $_ -ErrorAction SilentlyContinue } |
            Where-Object State -ne 'Disabled')
    if ($awake.Count -eq 0 -and (Get-Registry $Maintenance 'MaintenanceDisabled') -eq 1) {
        return 'off'
    }
    return 'on'
}

# quiet: it looks at nothing; excluded: not at our folder; on: it did not listen to us.
function Get-Defender {
    if (-not (Get-Command -Name 'Get-MpComputerStatus' -ErrorAction SilentlyContinue)) {
        return 'removed'
    }
    try {
        if (-not (Get-MpComputerStatus).RealTimeProtectionEnabled) {
            return 'quiet'
        }
        if ((Get-MpPreference).ExclusionPath -contains $Lab) {
            return 'excluded'
        }
    } catch {
        return 'quiet' # its service does not run
    }
    return 'on'
}

# Private: the policy has reached every network. Without any there is nothing to refuse.
function Get-Network {
    $categories = @(Get-NetConnectionProfile -ErrorAction SilentlyContinue | ForEach-Object { "$($_.NetworkCategory)" })
    if ($categories -contains 'Public') {
        return 'public'
    }
    return 'private'
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
    Send-Fact 'verifier' (Get-VerifierFlags)
    Send-Fact 'crash-dump' (Get-Registry "$Control\CrashControl" 'CrashDumpEnabled')
    Send-Fact 'crash-restart' (Get-Registry "$Control\CrashControl" 'AutoReboot')
    Send-Fact 'stealth' (Get-Stealth)
    Send-Fact 'password-expires' (Get-PasswordEnd)
    Send-Fact 'maintenance' (Get-Maintenance)
    Send-Fact 'defender' (Get-Defender)
    Send-Fact 'qpc-frequency' ([System.Diagnostics.Stopwatch]::Frequency)
    $licence = Get-Licence
    $evaluates = $licence -and $licence.Description -match 'EVAL'
    Send-Fact 'evaluation-minutes' $(if ($evaluates) { $licence.GracePeriodRemaining } else { 'none' })
    Send-Fact 'activated' $(if ($licence -and $licence.LicenseStatus -eq 1) { 'yes' } else { 'no' })
}

# A way in counts when its service runs now.
function Send-Channels {
    $channels = @(Get-Channels)
    foreach ($name in $channels) {
        $service = $Services[$name]
        Wait-Until { (Get-Service -Name $service).Status -eq 'Running' } $ServiceLimitSeconds "the start of $service"
    }
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
    Send-Fact 'winrm-clear' (Get-Item -Path 'WSMan:\localhost\Service\AllowUnencrypted').Value
    Send-Fact 'winrm-basic' (Get-Item -Path 'WSMan:\localhost\Service\Auth\Basic').Value
}

function Send-TestNetwork {
    $said = Join-Path $Lab 'nics.txt'
    Wait-Until { Test-Path -Path $said } $AdapterLimitSeconds 'the setting of the adapters'
    Send-Fact 'test-nic' (Get-Content -Path $said -TotalCount 1)
    $giveUp = (Get-Date).AddSeconds($NetworkLimitSeconds)
    while ((Get-Network) -ne 'private' -and (Get-Date) -lt $giveUp) {
        Start-Sleep -Milliseconds 500
    }
    Send-Fact 'network' (Get-Network)
}
