"""Host libraries made for one test each, by the compiler and the guard of the sample product."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CONTROL = HERE.parents[1] / "examples" / "coldcell" / "control"
Make = Callable[..., bytes]


def compiled(out: Path, version: str, **macros: object) -> bytes:
    """A host library; ``macros`` are those of tiny.c."""
    defines = [f"-D{name}={value}" for name, value in macros.items()]
    flags = [
        "-std=gnu11",
        "-O1",
        "-shared",
        "-fPIC",
        "-fvisibility=hidden",
        "-Wl,-Bsymbolic",
        "-Wl,--build-id=none",
        "-w",
    ]
    sources = [str(HERE / "tiny.c"), str(CONTROL / "host.c")]
    command = ["gcc", *flags, f"-I{CONTROL}", "-DSAMPLE_PERIOD_S=1", f'-DVERSION="{version}"', *defines, *sources]
    subprocess.run([*command, "-o", str(out)], check=True)
    return out.read_bytes()


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Make:
    folder = tmp_path_factory.mktemp("libraries")
    made: dict[str, bytes] = {}

    def make(version: str, **macros: object) -> bytes:
        key = f"{version} {sorted(macros.items())}"
        if key not in made:
            made[key] = compiled(folder / f"{len(made)}.so", version, **macros)
        return made[key]

    return make
