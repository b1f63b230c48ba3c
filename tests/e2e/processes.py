"""Real programs for whole-system tests: started on free loopback ports in a folder of their own, ended by process id.

Every wait has a deadline and says what it waited for; when a test fails, the tails of the logs are printed.
"""
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

DEADLINE_S = 60
POLL_S = 0.02
SKIPPED = 77  # ctest's SKIP_RETURN_CODE for these tests


def skip(reason):
    """Ends the test as skipped; ctest counts it and shows the reason."""
    print(f'SKIPPED: {reason}', flush=True)
    sys.exit(SKIPPED)


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def wait_for(what, condition, deadline_s=DEADLINE_S):
    """Polls until condition() is true-ish and returns that value."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(POLL_S)
    raise AssertionError(f'waited {deadline_s} s for {what}')


def http(url, body=None, headers=None, timeout=30):
    """(status, text); status 0 when nothing answers."""
    request = urllib.request.Request(url, data=body, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read().decode(errors='replace')
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors='replace')
    except (urllib.error.URLError, ConnectionError, TimeoutError, socket.timeout) as error:
        return 0, str(error)


class Program:
    """One process that can be started again with the same arguments."""

    def __init__(self, name, command, log):
        self.name, self.command, self.log, self.process = name, command, log, None
        self.environment = None  # this process's own

    def start(self):
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=self.environment)
        return self

    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """SIGTERM; returns the exit code."""
        if self.running():
            self.process.send_signal(signal.SIGTERM)
            try:
                return self.process.wait(timeout=DEADLINE_S)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f'{self.name} did not end on SIGTERM') from None
        return self.process.returncode if self.process else None

    def cpu_seconds(self):
        with open(f'/proc/{self.process.pid}/stat', encoding='ascii') as file:
            fields = file.read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def memory_bytes(self, field='VmRSS'):
        with open(f'/proc/{self.process.pid}/status', encoding='ascii') as file:
            for line in file:
                if line.startswith(field + ':'):
                    return int(line.split()[1]) * 1024
        return 0

    def log_tail(self, lines=15):
        with open(self.log, encoding='utf-8', errors='replace') as file:
            return ''.join(file.readlines()[-lines:])


class Stage:
    """A temporary folder and the programs in it. Use as a context manager: all programs end with it."""

    def __init__(self, bin_dir):
        self.bin_dir, self.programs = os.path.abspath(bin_dir), []
        self.folder = tempfile.mkdtemp(prefix='baro-e2e-')
        self.failed = False

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for program in reversed(self.programs):
            if program.running():
                with contextlib.suppress(AssertionError):
                    program.stop()
        if kind is not None and kind is not SystemExit:
            for program in self.programs:
                print(f'--- {program.name}: {program.log}\n{program.log_tail()}', file=sys.stderr)
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def write(self, name, text):
        with open(self.path(name), 'w', encoding='utf-8') as file:
            file.write(text)
        return self.path(name)

    def add(self, name, command):
        program = Program(name, command, self.path(name + '.log'))
        self.programs.append(program)
        return program

    def collector(self, storage=None, extra=()):
        """Not started yet. Attributes: url, grpc."""
        http_port, grpc_port = free_port(), free_port()
        program = self.add('collector', [
            os.path.join(self.bin_dir, 'baro-collector'), '--storage.path', storage or self.path('store'),
            '--http.listen-address', f'127.0.0.1:{http_port}', '--grpc.listen-address', f'127.0.0.1:{grpc_port}', *extra])
        program.url, program.grpc = f'http://127.0.0.1:{http_port}', f'127.0.0.1:{grpc_port}'
        return program

    def agent(self, collector_grpc, config, extra=()):
        port = free_port()
        program = self.add('agent', [
            os.path.join(self.bin_dir, 'baro-agent'), '--config.file', self.write('agent.yml', config),
            '--collector.address', collector_grpc, '--spool.path', self.path('spool'),
            '--http.listen-address', f'127.0.0.1:{port}', *extra])
        program.url = f'http://127.0.0.1:{port}'
        return program


def wait_ready(program):
    wait_for(f'{program.name} to be ready', lambda: http(program.url + '/-/ready')[0] == 200 or not program.running())
    assert program.running(), f'{program.name} ended: {program.log_tail()}'
    if program.name == 'collector':
        wait_complete(program)


def wait_complete(collector):
    """A large store is ready before all its journals are loaded (docs/adr/0014-ready-before-complete.md)."""
    wait_for('the journals to be loaded', lambda: metric(collector.url, 'baro_store_replay_complete') == 1)


def query(url, expression, at=None):
    """The vector's [(labels, value)]; None when the collector does not answer with success."""
    parameters = {'query': expression}
    if at is not None:
        parameters['time'] = at
    status, text = http(f'{url}/api/v1/query?{urllib.parse.urlencode(parameters)}')
    if status != 200:
        return None
    return [(row['metric'], float(row['value'][1])) for row in json.loads(text)['data']['result']]


def metric(url, name, labels=''):
    """The sum of a family's series on a /metrics page; None when there is none."""
    status, text = http(url + '/metrics')
    values = [float(line.rsplit(' ', 1)[1]) for line in text.split('\n')
              if status == 200 and line.startswith(name) and line[len(name):len(name) + 1] in '{ ' and labels in line]
    return sum(values) if values else None
