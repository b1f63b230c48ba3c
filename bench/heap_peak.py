#!/usr/bin/env python3
"""What baro-collector's heap is made of when it is largest: the experiment "million" of `./dev bench store` under heaptrack.

usage: bench/heap_peak.py --bin-dir build/release/bin [--series 300000] [--rows 480] [--top 25]

Prints the peak and, largest first, its bytes by the innermost two functions of ours that asked for them. Needs Debian's heaptrack;
takes about twice as long as the experiment alone."""

import argparse
import collections
import glob
import os
import re
import stat
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PRELOAD = '/usr/lib/heaptrack/libheaptrack_preload.so'
INTERPRET = '/usr/lib/heaptrack/libexec/heaptrack_interpret'
WRAPPER = """#!/bin/sh
case "$*" in *--version*) exec {program} "$@" ;; esac
DUMP_HEAPTRACK_OUTPUT={folder}/raw.$$ LD_PRELOAD={preload} exec {program} "$@"
"""


def parse_arguments():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument('--bin-dir', required=True, help='folder of baro-collector')
    arguments.add_argument('--series', type=int, default=300_000)
    arguments.add_argument('--rows', type=int, default=480)
    arguments.add_argument('--top', type=int, default=25)
    return arguments.parse_args()


def make_stage(folder, bin_dir):
    """A bin folder beside a bench folder, as the bench wants them, in which the collector runs under heaptrack."""
    stage = os.path.join(folder, 'bin')
    os.makedirs(stage)
    os.symlink(os.path.join(bin_dir, '..', 'bench'), os.path.join(folder, 'bench'))
    for name in os.listdir(bin_dir):
        os.symlink(os.path.join(bin_dir, name), os.path.join(stage, name))
    program = os.path.join(stage, 'baro-collector')
    os.unlink(program)
    with open(program, 'w', encoding='ascii') as file:
        file.write(WRAPPER.format(program=os.path.join(bin_dir, 'baro-collector'), folder=folder, preload=PRELOAD))
    os.chmod(program, os.stat(program).st_mode | stat.S_IXUSR)
    return stage


def peak_stacks(folder):
    """[(functions, outermost first; bytes)] at the peak of the first collector that ran, which is the one that was loaded."""
    raw = max(glob.glob(os.path.join(folder, 'raw.*')), key=os.path.getsize)
    told, stacks = os.path.join(folder, 'told'), os.path.join(folder, 'stacks')
    with open(raw, 'rb') as source, open(told, 'wb') as target:
        subprocess.run([INTERPRET], stdin=source, stdout=target, stderr=subprocess.DEVNULL, check=True)
    subprocess.run(['heaptrack_print', '-f', told, '-p', '0', '-a', '0', '-T', '0', '-F', stacks, '--flamegraph-cost-type', 'peak'],
                   stdout=subprocess.DEVNULL, check=True)
    with open(stacks, encoding='utf-8') as file:
        for line in file:
            functions, _, cost = line.rstrip().rpartition(' ')
            yield functions.split(';'), int(cost)


def owner(functions):
    own = [re.sub(r'\(.*', '', function) for function in functions if 'baro::' in function][-2:]
    library = ', in RocksDB' if any('rocksdb::' in function for function in functions) else ''
    return (' < '.join(reversed(own)) or functions[-1])[:120] + library


def main():
    options = parse_arguments()
    if not os.access(INTERPRET, os.X_OK):
        sys.exit(f'heap_peak: no program {INTERPRET}: install heaptrack')
    with tempfile.TemporaryDirectory(prefix='baro-heap-') as folder:
        stage = make_stage(folder, os.path.abspath(options.bin_dir))
        command = [sys.executable, os.path.join(HERE, 'store.py'), '--bin-dir', stage, '--systems', 'barograph', '--only', 'million',
                   '--million-series', str(options.series), '--rows', str(options.rows), '--out', os.path.join(folder, 'out')]
        subprocess.run(command, check=True)
        bytes_by_owner = collections.Counter()
        for functions, cost in peak_stacks(folder):
            bytes_by_owner[owner(functions)] += cost
    total = sum(bytes_by_owner.values())
    print(f'peak of the heap: {total / 1e6:.1f} MB, {total / options.series:.0f} B a series')
    for name, cost in bytes_by_owner.most_common(options.top):
        print(f'{cost / 1e6:8.2f} MB {cost / options.series:6.1f} B a series  {name}')


if __name__ == '__main__':
    main()
