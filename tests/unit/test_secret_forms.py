# SPDX-License-Identifier: Apache-2.0
"""Secrets that nobody told the mask of are known by where they stand; what only looks like one stays."""

import base64
import json
from urllib.parse import quote

import pytest

from harness.diagnostics.masking import Mask

NEW = "hunter2Zebra"  # known to nobody
KNOWN = "Mellon&1954<x>"
LINE = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ"
MASK = Mask.of_this_machine([KNOWN])


def in_base64(text: str, encoding: str = "utf-8") -> str:
    return base64.b64encode(text.encode(encoding)).decode()


def in_hex(text: str, between: str = "", encoding: str = "utf-8") -> str:
    return between.join(f"{byte:02x}" for byte in text.encode(encoding))


FORMS = {
    # Environment and settings
    "environment": f"DB_PASSWORD={NEW}",
    "export": f"export AWS_SECRET_ACCESS_KEY='{NEW}'",
    "a value with spaces": f"  admin_password: correct horse {NEW} staple",
    "PowerShell's environment": f"$env:VAULT_TOKEN = '{NEW}'",
    "Dockerfile": f"ENV API_KEY {NEW}",
    "INI": f"[smtp]\npass={NEW}",
    "quotes within": f'set "PGPASSWORD=it is {NEW}"',
    "TOML": f'[db]\npassword = "{NEW}"',
    "TOML of several lines": f'token = """\nfirst\n{NEW}"""',
    "TOML literal": f"client-secret = 'a {NEW}'",
    "YAML": f"- name: DB_PASSWORD\n  value: {NEW}",
    "YAML block": f"password: |-\n  first\n  {NEW}\nuser: x",
    "YAML flow": f"{{user: x, passphrase: {NEW}, port: 1}}",
    "JSON": json.dumps({"api_key": f'a "{NEW}" b'}),
    "JSON over lines": f'"password":\n    "{NEW}"',
    "JSON within JSON": json.dumps({"body": json.dumps({"password": f"a {NEW}"})}),
    "JSON list": json.dumps({"passwords": ["x", NEW]}),
    "JSON name and value": json.dumps({"name": "SMTP_PASSWORD", "value": NEW}),
    "Python": f"connect(user='x', password=b'{NEW}')",
    "call": f'setProperty("db.password", "{NEW}")',
    "Ruby": f":password => '{NEW}'",
    "connection string": f"Server=x;User Id=sa;Password=a {NEW};Encrypt=yes",
    "connection string's PWD": f"Driver=x;UID=sa;PWD={NEW};",
    "netrc": f"machine h login frodo password {NEW}",
    "wpa_supplicant": f'  psk="{NEW}"',
    "registry file": f'"DefaultPassword"="{NEW}"',
    "registry file in hex": '"DefaultPassword"=hex(1):' + in_hex(NEW, ",", "utf-16-le"),
    "reg query": f"    DefaultPassword    REG_SZ    {NEW}",
    "SQL": f"CREATE USER x IDENTIFIED BY '{NEW}'",
    "SQL of another kind": f"ALTER ROLE x WITH PASSWORD '{NEW}'",
    "prompt": f"[sudo] password for frodo: {NEW}",
    # XML and HTML
    "unattend": f"<AdministratorPassword><Value>{NEW}</Value><PlainText/></AdministratorPassword>",
    "unattend over lines": f"<AutoLogon>\n<Password>\n<Value>{NEW}</Value>\n</Password></AutoLogon>",
    "XML that is cut": f"<Password><Value>x</Value></Password><Password>{NEW}",
    "XML within XML": f"&lt;Password&gt;a {NEW}&lt;/Password&gt;",
    "attribute": f"<graphics type='vnc' passwd='{NEW}'/>",
    "key and value": f'<add key="Smtp.Password" value="{NEW}"/>',
    "named element": f'<string name="api_token">{NEW}</string>',
    "plist": f"<key>password</key>\n<string>{NEW}</string>",
    "HTML table": f"<td>Password</td><td>{NEW}</td>",
    "HTML bold": f"<b>Password:</b> {NEW}",
    "WLAN profile": f"<keyMaterial>{NEW}</keyMaterial>",
    # Command lines
    "net user": f"net user frodo {NEW} /add",
    "net.exe user": f'C:\\> NET.EXE  USER "Frodo B" "a {NEW}" /ADD',
    "net use": f"net use X: \\\\srv\\share {NEW} /user:dom\\frodo",
    "net use, user first": f"net use \\\\srv\\share /user:dom\\frodo {NEW}",
    "psexec": f"psexec \\\\host -u frodo -p {NEW} cmd",
    "schtasks": f"schtasks /create /ru frodo /rp {NEW} /tn x",
    "cmdkey": f"cmdkey /add:host /user:frodo /pass:{NEW}",
    "wmic": f'wmic /node:x /password:"{NEW}" os',
    "curl": f"curl -u 'frodo:{NEW}' https://example.org/",
    "curl, joined": f"curl -ufrodo:{NEW} https://example.org/",
    "netsh": f"netsh wlan add profile key={NEW}",
    "netsh's output": f"    Key Content            : {NEW}",
    "PowerShell's item": f"Set-Item env:TOKEN '{NEW}'",
    "a here-string": f"sudo -S true <<< {NEW}",
    "a share with a login": f"//frodo:{NEW}@host/share",
    "basic, told": "sent Basic " + in_base64(f"frodo:{NEW}"),
    "PW": f"PW={NEW}",
    "curl, a header": f'curl -H "X-Api-Key: {NEW}" https://example.org/',
    "curl, a cookie": f"curl -b 'sid={NEW}; a=b' https://example.org/",
    "wget": f"wget --http-password={NEW} http://example.org/",
    "wget, a header": f"wget --header='Authorization: Bearer {NEW}' http://example.org/",
    "ssh": f"sshpass -p {NEW} ssh frodo@host",
    "ssh, joined": f"sshpass -p{NEW} ssh frodo@host",
    "plink": f"plink -ssh -pw {NEW} host",
    "mysql": f"mysql -u root -p{NEW} db",
    "smbclient": f"smbclient //srv/share -U frodo%{NEW}",
    "mount": f"mount -t cifs //s/x /mnt -o username=frodo,password={NEW},uid=0",
    "openssl": f"openssl rsa -in x -passin pass:{NEW}",
    "sudo": f"echo {NEW} | sudo -S true",
    "chpasswd": f"echo 'frodo:{NEW}' | chpasswd",
    "docker": f"docker login -u frodo -p {NEW} registry",
    "signtool": f"signtool sign /f a.pfx /p {NEW} a.sys",
    "sc": f"sc config svc obj= .\\frodo password= {NEW}",
    "xfreerdp": f"xfreerdp /u:frodo /p:{NEW} /v:host",
    "reg add": f"reg add HKLM\\x /v DefaultPassword /t REG_SZ /d {NEW} /f",
    "PowerShell": f"ConvertTo-SecureString -String '{NEW}' -AsPlainText -Force",
    "PowerShell, an option": f"New-LocalUser x -Password (ConvertTo-SecureString {NEW} -AsPlainText -Force)",
    "PowerShell, a credential": f"[Net.NetworkCredential]::new('frodo', '{NEW}')",
    "an option in the next line": f"login --password \\\n    {NEW} --quiet",
    "a caret": f"schtasks /create ^\n  /rp ^\n  {NEW}",
    # URLs and headers
    "URL": f"git clone https://frodo:{NEW}@example.org/x",
    "URL with signs": f"postgresql://frodo:p@/{NEW}@db/x",
    "URL, a token alone": f"https://{NEW}@example.org/x",
    "URL, ?token=": f"https://example.org/x?a=1&token={NEW}&b=2",
    "URL, ?sig=": f"https://x.blob.core.windows.net/a?sv=1&sig={NEW}%3D",
    "URL, ?key=": f"https://example.org/x?key={NEW}",
    "URL, #access_token=": f"https://example.org/#access_token={NEW}&state=1",
    "URL in HTML": f"<a href='https://example.org/?a=1&amp;code={NEW}'>",
    "URL within a URL": "https://example.org/?to=" + quote(f"https://x/?token={NEW}", safe=""),
    "webhook": f"https://hooks.slack.com/services/T0/B0/{NEW}",
    "bearer": f"Authorization: Bearer {NEW}",
    "basic": "proxy-authorization: Basic " + in_base64(f"frodo:{NEW}"),
    "digest": f'Authorization: Digest username="frodo", response="{NEW}"',
    "no scheme": f"authorization: {NEW}",
    "header in JSON": json.dumps({"Authorization": f"Bearer {NEW}"}),
    "cookie": f"Cookie: theme=dark; session={NEW}",
    "set-cookie": f"Set-Cookie: sid={NEW}; Path=/; HttpOnly",
    "header of a service": f"PRIVATE-TOKEN: {NEW}",
    "HAR": json.dumps({"name": "Cookie", "value": f"sid={NEW}"}),
    # Keys and hashes
    "PEM": f"-----BEGIN RSA PRIVATE KEY-----\n{NEW}\n{LINE}\n-----END RSA PRIVATE KEY-----",
    "PEM with a prefix": f"1: -----BEGIN PRIVATE KEY-----\n2: {NEW}\n3: -----END PRIVATE KEY-----",
    "PGP": f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{NEW}\n-----END PGP PRIVATE KEY BLOCK-----",
    "PuTTY": f"PuTTY-User-Key-File-3: ssh-rsa\nPrivate-Lines: 2\n{NEW}\n{LINE}\nPrivate-MAC: 00",
    "WireGuard": f"[Interface]\nPrivateKey = {NEW}=",
    "JSON Web Key": json.dumps({"kty": "EC", "d": f"{NEW}{LINE}"}),
    "shadow": f"frodo:$6$salt${NEW}{LINE}:19000:0",
    "SAM": "Administrator:500:aad3b435b51404eeaad3b435b51404ee:31d6cfe0d16ae931b73c59d7e0c089c0:::",
    "product key": "slmgr /ipk VK7JG-NPHTM-C97JM-9MPGT-3V66T",
    "product key in small letters": "key is vk7jg-nphtm-c97jm-9mpgt-3v66t.",
    "BitLocker": "111111-222222-333333-444444-555555-666666-777777-888888",
    "GitHub": "ghp_0123456789abcdefABCDEF0123456789abcd",
    "Google": "AIzaSyA0123456789abcdefghijklmnopqrstuv",
    "JSON Web Token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
    # In code
    "command in base64": "powershell -enc " + in_base64(f"net user frodo {NEW}", "utf-16-le"),
    "command in base64 twice": in_base64(in_base64(f"password={NEW} and more")),
    "command in base64 over lines": "\n".join(
        [
            in_base64(f"a long text: net user frodo {NEW}")[:24],
            in_base64(f"a long text: net user frodo {NEW}")[24:],
        ]
    ),
    "command in hex": "cmd " + in_hex(f"net user frodo {NEW}"),
    "command in UTF-16": "\0".join(f"net user frodo {NEW}") + "\0",
    "known, in base64": "word " + in_base64(KNOWN),
    "known, amid bytes in base64": base64.b64encode(b"\xff\xfe" + KNOWN.encode() + b"\x80").decode(),
    "known, in base64 of URLs": base64.urlsafe_b64encode(f">>>{KNOWN}".encode()).decode(),
    "known, in hex": f"said {in_hex(KNOWN)}",
    "known, in hex with colons": in_hex(KNOWN, ":"),
    "known, in hex of UTF-16": in_hex(KNOWN, " ", "utf-16-le"),
    "known, in C": "".join(f"\\x{byte:02x}" for byte in KNOWN.encode()),
    "known, as an array": ", ".join(f"0x{byte:02x}" for byte in KNOWN.encode()),
    "known, in percent": "q=" + quote(KNOWN),
    "known, in percent throughout": "".join(f"%{byte:02X}" for byte in KNOWN.encode()),
    "known, in HTML": "<p>Mellon&amp;1954&lt;x&gt;</p>",
    "known, in HTML's numbers": "".join(f"&#{ord(letter)};" for letter in KNOWN),
    "known, in JSON's escapes": "".join(f"\\u{ord(letter):04x}" for letter in KNOWN),
    "known, over lines": "Mellon&\r\n    1954<x>",
    "known, over lines of a shell": "Mel\\\nlon&1954<x>",
}
TOLD = (
    NEW,
    KNOWN,
    "Mellon",
    "1954",
    in_hex(NEW, ",", "utf-16-le"),
    in_base64(f"frodo:{NEW}"),
    "31d6cfe0",
    "111111-",
    *("C97JM", "c97jm", "ghp_", "AIza", "eyJ", LINE),
)


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_does_not_get_through(form: str) -> None:
    masked = MASK(FORMS[form])
    assert "<" in masked
    assert masked != FORMS[form]
    assert [told for told in TOLD if told in masked.replace("\0", "")] == []
    assert masked.count("<hidden>") + masked.count("<private key>") + masked.count("<product key>") >= 1
    code = FORMS[form].split()[-1]
    assert not form.startswith(("command", "known, in")) or code not in masked


HARMLESS = [
    "Password expires          Never",
    "Maximum password age (days):  42",
    "password_file: /etc/wsk/password",
    "PWD=/srv/work",
    "tokens: 17, max_tokens=4096",
    "error: expected token before 'else'",
    "the secretary: Jane; compass: north",
    "pass: 12, fail: 3",
    "PASS: test_close",
    '{"pass": 1051, "deviation": 2}',
    '"outcome": "pass"',
    "second pass: relocations",
    "*** STOP: 0xD1; key: value; the VM ended",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHZ3 host",
    "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUd2\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMIIBszCCAVmgAwIBAgIUd2\n-----END PUBLIC KEY-----",
    "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "{4d36e972-e325-11ce-bfc1-08002be10318}",
    "S-1-5-21-1004336348-1177238915-682003330-512",
    "52:54:00:12:34:56 fe80::5054:ff:fe12:3456",
    "http://[::1]:8080/a@b http://host:80/x@y https://example.org/?page=2&sort=key",
    "ssh://git@example.org/x.git",
    "docker run -p 8080:80 -u 1000 image; mkdir -p /a/b; ssh -p 22 host",
    "net user frodo /delete; net use * /delete; net start wsktest",
    "suites/close/test_pending.py::test_close_leaves_the_irql_as_it_was[ipv4-passive]",
    "hello-world-again-right-there",
    "PASSIVE_LEVEL DISPATCH_LEVEL STATUS_TOKEN_ALREADY_IN_USE",
    "SeAssignPrimaryTokenPrivilege, TokenElevation",
    "CRYPTO: tokenizer: 3 words",
    "disconnect #3 returned STATUS_PENDING after 1.5 ms, IoStatus.Information 0",
    "basic interoperability and bearer channels; // a comment: x@y",
    "cookies are off; author: Jane; signature: valid",
    "00000000: 4d5a 9000 0300 0000 0400 0000 ffff 0000",
    "ab\\u2026cd %20 &lt;close&gt; C:\\users\\x64\\bin",
    "<secretary>Jane</secretary> <key>value</key> <Token/>",
    "curl -o file -L https://example.org/x",
    "config: config set; configure --with-openssl",
    "echo hello | sudo tee /etc/motd",
    "libvirt: secret usage; a secret was looked for; credentials were refused",
]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_a_secret_stays(text: str) -> None:
    assert MASK(text) == text


def test_what_is_around_a_secret_stays() -> None:
    assert MASK(f"net user frodo {NEW} /add") == "net user frodo <hidden> /add"
    assert MASK(f"https://a:{NEW}@host/x?token={NEW}&b=2") == "https://<hidden>@host/x?token=<hidden>&b=2"
    assert MASK(f'{{"password": "{NEW}", "x": 1}}') == '{"password": "<hidden>", "x": 1}'
    assert MASK(f"psexec -u a -p {NEW} cmd /c dir") == "psexec -u a -p <hidden> cmd /c dir"
    assert MASK(f"Authorization: Bearer {NEW}\nHost: x") == "Authorization: Bearer <hidden>\nHost: x"
