"""What is published holds every source file and nothing else."""

from __future__ import annotations

import tomllib
import zipfile

import pytest

from cli import __version__
from tests.packaging import archives

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(repository, tmp_path_factory):
    return archives.build(repository, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def packages(repository):
    project = tomllib.loads((repository / "pyproject.toml").read_text())
    return tuple(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])


def test_the_wheel_holds_exactly_the_packages_files(repository, built, packages):
    """Every file of the six packages, data files too, and no file from elsewhere."""
    _sdist, wheel = built
    info = f"gatewright-{__version__}.dist-info/"
    in_wheel = {name for name in archives.wheel_files(wheel) if not name.startswith(info)}
    assert in_wheel == {
        name
        for name in archives.tracked(repository)
        if name.startswith(tuple(f"{p}/" for p in packages))
    }


def test_every_folder_with_an_init_is_packaged(repository, packages):
    """A new top-level package cannot be forgotten in pyproject.toml."""
    found = {path.parent.name for path in repository.glob("*/__init__.py")}
    assert found - {"bench"} == set(packages)  # benchmarks run from the checkout alone


def test_the_sdist_holds_the_whole_checkout(repository, built):
    """Someone with only the sdist can test, lint and build what they got."""
    sdist, _wheel = built
    assert archives.sdist_files(sdist) - {"PKG-INFO"} == archives.tracked(repository)


def test_the_wheel_names_its_command_and_licence(built):
    """`gatewright` is the one command installed, and the licence's text is inside."""
    _sdist, wheel = built
    info = f"gatewright-{__version__}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read(f"{info}/entry_points.txt").decode() == (
            "[console_scripts]\ngatewright = cli.main:main\n"
        )
        assert b"Apache License" in archive.read(f"{info}/licenses/LICENSE")
