import socket
from pathlib import Path

import pytest

from fleetloop.app.settings import ServerSettings, UnsafeAddressError, check, resolve
from fleetloop.core.config import ConfigError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def env(here: Path, **more: str) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(here / "own"), **more}


def test_what_nobody_set_is_the_default(here: Path) -> None:
    settings, origins = resolve({}, env(here))
    assert settings == ServerSettings()
    assert {o.origin for o in origins} == {"default"}
    assert settings.url == f"sqlite:///{here / 'fleetloop-data' / 'fleetloop.db'}"
    assert settings.base == "http://127.0.0.1:8480"


def test_flag_before_environment_before_project_before_own_file(here: Path) -> None:
    (here / "own/fleetloop").mkdir(parents=True)
    (here / "own/fleetloop/config.toml").write_text("port = 1\npoll-s = 1\nlog-level = 'debug'\ndir = 'own'\n")
    (here / "fleetloop-server.toml").write_text("port = 2\npoll-s = 2\nlog-level = 'error'\n")
    settings, origins = resolve({"port": 4, "host": None}, env(here, FLEETLOOP_POLL_S="3", FLEETLOOP_PORT="3"))
    assert (settings.port, settings.poll_s, settings.log_level, settings.dir) == (4, 3, "error", "own")
    told = {o.key: o.origin for o in origins}
    assert (told["port"], told["poll-s"], told["log-level"]) == ("flag", "FLEETLOOP_POLL_S", "fleetloop-server.toml")
    assert (told["dir"], told["host"]) == (str(here / "own/fleetloop/config.toml"), "default")


def test_the_environment_has_types(here: Path) -> None:
    settings, _ = resolve(
        {}, env(here, FLEETLOOP_BEHIND_PROXY="true", FLEETLOOP_DATABASE="postgresql://x", FLEETLOOP_HOST="::1")
    )
    assert (settings.behind_proxy, settings.url, settings.host) == (True, "postgresql://x", "::1")
    for name, text in (("PORT", "many"), ("BEHIND_PROXY", "perhaps")):
        with pytest.raises(ConfigError, match=f"FLEETLOOP_{name} is '{text}'; expected"):
            resolve({}, env(here, **{f"FLEETLOOP_{name}": text}))


def test_an_unknown_key_names_the_nearest(here: Path) -> None:
    (here / "fleetloop-server.toml").write_text("\nprt = 2\n")
    with pytest.raises(ConfigError, match="fleetloop-server.toml, line 2: unknown key 'prt'; did you mean 'port'"):
        resolve({}, env(here))


@pytest.mark.parametrize(
    ("host", "shown"), [("::1", "https://[::1]:8480"), ("fleet.example", "https://fleet.example:8480")]
)
def test_the_address_that_is_printed(host: str, shown: str) -> None:
    assert ServerSettings(host=host, tls="self").base == shown


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_an_address_that_is_every_address_is_printed_as_one_that_leads_here(host: str) -> None:
    name = ServerSettings(host=host, tls="self").base.removeprefix("https://").removesuffix(":8480")
    assert name in ("127.0.0.1", socket.gethostname())
    assert socket.getaddrinfo(name, 8480)


@pytest.mark.parametrize("changes", [{"host": "::1"}, {"tls": "self"}, {"behind_proxy": True}])
def test_addresses_that_are_safe(changes: dict[str, object]) -> None:
    check(ServerSettings(**{"host": "0.0.0.0"} | changes))  # type: ignore[arg-type]


def test_an_address_in_the_clear_is_refused_with_the_line_to_add(here: Path) -> None:
    with pytest.raises(UnsafeAddressError, match="add --tls self .*, --tls CERT,KEY, or --behind-proxy"):
        resolve({"host": "0.0.0.0"}, env(here))


def test_a_stepped_clock_is_for_this_machine_alone() -> None:
    with pytest.raises(UnsafeAddressError, match="leave --host at 127.0.0.1"):
        check(ServerSettings(host="0.0.0.0", tls="self", stepped=True))
