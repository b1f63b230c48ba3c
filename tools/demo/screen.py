"""One screen of KPIs, promises and alerts: 80 columns and 24 rows are enough, more are used."""

import time

BLOCKS = "▁▂▃▄▅▆▇█"
NAME_COLUMNS = 18
VALUE_COLUMNS = 11
BINARY = ("B", "KiB", "MiB", "GiB", "TiB")


def format_value(value, unit):
    if value is None:
        return "-"
    if unit in ("bytes", "bytes/s"):
        step = 0
        while abs(value) >= 1024 and step + 1 < len(BINARY):
            value /= 1024
            step += 1
        return f"{value:.{0 if step == 0 else 1}f} {BINARY[step]}{'/s' if unit == 'bytes/s' else ''}"
    if unit == "seconds":
        return f"{value * 1000:.1f} ms"
    if unit == "percent":
        return f"{value:.1f} %"
    if unit == "count":
        return f"{value:,.0f}"
    if unit == "/s":
        return f"{value:,.{0 if value >= 100 else 1}f} /s"
    if unit == "/min":
        return f"{value:,.0f} /min"
    if unit == "EUR/h":
        return f"{value / 1000:,.1f} k€/h"
    if unit == "bytes/sample":
        return f"{value:.2f} B"
    if unit == "cores":
        return f"{value * 100:.2f} %"
    return f"{value:.2f}"


def trend(values, columns):
    """All values in `columns` blocks, each the mean of its part; blank where there are none."""
    parts = []
    for i in range(columns):
        part = values[i * len(values) // columns:(i + 1) * len(values) // columns]
        known = [value for value in part if value is not None]
        parts.append(sum(known) / len(known) if known else None)
    known = [value for value in parts if value is not None]
    if not known:
        return " " * columns
    low, high = min(0, min(known)), max(known)
    scale = (high - low) or 1
    return "".join(" " if value is None else BLOCKS[min(7, int((value - low) / scale * 7.999))]
                   for value in parts)


class Screen:
    def __init__(self, columns, color):
        self._half = (min(max(columns, 80), 160) - 2) // 2
        self._color = color

    def _styled(self, code, text):
        return f"\x1b[{code}m{text}\x1b[0m" if self._color and text.strip() else text

    def _kpi(self, reading):
        """Exactly half a screen wide."""
        space = self._half - NAME_COLUMNS - VALUE_COLUMNS - 1
        name = reading.kpi.name[:NAME_COLUMNS - 1].ljust(NAME_COLUMNS)
        value = format_value(reading.now, reading.kpi.unit).rjust(VALUE_COLUMNS)
        return (name + self._styled("1", value) + " " +
                self._styled("38;5;33", trend(reading.values, space)))

    def _heading(self, titles):
        """Titles of the two halves in one line."""
        line = ""
        for title in titles:
            line += self._styled("1;4", title) + " " * (self._half - len(title) + 2)
        return line.rstrip()

    def _side_by_side(self, left, right):
        rows = []
        for i in range(max(len(left), len(right))):
            cell = self._kpi(left[i]) if i < len(left) else " " * self._half
            other = self._kpi(right[i]) if i < len(right) else ""
            rows.append(f"{cell}  {other}".rstrip())
        return rows

    def _promise(self, promise):
        """One line: name, promise, what was kept, what is left of the budget as a bar, how fast it burns."""
        bar_columns = max(10, 2 * self._half - 64)
        name = promise.name.ljust(28)
        goal = f"{100 * promise.objective:.1f} %".rjust(8)
        if promise.kept is None:
            return f"{name}{goal}  no events yet"
        kept = f"{100 * promise.kept:.2f} %".rjust(10)
        share = min(1.0, max(0.0, promise.left))
        full = round(share * bar_columns)
        colour = "32" if share > 0.25 else "33" if share > 0 else "31"
        bar = self._styled(colour, "█" * full) + "░" * (bar_columns - full)
        burn = "" if promise.burn is None else f"{promise.burn:6.1f}x"
        return f"{name}{goal}{kept}  {bar} {burn}"

    def _alert(self, alert):
        name, severity, state, summary = alert
        colour = "31;1" if severity == "page" and state == "firing" else "33"
        return self._styled(colour, f"{state:8}{severity:7}") + f" {name}: {summary}"[: 2 * self._half - 15]

    def _block(self, readings, pair, rows_max):
        left, right = ([r for r in readings if r.kpi.section == title][:rows_max] for title in pair)
        return [self._heading(pair), *self._side_by_side(left, right)]

    def _costs(self, readings, title, rows_max):
        rows = [r for r in readings if r.kpi.section == title]
        middle = (len(rows) + 1) // 2
        return [self._heading([title]), *self._side_by_side(rows[:middle][:rows_max], rows[middle:][:rows_max])]

    def render(self, readings, sections, promises, alerts, hints, rows=99, now=None):
        """The whole screen as a list of lines. `sections`: pairs of headings side by side, the last one alone."""
        *pairs, below = sections
        fixed = 1 + len(pairs) + 1 + 1 + len(promises) + 1 + max(1, min(len(alerts), 4)) + 1 + len(hints)
        # What a small terminal has no rows for: first hints, then the last KPIs of each block.
        if fixed + 3 * (len(pairs) + 1) > rows:
            fixed -= 1 + len(hints)
            hints = []
        each = max(1, min(9, (rows - fixed) // (len(pairs) + 1)))
        when = time.strftime("%H:%M:%S UTC", time.gmtime(now))
        lines = [self._styled("1", "Barograph") + f" watches Quai, a ferry's ticket shop, {when}; "
                 "trends: 2 minutes"]
        for pair in pairs:
            lines += self._block(readings, pair, each)
        lines += self._costs(readings, below, each)
        lines.append(self._heading(["PROMISES       promised, kept, left of the budget, burning (5 min)"]))
        lines += [self._promise(promise) for promise in promises]
        lines.append(self._heading(["ALERTS"]))
        lines += [self._alert(alert) for alert in alerts[:4]] or ["none"]
        if hints:
            lines.append(self._styled("1;4", "TRY NEXT"))
        return lines + hints
