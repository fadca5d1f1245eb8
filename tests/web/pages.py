"""Every page of the story, rendered: for the tests, and as files to look at.

python -m tests.web.pages FOLDER [light|dark]
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tests.web import sample as s

from fleetloop.fleet import view as fleet
from fleetloop.incidents import view as incidents
from fleetloop.insights import view as insights
from fleetloop.releases import view as releases
from fleetloop.rollouts import view as rollouts
from fleetloop.rollouts.shown import RolloutShown
from fleetloop.web import Frame, Login, Trouble, render


def rollout(name: str, one: RolloutShown, now: float) -> tuple[str, str, Frame, object]:
    return name, "rollouts/rollout.html", s.frame(now, "rollouts"), rollouts.present(one, now)


def all_pages() -> Iterator[tuple[str, str, Frame, object]]:
    """(name, template, frame, page)."""
    yield "overview", "insights/overview.html", s.frame(s.PAGE_AT, "overview"), insights.present(s.OVERVIEW, s.PAGE_AT)
    calm = replace(s.OVERVIEW, rollouts=(), tasks=(), incidents=(), releases=s.OVERVIEW.releases[1:])
    yield (
        "overview-calm",
        "insights/overview.html",
        s.frame(s.PAGE_AT, "overview", holds={}),
        insights.present(calm, s.PAGE_AT),
    )
    empty = insights.Overview("", 0, 0, 0, 3600.0)
    yield "empty", "insights/empty.html", s.frame(s.PAGE_AT, "overview", holds={}), insights.present(empty, s.PAGE_AT)
    yield rollout("rollout", s.STOPPED, s.PAGE_AT)
    yield rollout("rollout-running", s.RUNNING, s.RUNNING_AT)
    yield rollout("rollout-held", s.HELD_ROLLOUT, s.at("11-11 01:40:00"))
    yield rollout("healthy", s.GOOD, s.LATER)
    yield rollout("inconclusive", s.INCONCLUSIVE, s.ENDED_AT)
    yield rollout("rollout-first", s.FIRST, s.RUNNING_AT)
    yield rollout("rollback", s.ROLLBACK, s.PAGE_AT)
    rows = tuple(rollouts.listed(r, s.LATER) for r in (s.GOOD, s.ROLLBACK, s.STOPPED, s.FIRST))
    yield "rollouts", "rollouts/rollouts.html", s.frame(s.LATER, "rollouts"), rollouts.ListPage(rows)
    yield "rollouts-empty", "rollouts/rollouts.html", s.frame(s.LATER, "rollouts"), rollouts.ListPage(())
    yield "device", "fleet/device.html", s.frame(s.LATER, "fleet"), fleet.device_page(s.DEVICE, s.LATER)
    yield "fleet", "fleet/fleet.html", s.frame(s.PAGE_AT, "fleet"), s.FLEET
    yield "fleet-empty", "fleet/fleet.html", s.frame(s.PAGE_AT, "fleet"), fleet.FleetPage(0, 0, 0, 3600.0, ())
    yield "release", "releases/release.html", s.frame(s.LATER, "releases"), releases.release_page(s.RELEASE, s.LATER)
    one = releases.release_listed(s.RELEASE)
    yield "releases", "releases/releases.html", s.frame(s.LATER, "releases"), releases.ReleaseList((one,))
    yield "releases-empty", "releases/releases.html", s.frame(s.LATER, "releases"), releases.ReleaseList(())
    yield "incident", "incidents/incident.html", s.frame(s.LATER, "incidents"), incidents.present(s.INCIDENT, s.LATER)
    yield "incidents", "incidents/incidents.html", s.frame(s.LATER, "incidents"), incidents.ListPage((s.INCIDENT,), 14)
    yield "incidents-empty", "incidents/incidents.html", s.frame(s.LATER, "incidents"), incidents.ListPage(())
    yield "login", "web/login.html", Frame(s.LATER), Login(error="That is not the password of this name.")
    trouble = Trouble("The database did not answer within 5 seconds", "unavailable", 503, "Devices are still answered from memory.",
                      ("Load the page again: it answers as soon as the database does.",), "01JCF8Y7K2", "/rollouts/12", passing=True)  # fmt: skip
    yield "error", "web/error.html", s.frame(s.PAGE_AT), trouble


def write(folder: Path, theme: str = "") -> None:
    """Each page as a file, beside the static files it asks for."""
    from fleetloop.web import assets

    (folder / "static").mkdir(parents=True, exist_ok=True)
    for hashed, content in assets._files().values():
        (folder / "static" / hashed).write_bytes(content)
    for name, template, frame, page in all_pages():
        (folder / f"{name}.html").write_text(render(template, replace(frame, theme=theme), page=page))


if __name__ == "__main__":
    write(Path(sys.argv[1]), *sys.argv[2:])
