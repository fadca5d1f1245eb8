"""Makes a real git repository out of this product: its commits and annotated tags, the same ids for the same dates.

The folder above is the tree at the last tag. ``series`` names the patches in order; taken back from the last to the
first they give the tree of the first tag. Standard library and git only.

    python history/replay.py OUT [--upto TAG] [--without-fault] [--fault-on REVISION] [--date TAG=SECONDS] [--add PATH=FILE]

A second call with a later tag goes on where the first ended, so that a story can date each release as it happens.
"""

import argparse
import dataclasses
import email
import email.policy
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent
PRODUCT = HERE.parent
TEAM = ("Coldcell team", "team@coldcell.example")
START_S = 1_767_225_600  # 2026-01-01; a tag without a date of its own is a week after the one before
WEEK_S = 7 * 86_400
MINUTE_S = 60  # between the commits of one tag; the last has the tag's date
LEFT_OUT = ("history", "keys", "build", "bundle", "__pycache__", ".*cache", ".fleetloop", ".git", "*.pyc")


class ReplayError(Exception):
    """The history cannot be made: an unknown tag, a target in the way, a patch that does not apply."""


@dataclasses.dataclass(frozen=True)
class Patch:
    """One line of ``series``; the first tag has no file."""

    tag: str
    file: str = ""
    mark: str = ""  # fault, fix or nothing


@dataclasses.dataclass(frozen=True)
class Commit:
    """One commit made; ``date`` in seconds since 1970."""

    id: str
    subject: str
    mark: str
    date: int


@dataclasses.dataclass(frozen=True)
class Tag:
    """One annotated tag with the commits that led to it."""

    name: str
    commits: tuple[Commit, ...]


def series() -> list[Patch]:
    """The lines of ``series``."""
    lines = (line.split("#")[0].split() for line in (HERE / "series").read_text().splitlines())
    return [Patch(*words) for words in lines if words]


def tags() -> list[str]:
    """The names of the tags, oldest first."""
    return list(dict.fromkeys(patch.tag for patch in series()))


def replay(  # noqa: PLR0913 (the flags of a story)
    target: str | os.PathLike[str],
    upto: str | None = None,
    *,
    without_fault: bool = False,
    fault_on: str | None = None,
    dates: Mapping[str, float] | None = None,
    add: Mapping[str, bytes] | None = None,
) -> list[Tag]:
    """Make the tags up to ``upto`` that ``target`` does not have yet, and return those.

    ``fault_on`` gives the shortest sensor period to that revision. ``dates`` are seconds since 1970 by tag.
    ``add`` are files of the first commit (a public key, say), by path.
    """
    names = tags()
    last = upto or names[-1]
    if last not in names:
        raise ReplayError(f"expected a tag of {HERE / 'series'} ({', '.join(names)}), got {last}")
    repository = _Repository(Path(target), f"without-fault={without_fault} fault-on={fault_on}")
    have = repository.tags()
    made: list[Tag] = []
    for place, name in enumerate(names[: names.index(last) + 1]):
        if name in have:
            continue
        patches = [p for p in series() if p.tag == name and not (without_fault and p.mark)]
        date = int((dates or {}).get(name, START_S + place * WEEK_S))
        if not place:
            repository.lay(fault_on, add or {})
        made.append(repository.release(name, patches, date))
    return made


class _Repository:
    def __init__(self, folder: Path, flags: str) -> None:
        self.folder = folder
        if not (folder / ".git").is_dir():
            if folder.exists() and any(folder.iterdir()):
                raise ReplayError(f"{folder} is not empty and not a replay: give another folder")
            folder.mkdir(parents=True, exist_ok=True)
            self.git("init", "-q", "-b", "main", "--template=")
            for key, value in (("name", TEAM[0]), ("email", TEAM[1])):
                self.git("config", f"user.{key}", value)
            self.git("config", "coldcell.replay", flags)
        if (made := self.git("config", "--default", "", "--get", "coldcell.replay").strip()) != flags:
            raise ReplayError(f"{folder} was made with '{made}', this call says '{flags}'")

    def tags(self) -> set[str]:
        return set(self.git("tag", "--list").split())

    def lay(self, fault_on: str | None, add: Mapping[str, bytes]) -> None:
        """The files of the first tag: today's tree, every patch taken back."""
        shutil.copytree(PRODUCT, self.folder, ignore=shutil.ignore_patterns(*LEFT_OUT), dirs_exist_ok=True)
        shutil.copy(PRODUCT / ".gitignore", self.folder)
        for patch in reversed([p for p in series() if p.file]):
            self.git("apply", "--reverse", str(HERE / patch.file))
        if fault_on:
            swap(self.folder / "fleetloop.toml", fault_on)
        for name, content in add.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def release(self, name: str, patches: list[Patch], date: int) -> Tag:
        commits: list[Commit] = []
        for left, patch in zip(range(len(patches) - 1, -1, -1), patches, strict=True):
            if patch.file:
                self.git("apply", "--index", str(HERE / patch.file))
            else:
                self.git("add", "--all")
            commits.append(self.commit(patch, date - left * MINUTE_S))
        self.git("tag", "-a", name, "-m", f"coldcell {name}", date=date)
        return Tag(name, tuple(commits))

    def commit(self, patch: Patch, date: int) -> Commit:
        author, message = _message(HERE / patch.file) if patch.file else (TEAM, f"Cold cell {patch.tag}: the factory's firmware")
        self.git("commit", "-q", "--author", f"{author[0]} <{author[1]}>", "-m", message, date=date)
        return Commit(self.git("rev-parse", "HEAD").strip(), message.splitlines()[0], patch.mark, date)

    def git(self, *arguments: str, date: int = START_S) -> str:
        when = f"{date} +0000"
        env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        env |= {"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(["git", *arguments], cwd=self.folder, env=env, capture_output=True, text=True, check=False)
        if done.returncode and arguments[0] != "config":
            raise ReplayError(f"git {' '.join(arguments)} in {self.folder}: {done.stderr.strip()}")
        return done.stdout


def _message(file: Path) -> tuple[tuple[str, str], str]:
    """Author and commit message of a mailed patch."""
    mail = email.message_from_string(file.read_text(), policy=email.policy.default)
    name, address = re.fullmatch(r"(.*) <(.*)>", mail["From"]).groups()  # type: ignore[union-attr]
    subject = re.sub(r"^\[PATCH\] ", "", mail["Subject"])
    return (name, address), f"{subject}\n\n{mail.get_content().split('diff --git')[0].strip()}".strip()


def swap(file: Path, fault_on: str) -> None:
    """Give the shortest period of the revisions to ``fault_on``, and its own to the one that had it."""
    text = file.read_text()
    found = {m[1]: m for m in re.finditer(r"^\[revision\.(\w+)\][^\[]*?^period-s = (\d+)", text, re.M)}
    if fault_on not in found:
        raise ReplayError(f"expected a revision of {file.name} ({', '.join(found)}), got {fault_on}")
    shortest = min(found, key=lambda revision: int(found[revision][2]))
    swap = {shortest: found[fault_on][2], fault_on: found[shortest][2]}
    for match in sorted((found[r] for r in swap), key=lambda m: -m.start()):
        text = text[: match.start(2)] + swap[match[1]] + text[match.end(2) :]
    file.write_text(text)


def _pairs(words: list[str]) -> dict[str, str]:
    return dict(word.split("=", 1) for word in words)


def main() -> None:
    """The command line; one line a commit, or one JSON document."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("out")
    parser.add_argument("--upto", metavar="TAG", help=f"one of {', '.join(tags())}")
    parser.add_argument("--without-fault", action="store_true", help="leave the faulty commit out")
    parser.add_argument("--fault-on", metavar="REVISION", help="give the shortest sensor period to this revision")
    parser.add_argument("--date", metavar="TAG=SECONDS", action="append", default=[], help="date of a tag, since 1970")
    parser.add_argument("--add", metavar="PATH=FILE", action="append", default=[], help="a file of the first commit")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    dates = {tag: float(seconds) for tag, seconds in _pairs(args.date).items()}
    add = {path: Path(file).read_bytes() for path, file in _pairs(args.add).items()}
    try:
        made = replay(args.out, args.upto, without_fault=args.without_fault, fault_on=args.fault_on, dates=dates, add=add)
    except ReplayError as error:
        raise SystemExit(f"replay.py: {error}") from None
    if args.json:
        print(json.dumps([dataclasses.asdict(tag) for tag in made]))
    for tag in [] if args.json else made:
        print(*(f"{c.id[:12]} {tag.name:7} {c.mark:6}{c.subject}" for c in tag.commits), sep="\n")


if __name__ == "__main__":
    main()
