"""`gatewright compile --out`: what a policy compiles to, committed beside it."""

import subprocess
import sys

import pytest
import yaml

from cli import exits
from cli.main import main

POLICY = """\
gatewright: v1
name: shop
listeners: { public: 8080 }
services:
  orders: { endpoints: ['10.0.0.1:80'] }
  carts: { endpoints: ['10.0.0.2:80'] }
routes:
  - { match: /orders, service: orders }
  - { match: /carts, service: carts }
"""
GROUPS = "groups: { eu: { nodes: eu-*, routes: [orders] }, rest: { nodes: {} } }\n"


@pytest.fixture
def policy(tmp_path):
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "gateway.yaml").write_text(POLICY)
    return tmp_path / "policy"


def compile_to(policy, folder, *options):
    return main(["compile", str(policy), "--out", str(folder), *options])


def written(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_file_a_type(policy, tmp_path, capsys):
    """Resources are sorted by name, and there is no file without resources."""
    assert compile_to(policy, tmp_path / "compiled") == exits.OK
    assert written(tmp_path / "compiled") == {
        "default/clusters.yaml",
        "default/endpoints.yaml",
        "default/listeners.yaml",
        "default/routes.yaml",
    }
    clusters = yaml.safe_load((tmp_path / "compiled/default/clusters.yaml").read_text())
    assert [cluster["name"] for cluster in clusters] == ["service/carts", "service/orders"]
    assert capsys.readouterr().out.count("new ") == 4


def test_a_folder_a_group(policy, tmp_path):
    """What a group of nodes gets is read by itself."""
    (policy / "groups.yaml").write_text(GROUPS)
    assert compile_to(policy, tmp_path / "compiled") == exits.OK
    eu = yaml.safe_load((tmp_path / "compiled/eu/clusters.yaml").read_text())
    assert [cluster["name"] for cluster in eu] == ["service/orders"]


def test_what_nothing_makes_any_more_goes(policy, tmp_path, capsys):
    """Files of earlier runs are removed; what somebody else put there is not."""
    folder = tmp_path / "compiled"
    (policy / "groups.yaml").write_text(GROUPS)
    compile_to(policy, folder)
    (folder / "eu" / "notes.yaml").write_text("mine: true\n")
    (policy / "groups.yaml").unlink()
    capsys.readouterr()
    assert compile_to(policy, folder) == exits.OK
    assert {name for name in written(folder) if "default" not in name} == {"eu/notes.yaml"}
    assert not (folder / "rest").exists()
    assert f"removed  {folder}/eu/clusters.yaml" in capsys.readouterr().out


def test_a_change_moves_what_it_changes(policy, tmp_path, capsys):
    """The order of the text makes no difference; another weight makes one line."""
    folder = tmp_path / "compiled"
    compile_to(policy, folder)
    before = (folder / "default/clusters.yaml").read_text().splitlines()
    lines = POLICY.splitlines(keepends=True)
    moved = "".join([*lines[:4], lines[5], lines[4], *lines[6:]])
    (policy / "gateway.yaml").write_text(moved)
    capsys.readouterr()
    assert compile_to(policy, folder) == exits.OK
    assert capsys.readouterr().out == ""
    (policy / "gateway.yaml").write_text(POLICY.replace("['10.0.0.1:80']", "['10.0.0.1:81']"))
    assert compile_to(policy, folder) == exits.OK
    assert capsys.readouterr().out == f"changed  {folder}/default/endpoints.yaml\n"
    assert (folder / "default/clusters.yaml").read_text().splitlines() == before


def test_check(policy, tmp_path, capsys):
    """A folder that is not what the policy compiles to is an error, and stays as it is."""
    folder = tmp_path / "compiled"
    assert compile_to(policy, folder, "--check") == exits.POLICY
    assert not folder.exists()
    compile_to(policy, folder)
    assert compile_to(policy, folder, "--check") == exits.OK
    (folder / "default" / "routes.yaml").write_text("[]\n")
    (folder / "default" / "clusters.yaml").unlink()
    (policy / "gateway.yaml").write_text(POLICY + "runtime: { a: 1 }\n")
    capsys.readouterr()
    assert compile_to(policy, folder, "--check") == exits.POLICY
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        f"missing  {folder}/default/clusters.yaml",
        f"missing  {folder}/default/runtime.yaml",
        f"changed  {folder}/default/routes.yaml",
    ]
    assert "write it again: gatewright compile" in said.err
    assert (folder / "default" / "routes.yaml").read_text() == "[]\n"


def test_somebody_elses_file_is_not_overwritten(policy, tmp_path, capsys):
    """A file in the way is told, and kept."""
    folder = tmp_path / "compiled"
    (folder / "default").mkdir(parents=True)
    (folder / "default" / "routes.yaml").write_text("mine: true\n")
    assert compile_to(policy, folder) == exits.ENVIRONMENT
    assert "not a file that this command wrote" in capsys.readouterr().err
    assert written(folder) == {"default/routes.yaml"}


def test_a_folder_inside_of_the_policy(policy, capsys):
    """Called `compiled` it is no part of the policy; under another name it is refused."""
    assert compile_to(policy, policy / "compiled") == exits.OK
    assert compile_to(policy, policy / "compiled", "--check") == exits.OK
    assert main(["check", str(policy)]) == exits.OK
    capsys.readouterr()
    assert compile_to(policy, policy / "envoy") == exits.ENVIRONMENT
    assert "call the folder `compiled`" in capsys.readouterr().err
    assert not (policy / "envoy").exists()


def test_faults_of_the_policy_write_nothing(policy, tmp_path):
    """What does not compile leaves what was committed."""
    compile_to(policy, tmp_path / "compiled")
    before = {path: path.read_text() for path in (tmp_path / "compiled").rglob("*.yaml")}
    (policy / "gateway.yaml").write_text("name: 1\n")
    assert compile_to(policy, tmp_path / "compiled") == exits.POLICY
    assert {path: path.read_text() for path in before} == before


@pytest.mark.slow
def test_every_process_writes_the_same(repository, tmp_path):
    """A pipeline on another machine finds what was committed."""
    for seed in ("1", "2"):
        command = [sys.executable, "-m", "cli", "compile", "examples/one-api", "--out"]
        subprocess.run(
            [*command, str(tmp_path / seed)],
            env={"PYTHONHASHSEED": seed},
            cwd=repository,
            check=True,
            capture_output=True,
        )
    one, two = (tmp_path / seed for seed in ("1", "2"))
    assert written(one) == written(two)
    assert all((one / name).read_bytes() == (two / name).read_bytes() for name in written(one))


def test_texts_of_several_lines_are_blocks(repository, tmp_path):
    """Code that runs in Envoy is reviewed line by line."""
    assert compile_to(repository / "examples" / "one-api", tmp_path / "c") == exits.OK
    listeners = (tmp_path / "c/default/listeners.yaml").read_text()
    assert "inline_string: |\n" in listeners
    assert max(map(len, listeners.splitlines())) < 1_000


def test_check_without_a_folder(policy, capsys):
    """`--check` says what it wants."""
    assert main(["compile", str(policy), "--check"]) == exits.ENVIRONMENT
    assert "--check needs --out DIR" in capsys.readouterr().err


@pytest.mark.parametrize("options", [("--json",), ("--emit", "plan")])
def test_a_folder_of_something_else_is_refused(policy, tmp_path, capsys, options):
    """What was asked for is not left out silently."""
    assert compile_to(policy, tmp_path / "compiled", *options) == exits.ENVIRONMENT
    assert "--out writes Envoy's resources as YAML" in capsys.readouterr().err
    assert not (tmp_path / "compiled").exists()
