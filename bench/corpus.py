#!/usr/bin/env python3
"""Captured scrapes as columns of text, packed for git and unpacked for the replay.

usage: bench/corpus.py pack CAPTURE_FOLDER OUT_FOLDER      what bench/capture.py wrote → OUT/<exporter>.columns.xz
       bench/corpus.py unpack DATA_FOLDER OUT_FOLDER       → OUT/<exporter>.columns, for remote_write_replay
       bench/corpus.py scrapes DATA_FOLDER OUT_FOLDER      → OUT/<exporter>/<number>.txt, as captured (without comments)

bench/data/README.md describes the format. Packing checks that every value comes back with the same bits.
"""
import decimal
import lzma
import os
import re
import struct
import sys

HEAD = '# barograph columns 1 '
EXACT_MAX = 1 << 53
DECIMALS_MAX = 18


def is_prime(number):
    return number > 1 and all(number % divisor for divisor in range(2, int(number ** 0.5) + 1))


def bits(value):
    return struct.pack('<d', value)


def parse_scrape(text, types):
    """[(series, value's text)] in the order of the scrape; fills {metric: type}."""
    samples = []
    for line in text.split('\n'):
        if line.startswith('# TYPE '):
            _, _, name, kind = line.split(' ')
            types[name] = kind
        elif line and line[0] != '#':
            series, value = line.rsplit(' ', 1)
            samples.append((series, value))
    return samples


def is_counter(series, types):
    name = series.split('{')[0]
    if types.get(name) == 'counter':
        return True
    family = re.sub(r'_(bucket|count|sum)$', '', name)
    return family != name and types.get(family) in ('histogram', 'summary')


def scaled(texts):
    """(decimals, integers) when every value is exactly an integer / 10^decimals, else None."""
    numbers = []
    for text in texts:
        if text is not None and not re.fullmatch(r'[+-]?[0-9.]+(e[+-]?[0-9]+)?', text):
            return None
        numbers.append(None if text is None else decimal.Decimal(text).normalize())
    decimals = max((-number.as_tuple().exponent for number in numbers if number is not None), default=0)
    if not 0 <= max(decimals, 0) <= DECIMALS_MAX:
        return None
    decimals = max(decimals, 0)
    integers = [None if number is None else int(number.scaleb(decimals)) for number in numbers]
    for integer, text in zip(integers, texts):
        if text is not None and (abs(integer) >= EXACT_MAX or bits(integer / 10 ** decimals) != bits(float(text))):
            return None
    return decimals, integers


def tokens(texts):
    """(decimals or 'x', the line's tokens)."""
    found = scaled(texts)
    decimals, values = found if found else ('x', texts)
    words, last, repeats, before = [], None, 0, 0
    for value in values:
        if value == last and words:
            repeats += 1
            continue
        if repeats:
            words.append(f'*{repeats}')
        repeats, last = 0, value
        if value is None:
            words.append('_')
        elif found:
            words.append(str(value - before))
            before = value
        else:
            words.append(value)
    if repeats:
        words.append(f'*{repeats}')
    return decimals, ' '.join(words)


def read_capture(folder, scrapes):
    """({series: [text or None]}, types) of one exporter."""
    columns, types = {}, {}
    for number, name in enumerate(sorted(os.listdir(folder))[:scrapes]):
        with open(os.path.join(folder, name), encoding='utf-8') as file:
            for series, value in parse_scrape(file.read(), types):
                columns.setdefault(series, [None] * scrapes)[number] = value
    return columns, types


def pack(capture, out):
    exporters = sorted(name for name in os.listdir(capture) if os.path.isdir(os.path.join(capture, name)))
    scrapes = min(len(os.listdir(os.path.join(capture, name))) for name in exporters)
    while not is_prime(scrapes):
        scrapes -= 1
    os.makedirs(out, exist_ok=True)
    for exporter in exporters:
        columns, types = read_capture(os.path.join(capture, exporter), scrapes)
        lines = [HEAD + str(scrapes)]
        for series, texts in columns.items():
            decimals, words = tokens(texts)
            lines.append(f'{"c" if is_counter(series, types) else "g"} {decimals} {series}\t{words}')
        path = os.path.join(out, exporter + '.columns.xz')
        with lzma.open(path, 'wt', encoding='utf-8', preset=9 | lzma.PRESET_EXTREME) as file:
            file.write('\n'.join(lines) + '\n')
        print(f'{path}: {len(columns)} series × {scrapes} scrapes, {os.path.getsize(path)} bytes')


def read_column(line):
    """(kind, decimals, series, values as text)."""
    kind, decimals, rest = line.split(' ', 2)
    series, words = rest.split('\t')
    values, last = [], 0
    for word in words.split(' '):
        if word[0] == '*':
            values += [values[-1]] * int(word[1:])
        elif word == '_':
            values.append(None)
        elif decimals == 'x':
            values.append(word)
        else:
            last += int(word)
            values.append(repr(last / 10 ** int(decimals)))
    return kind, decimals, series, values


def packed_files(data):
    found = sorted(name for name in os.listdir(data) if name.endswith('.columns.xz'))
    if not found:
        sys.exit(f'corpus: no *.columns.xz in {data}')
    return found


def read_packed(data, name):
    with lzma.open(os.path.join(data, name), 'rt', encoding='utf-8') as file:
        return file.read()


def unpack(data, out):
    """Returns the number of scrapes."""
    os.makedirs(out, exist_ok=True)
    for name in packed_files(data):
        text = read_packed(data, name)
        with open(os.path.join(out, name.removesuffix('.xz')), 'w', encoding='utf-8') as file:
            file.write(text)
    return int(text.split('\n', 1)[0].removeprefix(HEAD))


def scrapes(data, out):
    for name in packed_files(data):
        folder = os.path.join(out, name.removesuffix('.columns.xz'))
        os.makedirs(folder, exist_ok=True)
        head, *lines = read_packed(data, name).rstrip('\n').split('\n')
        columns = [read_column(line)[2:] for line in lines]
        for number in range(int(head.removeprefix(HEAD))):
            with open(os.path.join(folder, f'{number:05}.txt'), 'w', encoding='utf-8') as file:
                file.writelines(f'{series} {values[number]}\n' for series, values in columns if values[number] is not None)


def main():
    verbs = {'pack': pack, 'unpack': unpack, 'scrapes': scrapes}
    if len(sys.argv) != 4 or sys.argv[1] not in verbs:
        sys.exit(__doc__)
    verbs[sys.argv[1]](sys.argv[2], sys.argv[3])


if __name__ == '__main__':
    main()
