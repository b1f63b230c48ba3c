"""A PostgreSQL cluster of its own, and the exporter that offers its metrics.

PostgreSQL refuses to run as root; then it runs as the user `postgres` that Debian's package made.
Passwords are random: other users of the machine cannot get in through the loopback port.
"""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
from pathlib import Path

from stack.fleet import Fleet, Part, StackError, http

EXPORTER = "prometheus-postgres-exporter"
DATABASE = "quai"
CONNECTIONS_MAX = 60
START_SECONDS_MAX = 60


def _programs() -> Path:
    found = [path for path in Path("/usr/lib/postgresql").glob("*/bin/initdb") if path.parts[-3].isdigit()]
    if not found:
        raise StackError("PostgreSQL is not installed: run ./dev setup, or apt-get install postgresql")
    return max(found, key=lambda path: int(path.parts[-3])).parent


class Postgres:
    def __init__(self, fleet: Fleet, port: int, exporter_port: int) -> None:
        self._fleet, self.port, self.exporter_port = fleet, port, exporter_port
        self._bin = _programs()
        self._home = fleet.folder / "postgres"
        self._password = secrets.token_hex(16)
        self._as_user: list[str] = []
        if os.geteuid() == 0:
            self._as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
            self._as_user += ["--pdeathsig=INT"]
        self.server: Part | None = None

    def url(self, user: str = "quai", database: str = DATABASE) -> str:
        return f"postgresql://{user}:{self._password}@127.0.0.1:{self.port}/{database}?sslmode=disable"

    def start(self, with_exporter: bool = True) -> None:
        self._create()
        command = [*self._as_user, self._bin / "postgres", "-D", self._home / "db", "-p", self.port]
        command += ["-k", self._home, "-c", "listen_addresses=127.0.0.1", "-c", "shared_buffers=64MB"]
        command += ["-c", f"max_connections={CONNECTIONS_MAX}", "-c", "log_min_duration_statement=500"]
        # SIGINT: fast shutdown, clients are sent away.
        self.server = self._fleet.start("postgres", command, ending=signal.SIGINT)
        self._fleet.wait_until("PostgreSQL accepting connections", self.accepts, START_SECONDS_MAX)
        roles = f"CREATE ROLE monitor LOGIN PASSWORD '{self._password}' IN ROLE pg_monitor"
        self.execute(roles, database="postgres")
        self.execute(f"CREATE DATABASE {DATABASE}", database="postgres")
        if with_exporter:
            self._start_exporter()

    def execute(self, statement: str, database: str = DATABASE) -> str:
        command = [self._bin / "psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-c", statement]
        return self._fleet.run("psql", [*command, self.url(database=database)]).strip()

    def session(self, name: str, statements: str) -> Part:
        """A client that runs the statements and stays until it is ended."""
        command = [self._bin / "psql", "-qAtX", "-c", statements, self.url()]
        return self._fleet.start(name, command, {"PGAPPNAME": name})

    def accepts(self) -> bool:
        command = [str(self._bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.call(command) == 0

    def _start_exporter(self) -> None:
        if shutil.which(EXPORTER) is None:
            raise StackError(f"{EXPORTER} is not installed: run ./dev setup, or apt-get install {EXPORTER}")
        self._fleet.start(
            "postgres-exporter",
            [EXPORTER, f"--web.listen-address=127.0.0.1:{self.exporter_port}"],
            {"DATA_SOURCE_NAME": self.url("monitor")},
        )
        url = f"http://127.0.0.1:{self.exporter_port}/metrics"
        self._fleet.wait_until("the exporter answering", lambda: http(url)[0] == 200, START_SECONDS_MAX)

    def _create(self) -> None:
        self._home.mkdir(mode=0o700)
        password_file = self._home / "password"
        password_file.write_text(self._password + "\n")
        password_file.chmod(0o600)
        if self._as_user:
            owner = pwd.getpwnam("postgres")
            for path in (self._home, password_file):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        command = [*self._as_user, self._bin / "initdb", "-D", self._home / "db", "-U", "quai", "-E", "UTF8"]
        command += ["--locale=C.UTF-8", "--auth=scram-sha-256", f"--pwfile={password_file}", "--no-sync"]
        self._fleet.run("initdb", command)
        password_file.unlink()
