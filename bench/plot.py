"""Bars and lines as SVG, without a plotting library: readable in a browser, in a dark page, and in a diff."""
import html
import math

COLORS = {'barograph': '#1f6feb', 'victoria-metrics': '#8250df', 'prometheus': '#d1571c', 'victoria-metrics, no cache': '#b08cf0'}
NAMES = {'barograph': 'Barograph', 'victoria-metrics': 'VictoriaMetrics', 'prometheus': 'Prometheus',
         'victoria-metrics, no cache': 'VictoriaMetrics, no cache'}
FALLBACK = ('#1a7f37', '#57606a', '#9a6700')
FONT = 'font-family="system-ui, &apos;DejaVu Sans&apos;, sans-serif"'
LEFT, RIGHT, TOP, ROW, BAR = 190, 120, 58, 18, 13
WIDTH = 860


def color(name, index=0):
    return COLORS.get(name, FALLBACK[index % len(FALLBACK)])


def number(value):
    """Three digits that matter."""
    if value == 0:
        return '0'
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f'{value:,.{digits}f}'


def text(x, y, words, size=12, anchor='start', fill='#24292f', weight='normal'):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{fill}" font-weight="{weight}">'
            f'{html.escape(str(words))}</text>')


def page(width, height, title, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" {FONT}>\n'
            f'<rect width="{width}" height="{height}" fill="#ffffff" rx="6"/>\n{text(16, 26, title, 16, weight="bold")}\n'
            + '\n'.join(parts) + '\n</svg>\n')


def legend(names, y=44):
    parts, x = [], 16
    for index, name in enumerate(names):
        parts.append(f'<rect x="{x}" y="{y - 9}" width="10" height="10" fill="{color(name, index)}"/>')
        parts.append(text(x + 14, y, NAMES.get(name, name)))
        x += 34 + 7 * len(name)
    return parts


def bars(title, unit, groups, logarithmic=False):
    """groups: [(label, {system: value, or [(part, value)] stacked})]. A group's bars stand together."""
    names = list(dict.fromkeys(name for _, values in groups for name in values))
    totals = [total(value) for _, values in groups for value in values.values()]
    largest, least = max(totals, default=1) or 1, min((value for value in totals if value > 0), default=1)
    floor = 10 ** math.floor(math.log10(least)) / 2 if logarithmic else 0

    def length(value):
        if value <= 0:
            return 0
        share = math.log(value / floor) / math.log(largest / floor) if logarithmic else value / largest
        return max(1, share * (WIDTH - LEFT - RIGHT))

    parts, y = legend(names), TOP + 4
    for label, values in groups:
        parts.append(text(LEFT - 8, y + ROW * len(values) / 2 + 2, label, anchor='end'))
        for index, name in enumerate(names):
            if name not in values:
                continue
            end = LEFT + length(total(values[name]))
            parts += bar(values[name], y, end, color(name, index))
            parts.append(text(end + 5, y + 10, describe(values[name]), 11, fill='#57606a'))
            y += ROW
        y += 8
    parts.append(text(WIDTH - 16, 26, unit + (', logarithmic' if logarithmic else ''), 12, 'end', '#57606a'))
    return page(WIDTH, y + 6, title, parts)


def total(value):
    return sum(part for _, part in value) if isinstance(value, list) else value


def describe(value):
    if not isinstance(value, list):
        return number(value)
    return ' + '.join(number(part) for _, part in value)


def bar(value, y, end, fill):
    """One bar; the parts of a stacked one grow lighter."""
    parts, x = [], LEFT
    shares = value if isinstance(value, list) else [('', value)]
    whole = total(value) or 1
    for index, (_, part) in enumerate(shares):
        width = (end - LEFT) * part / whole
        parts.append(f'<rect x="{x:.1f}" y="{y}" width="{max(width, 0):.1f}" height="{BAR}" fill="{fill}" '
                     f'fill-opacity="{1 - 0.5 * index}"/>')
        x += width
    return parts


def lines(title, x_label, y_label, series):
    """series: {system: [(x, y)]}; both axes logarithmic."""
    points = [point for line in series.values() for point in line]
    height, bottom, left = 340, 290, 80
    if not points:
        return page(WIDTH, 80, title, [text(16, 56, 'nothing measured')])
    (x_low, x_high), (y_low, y_high) = decades(point[0] for point in points), decades(point[1] for point in points)

    def place(x, y):
        return (left + (math.log10(x) - x_low) / (x_high - x_low) * (WIDTH - left - 60),
                bottom - (math.log10(y) - y_low) / (y_high - y_low) * (bottom - TOP - 10))

    parts = legend(series)
    for exponent in range(y_low, y_high + 1):
        y = place(10 ** x_low, 10 ** exponent)[1]
        parts.append(f'<line x1="{left}" x2="{WIDTH - 60}" y1="{y:.1f}" y2="{y:.1f}" stroke="#d8dee4"/>')
        parts.append(text(left - 6, y + 4, f'{10 ** exponent:,g}', 11, 'end', '#57606a'))
    for exponent in range(x_low, x_high + 1):
        x = place(10 ** exponent, 10 ** y_low)[0]
        parts.append(text(x, bottom + 18, f'{10 ** exponent:,g}', 11, 'middle', '#57606a'))
    for index, (name, line) in enumerate(series.items()):
        places = [place(*point) for point in line]
        path = ' '.join(f'{x:.1f},{y:.1f}' for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color(name, index)}" stroke-width="2"/>')
        for (x, y), point in zip(places, line):
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{color(name, index)}"/>')
            parts.append(text(x + 6, y - 6, number(point[1]), 11, fill=color(name, index)))
    parts += [text(WIDTH / 2, height - 12, x_label, 12, 'middle'),
              text(WIDTH - 16, 26, y_label + ', logarithmic', 12, 'end', '#57606a')]
    return page(WIDTH, height, title, parts)


def decades(values):
    logs = [math.log10(value) for value in values if value > 0]
    low, high = math.floor(min(logs)), math.ceil(max(logs))
    return low, max(high, low + 1)
