"""The server's certificate follows its files, and survives what is wrong with them."""

from __future__ import annotations

import subprocess

import pytest
import trustme

from xds import credentials
from xds.credentials import BadCertificateError, CertificateFiles, ServerCertificates


class Rotation:
    """Files that a test changes, and what was told of them."""

    def __init__(self, folder):
        self.files = CertificateFiles(folder / "tls.pem", folder / "tls.key", folder / "ca.pem")
        self.told = []
        self.write()
        self.certificates = ServerCertificates(
            self.files, lambda good, text: self.told.append((good, text))
        )
        self.certificates.credentials()

    def write(self, *, key=True):
        ca = trustme.CA()
        issued = ca.issue_cert("localhost")
        replace(self.files.certificate, issued.cert_chain_pems[0].bytes())
        if key:
            replace(self.files.key, issued.private_key_pem.bytes())
        replace(self.files.client_ca, ca.cert_pem.bytes())
        return issued


def replace(path, data):
    """As tools that rotate do it: a new file in the place of the old one."""
    new = path.with_suffix(".new")
    new.write_bytes(data)
    new.replace(path)


@pytest.fixture
def rotation(tmp_path):
    return Rotation(tmp_path)


def test_nothing_is_read_while_nothing_changed(rotation, monkeypatch):
    """Each handshake costs a look at the files' stamps; a change of rights is a change."""
    read = []
    monkeypatch.setattr(credentials, "_read", lambda path: read.append(path) or path.read_bytes())
    assert rotation.certificates.fetch() is None
    assert read == []
    rotation.files.key.chmod(0o400)
    assert rotation.certificates.fetch() is not None
    assert set(read) == set(rotation.files.paths)


def test_a_new_certificate_is_used_from_the_next_handshake_on(rotation):
    """It is given to gRPC once; then nothing is new again."""
    rotation.write()
    assert rotation.certificates.fetch() is not None
    assert rotation.certificates.fetch() is None
    [(good, text)] = rotation.told
    assert good
    assert str(rotation.files.certificate) in text


def test_half_a_rotation_keeps_the_old_pair_and_ends_by_itself(rotation):
    """A certificate whose key is still the old one is not used, and told once."""
    issued = rotation.write(key=False)
    assert rotation.certificates.fetch() is None
    assert rotation.certificates.fetch() is None
    [(good, text)] = rotation.told
    assert not good
    assert "kept" in text
    replace(rotation.files.key, issued.private_key_pem.bytes())
    assert rotation.certificates.fetch() is not None


@pytest.mark.parametrize("broken", ["certificate", "key", "client_ca"])
def test_a_broken_file_keeps_the_old_ones_and_its_text_is_not_shown(rotation, broken):
    """Not even where a key was put into the wrong file."""
    replace(getattr(rotation.files, broken), b"canary-7f3a91 is no PEM")
    assert rotation.certificates.fetch() is None
    [(good, text)] = rotation.told
    assert not good
    assert "canary" not in text


@pytest.mark.parametrize("missing", ["certificate", "key", "client_ca"])
def test_a_missing_file_keeps_the_old_ones(rotation, missing):
    """And is named."""
    getattr(rotation.files, missing).unlink()
    assert rotation.certificates.fetch() is None
    [(_, text)] = rotation.told
    assert str(getattr(rotation.files, missing)) in text


def test_a_key_that_asks_for_a_password_is_refused_and_nobody_is_asked(tmp_path):
    """A server that waits at a prompt would look alive."""
    issued = trustme.CA().issue_cert("localhost")
    (tmp_path / "tls.pem").write_bytes(issued.cert_chain_pems[0].bytes())
    (tmp_path / "plain.key").write_bytes(issued.private_key_pem.bytes())
    subprocess.run(
        [
            *("openssl", "pkey", "-aes256", "-passout", "pass:secret"),
            *("-in", tmp_path / "plain.key", "-out", tmp_path / "tls.key"),
        ],
        check=True,
        capture_output=True,
    )
    files = CertificateFiles(tmp_path / "tls.pem", tmp_path / "tls.key")
    with pytest.raises(BadCertificateError, match=r"tls\.key"):
        ServerCertificates(files, lambda *_: None).credentials()


def test_a_repr_holds_no_key(rotation):
    """Nor does anything that a traceback's variables would show."""
    key = rotation.files.key.read_text().splitlines()[1]
    assert key not in repr(credentials._load(rotation.files))
    assert key not in repr(vars(rotation.certificates))
