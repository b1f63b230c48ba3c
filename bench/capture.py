#!/usr/bin/env python3
"""Captures real scrapes: starts Debian's exporters on free loopback ports, keeps this machine busy in a varied way, and
writes each answer to FOLDER/<exporter>/<number>.txt.

usage: bench/capture.py FOLDER [--scrapes 120] [--interval 1.0] [--bin FOLDER_OF_NEWER_PEERS]
"""
import argparse
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

DEADLINE_S = 20


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def program(name, folder):
    newer = os.path.join(folder or '', name)
    return newer if folder and os.access(newer, os.X_OK) else shutil.which(name)


def start_exporters(folder, work):
    """Returns {name: (process, url)}; those whose program is missing are left out with a word."""
    node, prom, victoria = free_port(), free_port(), free_port()
    config = os.path.join(work, 'prometheus.yml')
    with open(config, 'w', encoding='utf-8') as file:
        file.write(f'scrape_configs:\n- job_name: node\n  scrape_interval: 1s\n  static_configs:\n'
                   f'  - targets: ["127.0.0.1:{node}", "127.0.0.1:{prom}"]\n')
    commands = {
        'node': (['prometheus-node-exporter', f'--web.listen-address=127.0.0.1:{node}'], node),
        'prometheus': (['prometheus', f'--config.file={config}', f'--storage.tsdb.path={work}/prometheus',
                        f'--web.listen-address=127.0.0.1:{prom}'], prom),
        'victoria': (['victoria-metrics', f'-storageDataPath={work}/victoria', f'-httpListenAddr=127.0.0.1:{victoria}'], victoria),
    }
    started = {}
    for name, (command, port) in commands.items():
        path = program(command[0], folder)
        if path is None:
            print(f'capture: no {command[0]}, left out', file=sys.stderr)
            continue
        log = open(os.path.join(work, name + '.log'), 'wb')
        process = subprocess.Popen([path] + command[1:], stdout=log, stderr=log)
        started[name] = (process, f'http://127.0.0.1:{port}/metrics')
    return started


def scrape(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read()


def wait_ready(url):
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        try:
            return scrape(url)
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SystemExit(f'capture: {url} does not answer')


def burn(rng, work):
    """One piece of varied load, about a tenth of a second: computing, memory, disk or sockets."""
    kind = rng.randrange(4)
    if kind == 0:
        sum(i * i for i in range(rng.randrange(100_000, 600_000)))
    elif kind == 1:
        bytearray(rng.randrange(1 << 20, 64 << 20))
    elif kind == 2:
        with open(os.path.join(work, 'junk'), 'wb') as file:
            file.write(os.urandom(rng.randrange(1 << 16, 1 << 22)))
            os.fsync(file.fileno())
    else:
        subprocess.run(['true'], check=False)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument('folder')
    arguments.add_argument('--scrapes', type=int, default=120)
    arguments.add_argument('--interval', type=float, default=1.0)
    arguments.add_argument('--bin')
    arguments.add_argument('--seed', type=int, default=1)
    options = arguments.parse_args()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as work:
        exporters = start_exporters(options.bin, work)
        try:
            for name, (_, url) in exporters.items():
                wait_ready(url)
                os.makedirs(os.path.join(options.folder, name), exist_ok=True)
            begin = time.monotonic()
            for number in range(options.scrapes):
                while time.monotonic() < begin + number * options.interval:
                    burn(rng, work)
                for name, (_, url) in exporters.items():
                    with open(os.path.join(options.folder, name, f'{number:05}.txt'), 'wb') as file:
                        file.write(scrape(url))
        finally:
            for process, _ in exporters.values():
                process.send_signal(signal.SIGTERM)
            for process, _ in exporters.values():
                process.wait(timeout=30)
    print(f'capture: {options.scrapes} scrapes each of {", ".join(exporters)} in {options.folder}')


if __name__ == '__main__':
    main()
