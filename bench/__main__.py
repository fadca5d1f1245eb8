"""All benches, one after the other: `make bench`, or `python -m bench [poll|wave|reports …]`.

Prints ``name value bar verdict`` lines; what each measured goes to stderr. Under two minutes on two quiet cores.
"""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ALL = ("poll", "reports", "wave")


def main(names: list[str]) -> int:
    """1 if any bar is missed."""
    print(f"# load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores at the start", file=sys.stderr)
    print("name value bar verdict", flush=True)
    codes = [subprocess.run([sys.executable, HERE / f"{name}.py"], check=False).returncode for name in names or ALL]
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
