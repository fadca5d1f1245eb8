"""What the release pages show: a chain from the commit to the fleet, each link with the proof it leans on.

    page = release_page(ReleaseShown(...), now)
    render("releases/release.html", frame, page=page)

A link stands here only if there is evidence of its kind; nothing is drawn for checks that this product does not have.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from fleetloop import web

RELEASE_PARTS = ("stats", "chain")
SIGNED = ("statement.dsse.json", "statement.sigstore.json")
STRENGTHS = ("host", "emulator", "board")
"""Weakest first."""


@dataclass(frozen=True)
class Artifact:
    """One artifact of the bundle; ``path`` inside it, digest in hex."""

    revision: str
    kind: str
    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Tested:
    """One test step's result. ``revision``: empty for all of them; errors are no result, never a pass."""

    step: str
    strength: str
    passed: int
    failed: int = 0
    errors: int = 0
    skipped: int = 0
    on: str = ""
    revision: str = ""


@dataclass(frozen=True)
class RolledOut:
    """One rollout of the release. ``said``: how it ended, or what it waits for."""

    id: int
    badge: web.Badge
    waves: tuple[web.Wave, ...]
    said: str
    alarm: bool = False


@dataclass(frozen=True)
class ReleaseShown:
    """A release in numbers. ``files``: (path, size, sha256) of its evidence; ``parts``: components of its parts list.

    ``matchable``: of those, how many an advisory can name. ``incidents`` are (id, line); ``signer`` is the key's id,
    ``trusted_by`` who trusted it; ``previous``: the release before; ``exceptions`` are (what, who accepted it and why).
    """

    product: str
    version: str
    commit: str
    subject: str
    committed_at: float
    published_at: float
    published_by: str
    signer: str
    artifacts: tuple[Artifact, ...]
    tests: tuple[Tested, ...]
    files: tuple[tuple[str, int, str], ...] = ()
    branch: str = ""
    previous: str = ""
    trusted_by: str = ""
    trusted_at: float | None = None
    tolerated: float = 0.0
    parts: int | None = None
    matchable: int | None = None
    digests: int = 0
    rollouts: tuple[RolledOut, ...] = ()
    incidents: tuple[tuple[str, str], ...] = ()
    fixes: tuple[tuple[str, str], ...] = ()
    exceptions: tuple[tuple[str, str], ...] = ()
    devices: tuple[tuple[str, int], ...] = ()
    confirmed: int = 0
    active: int = 0
    running: int = 0
    reached_at: float | None = None
    """When 90 % of the active devices had confirmed it."""

    @property
    def revisions(self) -> tuple[str, ...]:
        """Every hardware revision with an artifact."""
        return tuple(sorted({a.revision for a in self.artifacts}))


@dataclass(frozen=True)
class Link:
    """One step of the chain. ``warn``: what is accepted or missing; ``fold``: a title and a table folded below it."""

    state: str
    title: Markup
    body: tuple[Markup, ...] = ()
    warn: str = ""
    table: web.Table | None = None
    hint: str = ""
    fold: tuple[str, web.Table] | None = None
    rollouts: tuple[RolledOut, ...] = ()


@dataclass(frozen=True)
class ReleasePage:
    """One release's page."""

    r: ReleaseShown
    path: str
    topic: str
    badge: web.Badge
    lead: Markup
    stats: tuple[web.Stat, ...]
    links: tuple[Link, ...]
    allowed: web.Table
    files: web.Table


@dataclass(frozen=True)
class Listed:
    """One release in the list."""

    product: str
    version: str
    subject: str
    commit: str
    published_at: float
    badge: web.Badge
    said: str


@dataclass(frozen=True)
class ReleaseList:
    """All releases, newest first."""

    rows: tuple[Listed, ...]


def release_listed(r: ReleaseShown) -> Listed:
    """``r`` as one line of the list."""
    said = r.rollouts[0].said if r.rollouts else "no rollout yet"
    return Listed(r.product, r.version, r.subject, r.commit, r.published_at, badge(r), said)


def release_page(r: ReleaseShown, now: float) -> ReleasePage:
    """The page of ``r`` as of ``now``."""
    builders = (_commit, _build, _tests, _parts, _signature, _waves, _incidents)
    links = tuple(link for link in (build(r) for build in builders) if link)
    allowed = web.table("Revisions", "revision|#devices", [(n, web.count(c)) for n, c in r.devices])
    files = web.table("Files", "file and SHA-256|#size", [(_proof(r, p, d), web.size(n)) for p, n, d in r.files])
    path = web.href("releases", r.product, r.version)
    lead = web.sentence(
        "Published",
        web.near(r.published_at, now),
        f"by {r.published_by}.",
        "Every statement below leads to the file that proves it.",
    )
    return ReleasePage(r, path, f"release/{r.product}/{r.version}", badge(r), lead, _stats(r), links, allowed, files)


def badge(r: ReleaseShown) -> web.Badge:
    """What became of it on the fleet: the newest rollout's word."""
    return r.rollouts[0].badge if r.rollouts else web.Badge("waiting", "published, not rolled out")


def _stats(r: ReleaseShown) -> tuple[web.Stat, ...]:
    total = sum(n for _, n in r.devices)
    waves = [w for s in r.rollouts for w in s.waves]
    drawn = sum(w.devices - w.of("held-back") for w in waves)
    found = [
        _stands(r, total),
        web.Stat("Hurt", web.count(sum(w.hurt for w in waves)), f"of {web.count(drawn)} drawn"),
    ]
    if r.reached_at:
        pushed = web.sentence("committed", web.when(r.committed_at, "date"))
        found.append(web.Stat("Commit to 90 % of active", web.duration(r.reached_at - r.committed_at), "", pushed))
    passed, of_all = sum(t.passed for t in r.tests), sum(t.passed + t.failed + t.errors for t in r.tests)
    found.append(
        web.Stat("Tests passed", web.count(passed), f"of {web.count(of_all)}", f"strongest: {_strongest(r.tests)}")
    )
    if r.parts is not None and r.matchable is not None:
        rest = r.parts - r.matchable
        note = f"{rest} without a name that advisories use" if rest else ""
        found.append(web.Stat("Components matchable", web.count(r.matchable), f"of {web.count(r.parts)}", note))
    return tuple(found)


def _stands(r: ReleaseShown, total: int) -> web.Stat:
    """Who has it. A stopped release is confirmed nowhere, though some were before the stop."""
    if r.rollouts and r.rollouts[0].alarm:
        return web.Stat("Still run it", web.count(r.running), f"of {web.count(total)}", "it was stopped, not confirmed")
    active, whole = f"of {web.count(r.active)} active", f"{web.count(total)} devices in all"
    return web.Stat("Confirmed", web.count(r.confirmed), active, whole)


def _strongest(tests: Sequence[Tested]) -> str:
    ran = [t.strength for t in tests if t.passed and t.strength in STRENGTHS]
    return max(ran, key=STRENGTHS.index, default="none")


def _code(text: str) -> Markup:
    return web.el("code", text)


def _short(digest: str) -> Markup:
    """Digests may be cut, ids never; the whole one is in the title."""
    return (
        web.el("code", f"{digest[:4]} {digest[4:8]} … {digest[-4:]}", title=digest)
        if len(digest) > 16
        else _code(digest)
    )


def _proof(r: ReleaseShown, path: str, digest: str) -> Markup:
    return web.join(_file(r, path), web.el("br"), web.el("code", _cut(digest), class_="quiet", title=digest))


def _cut(digest: str) -> str:
    return f"{digest[:8]} … {digest[-4:]}"


def _commit(r: ReleaseShown) -> Link:
    after = f" Since {r.previous}." if r.previous else ""
    branch = f" on {r.branch}" if r.branch else ""
    body = web.join(f"“{r.subject}” Committed{branch} ", web.when(r.committed_at, "date"), ".", after)
    return Link("confirmed", web.join("Commit ", _code(r.commit[:12])), (body,))


def _build(r: ReleaseShown) -> Link:
    rows = [(a.revision, a.kind, a.path.rpartition("/")[2], web.count(a.size), _short(a.sha256)) for a in r.artifacts]
    table = web.table("Digests of the artifacts", "revision|kind|file|#bytes|sha256", rows)
    body = web.join(f"{web.things(len(r.artifacts), 'artifact')} for {web.listed(*r.revisions)}.")
    return Link("confirmed", Markup("Build"), (body,), fold=("Digests", table))


def _tests(r: ReleaseShown) -> Link | None:
    if not r.tests:
        return Link("failed", Markup("Tests"), warn="none in the bundle")
    bad = [t for t in r.tests if t.failed or t.errors]
    warn = "accepted exception" if r.exceptions else f"{web.things(len(bad), 'step')} without a pass" if bad else ""
    heads = "|".join(("suite", "strength", *r.revisions))
    steps = dict.fromkeys((t.step, t.strength) for t in r.tests)
    rows = [
        (step, _bars(strength), *(_result(r, step, revision) for revision in r.revisions)) for step, strength in steps
    ]
    best = (_bars(_strongest([t for t in r.tests if t.revision in {"", revision}])) for revision in r.revisions)
    found = web.table("Tests by revision and strength", heads, [*rows, ("strongest evidence", "", *best)])
    hint = "Host is weaker than emulator, emulator weaker than board. What did not answer is no result, never a pass."
    reports = _between([_file(r, path) for path, _, _ in r.files if path.rpartition("/")[2].startswith("junit")])
    state = "timed-out" if warn else "confirmed"
    return Link(
        state,
        Markup("Tests, by revision and strength"),
        (web.join("Every case is in ", *reports, "."),) if reports else (),
        warn,
        web.Table(found.label, found.cols, found.rows, wrap=True),
        hint,
    )


def _bars(strength: str) -> str:
    if strength not in STRENGTHS:
        return strength
    full = STRENGTHS.index(strength) + 1
    return f"{'▮' * full}{'▯' * (len(STRENGTHS) - full)} {strength}"


def _result(r: ReleaseShown, step: str, revision: str) -> Markup:
    mine = [t for t in r.tests if t.step == step and t.revision in {"", revision}]
    if not mine:
        return web.state("waiting", "not for it")
    total = sum(t.passed + t.failed + t.errors for t in mine)
    failed, errors = sum(t.failed for t in mine), sum(t.errors for t in mine)
    if failed:
        return web.state("failed", f"{web.of(failed, total)} failed")
    if errors or not total:
        return web.state("timed-out", f"no result: {web.of(errors, total)}")
    return web.state("confirmed", web.of(total, total))


def _parts(r: ReleaseShown) -> Link | None:
    boms = [path for path, _, _ in r.files if path.endswith(".cdx.json")]
    if not boms:
        return None
    known = f"{web.things(r.parts, 'component')} in " if r.parts is not None else ""
    body = web.join(
        f"CycloneDX, strictly validated: {known}", *_between([_file(r, p) for p in boms]), ". ", _matchable(r)
    )
    return Link("confirmed", Markup("Parts list (SBOM)"), (body,))


def _matchable(r: ReleaseShown) -> Markup:
    if r.parts is None or r.matchable is None:
        return Markup()
    return web.join(web.el("b", f"{web.of(r.matchable, r.parts)} matchable"), " by an advisory.")


def _file(r: ReleaseShown, path: str) -> Markup:
    """A file of the bundle, as it was signed."""
    name = web.el("code", path.rpartition("/")[2])
    return web.el("a", name, href=f"/api/v1{web.href('releases', r.product, r.version)}/files/{path}")


def _between(items: Sequence[Markup]) -> list[Markup]:
    return [part for n, item in enumerate(items) for part in ((Markup(", "), item) if n else (item,))]


def _signature(r: ReleaseShown) -> Link:
    who = f", trusted by {r.trusted_by} " if r.trusted_by else ""
    when = web.when(r.trusted_at, "dayonly") if r.trusted_at else Markup()
    said = f"{web.things(r.digests, 'digest')} in one in-toto statement with SLSA v1 provenance, signed by key "
    found = [_file(r, path) for path, _, _ in r.files if path in SIGNED]
    files = (web.join("Signed in ", *_between(found), "; the last one is for foreign tools."),) if found else ()
    body = web.join(said, web.el("code", r.signer[:16], title=r.signer), who, when, ".")
    return Link("confirmed", Markup("Signature"), (body, *files))


def _waves(r: ReleaseShown) -> Link | None:
    if not r.rollouts:
        return None
    state = "failed" if any(s.alarm for s in r.rollouts) else "confirmed"
    body = (web.join(f"Tolerated: {web.per_device_days(r.tolerated)}."),) if r.tolerated else ()
    return Link(state, Markup("Waves"), body, rollouts=r.rollouts)


def _incidents(r: ReleaseShown) -> Link | None:
    if not r.rollouts:
        return None
    own = [_incident("", one) for one in r.incidents] or [Markup("None of its own.")]
    return Link(
        "failed" if r.incidents else "confirmed",
        Markup("Incidents"),
        (*own, *(_incident("Fixes ", one) for one in r.fixes)),
    )


def _incident(before: str, one: tuple[str, str]) -> Markup:
    return web.join(before, web.el("a", one[0], href=f"/incidents/{one[0]}"), f": {one[1]}")
