"""One screen of KPIs: 80 columns and 24 rows are enough, more are used."""

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

    def render(self, readings, sections, hints, now=None):
        """The whole screen as a list of lines. `sections`: left, right, below."""
        by_section = {title: [r for r in readings if r.kpi.section == title] for title in sections}
        left, right, below = sections
        when = time.strftime("%H:%M:%S UTC", time.gmtime(now))
        lines = [self._styled("1", "Barograph") + f"  live KPIs of this machine, {when}; "
                 "trends: 2 minutes, from 0"]
        lines.append(self._heading([left, right]))
        lines += self._side_by_side(by_section[left], by_section[right])
        lines.append(self._heading([below]))
        rows = by_section[below]
        middle = (len(rows) + 1) // 2
        lines += self._side_by_side(rows[:middle], rows[middle:])
        lines.append(self._styled("1;4", "TRY NEXT"))
        lines += hints
        return lines
