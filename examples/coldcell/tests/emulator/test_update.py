"""The real image on the emulated board: it boots, works, is updated, and every mishap ends in a version that runs."""

from pathlib import Path

from gateway.board import Board, Slot
from gateway.image import digest
from gateway.report import Report

from conftest import Kit

TRIAL_S = 60  # after which an image that nobody confirmed is given up


async def install(board: Board, image: bytes) -> Report:
    """Upload, one trial, restart: the first line of whatever then runs."""
    await board.started()
    await board.upload(image)
    await board.test(digest(image))
    await board.reset()
    return await board.started()


async def active(board: Board) -> Slot:
    return next(slot for slot in await board.images() if slot.active)


async def test_boots_the_image_of_its_revision(new_board: Board, kit: Kit) -> None:
    report = await new_board.started()
    assert (report.version, report.revision) == (kit.version, kit.revision)
    assert (report.state, report.other, report.reset) == ("confirmed", "empty", "power")
    assert (report.boots, report.crashes, report.self_test) == (1, 0, True)


async def test_works_for_two_hours(new_board: Board) -> None:
    await new_board.started()
    step = await new_board.step(7200)
    assert (step.done_s, step.restart, len(step.heartbeats)) == (7200, None, 120)
    assert all(beat.self_test and 2000 < beat.temperature < 7000 for beat in step.heartbeats)
    assert {beat.cooling for beat in step.heartbeats} == {True, False}


async def test_updates_from_the_previous_release(board: Board, kit: Kit, flash: Path) -> None:
    image = kit.image()
    trial = await install(board, image)
    assert (trial.version, trial.state, trial.other, trial.reset) == (kit.version, "trial", "ok", "software")
    await board.step(TRIAL_S // 2)
    await board.confirm()
    now = await active(board)
    assert (now.hash, now.confirmed) == (digest(image), True)
    await board.__aexit__()
    async with Board(kit.machine, kit.boot_loader, flash) as again:  # a power cycle later
        report = await again.started()
        assert (report.version, report.state, report.reset, report.rollbacks) == (kit.version, "confirmed", "power", 0)


async def test_falls_back_from_an_image_that_crashes(board: Board, kit: Kit) -> None:
    report = await install(board, kit.broken())
    assert (report.state, report.other, report.reset) == ("confirmed", "fell-back", "fault")
    assert (report.crashes, report.rollbacks) == (1, 1)
    assert (await active(board)).version == "0.0.1"


async def test_falls_back_from_an_image_nobody_confirms(board: Board, kit: Kit) -> None:
    assert (await install(board, kit.image())).state == "trial"
    step = await board.step(2 * TRIAL_S)
    assert step.restart
    assert (step.done_s, step.restart.reset, step.restart.other) == (TRIAL_S, "trial-over", "fell-back")


async def test_refuses_a_foreign_signature(board: Board, kit: Kit) -> None:
    report = await install(board, kit.image(key=kit.foreign_key))
    assert (report.slot, report.state, report.other) == (0, "confirmed", "bad-signature")


async def test_refuses_an_image_of_another_revision(board: Board, kit: Kit) -> None:
    report = await install(board, kit.image(revision="a" if kit.revision != "a" else "b"))
    assert (report.slot, report.state, report.other) == (0, "confirmed", "wrong-board")


async def test_a_hang_ends_in_a_watchdog_reset(board: Board) -> None:
    await board.started()
    board.press("h")
    report = await board.started()
    assert (report.reset, report.crashes, report.state) == ("watchdog", 1, "confirmed")
