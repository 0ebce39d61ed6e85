"""New lines of a log that others write, give back and rotate; nothing of it is ever changed."""

from __future__ import annotations

import pytest

from ext_authz.latency.tail import MOST, Tail
from ext_authz.ledger.holes import punch


@pytest.fixture
def path(tmp_path):
    return tmp_path / "usage.log"


@pytest.fixture
def tail(path):
    made = Tail(path)
    yield made
    made.close()


def append(path, *lines: bytes) -> None:
    with path.open("ab", buffering=0) as file:
        file.write(b"".join(one + b"\n" for one in lines))


def test_lines_come_once_each_and_whole(path, tail):
    """The log may not be there yet, and half a line waits for its other half."""
    assert tail.read() == []
    append(path, b"one", b"two")
    assert tail.read() == [b"one", b"two"]
    with path.open("ab", buffering=0) as file:
        file.write(b"thr")
        assert tail.read() == []
        file.write(b"ee\n")
    assert tail.read() == [b"three"]
    assert tail.read() == []


def test_only_the_end_of_what_is_there_is_read(path, tail):
    """Of a log of many megabytes, and whenever more has come than is read at once."""
    lines = [b"%08d" % number * 10 for number in range(10_000)]
    append(path, *lines)
    for _ in range(2):
        found = tail.read()
        assert found == lines[-len(found) :]
        assert MOST - 200 < sum(len(one) + 1 for one in found) <= MOST
        append(path, *lines)


def test_a_log_that_was_moved_aside_is_read_to_its_end_first(path, tail):
    """Envoy goes on in the moved file until it opens the new one."""
    append(path, b"one")
    tail.read()
    moved = path.with_name("usage.log.1")
    path.rename(moved)
    append(moved, b"two")
    assert tail.read() == [b"two"]
    append(moved, b"three")
    path.touch()
    assert tail.read() == [b"three"]
    append(path, b"four")
    assert tail.read() == [b"four"]
    append(path, b"five")
    assert tail.read() == [b"five"]


def test_a_log_that_was_emptied_is_read_from_its_start(path, tail):
    """By whoever rotates it so."""
    append(path, b"one", b"two")
    tail.read()
    path.write_bytes(b"")
    append(path, b"new")
    assert tail.read() == [b"new"]


def test_bytes_that_were_given_back_are_no_lines(path, tail):
    """The ledger may have been quicker."""
    append(path, *[b"x" * 99] * 2_000)
    with path.open("r+b") as file:
        punch(file.fileno(), 0, 196_608)
    append(path, b"last")
    found = tail.read()
    assert found[-1] == b"last"
    assert {one.strip(b"x") for one in found} <= {b"", b"last"}


def test_the_log_is_left_as_it_is(path, tail):
    """A worker reads, and may do nothing else."""
    append(path, b"one")
    path.chmod(0o400)
    before = path.stat()
    assert tail.read() == [b"one"]
    after = path.stat()
    assert (before.st_size, before.st_mtime_ns, before.st_blocks) == (
        after.st_size,
        after.st_mtime_ns,
        after.st_blocks,
    )


def test_a_line_that_never_ends_is_left_behind(path, tail):
    """Garbage must not stop the rest."""
    path.write_bytes(b"x" * (2 * MOST))
    tail.read()
    append(path, b"", b"next")
    assert tail.read()[-1] == b"next"
