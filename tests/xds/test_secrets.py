"""Secrets: read where they lie, kept while they cannot be, and shown nowhere."""

from __future__ import annotations

import pytest

from policies.secret import SecretKind, SecretRef
from xds.secrets import SecretReader

PEM = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
KEY = b"-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"


def generic(source):
    return SecretRef(SecretKind.GENERIC, (source,))


def read(reader, *references):
    return reader.read(references)


def value(resolution):
    [one] = resolution.resources
    return one.message.generic_secret.secret.inline_bytes


def test_a_variable_is_read_from_the_environment_it_was_given(tmp_path):
    """The resource bears the reference's name."""
    got = read(SecretReader(tmp_path, {"KEY": "sk-1"}), generic("env:KEY"))
    assert value(got) == b"sk-1"
    assert got.resources[0].name == "generic/env:KEY"


def test_a_file_is_read_relative_to_the_policy_and_without_its_line_end(tmp_path):
    """Editors end files with a line feed; a header value may not hold one."""
    (tmp_path / "key").write_text("sk-2\r\n")
    assert value(read(SecretReader(tmp_path, {}), generic("file:key"))) == b"sk-2"
    absolute = generic(f"file:{tmp_path}/key")
    assert value(read(SecretReader(tmp_path / "elsewhere", {}), absolute)) == b"sk-2"


def test_a_certificate_is_chain_and_key(tmp_path):
    """Two sources, in this order."""
    (tmp_path / "tls.pem").write_bytes(PEM)
    (tmp_path / "tls.key").write_bytes(KEY)
    reference = SecretRef(SecretKind.CERTIFICATE, ("file:tls.pem", "file:tls.key"))
    [one] = read(SecretReader(tmp_path, {}), reference).resources
    assert one.message.tls_certificate.certificate_chain.inline_bytes == PEM
    assert one.message.tls_certificate.private_key.inline_bytes == KEY


def test_the_systems_trust_is_this_machines_bundle(tmp_path):
    """SSL_CERT_FILE names it, as for every other program; else where the distribution has it."""
    (tmp_path / "roots.pem").write_bytes(PEM)
    reference = SecretRef(SecretKind.TRUST, ("system:",))
    reader = SecretReader(tmp_path, {"SSL_CERT_FILE": str(tmp_path / "roots.pem")})
    [one] = read(reader, reference).resources
    assert one.message.validation_context.trusted_ca.inline_bytes == PEM


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("env:NONE", "the environment variable is not set"),
        ("env:EMPTY", "is empty"),
        ("env:TWO_LINES", "holds a line break"),
        ("file:none", "No such file or directory"),
        ("file:.", "Is a directory"),
        ("file:large", "more than 1 MiB"),
        ("vault:x", "only env:, file: and system: can be read"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_place(source, reason, tmp_path):
    """By where it lies, never by what it says."""
    (tmp_path / "large").write_bytes(b"x" * (2 << 20))
    environ = {"EMPTY": " \n", "TWO_LINES": "topsecret\nx"}
    got = read(SecretReader(tmp_path, environ), generic(source))
    [problem] = got.unresolved
    assert got.resources == ()
    assert (problem.source, problem.kept) == (source, False)
    assert reason in problem.reason
    assert got.missing == {f"generic/{source}"}
    assert "topsecret" not in repr(got)


def test_a_certificate_that_is_none_is_refused(tmp_path):
    """A key in the place of the chain is told before Envoy is asked."""
    (tmp_path / "x").write_bytes(KEY)
    reference = SecretRef(SecretKind.CERTIFICATE, ("file:x", "file:x"))
    [problem] = read(SecretReader(tmp_path, {}), reference).unresolved
    assert "CERTIFICATE" in problem.reason


def test_the_last_value_is_kept_while_there_is_none(tmp_path):
    """A file that is being replaced costs nothing; it is told all the same."""
    (tmp_path / "key").write_text("sk-1")
    reader = SecretReader(tmp_path, {})
    read(reader, generic("file:key"))
    (tmp_path / "key").unlink()
    got = read(reader, generic("file:key"))
    assert value(got) == b"sk-1"
    assert got.unresolved[0].kept
    assert got.missing == set()
    (tmp_path / "key").write_text("sk-2")
    assert value(read(reader, generic("file:key"))) == b"sk-2"


def test_a_resource_with_a_secret_does_not_show_it(tmp_path):
    """Not in its repr, nor in that of what holds it."""
    got = read(SecretReader(tmp_path, {"KEY": "sk-very-secret"}), generic("env:KEY"))
    assert "sk-very-secret" not in repr(got)


def test_the_files_to_watch_are_those_of_file_sources(tmp_path):
    """Variables do not change while a process runs."""
    reader = SecretReader(tmp_path, {})
    assert reader.files([generic("file:key"), generic("env:X")]) == {tmp_path / "key"}
