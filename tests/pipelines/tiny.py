"""A firmware repository of a few lines, compiled by the host's gcc, for tests of the pipeline with real tools."""

import asyncio
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fleetloop.pipelines import Event, Options, Project, Report, all_steps, load, new_keys, run

TOML = """\
[product]
name = "tiny"

[revision.a]
class-id = "tiny-a"
period-s = 4

[revision.b]
class-id = "tiny-b"
period-s = 1

[build.image]
command = ["sh", "build.sh", "{revision}", "{period-s}", "{out}"]
inputs = ["src/**", "build.sh"]
outputs = { payload = "app.bin", boot = "boot.txt" }
needs = ["gcc"]

[build.host-library]
command = ["gcc", "-s", "-shared", "-fPIC", "-DPERIOD={period-s}", "src/main.c", "-o", "{out}/tiny.so"]
inputs = ["src/**"]
outputs = { library = "tiny.so" }
needs = ["gcc"]

[test.host]
command = ["sh", "test.sh", "{out}"]
inputs = ["test.sh"]
timeout-s = 20

[package.mcuboot]
slot-size = 0x40000
header-size = 0x200
load-address = 0x100000
vendor = "tiny.example"

[policy]
tolerated = 0.03
"""
BUILD = """\
set -e
gcc -s -MD -MF "$3/main.d" -DPERIOD="$2" src/main.c -o "$3/app.bin"
echo "boot $1" > "$3/boot.txt"
"""
MAIN = '#include <stdint.h>\n#include "main.h"\nint main(void) { return PERIOD + OFFSET; }\n'
TEST = """\
cat > "$1/junit.xml" <<'END'
<testsuite name="tiny" tests="2"><testcase name="one" time="0.1"/><testcase name="two"/></testsuite>
END
"""
COMPONENTS = """\
[[component]]
name = "tiny"
license = "Apache-2.0"
files = ["./src/*"]

[[component]]
name = "libc-headers"
version = "2.36"
purl = "pkg:deb/debian/libc6-dev@2.36"
files = ["/usr/include/*", "/usr/lib/gcc/*"]
"""
FILES = {
    "fleetloop.toml": TOML,
    "VERSION": "1.0.0\n",
    "build.sh": BUILD,
    "src/main.c": MAIN,
    "src/main.h": "#define OFFSET 1\n",
    "test.sh": TEST,
    "components.toml": COMPONENTS,
}
WHO = {"GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@t", "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@t"}
WHEN = {"GIT_AUTHOR_DATE": "1700000000 +0000", "GIT_COMMITTER_DATE": "1700000000 +0000"}
JUNIT = """\
cat > "$1/junit.xml" <<'END'
%s
END
%s
"""


def git(root: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(root), *words], check=True, capture_output=True, env=os.environ | WHO | WHEN)


@dataclass
class Tiny:
    """The repository, and what a run of it said."""

    root: Path
    events: list[Event] = field(default_factory=list[Event])

    def write(self, **files: str) -> None:
        """``src__main_c="…"`` writes ``src/main.c`` and commits."""
        for name, text in files.items():
            path = self.root / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.commit()

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.root / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        self.commit()

    def commit(self) -> None:
        git(self.root, "add", "-A")
        git(self.root, "commit", "-qm", "Change", "--allow-empty")

    def load(self, at: float | None = None) -> Project:
        return load(self.root, all_steps(), at)

    def run(self, at: float | None = None, **options: object) -> Report:
        self.events = []
        return asyncio.run(run(self.load(at), Options(**options), self.events.append))  # pyright: ignore[reportArgumentType]

    def said(self, kind: str) -> list[str]:
        return [event.task.id for event in self.events if event.kind == kind]


Make = Callable[[Path], Tiny]


def make(root: Path) -> Tiny:
    """The repository in ``root``, with keys and one commit."""
    root.mkdir(parents=True)
    git(root, "init", "-q", "-b", "main")
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    new_keys(root / "keys")
    made = Tiny(root)
    made.commit()
    return made


def outcome(report: Report, task: str) -> tuple[str, str]:
    """(result, sentence) of one task."""
    found = report.outcomes[task][1]
    return found.result.value, found.sentence
