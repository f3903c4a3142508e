# SPDX-License-Identifier: Apache-2.0
#
# A part of provision.ps1: the drivers, and the ways into the guest.

$HostKey = "$env:ProgramData\ssh\ssh_host_ed25519_key.pub"
$Services = @{ ssh = 'sshd'; winrm = 'WinRM'; agent = 'QEMU-GA' }
# What Windows calls all networks that it cannot identify, as those of a lab.
$Unidentified = '010103000F0000F0010000000F0000F0C967A3643C3AD745950DA7859209176EF5B87C875FA20DF21951640E807D7C24'

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

# WinRM refuses its settings while any network is Public, and one that nobody identifies is that.
function Set-PrivateNetworks {
    Set-Registry "$Policies\Windows NT\CurrentVersion\NetworkList\Signatures\$Unidentified" 'Category' 1
    foreach ($network in @(Get-NetConnectionProfile -ErrorAction SilentlyContinue)) {
        # One that is being identified right now cannot be set: the policy does it at the next start.
        Set-NetConnectionProfile -InterfaceIndex $network.InterfaceIndex -NetworkCategory Private `
            -ErrorAction SilentlyContinue
    }
}

# A plain automatic start may time out while Windows is busy, and is not tried again. nics.ps1 does not
# wait for the delayed one.
function Set-AlwaysThere([string] $Service) {
    Invoke-Program 'sc.exe' @('config', $Service, 'start=', 'delayed-auto') | Out-Null
    Invoke-Program 'sc.exe' @('failure', $Service, 'reset=', '60', 'actions=',
        'restart/1000/restart/5000/restart/15000') | Out-Null
}

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
    Set-AlwaysThere 'sshd'
    Start-Service -Name 'sshd'
    Wait-Until { Test-Path -Path $HostKey } $ServiceLimitSeconds 'the making of the SSH host key'
    $keys = "$env:ProgramData\ssh\administrators_authorized_keys"
    Copy-Item -Path (Join-Path $Lab 'login_key.pub') -Destination $keys -Force
    # sshd ignores the file when anybody else could write to it: SYSTEM and Administrators, no others.
    Invoke-Program 'icacls.exe' @($keys, '/inheritance:r', '/grant', '*S-1-5-18:F', '*S-1-5-32-544:F') |
        Out-Null
    Add-FirewallRule 'wsk-ssh' @{ Protocol = 'TCP'; LocalPort = 22 }
}

# That nothing goes in clear is WinRM's default; facts.ps1 looks whether it is so.
function Install-WinRm {
    Enable-PSRemoting -SkipNetworkProfileCheck -Force | Out-Null
    $certificate = New-SelfSignedCertificate -DnsName 'wsk-guest' -CertStoreLocation 'Cert:\LocalMachine\My' `
        -NotAfter (Get-Date).AddYears(10)
    # Over HTTPS alone, so that nothing can go in clear.
    Get-ChildItem -Path 'WSMan:\localhost\Listener' | Remove-Item -Recurse -Force
    New-Item -Path 'WSMan:\localhost\Listener' -Transport HTTPS -Address '*' `
        -CertificateThumbPrint $certificate.Thumbprint -Force | Out-Null
    # Without it an administrator other than the built-in one has no rights from afar.
    Set-Registry 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System' `
        'LocalAccountTokenFilterPolicy' 1
    Set-AlwaysThere 'WinRM'
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
    Set-AlwaysThere 'QEMU-GA'
}

function Get-Channels {
    foreach ($name in 'ssh', 'winrm', 'agent') {
        $service = Get-Service -Name $Services[$name] -ErrorAction SilentlyContinue
        if ($service -and $service.StartType -ne 'Disabled') {
            $name
        }
    }
}
