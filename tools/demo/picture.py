#!/usr/bin/env python3
"""A captured screen as an SVG: text stays text, so the file is small and can be searched.

    ./dev demo --once --seconds 90 --color always > screen.txt
    tools/demo/picture.py screen.txt docs/img/demo.svg

Understands the colours that the demo and baro use (SGR 0, 1, 2, 4, 30-37, 38;5;n). The picture
follows the reader's light or dark scheme.
"""

import argparse
import pathlib
import re
import sys
import unicodedata
from xml.sax.saxutils import escape

CELL_WIDTH = 8.4
LINE_HEIGHT = 18
FONT_SIZE = 14
PADDING = 14
LINES_MAX = 200
COLUMNS_MAX = 240

ESCAPE = re.compile(r"\x1b\[([0-9;]*)m")
OTHER_ESCAPE = re.compile(r"\x1b(\[[0-9;?]*[A-Za-ln-z]|[()][A-Z0-9]|[=>])")
BASE_COLORS = ["#3b4252", "#cf222e", "#1a7f37", "#9a6700", "#0969da", "#8250df", "#1b7c83", "#6e7781"]
CUBE = [0, 95, 135, 175, 215, 255]


def color_of(number):
    """The xterm colour of a number from 0 to 255."""
    if number < 8:
        return BASE_COLORS[number]
    if number < 16:
        return BASE_COLORS[number - 8]
    if number < 232:
        number -= 16
        parts = (CUBE[number // 36], CUBE[number // 6 % 6], CUBE[number % 6])
    else:
        parts = (8 + (number - 232) * 10,) * 3
    return "#%02x%02x%02x" % parts


class Pen:
    def __init__(self):
        self.reset()

    def reset(self):
        self.bold = self.dim = self.underlined = False
        self.color = None

    def apply(self, text):
        codes = [int(code or 0) for code in text.split(";")]
        while codes:
            code = codes.pop(0)
            if code == 0:
                self.reset()
            elif code == 1:
                self.bold = True
            elif code == 2:
                self.dim = True
            elif code == 4:
                self.underlined = True
            elif 30 <= code <= 37:
                self.color = color_of(code - 30)
            elif code == 39:
                self.color = None
            elif code == 38 and len(codes) >= 2 and codes[0] == 5:
                self.color = color_of(codes[1])
                del codes[:2]

    def attributes(self):
        """As a style: the sheet's rules would win over plain attributes."""
        parts = []
        if self.bold:
            parts.append("font-weight:bold")
        if self.dim:
            parts.append("opacity:0.65")
        if self.underlined:
            parts.append("text-decoration:underline")
        if self.color:
            parts.append(f"fill:{self.color}")
        return f'style="{";".join(parts)}"' if parts else ""


def width_of(text):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
               for c in text)


def runs_of(line, pen):
    """(column, text, attributes) of each piece between two escapes."""
    column = 0
    for i, piece in enumerate(ESCAPE.split(line)):
        if i % 2 == 1:
            pen.apply(piece)
        elif piece:
            yield column, piece, pen.attributes()
            column += width_of(piece)


def render(screen, title):
    lines = OTHER_ESCAPE.sub("", screen).rstrip().splitlines()[:LINES_MAX]
    columns = min(COLUMNS_MAX, max((width_of(ESCAPE.sub("", line)) for line in lines), default=1))
    width = round(columns * CELL_WIDTH + 2 * PADDING)
    height = len(lines) * LINE_HEIGHT + 2 * PADDING
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
           f'height="{height}" role="img">',
           f"<title>{escape(title)}</title>",
           "<style>"
           "rect{fill:#fff;stroke:#d0d7de}text{fill:#1f2328;white-space:pre;"
           f"font:{FONT_SIZE}px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace}}"
           "@media(prefers-color-scheme:dark){rect{fill:#0d1117;stroke:#30363d}text{fill:#e6edf3}}"
           "</style>",
           f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8"/>']
    pen = Pen()
    for row, line in enumerate(lines):
        y = PADDING + row * LINE_HEIGHT + FONT_SIZE
        for column, text, attributes in runs_of(line, pen):
            if not text.strip():
                continue
            x = round(PADDING + column * CELL_WIDTH, 1)
            # The length keeps columns under each other whatever font the reader has.
            length = round(width_of(text) * CELL_WIDTH, 1)
            out.append(f'<text x="{x}" y="{y}" textLength="{length}" xml:space="preserve" '
                       f'{attributes}>'.replace(" >", ">") + f"{escape(text)}</text>")
    return "\n".join(out) + "\n</svg>\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("screen", type=pathlib.Path, help="captured text with colours")
    parser.add_argument("picture", type=pathlib.Path, help="the SVG to write")
    parser.add_argument("--title", default="Barograph: live KPIs of this machine and of a PostgreSQL")
    arguments = parser.parse_args()
    arguments.picture.write_text(render(arguments.screen.read_text(), arguments.title))
    return 0


if __name__ == "__main__":
    sys.exit(main())
