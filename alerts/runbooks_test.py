#!/usr/bin/env python3
"""Every alert says what is wrong, how bad it is, and leads to a page that exists."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def alerts(text):
    """(name, the lines of its rule) of every alert of a rule file."""
    parts = re.split(r'^\s*- alert: ', text, flags=re.M)[1:]
    for part in parts:
        name, _, body = part.partition('\n')
        yield name.strip(), body


def problems(path):
    for name, body in alerts(path.read_text()):
        runbook = re.search(r'runbook_url: (\S+)', body)
        if not runbook:
            yield f'{name} has no runbook_url'
        elif not (ROOT / runbook[1]).is_file():
            yield f'{name}: {runbook[1]} does not exist'
        if 'summary:' not in body:
            yield f'{name} has no summary'
        if not re.search(r'severity: (page|ticket)\b', body):
            yield f'{name} is neither page nor ticket'


def main():
    found = 0
    for path in sorted((ROOT / 'alerts').glob('*/alerts.yml')):
        found += len(list(alerts(path.read_text())))
        for problem in problems(path):
            print(f'{path.relative_to(ROOT)}: {problem}')
            found = -1_000_000
    print(f'{found} alerts')
    return 0 if found > 40 else 1


if __name__ == '__main__':
    sys.exit(main())
