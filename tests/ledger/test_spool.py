"""The usage log as a spool: whole lines, each once, over rotation, holes and torn ends."""

from __future__ import annotations

import os

import pytest

from ext_authz.ledger.bookmark import Bookmark, head_of, read_bookmark, write_bookmark
from ext_authz.ledger.holes import Holes, punch
from ext_authz.ledger.spool import BATCH, Spool
from tests.ledger.lines import numbered, written

LINES = [written(numbered(number)) for number in range(2_000)]


def drain(spool: Spool) -> list[bytes]:
    """Take all that there is."""
    found: list[bytes] = []
    while (batch := spool.read()) is not None:
        found += [raw + b"\n" for _, raw in batch.lines]
        spool.take(batch)
    return found


@pytest.fixture
def path(tmp_path):
    return tmp_path / "usage.log"


def append(path, *lines: bytes):
    with path.open("ab", buffering=0) as file:
        file.write(b"".join(lines))


def test_a_log_that_is_not_there_yet_is_waited_for(path):
    """Envoy makes it with its first line."""
    spool = Spool(path)
    assert spool.read() is None
    append(path, *LINES[:3])
    assert drain(spool) == LINES[:3]


def test_half_a_line_waits_for_its_other_half(path):
    """A line ends where its line end is, and not where the file does."""
    spool = Spool(path)
    append(path, LINES[0], LINES[1][:40])
    assert drain(spool) == LINES[:1]
    assert spool.read() is None
    append(path, LINES[1][40:])
    assert drain(spool) == LINES[1:2]


def test_what_was_not_taken_comes_again(path):
    """Reading moves nothing; a new reader begins at the bookmark."""
    append(path, *LINES[:5])
    spool = Spool(path)
    batch = spool.read()
    assert spool.read() == batch
    spool.take(batch)
    append(path, *LINES[5:9])
    assert drain(Spool(path, spool.at)) == LINES[5:9]


def test_a_log_that_was_moved_aside_is_read_to_its_end_first(path):
    """Envoy goes on in the moved file until it opens the new one; nothing is lost in between."""
    spool = Spool(path)
    append(path, *LINES[:3])
    assert drain(spool) == LINES[:3]
    moved = path.with_name("usage.log.1")
    path.rename(moved)
    append(moved, *LINES[3:5])
    assert drain(spool) == LINES[3:5]
    append(path, *LINES[5:7])
    assert drain(spool) == LINES[5:7]


def test_a_reader_that_was_away_over_two_rotations_loses_nothing(path):
    """It finds the file of its bookmark by its first line, and then those that came after it."""
    append(path, *LINES[:3])
    spool = Spool(path)
    batch = spool.read()
    spool.take(batch)
    append(path, *LINES[3:5])
    for number, older in ((2, 0), (1, 5)):
        moved = path.with_name(f"usage.log.{number}")
        path.rename(moved)
        os.utime(moved, ns=(number * -1 + 10**18, number * -1 + 10**18))
        append(path, *LINES[older + 5 : older + 10])
    again = Spool(path, spool.at)
    assert drain(again) == LINES[3:15]


def test_a_new_file_under_the_old_name_is_another_one(path):
    """Its inode number may be the old one's: a file is known by its first line."""
    append(path, *LINES[:3])
    spool = Spool(path)
    drain(spool)
    spool.close()
    path.unlink()
    append(path, *LINES[10:20])
    assert drain(Spool(path, spool.at)) == LINES[10:20]


def test_a_log_that_was_emptied_is_read_from_its_start(path):
    """By whoever did not know better."""
    spool = Spool(path)
    append(path, *LINES[:30])
    drain(spool)
    os.truncate(path, 0)
    append(path, *LINES[50:53])
    assert drain(spool) == LINES[50:53]


def test_zeros_are_passed_over(path):
    """What a crash of the machine left unwritten, and holes, are no lines."""
    spool = Spool(path)
    append(path, LINES[0], b"\0" * 10_000, LINES[1], b"\0" * (BATCH * 2), LINES[2])
    assert drain(spool) == LINES[:3]


def test_a_line_without_end_is_taken_apart_and_holds_nothing_up(path):
    """Memory is bounded: what is longer than a batch is garbage."""
    spool = Spool(path)
    append(path, LINES[0], b"x" * (BATCH * 3), b"\n", LINES[1])
    found = drain(spool)
    assert (found[0], found[-1]) == (LINES[0], LINES[1])
    assert all(set(piece) <= set(b"x\n") for piece in found[1:-1])


def test_what_all_have_taken_is_given_back_to_the_disk(path):
    """Blocks are really free; the size stays, and so does what a file is known by."""
    append(path, *LINES)
    spool = Spool(path)
    drain(spool)
    size, before = path.stat().st_size, path.stat().st_blocks
    holes = Holes(frozenset(("a", "b")))
    assert holes.passed("a", spool.descriptor, spool.at.offset) == 0
    assert path.stat().st_blocks == before
    given = holes.passed("b", spool.descriptor, spool.at.offset)
    if not given:
        pytest.skip("this file system has no holes")
    assert path.stat().st_size == size
    assert path.stat().st_blocks * 512 <= before * 512 - given
    assert path.stat().st_blocks * 512 <= 3 * 4096
    append(path, LINES[7])
    assert drain(Spool(path, spool.at)) == [LINES[7]]
    assert head_of(spool.descriptor)[0] == spool.at.head


def test_a_reader_that_lost_its_bookmark_goes_over_the_hole(path):
    """What was punched had been taken by all; what was not is read again, and known again."""
    append(path, *LINES)
    spool = Spool(path)
    drain(spool)
    holes = Holes(frozenset("a"))
    if not holes.passed("a", spool.descriptor, spool.at.offset):
        pytest.skip("this file system has no holes")
    append(path, LINES[7])
    again = drain(Spool(path))
    assert again[0] == LINES[0]
    assert again[-1] == LINES[7]
    assert len(again) < 60


def test_where_no_hole_can_be_made_nothing_happens(path):
    """A file that may not be written, a file system without holes: the log just grows."""
    append(path, *LINES[:9])
    file = os.open(path, os.O_RDONLY)
    try:
        assert not punch(file, 4096, 4096)
    finally:
        os.close(file)


def test_a_bookmark_outlives_a_process(tmp_path):
    """And one that is none is as none."""
    path = tmp_path / "at.json"
    assert read_bookmark(path) is None
    write_bookmark(path, Bookmark("abc", 7))
    assert read_bookmark(path) == Bookmark("abc", 7)
    path.write_bytes(b"\0\0")
    assert read_bookmark(path) is None
