#!/usr/bin/env python3
"""Writes dashboards/json/*.json from dashboards/boards/*.py.

usage: generate.py           write them
       generate.py --check   exit 1 and say which are not what the code makes

Needs the Python environment of tools/app_env --dev.
"""

import importlib
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from grafana_foundation_sdk.cog.encoder import JSONEncoder  # noqa: E402

NAMES = ("quai_business", "quai_red", "traefik", "postgres", "node", "pods", "slo_overview", "slo_detail", "barograph")
COLUMNS = 24


def lay_out(dashboard: dict) -> None:
    """Panel numbers and places: left to right, a new line where a panel does not fit, rows across."""
    x = y = line_height = 0
    for number, panel in enumerate(dashboard["panels"], 1):
        panel["id"] = number
        if panel["type"] == "row":
            y, x, line_height = y + line_height, 0, 0
            panel["gridPos"] = {"x": 0, "y": y, "w": COLUMNS, "h": 1}
            y += 1
            continue
        width, height = panel["gridPos"]["w"], panel["gridPos"]["h"]
        if x + width > COLUMNS:
            y, x, line_height = y + line_height, 0, 0
        panel["gridPos"] = {"x": x, "y": y, "w": width, "h": height}
        x, line_height = x + width, max(line_height, height)


def text_of(name: str) -> str:
    built = importlib.import_module(f"boards.{name}").build().build()
    dashboard = json.loads(JSONEncoder(sort_keys=True).encode(built))
    lay_out(dashboard)
    return json.dumps(dashboard, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> int:
    check = "--check" in sys.argv[1:]
    stale = []
    for name in NAMES:
        path, text = HERE / "json" / f"{name.replace('_', '-')}.json", text_of(name)
        if not check:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            stale.append(path.name)
    if stale:
        print(f"not what dashboards/boards makes: {', '.join(stale)}; run dashboards/generate.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
