"""``python -m fleetloop`` and the ``fleetloop`` command."""

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    from fleetloop.app.main import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
