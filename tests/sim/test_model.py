import pytest

from fleetloop.sim.model import Population

NAMES = [f"d{i}" for i in range(200)]


@pytest.mark.parametrize("grid_s", [1, 7, 300, 3600])
@pytest.mark.parametrize("poll_s", [1, 60, 3600, 86_400])
def test_polls_lie_on_the_grid_and_keep_their_place(grid_s: int, poll_s: int) -> None:
    p = Population((), {}, 7200.0, grid_s=grid_s)
    for name in NAMES[:20]:
        at, seen = p.start - 1, []
        for _ in range(50):
            later = p.next_poll(name, at, poll_s)
            assert later > at
            assert (later - p.start) % grid_s == 0
            seen.append(at := later)
        mean = (seen[-1] - seen[0]) / 49
        assert abs(mean - max(grid_s, poll_s)) <= grid_s / 10 + 1


def test_devices_spread_over_the_interval() -> None:
    p = Population((), {}, 7200.0)
    firsts = [p.next_poll(name, p.start - 1, 3600) - p.start for name in NAMES]
    assert {f // 300 for f in firsts} >= set(range(1, 12))
    assert all(0 <= f <= 3600 for f in firsts)


def test_on_grid_rounds_up_and_leaves_grid_points_alone() -> None:
    p = Population((), {}, 100.0, grid_s=300)
    assert [p.on_grid(t) for t in (100.0, 100.5, 400.0, 401.0)] == [100.0, 400.0, 400.0, 700.0]
