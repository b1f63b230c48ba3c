"""A PostgreSQL of its own under a steady load, and the exporter that offers its KPIs.

PostgreSQL refuses to run as root; then it runs as the user `postgres` that Debian's package made.
Passwords are random: other users of the machine cannot get in through the loopback port.
"""

import os
import pathlib
import pwd
import secrets
import shutil
import signal
import subprocess

from fleet import DemoError

EXPORTER = "prometheus-postgres-exporter"
DATABASE = "shop"
SCALE = 5  # 500,000 accounts, 75 MB: more than shared_buffers, so that the cache has work to do
LOAD_PER_SECOND = 150
START_SECONDS_MAX = 60


def _programs():
    folders = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"),
                     key=lambda path: int(path.parts[-3]) if path.parts[-3].isdigit() else 0)
    if not folders:
        raise DemoError("PostgreSQL is not installed: run ./dev setup, or apt-get install postgresql")
    if shutil.which(EXPORTER) is None:
        raise DemoError(f"{EXPORTER} is not installed: run ./dev setup, or apt-get install {EXPORTER}")
    return folders[-1].parent


class Postgres:
    def __init__(self, fleet, folder, port, exporter_port):
        self._fleet = fleet
        self._bin = _programs()
        self._home = pathlib.Path(folder) / "postgres"
        self._port = port
        self._exporter_port = exporter_port
        self._password = secrets.token_hex(16)
        self._as_user = []
        if os.geteuid() == 0:
            self._as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups",
                             "--pdeathsig=INT"]

    def start(self):
        self._create()
        self._fleet.start("postgres", self._as_user + [
            self._bin / "postgres", "-D", self._home / "db", "-p", self._port, "-k", self._home,
            "-c", "listen_addresses=127.0.0.1", "-c", "shared_buffers=32MB",
            "-c", "max_connections=40"], ending=signal.SIGINT)  # SIGINT: fast shutdown
        self._fleet.wait_until("PostgreSQL accepting connections", self._accepts, START_SECONDS_MAX)
        monitor = f"CREATE ROLE monitor LOGIN PASSWORD '{self._password}' IN ROLE pg_monitor"
        self._fleet.run("psql", [self._bin / "psql", *self._connection("postgres"),
                                 "-c", monitor, "-c", f"CREATE DATABASE {DATABASE}"], self._env())
        self._fleet.run("pgbench-init", [self._bin / "pgbench", "-i", "-q", "-s", SCALE,
                                         *self._connection(DATABASE)], self._env())
        self._fleet.start("pgbench", [self._bin / "pgbench", "-c", "4", "-j", "1", "-n",
                                      "-R", LOAD_PER_SECOND, "-T", 10 * 365 * 86400,
                                      *self._connection(DATABASE)], self._env())
        self._fleet.start("postgres-exporter", [
            EXPORTER, f"--web.listen-address=127.0.0.1:{self._exporter_port}"], {
                "DATA_SOURCE_NAME": f"postgresql://monitor:{self._password}@127.0.0.1:{self._port}"
                                    f"/{DATABASE}?sslmode=disable"})

    def _create(self):
        self._home.mkdir(mode=0o700)
        password_file = self._home / "password"
        password_file.write_text(self._password + "\n")
        password_file.chmod(0o600)
        if self._as_user:
            owner = pwd.getpwnam("postgres")
            for path in (self._home, password_file):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        self._fleet.run("initdb", self._as_user + [
            self._bin / "initdb", "-D", self._home / "db", "-U", "demo", "-E", "UTF8",
            "--locale=C.UTF-8", "--auth=scram-sha-256", f"--pwfile={password_file}", "--no-sync"])
        password_file.unlink()

    def _accepts(self):
        return subprocess.call([str(self._bin / "pg_isready"), "-q", "-h", "127.0.0.1",
                                "-p", str(self._port)]) == 0

    def _connection(self, database):
        return ["-h", "127.0.0.1", "-p", str(self._port), "-U", "demo", database]

    def _env(self):
        return {"PGPASSWORD": self._password}
