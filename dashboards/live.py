#!/usr/bin/env python3
"""Asks a running collector (or Prometheus) every expression of the dashboards, as Grafana would.

usage: live.py --server URL [--excuses FILE] [BOARD…]     exit 1 when a panel has no data and no excuse

Variables are filled from the labels that the server has: all of them where many may be chosen, else
the first. An excuse is a line `board / panel: reason`; one that is not needed any more is an error too.
Standard library only.
"""

import argparse
import json
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RATE_INTERVAL, INTERVAL, RANGE_S, STEP_S = "15s", "5s", 60, 5
LABEL_VALUES = re.compile(r"^label_values\((?:(.*),\s*)?(\w+)\)$", re.S)


class ServerError(Exception):
    """The server's own words."""


class Server:
    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def get(self, path: str, form: list[tuple[str, str]]) -> Any:
        request = urllib.request.Request(f"{self._url}{path}", urllib.parse.urlencode(form).encode())
        if path.startswith("/api/v1/label/"):  # GET only
            request = urllib.request.Request(f"{self._url}{path}?{urllib.parse.urlencode(form)}")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise ServerError(error.read().decode(errors="replace")[:300]) from error

    def label_values(self, label: str, selector: str) -> list[str]:
        match = [("match[]", selector)] if selector else []
        return list(self.get(f"/api/v1/label/{label}/values", match))

    def samples(self, expression: str, instant: bool, now: float) -> int:
        """How many finite values the expression has."""
        if instant:
            data = self.get("/api/v1/query", [("query", expression), ("time", str(now))])
        else:
            start = [("start", str(now - RANGE_S)), ("end", str(now)), ("step", str(STEP_S))]
            data = self.get("/api/v1/query_range", [("query", expression), *start])
        count = 0
        for row in data["result"]:
            values = row.get("values") or [row.get("value")]
            count += sum(1 for _, text in values if text not in ("NaN", "+Inf", "-Inf"))
        return count


@dataclass(frozen=True)
class Finding:
    board: str
    panel: str
    expression: str
    problem: str  # empty: it has data

    @property
    def place(self) -> str:
        return f"{self.board} / {self.panel}"


def boards(names: list[str]) -> list[dict[str, Any]]:
    paths = sorted((HERE / "json").glob("*.json"))
    return [json.loads(path.read_text()) for path in paths if not names or path.stem in names]


def panels(board: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(title, target) of each expression."""
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target


def substitute(text: str, values: dict[str, str]) -> str:
    fixed = {"__rate_interval": RATE_INTERVAL, "__interval": INTERVAL, "__range": f"{RANGE_S}s"}

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        return (fixed | values)[name] if name in fixed or name in values else match[0]

    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", value, text)


def fill(server: Server, board: dict[str, Any]) -> tuple[dict[str, str], list[Finding]]:
    """The board's variables; those that find nothing are findings."""
    values: dict[str, str] = {}
    findings = []
    for variable in board["templating"]["list"]:
        if variable["type"] != "query":
            continue
        query = variable["query"] if isinstance(variable["query"], str) else variable["query"]["query"]
        match = LABEL_VALUES.match(query)
        found = server.label_values(match[2], substitute(match[1] or "", values)) if match else []
        if not found:
            findings.append(Finding(board["title"], f"${variable['name']}", query, "finds no value"))
            values[variable["name"]] = ".*"
        elif variable.get("multi"):
            values[variable["name"]] = "|".join(re.escape(text).replace("\\", "\\\\") for text in found)
        else:
            values[variable["name"]] = found[0]
    return values, findings


def ask(server: Server, board: dict[str, Any]) -> list[Finding]:
    values, findings = fill(server, board)
    now = time.time()
    for title, target in panels(board):
        expression = substitute(target["expr"], values)
        try:
            problem = "" if server.samples(expression, bool(target.get("instant")), now) else "no data"
        except (ServerError, OSError) as error:
            problem = str(error)
        findings.append(Finding(board["title"], title, expression, problem))
    return findings


def read_excuses(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return {place.strip(): reason.strip() for place, reason in (line.split(":", 1) for line in lines)}


def judge(findings: list[Finding], excuses: dict[str, str]) -> list[str]:
    """What is wrong, as lines."""
    bad = [finding for finding in findings if finding.problem]
    lines = [f"{f.place}: {f.problem}: {f.expression}" for f in bad if f.place not in excuses]
    needed = {finding.place for finding in bad}
    return lines + [f"{place}: has data, its excuse is not needed" for place in excuses if place not in needed]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True)
    parser.add_argument("--excuses", type=Path)
    parser.add_argument("boards", nargs="*", help="file names without .json; all when none is named")
    arguments = parser.parse_args()
    server = Server(arguments.server)
    findings = [finding for board in boards(arguments.boards) for finding in ask(server, board)]
    wrong = judge(findings, read_excuses(arguments.excuses))
    print("\n".join([*wrong, f"{len(findings)} expressions and variables, {len(wrong)} without data or excuse"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
