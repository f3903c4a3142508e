# SPDX-License-Identifier: Apache-2.0
"""The secrets of an image: made for it alone, and kept in its folder."""

import secrets
import string

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

_KINDS = (string.ascii_lowercase, string.ascii_uppercase, string.digits)
_PASSWORD_LENGTH = 24


def password() -> str:
    """24 letters and digits, of all three kinds that Windows' rule for passwords asks for."""
    while True:
        word = "".join(secrets.choice("".join(_KINDS)) for _ in range(_PASSWORD_LENGTH))
        if all(set(word) & set(kind) for kind in _KINDS):
            return word


def key_pair() -> tuple[bytes, str]:
    """An Ed25519 key for SSH: the private half in OpenSSH's form, and the public line."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return private, public.decode()
