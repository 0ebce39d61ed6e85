"""Reading from disk: which files are a policy, how they are called, and what cannot be read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from compiler import read as reading
from compiler.read import read


def write(root, **files):
    for name, content in files.items():
        path = root / name.replace("__", "/").replace("_yaml", ".yaml").replace("_yml", ".yml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def names(sources, root):
    prefix = f"{root}/"
    return [source.name.removeprefix(prefix) for source in sources.policies]


def codes(sources):
    return [problem.code for problem in sources.problems]


def test_a_folder_is_all_its_yaml_files_in_the_order_of_their_names(tmp_path):
    """Folders are entered, and what the disk lists first makes no difference."""
    write(tmp_path, z_yaml="", a_yml="", teams__b_yaml="", teams__a_yaml="", notes="")
    assert names(read(tmp_path), tmp_path) == ["a.yml", "teams/a.yaml", "teams/b.yaml", "z.yaml"]


def test_dotfiles_are_left_out(tmp_path):
    """A mounted ConfigMap keeps its versions in folders that begin with a dot."""
    write(tmp_path, a_yaml="", **{".hidden_yaml": "", "..data__a_yaml": "", ".git__b_yaml": ""})
    assert names(read(tmp_path), tmp_path) == ["a.yaml"]


def test_links_to_files_are_followed(tmp_path):
    """The files of a mounted ConfigMap are links."""
    write(tmp_path, **{"..data__a_yaml": "name: edge"})
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    assert [source.text for source in read(tmp_path).policies] == ["name: edge"]


def test_a_link_that_turns_in_a_circle_ends(tmp_path):
    """Links to folders are not followed."""
    write(tmp_path, a_yaml="")
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    assert names(read(tmp_path), tmp_path) == ["a.yaml"]


def test_names_begin_as_the_path_was_given(tmp_path, monkeypatch):
    """What is printed can be clicked, and fits the paths of a repository."""
    write(tmp_path, policies__a_yaml="")
    monkeypatch.chdir(tmp_path)
    assert [s.name for s in read(Path("policies")).policies] == ["policies/a.yaml"]
    assert [s.name for s in read(Path()).policies] == ["policies/a.yaml"]
    assert [s.name for s in read(Path("policies/a.yaml")).policies] == ["policies/a.yaml"]


def test_files_of_endpoints_are_no_policies(tmp_path):
    """What stands in a folder `endpoints` is kept apart."""
    write(tmp_path, a_yaml="", endpoints__b_yaml="", teams__endpoints__c_yaml="")
    sources = read(tmp_path)
    assert names(sources, tmp_path) == ["a.yaml"]
    assert [Path(s.name).name for s in sources.endpoints] == ["b.yaml", "c.yaml"]


def test_a_single_file_has_the_endpoints_beside_it(tmp_path):
    """One policy file is read alone, but for the lists that its services may name."""
    write(tmp_path, a_yaml="", b_yaml="", endpoints__c_yaml="")
    sources = read(tmp_path / "a.yaml")
    assert names(sources, tmp_path) == ["a.yaml"]
    assert [Path(s.name).name for s in sources.endpoints] == ["c.yaml"]


def test_a_path_that_leads_nowhere(tmp_path):
    """It is a problem and not an exception."""
    assert codes(read(tmp_path / "gone.yaml")) == ["no-such-file"]


def test_a_folder_without_policies(tmp_path):
    """An empty policy is hardly meant."""
    assert codes(read(tmp_path)) == ["no-policy-files"]


def test_a_link_to_nothing(tmp_path):
    """A broken link does not stop the other files."""
    write(tmp_path, a_yaml="")
    (tmp_path / "b.yaml").symlink_to("gone.yaml")
    sources = read(tmp_path)
    assert names(sources, tmp_path) == ["a.yaml"]
    assert codes(sources) == ["unreadable-file"]


def test_a_pipe_is_not_waited_for(tmp_path):
    """What may never end is not opened."""
    os.mkfifo(tmp_path / "a.yaml")
    assert codes(read(tmp_path)) == ["unreadable-file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path):
    """The system's reason is told."""
    write(tmp_path, a_yaml="name: edge")
    (tmp_path / "a.yaml").chmod(0)
    [problem] = read(tmp_path).problems
    assert problem.code == "unreadable-file"
    assert "denied" in problem.message


def test_a_file_of_five_megabytes_is_refused(tmp_path):
    """It is not even read to its end."""
    write(tmp_path, a_yaml=b"#" * 5_000_000)
    sources = read(tmp_path)
    assert codes(sources) == ["file-too-large"]
    assert not sources.policies


def test_a_file_of_four_mebibytes_is_taken(tmp_path):
    """The limit itself is allowed."""
    write(tmp_path, a_yaml=b"#" * reading.MAX_FILE)
    assert not read(tmp_path).problems


def test_too_many_files(tmp_path, monkeypatch):
    """A folder that was not meant does not keep the compiler busy."""
    monkeypatch.setattr(reading, "MAX_FILES", 3)
    write(tmp_path, **{f"f{i}_yaml": "" for i in range(5)})
    sources = read(tmp_path)
    assert codes(sources) == ["too-many-files"]
    assert len(sources.policies) == 3


def test_a_name_that_is_no_text(tmp_path):
    """Names on disk are bytes; what is printed is text."""
    (tmp_path / os.fsdecode(b"caf\xe9.yaml")).write_text("name: edge")
    [source] = read(tmp_path).policies
    assert source.name.endswith("caf\\xe9.yaml")
    source.name.encode()
