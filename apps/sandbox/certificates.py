"""A certificate authority of our own and a server certificate for loopback names, made with `cryptography`."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID_DAYS = 3650


def make_authority(now: datetime) -> tuple[str, str]:
    """(certificate, private key) of a new authority, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Heliograph sandbox CA")
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    certificate = (
        _builder(name, name, key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    return _certificate_pem(certificate), private_key_pem(key)


def make_server(authority_pem: str, authority_key_pem: str, now: datetime) -> tuple[str, str]:
    """(certificate, private key) for 127.0.0.1, ::1 and localhost, PEM, signed by the authority."""
    authority = x509.load_pem_x509_certificate(authority_pem.encode())
    authority_key = elliptic_key(authority_key_pem)
    key = ec.generate_private_key(ec.SECP256R1())
    names: list[x509.GeneralName] = [x509.DNSName("localhost")]
    names += [x509.IPAddress(ip_address(text)) for text in ("127.0.0.1", "::1")]
    certificate = (
        _builder(_name("Heliograph sandbox"), authority.subject, key.public_key(), now)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    return _certificate_pem(certificate), private_key_pem(key)


def elliptic_key(pem: str) -> ec.EllipticCurvePrivateKey:
    """The key of a PKCS #8 text."""
    return cast(ec.EllipticCurvePrivateKey, serialization.load_pem_private_key(pem.encode(), None))


def private_key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    """An unencrypted PKCS #8 text, the form of Apple's .p8 files too."""
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now.astimezone(UTC) - timedelta(days=1))
        .not_valid_after(now.astimezone(UTC) + timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _certificate_pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
