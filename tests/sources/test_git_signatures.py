"""Signatures: only what a key of the keyring signed is given out, and why not is said."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.sources.following import Followed
from tests.sources.repositories import policy, program


def signed(repository, keys, name, body="one", *options):
    """Commit and push a policy, signed by a key."""
    repository.commit({"gateway.yaml": policy(body)})
    repository.git(*keys.signing(name), "commit", "--quiet", "--amend", "--no-edit", "-S", *options)
    repository.send("HEAD:refs/heads/main")
    return repository.git("rev-parse", "HEAD")


def test_a_signed_commit_is_served_and_its_signer_named(repository, keys, tmp_path):
    """With the fingerprint of the key."""
    signed(repository, keys, "ada")
    followed = Followed(repository.url, tmp_path, keyring=keys.allowed("ada", "bob"))
    revision, texts = followed.good()
    assert texts == {"gateway.yaml": policy("one")}
    assert revision.signer.startswith("ada@example.com (SHA256:")
    assert revision.facts()["signer"] == revision.signer


def test_an_unsigned_commit_is_not_served(repository, keys, tmp_path):
    """The diagnostic names the commit and says why."""
    commit = repository.push({"gateway.yaml": policy()})
    followed = Followed(repository.url, tmp_path, keyring=keys.allowed("ada"))
    revision, problem = followed.refused()
    assert problem.code == "untrusted-commit"
    assert problem.message == f"commit {commit[:12]} is not served: it is not signed"
    assert revision.commit == commit


def test_a_stranger_s_signature_does_not_count(repository, keys, tmp_path):
    """Good as it is, its key is not in the keyring."""
    signed(repository, keys, "eve")
    followed = Followed(repository.url, tmp_path, keyring=keys.allowed("ada"))
    _, problem = followed.refused()
    assert problem.message.endswith("the key is not in the keyring")


def test_a_signature_of_another_commit_does_not_count(repository, keys, tmp_path):
    """The same header on other content."""
    good = signed(repository, keys, "ada")
    repository.write({"gateway.yaml": policy("forged")})
    repository.git("add", "--all")
    tree = repository.git("write-tree")
    raw = repository.git("cat-file", "commit", good)
    forged = raw.replace(raw.split("\n")[0], f"tree {tree}", 1) + "\n"
    (tmp_path / "forged").write_text(forged)
    commit = repository.git("hash-object", "-w", "-t", "commit", str(tmp_path / "forged"))
    repository.send(f"{commit}:refs/heads/main")
    followed = Followed(repository.url, tmp_path, keyring=keys.allowed("ada"))
    revision, problem = followed.refused()
    assert (revision.commit, problem.code) == (commit, "untrusted-commit")


def test_only_the_keyring_counts_not_the_machine_s_own_keys(repository, keys, tmp_path):
    """The operator's git knows the stranger as a friend; this policy does not."""
    signed(repository, keys, "eve")
    own = tmp_path / "gitconfig"
    friends = keys.allowed("eve", file="friends")
    own.write_text(f'[gpg]\n\tformat = ssh\n[gpg "ssh"]\n\tallowedSignersFile = {friends}\n')
    environ = {**os.environ, "GIT_CONFIG_GLOBAL": str(own)}
    followed = Followed(repository.url, tmp_path, keyring=keys.allowed("ada"), environ=environ)
    _, problem = followed.refused()
    assert problem.code == "untrusted-commit"


def test_a_changed_keyring_judges_anew(repository, keys, tmp_path):
    """A key that was put in counts; one that was taken out counts no more."""
    signed(repository, keys, "bob")
    ring = keys.allowed("ada")
    followed = Followed(repository.url, tmp_path, keyring=ring)
    followed.refused()
    seen = followed.source._seen
    keys.allowed("ada", "bob")
    assert followed.source._stamp(seen[0]) != seen
    revision, _ = followed.good()
    assert revision.signer.startswith("bob@")
    keys.allowed("ada")
    followed.refused()


def test_a_signed_tag_vouches_for_its_commit(repository, keys, tmp_path):
    """The commit itself need not be signed."""
    repository.push({"gateway.yaml": policy()})
    repository.git(*keys.signing("ada"), "tag", "-s", "-m", "one", "v1")
    repository.send("--tags")
    followed = Followed(repository.url, tmp_path, ref="v1", keyring=keys.allowed("ada"))
    revision, _ = followed.good()
    assert revision.signer.startswith("ada@")


def test_an_older_signed_tag_under_a_new_name_does_not_count(repository, keys, tmp_path):
    """Who may write refs cannot put an old release in the place of the new one."""
    repository.push({"gateway.yaml": policy()})
    repository.git(*keys.signing("ada"), "tag", "-s", "-m", "one", "v1")
    repository.send("refs/tags/v1:refs/tags/v2")
    followed = Followed(repository.url, tmp_path, ref="v2", keyring=keys.allowed("ada"))
    _, problem = followed.refused()
    assert "signed as `v1`, not as refs/tags/v2" in problem.message


def test_an_unsigned_tag_of_a_signed_commit_is_served(repository, keys, tmp_path):
    """It says no more than the commit does."""
    signed(repository, keys, "ada")
    repository.git("tag", "-a", "-m", "x", "v1")
    repository.send("--tags")
    followed = Followed(repository.url, tmp_path, ref="v1", keyring=keys.allowed("ada"))
    revision, _ = followed.good()
    assert revision.signer.startswith("ada@")


def test_a_keyring_that_went_away_trusts_nobody(repository, keys, tmp_path):
    """What is served is kept; nothing new is."""
    signed(repository, keys, "ada")
    ring = keys.allowed("ada")
    followed = Followed(repository.url, tmp_path, keyring=ring)
    followed.good()
    ring.unlink()
    _, problem = followed.refused()
    assert "keyring cannot be read" in problem.message


@pytest.fixture
def openpgp(tmp_path):
    """Make OpenPGP keys in a home of their own: ``make(name)`` gives exported public keys."""
    program("gpg")
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    if len(str(home)) > 80:
        pytest.skip("the temporary folder's path is too long for gpg-agent's socket")
    environ = {"PATH": os.environ["PATH"], "GNUPGHOME": str(home)}

    def gpg(*arguments):
        command = ["gpg", "--batch", "--quiet", "--no-tty", *arguments]
        return subprocess.run(
            command, env=environ, check=True, capture_output=True, timeout=60
        ).stdout

    def make(name, armor=True):
        gpg("--passphrase", "", "--quick-gen-key", f"{name}@example.com", "ed25519", "sign", "1d")
        ring = tmp_path / f"{name}.pgp"
        ring.write_bytes(gpg(*(["--armor"] if armor else []), "--export", f"{name}@example.com"))
        return ring

    yield make, environ["GNUPGHOME"]
    subprocess.run(["gpgconf", "--kill", "all"], env=environ, capture_output=True, timeout=60)


def push_signed_by(repository, home, name):
    repository.commit({"gateway.yaml": policy()})
    signing = ("-c", f"user.signingkey={name}@example.com", "commit", "-q", "--amend", "--no-edit")
    repository.git(*signing, "-S", GNUPGHOME=home)
    repository.send("HEAD:refs/heads/main")


@pytest.mark.parametrize("armor", [True, False])
def test_an_openpgp_signature_counts_where_its_key_is_in_the_keyring(
    repository, openpgp, tmp_path, armor
):
    """Exported keys, with armour or without."""
    make, home = openpgp
    ring = make("ada", armor)
    push_signed_by(repository, home, "ada")
    revision, _ = Followed(repository.url, tmp_path, keyring=ring).good()
    assert revision.signer.startswith("ada@example.com (")


def test_an_openpgp_stranger_does_not_count(repository, openpgp, tmp_path):
    """Though the machine's own gpg knows the key, and trusts it ultimately."""
    make, home = openpgp
    ring = make("ada")
    make("eve")
    push_signed_by(repository, home, "eve")
    environ = {**os.environ, "GNUPGHOME": home}
    followed = Followed(repository.url, tmp_path, keyring=ring, environ=environ)
    _, problem = followed.refused()
    assert problem.message.endswith("the key is not in the keyring")


def test_an_openpgp_signature_does_not_count_for_ssh_signers(repository, openpgp, keys, tmp_path):
    """A keyring of one kind says nothing of the other."""
    make, home = openpgp
    make("ada")
    push_signed_by(repository, home, "ada")
    environ = {**os.environ, "GNUPGHOME": home}
    followed = Followed(repository.url, tmp_path, keyring=keys.allowed("ada"), environ=environ)
    _, problem = followed.refused()
    assert problem.code == "untrusted-commit"
