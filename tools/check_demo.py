"""Check a told story against the devices' own records and the public API. Imports nothing of fleetloop.

    python tools/check_demo.py [--server URL] [DIR]

DIR is the demo's folder (build/demo): demo-report.json and the records that the devices wrote down themselves. Every
figure of the report is computed again, from those records and from what anybody with a login may ask the server; then
what must hold in every story is asserted. Prints ``name value expected verdict``, a line each, and exits 1 if any is
wrong. Without --server the demo is over: its server is started again on what it left behind, and ended after.
The verdict is computed again by `fleetloop rollout verdict`.
"""

import argparse
import contextlib
import hashlib
import json
import re
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

Values = dict[str, Any]
BAD_RESETS = ("fault", "watchdog")
KEPT = 500
"""A record's lists keep so many newest entries."""
CONTACT_S = 7200.0
"""A device that is up calls again within this: two poll intervals of the story."""


class Api:
    """What anybody with a login may ask."""

    def __init__(self, server: str, token: str) -> None:
        self.base, self.token = f"{server.rstrip('/')}/api/v1", token

    @classmethod
    def log_in(cls, server: str, name: str, password: str) -> "Api":
        api = cls(server, "")
        api.token = api.ask("/login", {"name": name, "password": password})["token"]
        return api

    def raw(self, path: str, body: Values | None = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} | (
            {"Authorization": f"Bearer {self.token}"} if self.token else {}
        )
        with urllib.request.urlopen(urllib.request.Request(self.base + path, data, headers), timeout=60) as answer:
            return answer.read()

    def ask(self, path: str, body: Values | None = None) -> Any:
        return json.loads(self.raw(path, body))

    def all(self, path: str, **wanted: str | int) -> list[Values]:
        """Every page of a list."""
        found: list[Values] = []
        cursor = ""
        while True:
            page = self.ask(f"{path}?{urllib.parse.urlencode(wanted | ({'cursor': cursor} if cursor else {}))}")
            found += page["items"]
            cursor = page.get("next") or ""
            if not cursor:
                return found


@dataclass
class Life:
    """One device's own record."""

    told: Values

    @property
    def device(self) -> str:
        return self.told["device"]

    @property
    def boots(self) -> list[Values]:
        return self.told["boots"]

    @property
    def whole(self) -> bool:
        """Whether nothing was left out of its lists."""
        return all(n <= KEPT for n in self.told["counts"].values())

    @property
    def runs(self) -> str:
        return self.boots[-1]["version"] if self.boots else ""

    def ran(self, at: float) -> str:
        """What it ran at ``at``."""
        return next((b["version"] for b in reversed(self.boots) if b["at"] <= at), "")

    def booted(self, version: str, before: float = float("inf")) -> bool:
        return any(b["version"] == version and b["at"] <= before for b in self.boots)

    def back_at(self, version: str, since: float) -> float | None:
        """When it last left ``version`` after ``since``."""
        on = [i for i, b in enumerate(self.boots) if b["version"] == version]
        after = self.boots[on[-1] + 1 :] if on else []
        return after[0]["at"] if after and after[0]["at"] >= since else None

    def said(self, action: int) -> list[Values]:
        return [r for r in self.told["reports"] if str(r["action"]) == str(action)]


@dataclass
class Case:
    """One rollout as the API tells it."""

    api: Api
    number: int

    @cached_property
    def told(self) -> Values:
        return self.api.ask(f"/rollouts/{self.number}")

    @cached_property
    def deployments(self) -> list[Values]:
        return self.api.all(f"/rollouts/{self.number}/deployments")

    @cached_property
    def attempts(self) -> list[Values]:
        return self.api.all(f"/rollouts/{self.number}/attempts")

    @cached_property
    def reports(self) -> list[Values]:
        return self.api.all(f"/rollouts/{self.number}/reports")

    @cached_property
    def record(self) -> bytes:
        return self.api.raw(f"/rollouts/{self.number}/record")

    @cached_property
    def lines(self) -> list[Values]:
        return [json.loads(line) for line in self.record.splitlines()]

    def kind(self, name: str) -> list[Values]:
        return [line for line in self.lines if line["kind"] == name]

    def in_state(self, state: str) -> list[Values]:
        return [d for d in self.deployments if d["state"] == state]


@dataclass
class Table:
    """The rows printed so far."""

    wrong: int = 0
    rows: list[tuple[str, str, str, str]] = field(default_factory=list)

    def row(self, name: str, value: object, expected: object) -> None:
        good = value == expected or (
            isinstance(value, float)
            and isinstance(expected, float)
            and abs(value - expected) < 1e-6 * max(1, abs(expected))
        )
        self.wrong += not good
        print(f"{name:<52} {_short(value):<28} {_short(expected):<28} {'ok' if good else 'WRONG'}")

    def none(self, name: str, found: Iterable[object]) -> None:
        """Nothing of this may be found."""
        these = sorted(map(str, found))
        self.row(name, these[:3] if these else "none", "none")


def _short(value: object) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    text = text.replace(" ", "")
    return text if len(text) <= 60 else f"{text[:57]}..."


def ninety(times: list[float], members: int) -> float | None:
    """When nine tenths of ``members`` were there."""
    need = -(-9 * members // 10)
    return sorted(times)[need - 1] if members and len(times) >= need else None


def figures(out: Table, chapter: Values, case: Case, lives: dict[str, Life]) -> None:
    """What the report says of one release."""
    v = chapter["version"]
    enrolled, left = {x["device"] for x in case.kind("enrol")}, {x["device"] for x in case.kind("leave")}
    confirmed = case.in_state("confirmed")
    out.row(f"{v} members", len(enrolled - left), chapter["members"])
    out.row(f"{v} drawn", len({x["device"] for x in case.kind("draw")}), chapter["drawn"])
    out.row(f"{v} confirmed", len(confirmed), chapter["confirmed"])
    out.row(f"{v} waves", len(case.kind("wave")), chapter["waves"])
    last = ninety([d["since"] for d in confirmed], len(enrolled - left))
    out.row(f"{v} lead time", None if last is None else last - chapter["committed_at"], chapter["lead_time_s"])
    out.none(
        f"{v} confirmed without booting it",
        (d["device"] for d in confirmed if not lives[d["device"]].booted(v, d["since"])),
    )
    out.row(f"{v} hurt", len({d["device"] for d in case.deployments if d["hurt"]}), len(chapter["hurt"]))
    out.none(f"{v} hurt, or not", {d["device"] for d in case.deployments if d["hurt"]} ^ set(chapter["hurt"]))
    out.row(f"{v} highest evidence", case.told["evidence"]["e_max"], chapter["e_max"])
    calm = (d for d in chapter["hurt"] if not suffered(lives[d], v, case))
    out.none(f"{v} hurt, and its own record says nothing", calm)
    began, stopped = chapter["first_bad_event_at"], case.told["ended_at"] if case.told["phase"] == "stopped" else None
    if began is not None:
        ills = [x["at"] for x in case.kind("event") if x["device"] in chapter["hurt"]]
        out.none(f"{v} bad events before the first", (at for at in ills if at < began))
        out.none(
            f"{v} first bad event before the first draw", (d["at"] for d in case.kind("draw")[:1] if d["at"] > began)
        )
    expected = None if began is None or stopped is None else stopped - began
    out.row(f"{v} time to stop", expected, chapter["time_to_stop_s"])


def suffered(life: Life, version: str, case: Case) -> bool:
    """Whether, while the rollout ran, it crashed on ``version`` or a contact of its failed."""
    start, end = case.told["started_at"], case.told["ended_at"]
    ills = [c["at"] for c in life.told["crashes"] if c["version"] == version]
    ills += [f["at"] for f in life.told["failures"]]
    return any(start <= at <= end for at in ills)


def stopped(out: Table, chapter: Values, case: Case, back: Case, lives: dict[str, Life], report: Values) -> None:
    """What the report says of a release that was stopped."""
    v, at = chapter["version"], case.told["ended_at"]
    restored = back.told["ended_at"] - chapter["first_bad_event_at"]
    out.row(f"{v} time to restore", restored, chapter["time_to_restore_s"])
    had = {d for d, life in lives.items() if life.booted(v)}
    out.row(
        f"{v} had it, by their own records", len(had), len({d["device"] for d in case.deployments if d["booted_at"]})
    )
    needed = {
        d for d in had if lives[d].ran(at) == v or any(b["at"] >= at and b["version"] == v for b in lives[d].boots)
    }
    out.none(f"{v} sent back without need, or not", {d["device"] for d in back.deployments} ^ needed)
    out.row(f"{v} sent back", len(back.deployments), chapter["sent_back"])
    out.row(f"{v} back", len(back.in_state("confirmed")), chapter["back"])
    targets = {d["device"]: d["version"] for d in back.deployments}
    out.row(f"{v} back on", sorted(set(targets.values())), chapter["back_on"])
    out.none(f"{v} not back on what it ran before", (d for d, to in targets.items() if to != before(lives[d], v)))
    times = {d: lives[d].back_at(v, at) for d in needed}
    out.none(f"{v} never left it", (d for d, t in times.items() if t is None))
    late = max((t for t in times.values() if t), default=at)
    out.row(f"{v} restored when all had left it", late <= back.told["ended_at"], True)
    out.none(f"{v} still runs", (d for d, life in lives.items() if life.runs == v))
    incident = next((i for i in report["incidents"] if i["rollout"] == case.number), {})
    out.row(f"{v} revision named", worst(case, lives, v), incident.get("revision"))
    out.row(f"{v} commit named", incident.get("commit"), chapter["commit"])


def before(life: Life, version: str) -> str:
    """What it ran before it first ran ``version``."""
    seen = [b["version"] for b in life.boots]
    return next((seen[i - 1] for i, v in enumerate(seen) if v == version and i), "")


def worst(case: Case, lives: dict[str, Life], version: str) -> str:
    """The revision whose drawn devices crashed most often on ``version``, by their own records."""
    drawn = Counter(lives[d["device"]].told["revision"] for d in case.deployments)
    ill = Counter(
        lives[d["device"]].told["revision"] for d in case.deployments
        if any(c["version"] == version and c["at"] <= case.told["ended_at"] for c in lives[d["device"]].told["crashes"])
    )  # fmt: skip
    return max(drawn, key=lambda r: ill[r] / drawn[r]) if ill else ""


def counted(out: Table, case: Case) -> None:
    """Counters are what they count."""
    name, told = f"rollout {case.number}", case.told
    for wave in told["waves"]:
        mine = Counter(d["state"] for d in case.deployments if d["wave"] == wave["number"])
        out.row(
            f"{name} wave {wave['number']} states", dict(sorted(mine.items())), dict(sorted(wave["states"].items()))
        )
        out.row(f"{name} wave {wave['number']} drawn", mine.total(), wave["drawn"])
    drawn = {x["device"] for x in case.kind("draw")}
    out.none(f"{name} draws not in record or deployments", drawn ^ {d["device"] for d in case.deployments})
    started = {x["device"] for x in case.kind("install") if x["state"] == "started" and x["device"] in drawn}
    out.row(f"{name} installs started", len(started), told["evidence"]["installs"]["started"])


def verdict(out: Table, case: Case) -> None:
    """The verdict is a function of the record."""
    command = [sys.executable, "-m", "fleetloop", "rollout", "verdict", "--log", "-"]
    done = subprocess.run(command, input=case.record, capture_output=True, check=False)
    found = json.loads(done.stdout) if done.returncode == 0 else {}
    for name in ("verdict", "e_value", "hr_interval"):
        out.row(f"rollout {case.number} {name} again", found.get(name), case.told["evidence"][name])


def draws(out: Table, case: Case) -> None:
    """Of each revision the lowest places by hash, out of those that were enrolled and not yet drawn."""
    seed, revision = case.told["seed"], dict[str, str]()
    for number, drawn in openings(case, revision):
        wrong: list[str] = []
        for one in sorted(set(revision.values())):
            free = [d for d, r in revision.items() if r == one]
            mine = {d for d in free if d in drawn}
            lowest = sorted(free, key=lambda d: (place(seed, case.number, number, d), d))[: len(mine)]
            wrong += sorted(mine ^ set(lowest))
        out.none(f"rollout {case.number} wave {number} not the lowest places", wrong)
        for device in drawn:
            revision.pop(device, None)


def openings(case: Case, revision: dict[str, str]) -> Iterator[tuple[int, set[str]]]:
    """(wave, drawn devices); ``revision`` has who could be drawn at that moment."""
    drawn = {
        w["number"]: {x["device"] for x in case.kind("draw") if x["wave"] == w["number"]} for w in case.kind("wave")
    }
    for line in case.lines[1:]:
        match line["kind"]:
            case "enrol":
                revision[line["device"]] = line["revision"]
            case "leave":
                revision.pop(line["device"], None)
            case "wave":
                yield line["number"], drawn[line["number"]]
            case _:
                pass


def place(seed: str, rollout: int, wave: int, device: str) -> bytes:
    """As `fleetloop.rollouts.draw` says in words."""
    secret, name = seed.encode(), str(rollout).encode()
    key = hashlib.sha256(f"{len(secret)}:{len(name)}:{wave}:".encode() + secret + name).digest()
    return hashlib.blake2b(device.encode(), digest_size=8, key=key).digest()


def told_once(out: Table, cases: list[Case], lives: dict[str, Life]) -> None:
    """No action belongs to two devices or two targets; what a device installed is what that action meant."""
    target = {a["id"]: (a["device"], a["version"]) for case in cases for a in case.attempts}
    out.row("actions, and actions told apart", len(target), sum(len(case.attempts) for case in cases))
    foreign: list[str] = []
    other: list[str] = []
    for device, life in lives.items():
        for said in life.told["reports"]:
            owner, version = target.get(int(said["action"]), ("", ""))
            if owner != device:
                foreign.append(f"{device}: action {said['action']}")
            if said["execution"] == "closed" and said["finished"] == "success" and not said["on_cancel"]:
                after = next((b["version"] for b in life.boots if b["at"] > said["at"]), version)
                if said["n"] == last(life, said) and version not in (after, life.ran(said["at"])):
                    other.append(f"{device}: {said['action']} meant {version}, booted {after}")
    out.none("actions of somebody else", foreign)
    out.none("actions with another target than was booted", other)


def last(life: Life, said: Values) -> int:
    return max(r["n"] for r in life.said(said["action"]))


def nothing_lost(out: Table, cases: list[Case], lives: dict[str, Life]) -> None:
    """Every report that a device saw acknowledged is in the history, and the history has nothing that nobody said."""
    kept = Counter((r["device"], r["action"], *words(r)) for case in cases for r in case.reports)
    said = {d: [((d, int(r["action"]), *words(r)), r) for r in life.told["reports"]] for d, life in lives.items()}
    heard = Counter(k for rows in said.values() for k, r in rows if r["answered"] is not None and r["answered"] < 300)
    out.none("acknowledged reports that are not in the history", (k for k, n in heard.items() if kept[k] < n))
    ever = {k for rows in said.values() for k, _ in rows}
    whole = {d for d, life in lives.items() if life.whole}
    out.none("reports in the history that nobody said", (k for k in kept if k not in ever and k[0] in whole))


def words(report: Values) -> tuple[object, ...]:
    return report["execution"], report["finished"], "|".join(report["details"]), report["on_cancel"]


def not_after(out: Table, chapter: Values, case: Case, lives: dict[str, Life]) -> None:
    """From the stop on nobody is handed the release: no first word on it, no first boot of it without that word."""
    v, at = chapter["version"], case.told["ended_at"]
    mine = {a["id"]: a["device"] for a in case.attempts}
    out.none(f"{v} handed after the stop", (a["id"] for a in case.attempts if (a["handed_at"] or 0) >= at))
    late: list[str] = []
    for device, life in lives.items():
        begun = {int(r["action"]): r["at"] for r in reversed(life.told["reports"]) if int(r["action"]) in mine}
        late += [f"{device}: action {a} at {t}" for a, t in begun.items() if t >= at]
        if any(b["version"] == v and b["at"] >= at for b in life.boots) and not any(t < at for t in begun.values()):
            late.append(f"{device}: booted it without a word")
    out.none(f"{v} begun after the stop, by their own records", late)


def crashes(out: Table, case: Case, lives: dict[str, Life]) -> None:
    """Every crash in the rollout's record happened, and every crash that happened while it ran is in the record."""
    told = [x for x in case.kind("event") if x["what"] == "crash"]
    unreal = [f"{x['device']}: {x['id']}" for x in told if not real(lives[x["device"]], x)]
    out.none(f"rollout {case.number} crashes that no device had", unreal)
    start, end = case.told["started_at"], case.told["ended_at"]
    members = {x["device"] for x in case.kind("enrol")} - {x["device"] for x in case.kind("leave")}
    seen = {d: [x["at"] for x in told if x["device"] == d] for d in members}
    missed = [
        f"{d}: {c['at']}" for d in members for c in lives[d].told["crashes"]
        if start <= c["at"] < end - CONTACT_S and heard_after(lives[d], c["at"], end)
        and not any(t >= c["at"] for t in seen[d])
    ]  # fmt: skip
    out.none(f"rollout {case.number} crashes that are not in its record", missed)


def real(life: Life, event: Values) -> bool:
    boot = event["id"].rpartition(".")[0]
    return any(b["id"] == boot and b["reset"] in BAD_RESETS and b["at"] <= event["at"] for b in life.boots)


def heard_after(life: Life, at: float, end: float) -> bool:
    """Whether it could speak again soon; one out of radio contact tells later, or not while the rollout runs."""
    return not any(at <= f["at"] <= min(end, at + CONTACT_S) for f in life.told["failures"])


def fleet(out: Table, report: Values, devices: list[Values], lives: dict[str, Life]) -> None:
    """Who runs what now."""
    api = {d["id"]: d["version"] for d in devices}
    final = report["chapters"][-1]["version"]
    out.row("devices", len(lives), report["devices"])
    out.row("devices, by the API", len(api), report["devices"])
    out.row(f"on {final} by their own records", sum(life.runs == final for life in lives.values()), report["on_last"])
    out.row(f"all on {final}", report["on_last"], report["devices"])
    out.none("last boot is not what the API says", (d for d, life in lives.items() if api.get(d) != life.runs))


def check(api: Api, report: Values, lives: dict[str, Life]) -> int:
    """The number of wrong rows."""
    out = Table()
    print(f"{'# name':<52} {'value':<28} {'expected':<28} verdict")
    cases = [Case(api, row["id"]) for row in reversed(api.all("/rollouts"))]
    by_number = {case.number: case for case in cases}
    fleet(out, report, api.all("/devices", product=report["product"], limit=1000), lives)
    out.none("incidents that differ", (i["id"] for i in api.all("/incidents") if i not in report["incidents"]))
    for chapter in report["chapters"]:
        case = by_number[chapter["rollout"]]
        out.row(f"{chapter['version']} ended", case.told["phase"], chapter["phase"])
        figures(out, chapter, case, lives)
        if case.told["phase"] == "stopped":
            stopped(out, chapter, case, by_number[chapter["rollback"]], lives, report)
            not_after(out, chapter, case, lives)
    for case in cases:
        counted(out, case)
        verdict(out, case)
        crashes(out, case, lives)
        if case.told["kind"] == "update":
            draws(out, case)
    told_once(out, cases, lives)
    nothing_lost(out, cases, lives)
    print(f"# {out.wrong} wrong")
    return out.wrong


def read(paths: list[Path]) -> dict[str, Life]:
    lives = [Life(json.loads(line)) for path in paths for line in path.read_text().splitlines() if line]
    return {life.device: life for life in lives}


def log_in(server: str, demo: Path) -> Api:
    """As the first administrator, whose password the server told once."""
    log = (demo / "server" / "server.log").read_text()
    found = re.search(r"First administrator: (\S+), password (\S+)", log)
    if found is None:
        sys.exit(f"{demo}/server/server.log does not tell the first administrator's password")
    return Api.log_in(server, found[1], found[2])


@contextlib.contextmanager
def served(demo: Path) -> Iterator[str]:
    """The server's address, started again on what the demo left behind."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    folder = str(demo / "server" / "data")
    command = [sys.executable, "-m", "fleetloop", "up", "--stepped", "--dir", folder, "--port", port]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        url = f"http://127.0.0.1:{port}"
        while not ready(url):
            if process.poll() is not None:
                said = process.stdout.read() if process.stdout else ""
                sys.exit(f"the server did not start ({said.strip()}); if the demo still runs, say --server URL")
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()


def ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--server", metavar="URL", help="where the demo still runs")
    parser.add_argument("demo", metavar="DIR", type=Path, nargs="?", default=Path("build/demo"))
    args = parser.parse_args()
    if not (args.demo / "demo-report.json").is_file():
        sys.exit(f"{args.demo} has no demo-report.json: no demo came to its end there")
    report = json.loads((args.demo / "demo-report.json").read_text())
    lives = read(sorted(args.demo.glob("*.jsonl")))
    with contextlib.nullcontext(args.server) if args.server else served(args.demo) as server:
        return 1 if check(log_in(server, args.demo), report, lives) else 0


if __name__ == "__main__":
    sys.exit(main())
