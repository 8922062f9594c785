"""A certificate authority made for one test run, and the server certificates it signs."""

import datetime
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_SIGNS_CERTIFICATES = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True, slots=True)
class Authority:
    """`ca_file` is what a client trusts, `server_context` what a server shows, `leaf_file` its certificate and key."""

    ca_file: str
    leaf_file: str
    server_context: ssl.SSLContext


def make_authority(folder: Path, *, host: str = "localhost", days: int = 2, is_self_signed: bool = False) -> Authority:
    """A CA and a server certificate for `host` and 127.0.0.1; negative `days` = expired.

    is_self_signed: the certificate is not the CA's, but vouches for itself.
    """
    ca_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca = _sign(_name("Test CA"), ca_key, _name("Test CA"), ca_key, days=2, is_ca=True)
    issuer, issuer_key = (_name(host), server_key) if is_self_signed else (ca.subject, ca_key)
    leaf = _sign(_name(host), server_key, issuer, issuer_key, days=days, host=host)
    ca_file, leaf_file = folder / f"ca-{host}.pem", folder / f"leaf-{host}.pem"
    ca_file.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    key_pem = server_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    leaf_file.write_bytes(leaf.public_bytes(serialization.Encoding.PEM) + key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf_file)
    return Authority(str(ca_file), str(leaf_file), context)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _sign(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    days: int,
    is_ca: bool = False,
    host: str = "",
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=10))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if is_ca:
        builder = builder.add_extension(_SIGNS_CERTIFICATES, critical=True)
    if host:
        addresses = [x509.DNSName(host)]
        if host == "localhost":
            addresses.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))  # type: ignore[arg-type]
        builder = builder.add_extension(x509.SubjectAlternativeName(addresses), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())
