"""The dashboards: what is committed is what the code makes, is sound, and has data from a live collector."""

import http.server
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
for folder in (HERE, ROOT / "app"):
    sys.path.insert(0, str(folder))

from grafana_foundation_sdk.models.dashboard import Dashboard  # noqa: E402

import live  # noqa: E402
from stack.application import Application  # noqa: E402
from stack.barograph import Barograph  # noqa: E402
from stack.fleet import Fleet  # noqa: E402
from stack.fleet import http as ask  # noqa: E402

BOARDS = live.boards([])
BIN_DIR = Path(os.environ.get("BARO_BIN_DIR", ROOT / "build/release/bin"))
DATA_SECONDS_MAX = 90


def by_title(board: dict) -> str:
    return board["title"]


def test_what_is_committed_is_what_the_code_makes() -> None:
    done = subprocess.run([sys.executable, HERE / "generate.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_titles_and_uids_are_used_once() -> None:
    assert len(BOARDS) == 9
    for key in ("title", "uid"):
        assert len({board[key] for board in BOARDS}) == len(BOARDS)


@pytest.mark.parametrize("board", BOARDS, ids=by_title)
def test_a_board_is_what_grafanas_schema_describes(board: dict) -> None:
    """Read by the model that is generated from Grafana's schema, nothing that we wrote is lost or unknown."""
    again = Dashboard.from_json(board).to_json()
    unknown = set(board) - set(again) - {"panels"}
    assert not unknown
    assert len(again["panels"]) == len(board["panels"])


@pytest.mark.parametrize("board", BOARDS, ids=by_title)
def test_panels_do_not_overlap_and_ask_the_chosen_data_source(board: dict) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}  # fmt: skip
        assert not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["datasource"]["uid"] == "${datasource}"
            assert panel["fieldConfig"]["defaults"]["unit"]
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("board", BOARDS, ids=by_title)
def test_every_variable_is_used_and_every_used_one_is_there(board: dict) -> None:
    names = {variable["name"] for variable in board["templating"]["list"]}
    queries = " ".join(str(variable.get("query", "")) for variable in board["templating"]["list"])
    text = queries + json.dumps(board["panels"])
    used = {match[0] or match[1] for match in re.findall(r"\$\{?(?:(\w+)\}|(\w+))", text)}
    assert {name for name in used if not name.startswith("__")} == names


@pytest.mark.parametrize("board", BOARDS, ids=by_title)
def test_rates_follow_the_zoom(board: dict) -> None:
    """A fixed window only in the numbers on top, which say so."""
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            if panel["type"] == "timeseries":
                windows = re.findall(r"\b(?:rate|increase)\([^\[]*\[([^\]]+)\]", target["expr"])
                assert set(windows) <= {"$__rate_interval"}, f"{panel['title']}: {target['expr']}"


def moved(page: str, seconds: float) -> str:
    """The page with its counters grown by one a second."""
    lines, counters = [], set()
    for line in page.splitlines():
        if line.startswith("# TYPE ") and line.endswith(" counter"):
            counters.add(line.split()[2])
        elif line.split("{")[0] in counters:
            series, value = line.rsplit(" ", 1)
            line = f"{series} {float(value) + seconds}"
        lines.append(line)
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def pages() -> Iterator[str]:
    """What this machine has nothing of, as scrape pages."""

    began = time.monotonic()

    class Pages(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = moved((HERE / "testdata" / Path(self.path).name).read_text(), time.monotonic() - began).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def collector(pages: str) -> Iterator[str]:
    """A live one, fed by the agent with Quai under load, PostgreSQL, Traefik, this node and itself."""
    if not os.access(BIN_DIR / "baro-collector", os.X_OK):
        pytest.fail(f"{BIN_DIR}/baro-collector is missing: BARO_BIN_DIR names another folder")
    with tempfile.TemporaryDirectory(prefix="baro-dashboards-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL's user must be able to enter
        fleet = Fleet(folder)
        quai = ROOT / "alerts" / "quai"
        barograph = Barograph(fleet, BIN_DIR, rules=[quai / "kpis.yml", quai / "alerts.yml"])
        barograph.jobs = {"pods": (pages, "/pods.prom"), "slo": (pages, "/slo.prom")}
        try:
            application = Application(fleet, Path(sys.prefix))
            application.start()
            barograph.start(application)
            yield barograph.url
        finally:
            fleet.stop()
            barograph.close()


def test_every_expression_has_data_or_a_reason(collector: str) -> None:
    excuses = live.read_excuses(HERE / "testdata" / "excuses.txt")
    deadline = time.monotonic() + DATA_SECONDS_MAX
    while True:
        server = live.Server(collector)
        findings = [finding for board in BOARDS for finding in live.ask(server, board)]
        wrong = live.judge(findings, excuses)
        if not wrong or time.monotonic() > deadline:
            break
        time.sleep(2)
    assert len(findings) > 150
    assert wrong == []


def test_the_judge_finds_a_board_whose_metric_is_gone(collector: str) -> None:
    board = json.loads(json.dumps(next(board for board in BOARDS if board["uid"] == "node")))
    text = json.dumps(board).replace("node_load1{", "node_lod1{")
    wrong = live.judge(live.ask(live.Server(collector), json.loads(text)), {})
    assert any("no data" in line for line in wrong)


def test_the_collector_takes_a_grafana_data_source(collector: str) -> None:
    """What Grafana asks of a data source when it is saved and tested."""
    status, text = ask(f"{collector}/api/v1/status/buildinfo")
    assert (status, json.loads(text)["status"]) == (200, "success")
    status, text = ask(f"{collector}/api/v1/query?query=1%2B1")
    assert (status, json.loads(text)["data"]["result"][1]) == (200, "2")


def test_the_traces_of_requests_are_exemplars_of_their_histogram(collector: str) -> None:
    """What Grafana draws as dots on the duration panels, from the middleware's OpenMetrics page to the query API."""
    selector = 'quai_http_request_duration_seconds_bucket{route="/v1/orders"}'
    now = time.time()
    form = [("query", selector), ("start", str(now - 120)), ("end", str(now))]
    series = live.Server(collector).get("/api/v1/query_exemplars", form)
    traces = [exemplar["labels"]["trace_id"] for one in series for exemplar in one["exemplars"]]
    assert traces
    assert all(re.fullmatch("[0-9a-f]{32}", trace) for trace in traces)
