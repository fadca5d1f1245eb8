import re
from dataclasses import replace

from tests.web import sample as s

from fleetloop.releases import view


def words(marked: str) -> str:
    return re.sub(r"<[^>]+>", "", marked)


def link(release: view.ReleaseShown, title: str) -> view.Link:
    return next(one for one in view.release_page(release, s.LATER).links if words(one.title).startswith(title))


def test_what_did_not_answer_is_no_result_and_never_a_pass() -> None:
    table = link(s.RELEASE, "Tests").table
    assert table is not None
    assert [words(cell) for cell in table.rows[3].cells[2:]] == ["22 of 22", "22 of 22", "no result: 22 of 22"]
    assert [words(cell) for cell in table.rows[2].cells[2:]] == ["not for it", "1 of 1", "not for it"]
    assert table.rows[4].cells[2:] == ("▮▮▮ board", "▮▮▮ board", "▮▮▯ emulator")


def test_a_failed_test_is_counted() -> None:
    release = replace(s.RELEASE, tests=(view.Tested("unit", "host", 3, failed=2),), exceptions=())
    found = link(release, "Tests")
    assert found.table is not None
    assert words(found.table.rows[0].cells[2]) == "2 of 5 failed"
    assert (found.state, found.warn) == ("timed-out", "1 step without a pass")


def test_nothing_is_drawn_for_checks_there_are_none_of() -> None:
    release = replace(s.RELEASE, files=(), rollouts=())
    titles = [words(one.title) for one in view.release_page(release, s.LATER).links]
    assert titles == ["Commit b03d5f2a9c1e", "Build", "Tests, by revision and strength", "Signature"]
    assert view.badge(release).word == "published, not rolled out"


def test_no_tests_is_said() -> None:
    assert link(replace(s.RELEASE, tests=()), "Tests").warn == "none in the bundle"


def test_a_digest_is_cut_and_whole_in_its_title() -> None:
    table = link(s.RELEASE, "Build").fold
    assert table is not None
    assert s.DIGESTS[0] in table[1].rows[0].cells[4]
