"""What rollouts, releases and incidents mean for the overview: values in, values out."""

from collections.abc import Iterator, Mapping, Sequence

from fleetloop import incidents, rollouts, web
from fleetloop.insights import view
from fleetloop.releases import ReleaseShown
from fleetloop.rollouts import RolloutShown


def told(
    r: RolloutShown, cases: Sequence[incidents.Incident], everything: Sequence[RolloutShown], now: float
) -> view.Rollout:
    """A rollout on the overview. A stop is no news any more once everybody who had the release is back."""
    left = r.left if stuck(r, everything) else 0
    back = r.rollback.wave if r.rollback else None
    done = back.of("booted", "confirmed") if back else 0
    case = next((c for c in cases if c.rollout == r.id), None)
    restored = case is not None and case.restored_at is not None
    undone = r.rollback is None or r.rollback.over or restored
    blame = rollouts.blame(r) if r.phase == "stopped" else ""
    sentence = f"{blame[:1].upper()}{blame[1:]}." if r.phase == "stopped" else rollouts.gate(r, now).sentence
    return view.Rollout(
        r.id, r.product, r.version, r.look, sentence, rollouts.group(r), kind=r.kind, at=r.ended_at or r.started_at,
        incident=incidents.name(case.id) if case else "", closed=r.phase == "stopped" and undone and not left,
        back=(done, back.devices) if back else (0, 0), back_to=r.rollback.version if r.rollback else "",
        handed_after=r.handed_after, left=rollouts.stuck_sentence(left, r.version) if left else "",
        nobody=r.empty_way_back and r.over,
    )  # fmt: skip


def stuck(r: RolloutShown, everything: Sequence[RolloutShown]) -> bool:
    """Devices sit on this stopped release, and no newer release is on its way."""
    newer = (n for n in everything if n.product == r.product and n.kind == "update" and n.id > r.id)
    return r.phase == "stopped" and r.left > 0 and all(n.over for n in newer)


def outlook(release: ReleaseShown, everything: Sequence[RolloutShown]) -> view.Release:
    """What became of a release, in a few words."""
    mine = ((release.product, release.version, "update") == (r.product, r.version, r.kind) for r in everything)
    r = next((one for one, is_mine in zip(everything, mine, strict=True) if is_mine), None)
    if r is None:
        return view.Release(release.product, release.version, "waiting", "published, not rolled out")
    done = f"{web.of(sum(w.of('confirmed') for w in r.waves), r.devices)}"
    if r.phase == "stopped":
        on = f" on {web.board(r.blamed)}" if r.blamed else ""
        return view.Release(r.product, r.version, "hurt", f"stopped by {r.ended_by}{on}")
    if r.over:
        ends = {
            "finished: good enough": ("confirmed", f"confirmed on {done}"),
            "finished: inconclusive": ("cancelled", f"confirmed on {done}, inconclusive"),
        }
        state, words = ends.get(r.phase, ("cancelled", r.phase))
        return view.Release(r.product, r.version, state, words, reached=r.phase in ends)
    return view.Release(r.product, r.version, "booted", f"is being rolled out, confirmed on {done}")


def tasks(
    everything: Sequence[RolloutShown], cases: Sequence[incidents.Incident], lines: Mapping[int, str]
) -> tuple[view.Task, ...]:
    """What waits for a person, newest first."""
    found = (*_decisions(everything), *_open(cases, lines), *_silent(everything), *_left(everything))
    return tuple(sorted(found, key=lambda t: -t.at))


def _decisions(everything: Sequence[RolloutShown]) -> Iterator[view.Task]:
    for r in everything:
        if r.ask:
            at = next((h.at for h in r.happened if h.text == "A person decides"), r.started_at)
            yield view.Task("waiting", r.ask.question, f"{r.product} {r.version}", at, f"/rollouts/{r.id}", "Decide")
        elif r.paused and not r.over:
            title = f"Rollout of {r.version} is paused"
            yield view.Task("cancelled", title, r.product, r.started_at, f"/rollouts/{r.id}", "Look")


def _open(cases: Sequence[incidents.Incident], lines: Mapping[int, str]) -> Iterator[view.Task]:
    for c in cases:
        if c.restored_at is None:
            name = incidents.name(c.id)
            yield view.Task(
                "hurt", f"{name} is open", lines.get(c.id, c.version), c.opened_at, f"/incidents/{name}", "Look"
            )


def _silent(everything: Sequence[RolloutShown]) -> Iterator[view.Task]:
    """Devices that should go back and do not call."""
    for r in everything:
        if r.kind == "rollback" and not r.over and r.silent:
            title = f"{web.things(r.silent, 'device')} cannot go back"
            path = f"/fleet?version={r.old}" if r.old else f"/rollouts/{r.id}"
            yield view.Task("offline", title, f"on {r.old or 'it'} and silent", r.started_at, path, "See them")


def _left(everything: Sequence[RolloutShown]) -> Iterator[view.Task]:
    """Devices that a rollback could not take back."""
    for r in everything:
        if stuck(r, everything):
            title = f"{web.things(r.left, 'device')} stuck on {r.version}, which was stopped"
            note = f"{r.product}: no confirmed release to go back to; ship a fix as a new release"
            yield view.Task("hurt", title, note, r.ended_at or r.started_at, f"/rollouts/{r.id}", "Look")
