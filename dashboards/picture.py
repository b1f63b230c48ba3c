#!/usr/bin/env python3
"""Draws boards as SVG from a running collector's answers: what Grafana would show, for the docs.

usage: picture.py --server URL --out FOLDER [--minutes N] [BOARD…]

Lines, numbers, bars and tables, laid out as the board says. Text stays text. Standard library only.
"""

import argparse
import math
import sys
import time
from html import escape
from pathlib import Path
from typing import Any

import live

CELL_W, CELL_H, GAP = 50, 24, 6
WIDTH = 24 * CELL_W
LINES_MAX, ROWS_MAX, POINTS = 8, 7, 80
PALETTE = ("#5794f2", "#73bf69", "#ff9830", "#f2495c", "#b877d9", "#37872d", "#fade2a", "#8ab8ff")
NAMED = {"green": "#56a64b", "orange": "#ff780a", "red": "#e02f44", "blue": "#3274d9", "text": "#1f2328"}
STYLE = (
    "text{font:11px ui-sans-serif,system-ui,'DejaVu Sans',sans-serif;fill:#1f2328}.t{font-weight:600;font-size:12px}"
    ".d{fill:#6e7781;font-size:10px}.n{font-weight:600;font-size:26px}.h{font-weight:700;font-size:14px}"
    ".p{fill:#fff;stroke:#d0d7de}.b{fill:#f6f8fa}path{fill:none;stroke-width:1.3}"
)


def shown(value: float | None, unit: str, decimals: int | None = None) -> str:
    """As Grafana writes a value of the unit."""
    if value is None or not math.isfinite(value):
        return "-"
    if unit == "percentunit":
        return f"{value * 100:.{1 if decimals is None else decimals}f} %"
    if unit in ("bytes", "Bps"):
        suffix = "/s" if unit == "Bps" else ""
        for name in ("B", "KiB", "MiB", "GiB", "TiB"):
            if abs(value) < 1024 or name == "TiB":
                return f"{value:.{0 if name == 'B' and decimals is None else 1}f} {name}{suffix}"
            value /= 1024
    if unit == "s":
        if abs(value) >= 3600:
            return f"{value / 3600:.1f} h" if abs(value) < 172800 else f"{value / 86400:.1f} d"
        return f"{value:.2f} s" if abs(value) >= 1 else f"{value * 1000:.1f} ms"
    text = (
        f"{value:,.{decimals}f}" if decimals is not None else f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    )
    return text + {"reqps": " req/s", "ops": " /s", "currencyEUR": " €", "opm": " /min", "pps": " p/s"}.get(unit, "")


def legend(target: dict[str, Any], labels: dict[str, str]) -> str:
    form = target.get("legendFormat") or ""
    if not form:
        return " ".join(value for key, value in labels.items() if key != "__name__") or "value"
    for key, value in labels.items():
        form = form.replace("{{" + key + "}}", value)
    return form


def color_of(panel: dict[str, Any], value: float | None) -> str:
    steps = panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])
    color = "text"
    for step in steps:
        if value is not None and (step["value"] is None or value >= step["value"]):
            color = step["color"]
    return NAMED.get(color, color)


class Painter:
    def __init__(self, server: live.Server, minutes: float) -> None:
        self._server, self._seconds = server, minutes * 60
        self._end = time.time()
        self._out: list[str] = []

    def text(self, x: float, y: float, text: str, kind: str = "", more: str = "") -> None:
        self._out.append(f'<text x="{x:.0f}" y="{y:.0f}" class="{kind}" {more}>{escape(text)}</text>')

    def series(self, target: dict[str, Any], values: dict[str, str]) -> list[tuple[str, list[tuple[float, float]]]]:
        expression = live.substitute(target["expr"], values)
        form = [("query", expression), ("start", str(self._end - self._seconds)), ("end", str(self._end))]
        data = self._server.get("/api/v1/query_range", [*form, ("step", str(self._seconds / POINTS))])
        found = []
        for row in data["result"]:
            points = [(when, float(text)) for when, text in row["values"] if math.isfinite(float(text))]
            if points:
                found.append((legend(target, row["metric"]), points))
        return found

    def instant(self, target: dict[str, Any], values: dict[str, str]) -> list[tuple[dict[str, str], float]]:
        expression = live.substitute(target["expr"], values)
        data = self._server.get("/api/v1/query", [("query", expression), ("time", str(self._end))])
        return [(row["metric"], float(row["value"][1])) for row in data["result"]]

    def board(self, board: dict[str, Any]) -> str:
        values, _ = live.fill(self._server, board)
        self._out = []
        height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"]) * CELL_H + 44
        self.text(10, 26, board["title"], "h")
        for panel in board["panels"]:
            self._panel(panel, values)
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">'
        )
        background = f'<rect class="b" width="{WIDTH}" height="{height}"/>'
        title = f"<title>{escape(board['title'])}</title><style>{STYLE}</style>"
        return "\n".join([head + title + background, *self._out, "</svg>"]) + "\n"

    def _panel(self, panel: dict[str, Any], values: dict[str, str]) -> None:
        place = panel["gridPos"]
        x, y = place["x"] * CELL_W + GAP / 2, place["y"] * CELL_H + 40
        w, h = place["w"] * CELL_W - GAP, place["h"] * CELL_H - GAP
        title = live.substitute(panel["title"], values)
        if panel["type"] == "row":
            self.text(x + 4, y + 15, title, "t")
            return
        self._out.append(f'<rect class="p" x="{x:.0f}" y="{y:.0f}" width="{w:.0f}" height="{h:.0f}" rx="3"/>')
        self.text(x + 8, y + 16, title, "t")
        draw = {"timeseries": self._lines, "stat": self._number, "bargauge": self._bars, "table": self._table}
        draw[panel["type"]](panel, values, (x, y, w, h))

    def _lines(self, panel: dict[str, Any], values: dict[str, str], box: tuple[float, float, float, float]) -> None:
        x, y, w, h = box
        unit = panel["fieldConfig"]["defaults"]["unit"]
        found = [one for target in panel["targets"] for one in self.series(target, values)]
        found.sort(key=lambda one: -one[1][-1][1])
        top = max((value for _, points in found for _, value in points), default=1) or 1
        left, right, upper, lower = (
            x + 58,
            x + w - 8,
            y + 26,
            y + h - 14 - 13 * min(4, math.ceil(len(found[:LINES_MAX]) / 2)),
        )
        for share in (0, 0.5, 1):
            level = lower - share * (lower - upper)
            self._out.append(f'<path d="M{left:.0f} {level:.0f}H{right:.0f}" stroke="#eaeef2"/>')
            self.text(x + 4, level + 4, shown(share * top, unit), "d")
        begin = self._end - self._seconds
        for i, (name, points) in enumerate(found[:LINES_MAX]):
            path = "".join(
                f"{'M' if k == 0 else 'L'}{left + (when - begin) / self._seconds * (right - left):.0f}"
                f" {lower - value / top * (lower - upper):.1f}"
                for k, (when, value) in enumerate(points)
            )
            self._out.append(f'<path d="{path}" stroke="{PALETTE[i]}"/>')
            tx, ty = x + 8 + (i % 2) * w / 2, lower + 16 + 13 * (i // 2)
            self._out.append(f'<rect x="{tx:.0f}" y="{ty - 7:.0f}" width="8" height="3" fill="{PALETTE[i]}"/>')
            self.text(tx + 12, ty, f"{name[: int(w / 16)]}  {shown(points[-1][1], unit)}", "d")

    def _number(self, panel: dict[str, Any], values: dict[str, str], box: tuple[float, float, float, float]) -> None:
        x, y, _, h = box
        found = self.instant(panel["targets"][0], values)
        value = found[0][1] if found else None
        defaults = panel["fieldConfig"]["defaults"]
        text = shown(value, defaults["unit"], defaults.get("decimals"))
        self.text(x + 8, y + h - 18, text, "n", f'style="fill:{color_of(panel, value)}"')

    def _bars(self, panel: dict[str, Any], values: dict[str, str], box: tuple[float, float, float, float]) -> None:
        x, y, w, _ = box
        defaults = panel["fieldConfig"]["defaults"]
        found = self.instant(panel["targets"][0], values)[:ROWS_MAX]
        top = defaults.get("max") or max((value for _, value in found), default=1) or 1
        for i, (labels, value) in enumerate(found):
            level = y + 38 + 22 * i
            self.text(x + 8, level, legend(panel["targets"][0], labels)[: int(w / 14)], "d")
            width = max(1, min(1, value / top) * w * 0.35)
            color = color_of(panel, value)
            self._out.append(
                f'<rect x="{x + w * 0.48:.0f}" y="{level - 10:.0f}" width="{width:.0f}" height="13" fill="{color}"/>'
            )
            self.text(x + w - 62, level, shown(value, defaults["unit"], 1))

    def _table(self, panel: dict[str, Any], values: dict[str, str], box: tuple[float, float, float, float]) -> None:
        x, y, w, _ = box
        names = panel["transformations"][-1]["options"]["renameByName"]
        table: dict[tuple[str, ...], dict[str, float]] = {}
        keys: list[str] = []
        for target in panel["targets"]:
            heading = names.get(f"Value #{target['refId']}") or names.get("Value", "")
            for labels, value in self.instant(target, values):
                keys = keys or sorted(labels)
                table.setdefault(tuple(labels.get(key, "") for key in keys), {})[heading] = value
        columns = [*keys, *names.values()]
        for i, column in enumerate(columns):
            self.text(x + 8 + i * w / len(columns), y + 34, column, "t")
        for j, (row, cells) in enumerate(sorted(table.items())[:ROWS_MAX]):
            texts = [*row, *(shown(cells.get(heading), "short") for heading in names.values())]
            for i, text in enumerate(texts):
                self.text(x + 8 + i * w / len(columns), y + 52 + 18 * j, text[: int(w / len(columns) / 6)])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("boards", nargs="*")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for board in live.boards(arguments.boards):
        svg = Painter(live.Server(arguments.server), arguments.minutes).board(board)
        (arguments.out / f"{board['uid']}.svg").write_text(svg)
    return 0


if __name__ == "__main__":
    sys.exit(main())
