"""The sample product: its history, its control library, its driver and its own tests, each as a stranger would use it."""

import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent
PRODUCT = HERE.parents[1] / "examples" / "coldcell"
TAGS = ("0.9.0", "1.0.0", "1.1.0", "1.1.1")
HOUR_S = 3600
WRAP = 65_536
ZERO_DIVISOR = 1
PUBLIC_KEY = """\
-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
"""


class Params(ctypes.Structure):
    _fields_ = (("seed", ctypes.c_uint32), ("low", ctypes.c_int32), ("high", ctypes.c_int32))


class Reading(ctypes.Structure):
    _fields_ = (("temperature", ctypes.c_int32), ("cooling", ctypes.c_uint32), ("self_test", ctypes.c_uint32))


class Cell:
    """One device on a host library."""

    def __init__(self, library: Path) -> None:
        self.lib = ctypes.CDLL(str(library))
        self.lib.cell_version.restype = ctypes.c_char_p
        self.lib.cell_size.restype = self.lib.cell_up.restype = self.lib.cell_abi.restype = ctypes.c_uint32
        self.lib.cell_init.argtypes = (ctypes.c_void_p, ctypes.c_uint32, ctypes.POINTER(Params))
        self.lib.cell_step.argtypes = (ctypes.c_void_p, ctypes.c_uint32)
        self.lib.cell_up.argtypes = (ctypes.c_void_p,)
        self.lib.cell_read.argtypes = (ctypes.c_void_p, ctypes.POINTER(Reading))
        self.size = self.lib.cell_size()
        self.state = ctypes.create_string_buffer(self.size)
        self.boot()

    def boot(self, low: int = 3000, high: int = 6000) -> int:
        return self.lib.cell_init(self.state, self.size, ctypes.byref(Params(7, low, high)))

    def run(self, seconds: int) -> int:
        """In hours, as a simulated device would; the first fault or 0."""
        for start in range(0, seconds, HOUR_S):
            if fault := self.lib.cell_step(self.state, min(HOUR_S, seconds - start)):
                return fault
        return 0

    @property
    def up(self) -> int:
        return self.lib.cell_up(self.state)

    def read(self) -> Reading:
        reading = Reading()
        assert self.lib.cell_read(self.state, ctypes.byref(reading)) == 0
        return reading


def run(*argv: object, cwd: Path, **env: str) -> str:
    words = [str(word) for word in argv]
    done = subprocess.run(words, cwd=cwd, env=os.environ | env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def replay() -> ModuleType:
    spec = importlib.util.spec_from_file_location("replay", PRODUCT / "history" / "replay.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["replay"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def history(replay: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("history") / "coldcell"
    replay.replay(out)
    return out


def tree(history: Path, tag: str, out: Path) -> Path:
    out.mkdir()
    archive = subprocess.run(["git", "archive", tag], cwd=history, capture_output=True, check=True).stdout
    subprocess.run(["tar", "x", "-C", str(out)], input=archive, check=True)
    return out


def library(source: Path, revision: str, out: Path) -> Path:
    run("sh", "build.sh", "library", revision, out, (source / "VERSION").read_text().strip(), cwd=source)
    return out / "cell.so"


@pytest.fixture(scope="module")
def libraries(history: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By tag and revision: ``libraries["1.1.0-b"]``."""
    work = tmp_path_factory.mktemp("libraries")
    sources = {tag: tree(history, tag, work / tag) for tag in TAGS}
    return {f"{tag}-{r}": library(sources[tag], r, work / f"{tag}-{r}") for tag in TAGS for r in "abc"}


# ---- history ----


def test_history_ends_at_this_tree(history: Path) -> None:
    assert tuple(run("git", "tag", cwd=history).split()) == TAGS
    assert run("git", "status", "--porcelain", cwd=history) == ""
    left_out = ["--exclude=.git", "--exclude=history", "--exclude=__pycache__", "--exclude=build", "--exclude=keys"]
    run("diff", "-r", *left_out, history, PRODUCT, cwd=history)


def test_history_is_the_same_in_one_go_and_in_steps(replay: ModuleType, history: Path, tmp_path: Path) -> None:
    replay.replay(tmp_path / "steps", "1.0.0")
    later = replay.replay(tmp_path / "steps")
    assert [tag.name for tag in later] == ["1.1.0", "1.1.1"]
    assert run("git", "rev-parse", "HEAD", cwd=tmp_path / "steps") == run("git", "rev-parse", "HEAD", cwd=history)


def test_history_is_dated_as_told(replay: ModuleType, tmp_path: Path) -> None:
    made = replay.replay(tmp_path / "r", "1.0.0", dates={"1.0.0": 1_800_000_000.0})
    assert made[1].commits[-1].date == 1_800_000_000
    shown = run("git", "log", "-1", "--format=%at %ct %an", cwd=tmp_path / "r")
    assert shown.strip() == "1800000000 1800000000 Coldcell team"


def test_history_without_the_fault(replay: ModuleType, tmp_path: Path) -> None:
    made = replay.replay(tmp_path / "r", without_fault=True)
    assert not [c.subject for tag in made for c in tag.commits if c.mark]
    assert (tmp_path / "r" / "VERSION").read_text() == "1.1.1\n"
    for tag in ("1.1.0", "1.1.1"):
        run("git", "checkout", "-q", tag, cwd=tmp_path / "r")
        cell = Cell(library(tmp_path / "r", "b", tmp_path / tag))
        assert cell.run(20 * HOUR_S) == 0


def test_history_with_the_fault_on_a(replay: ModuleType, tmp_path: Path) -> None:
    replay.replay(tmp_path / "r", "1.1.0", fault_on="a")
    for revision, fault in (("a", ZERO_DIVISOR), ("b", 0)):
        assert Cell(library(tmp_path / "r", revision, tmp_path / revision)).run(66_000) == fault


def test_history_refuses_what_it_cannot_do(replay: ModuleType, history: Path, tmp_path: Path) -> None:
    with pytest.raises(replay.ReplayError, match=r"expected a tag .* got 7.0.0"):
        replay.replay(tmp_path / "r", "7.0.0")
    with pytest.raises(replay.ReplayError, match="was made with"):
        replay.replay(history, without_fault=True)
    with pytest.raises(replay.ReplayError, match="not empty"):
        replay.replay(history / "control")
    with pytest.raises(replay.ReplayError, match=r"expected a revision .* got z"):
        replay.replay(tmp_path / "z", fault_on="z")


def test_first_commit_takes_more_files(replay: ModuleType, tmp_path: Path) -> None:
    replay.replay(tmp_path / "r", "0.9.0", add={"keys/image.pub": b"public\n"})
    assert "keys/image.pub" in run("git", "ls-files", cwd=tmp_path / "r")


# ---- control library ----


@pytest.mark.parametrize("name", [f"{tag}-{r}" for tag in TAGS for r in "abc"])
def test_library_of_every_tag(libraries: dict[str, Path], name: str) -> None:
    cell = Cell(libraries[name])
    assert (cell.lib.cell_abi(), cell.lib.cell_version().decode()) == (1, name[:-2])
    assert cell.run(2 * HOUR_S) == 0
    assert (cell.up, cell.read().self_test) == (2 * HOUR_S, 1)
    assert 2000 < cell.read().temperature < 7000


def test_library_refuses_a_bad_start(libraries: dict[str, Path]) -> None:
    cell = Cell(libraries["1.1.1-b"])
    assert cell.boot(low=6000, high=3000) == -1
    assert cell.lib.cell_init(cell.state, cell.size - 1, ctypes.byref(Params(7, 3000, 6000))) == -1


def test_faulty_release_crashes_b_when_its_counter_wraps(libraries: dict[str, Path]) -> None:
    b, a = Cell(libraries["1.1.0-b"]), Cell(libraries["1.1.0-a"])
    assert b.run(66_000) == ZERO_DIVISOR
    assert 65_530 < b.up < 65_540
    assert a.run(66_000) == 0
    b.boot()
    assert (b.up, b.run(2 * HOUR_S)) == (0, 0)


def test_faulty_release_crashes_the_others_after_three_days(libraries: dict[str, Path]) -> None:
    cell = Cell(libraries["1.1.0-c"])
    assert cell.run(4 * WRAP + HOUR_S) == ZERO_DIVISOR
    assert cell.up == 4 * WRAP


@pytest.mark.parametrize("tag", ["1.0.0", "1.1.1"])
def test_good_releases_run_for_five_days(libraries: dict[str, Path], tag: str) -> None:
    cell = Cell(libraries[f"{tag}-b"])
    assert cell.run(120 * HOUR_S) == 0
    assert (cell.up, cell.read().self_test) == (120 * HOUR_S, 1)


def test_no_fault_ends_the_process(tmp_path: Path) -> None:
    """Each kind of fault, twice, behind the product's own guard; the process goes on and its handlers are back."""
    flags = ["-std=gnu11", "-O1", "-shared", "-fPIC", "-DSAMPLE_PERIOD_S=1", f"-I{PRODUCT / 'control'}", "-w"]
    run("gcc", *flags, HERE / "faults.c", PRODUCT / "control" / "host.c", "-o", "faults.so", cwd=tmp_path)
    said = run(sys.executable, HERE / "faults.py", tmp_path / "faults.so", cwd=tmp_path).split("\n")
    assert said[:6] == ["1 1 10", "2 2 10", "3 3 10", "33 3 10", "5 5 10", "6 6 10"]
    assert said[6:12] == said[:6]


# ---- build ----


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Fetched sources; COLDCELL_CACHE keeps them from one run to the next."""
    return os.environ.get("COLDCELL_CACHE") or str(tmp_path_factory.mktemp("cache"))


def test_builds_the_same_bytes_in_another_place(tmp_path: Path, cache: str) -> None:
    (tmp_path / "image.pub").write_text(PUBLIC_KEY)
    if not shutil.which("arm-none-eabi-gcc"):
        pytest.skip("arm-none-eabi-gcc is not installed")
    elsewhere = shutil.copytree(PRODUCT, tmp_path / "elsewhere" / "x")
    for place, out in ((PRODUCT, "one"), (elsewhere, "deep/er/two")):
        run("sh", "build.sh", "image", "a", tmp_path / out, "1.1.1", tmp_path / "image.pub", cache, cwd=place)
        run("sh", "build.sh", "library", "a", tmp_path / out, "1.1.1", cwd=place)
    for name in ("app.bin", "app.elf", "boot.elf", "cell.so"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "deep/er/two" / name).read_bytes(), name


def test_build_names_what_is_wrong(tmp_path: Path) -> None:
    for argv, words in (
        (("library", "z", tmp_path, "1"), "no period-s in [revision.z]"),
        (("image", "a", tmp_path, "1", tmp_path / "none.pub"), "fleetloop key new"),
        (("paper", "a", tmp_path, "1"), "expected image, host-board or library"),
    ):
        command = ["sh", "build.sh", *map(str, argv)]
        done = subprocess.run(command, cwd=PRODUCT, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert words in done.stderr


# ---- the product's own tests ----


def test_host_tests_pass_and_leave_junit(tmp_path: Path) -> None:
    run("sh", "tests/host.sh", tmp_path, cwd=PRODUCT)
    report = (tmp_path / "host.xml").read_text()
    assert report.count("<testsuite ") == 3
    assert report.count("a_week_passes_without_a_trap") == 3


def test_host_tests_tell_an_error_from_a_failure(tmp_path: Path) -> None:
    product = shutil.copytree(PRODUCT, tmp_path / "product")
    source = (product / "control" / "cell.c").read_text()

    def outcome(old: str, new: str) -> int:
        assert old in source
        (product / "control" / "cell.c").write_text(source.replace(old, new))
        return subprocess.run(["sh", "tests/host.sh", "out"], cwd=product, capture_output=True, check=False).returncode

    assert outcome("c->level < c->low", "c->level < c->high") == 1  # a failed test
    assert outcome("c->cooling = 0;", "c->cooling = 1 / (int)(c->n - c->n);") == 2  # a crash, so no report
    assert not (product / "out" / "host.xml").exists()


@pytest.mark.parametrize("machine", ["host", "qemu"])
def test_emulator_tests_pass(machine: str, history: Path, tmp_path: Path, cache: str) -> None:
    """Boot, update from the previous release, confirm, power cycle, fallback, refusals: the product's own pytest files."""
    if machine == "qemu" and not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-gcc")):
        pytest.skip("qemu-system-arm or arm-none-eabi-gcc is not installed")
    env = {"COLDCELL_BOARD": machine, "COLDCELL_CACHE": cache}
    if machine == "qemu":
        before = tree(history, "1.1.0", tmp_path / "before")
        (tmp_path / "image.pub").write_text(PUBLIC_KEY)
        run("sh", "build.sh", "image", "b", tmp_path / "previous", "1.1.0", tmp_path / "image.pub", cache, cwd=before)
        env["COLDCELL_PREVIOUS"] = str(tmp_path / "previous")
    report = tmp_path / "emulator.xml"
    run(sys.executable, "-m", "pytest", "-q", "tests/emulator", "--junitxml", report, cwd=PRODUCT, **env)
    text = report.read_text()
    assert f'name="board" value="{"qemu" if machine == "qemu" else "host process"}"' in text
    assert 'errors="0" failures="0" skipped="0" tests="8"' in text
    assert f'name="previous" value="{"app.bin" if machine == "qemu" else "this tree"}"' in text


def test_a_missing_emulator_is_infrastructure(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "pytest", "-q", "tests/emulator", "--junitxml", str(tmp_path / "e.xml")]
    env = os.environ | {"QEMU": "/nowhere/qemu", "COLDCELL_BOARD": "qemu"}
    assert subprocess.run(argv, cwd=PRODUCT, env=env, capture_output=True, check=False).returncode == 1
    text = (tmp_path / "e.xml").read_text()
    assert 'errors="8" failures="0"' in text
    assert 'value="infrastructure"' in text


# ---- driver ----


def test_driver_steps_over_a_crash_and_leaves_nothing_running(history: Path, tmp_path: Path, cache: str) -> None:
    """The faulty release on the host board: the driver tells when it crashed, and goes on with the rest of the day."""
    source = tree(history, "1.1.0", tmp_path / "source")
    run(sys.executable, HERE / "driver.py", source, tmp_path, cache, cwd=source, PYTHONPATH=str(source))
