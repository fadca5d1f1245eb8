"""What the demo's closing table says, from the public API alone."""

from dataclasses import dataclass
from typing import Any

from fleetloop.core.client import Client
from fleetloop.core.clock import HOUR


@dataclass
class Chapter:
    """One release of the story; times are the story's."""

    version: str
    commit: str
    committed_at: float
    rollout: int
    started_at: float
    ended_at: float = 0.0
    stopped_at: float | None = None
    rollback: int | None = None


def judge(client: Client, product: str, chapters: list[Chapter], frame: dict[str, Any]) -> dict[str, Any]:
    """The report: every chapter in figures, and whether this variant kept its promises."""
    incidents: list[dict[str, Any]] = client.get("/incidents")
    began = {i["rollout"]: i["first_event_at"] for i in incidents}
    told = [_chapter(client, c, began.get(c.rollout)) for c in chapters]
    devices = client.get("/devices", product=product)
    last = chapters[-1].version
    report = dict(frame) | {
        "product": product,
        "chapters": told,
        "incidents": incidents,
        "on_last": sum(d["version"] == last for d in devices),
        "devices": len(devices),
    }
    broken = promises(report)
    return report | {"broken_promises": broken, "promised": not broken}


def _chapter(client: Client, chapter: Chapter, began: float | None) -> dict[str, Any]:
    """``began``: the first bad event on a device that had it, from which stop and restore are counted."""
    found = client.get(f"/rollouts/{chapter.rollout}")
    deployments = client.get(f"/rollouts/{chapter.rollout}/deployments")
    hurt = found["evidence"]["hurt"]
    back: list[dict[str, Any]] = client.get(f"/rollouts/{chapter.rollback}/deployments") if chapter.rollback else []
    undone = client.get(f"/rollouts/{chapter.rollback}") if chapter.rollback else None
    confirmed = sorted(d["since"] for d in deployments if d["state"] == "confirmed")
    ninety = confirmed[-(-len(confirmed) * 9 // 10) - 1] if len(confirmed) * 10 >= found["members"] * 9 else None
    return {
        "version": chapter.version,
        "commit": chapter.commit,
        "committed_at": chapter.committed_at,
        "rollout": chapter.rollout,
        "phase": found["phase"],
        "sentence": found["blocked"],
        "members": found["members"],
        "drawn": len(deployments),
        "confirmed": len(confirmed),
        "hurt": hurt,
        "e_max": found["evidence"]["e_max"],
        "waves": found["wave"],
        "started_at": chapter.started_at,
        "stopped_at": chapter.stopped_at,
        "lead_time_s": None if ninety is None else ninety - chapter.committed_at,
        "first_bad_event_at": began,
        "time_to_stop_s": None if began is None or chapter.stopped_at is None else chapter.stopped_at - began,
        "time_to_restore_s": None if began is None or undone is None else undone["ended_at"] - began,
        "rollback": chapter.rollback,
        "back": sum(d["state"] == "confirmed" for d in back),
        "sent_back": len(back),
        "back_on": sorted({d["version"] for d in back}),
    }


def promises(report: dict[str, Any]) -> list[str]:
    """What this variant promised and did not keep, a sentence each."""
    first, *rest = report["chapters"]
    broken = _finished(first)
    faulty = [] if report["without_fault"] else rest[:-1]
    for chapter in rest:
        broken += _caught(chapter, report, first["version"]) if chapter in faulty else _finished(chapter)
    if report["on_last"] != report["devices"]:
        broken.append(f"{report['on_last']} of {report['devices']} devices run {report['chapters'][-1]['version']}")
    return broken


def _finished(chapter: dict[str, Any]) -> list[str]:
    whole = chapter["confirmed"] == chapter["members"] == chapter["drawn"]
    if chapter["phase"].startswith("finished") and whole:
        return []
    return [f"{chapter['version']}: {chapter['phase']}, {chapter['confirmed']} of {chapter['members']} confirmed"]


def _caught(chapter: dict[str, Any], report: dict[str, Any], before: str) -> list[str]:
    version: str = chapter["version"]
    broken: list[str] = []
    if chapter["phase"] != "stopped" or chapter["waves"] != 1:
        broken.append(f"{version}: expected a stop in wave 1, it is {chapter['phase']} in wave {chapter['waves']}")
    incident = next((i for i in report["incidents"] if i["rollout"] == chapter["rollout"]), None)
    if incident is None or incident["revision"] != report["expected_revision"]:
        named = incident["revision"] if incident else "nothing"
        broken.append(f"{version}: the incident names {named}, expected revision {report['expected_revision']}")
    if chapter["back"] != chapter["sent_back"] or chapter["back_on"] not in ([], [before]):
        broken.append(f"{version}: {chapter['back']} of {chapter['sent_back']} are back, on {chapter['back_on']}")
    return broken


TIMES = (
    "Times are the story's own (virtual). Lead time: commit to 90 % of the fleet confirmed; stop and restore count "
    "from the first bad event."
)


def closing(report: dict[str, Any]) -> list[str]:
    """The table that ends the demo; each figure with its clock."""
    heads = ("release", "commit", "ended", "lead time", "hurt", "time to stop", "time to restore")
    rows = [heads, *(_row(c, report["devices"]) for c in report["chapters"])]
    widths = [max(len(row[i]) for row in rows) for i in range(len(heads))]
    lines = ["  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines = ["", *lines, "", TIMES]
    lines += [f"A person decided: {d}" for d in report["decisions"]] or ["No person had to decide."]
    lines.append(f"Board: {report['emulator']}. Real time: {report['real_seconds']:.0f} s. Seed {report['seed']}.")
    lines += [f"NOT AS PROMISED: {b}" for b in report["broken_promises"]] or ["All that this story promises happened."]
    return [*lines, ""]


def _row(chapter: dict[str, Any], devices: int) -> tuple[str, ...]:
    return (
        chapter["version"],
        chapter["commit"][:10],
        chapter["phase"],
        _hours(chapter["lead_time_s"]),
        f"{len(chapter['hurt'])} of {devices}",
        _hours(chapter["time_to_stop_s"]),
        _hours(chapter["time_to_restore_s"]),
    )


def _hours(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds / HOUR:.1f} h"
