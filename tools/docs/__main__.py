"""Writes again what `docs/` has from the program.

    python tools/docs              the reference, and pictures that are missing
    python tools/docs --check      say what differs and write nothing; exit status 1 if something does
    python tools/docs --pictures   take every picture anew: plays the demo first, some minutes

With --server URL and the administrator's password in FLEETLOOP_PASSWORD the pictures come from a server that runs.
"""

import argparse
import sys
from pathlib import Path

import pages
import picture

TOP = Path(__file__).resolve().parents[2]
REFERENCE = TOP / "docs" / "reference"
PICTURES = TOP / "docs" / "pictures"


def differing(wanted: dict[str, str]) -> list[str]:
    """Names of reference pages that are not what the program says now."""
    there = {path.name: path.read_text() for path in REFERENCE.glob("*.md")}
    return sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))


def write(wanted: dict[str, str]) -> None:
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name in differing(wanted):
        path = REFERENCE / name
        if name in wanted:
            path.write_text(wanted[name])
        else:
            path.unlink()
        print(f"docs/reference/{name}", file=sys.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--pictures", action="store_true")
    parser.add_argument("--server", default="", metavar="URL")
    args = parser.parse_args()
    wanted = pages.pages()
    if args.check:
        for name in (wrong := differing(wanted)):
            print(f"docs/reference/{name} is not what the program says; run: make docs", file=sys.stderr)
        return 1 if wrong else 0
    write(wanted)
    missing = [name for name in picture.SHOTS if not (PICTURES / f"{name}.png").exists()]
    if not args.pictures and not missing:
        return 0
    try:
        picture.take(PICTURES, list(picture.SHOTS) if args.pictures else missing, args.server)
    except picture.NoPictureError as error:
        print(f"no picture: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
