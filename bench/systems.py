"""The three servers of the comparison: how each is started, flushed, measured on disk and asked whether it is ready."""
import contextlib
import glob
import json
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tests', 'e2e'))
import processes  # noqa: E402

ADMIN_TIMEOUT_S = 900
QUIET_S = 2.5  # VictoriaMetrics indexes new series a second later, and writes samples out within five
CPUCLOCK_SCHED = 2  # Linux: the CPU time of all threads of a process, ended ones too, in nanoseconds


def disk_bytes(folder):
    """Bytes taken on disk below a folder: blocks, not lengths, since files are preallocated and sparse."""
    total = 0
    for root, _, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(FileNotFoundError):  # merged away meanwhile
                total += os.lstat(os.path.join(root, name)).st_blocks * 512
    return total


def settle(folder, seconds=2.0, deadline_s=120):
    """Waits until a folder has kept its size for `seconds`."""
    end, size, since = time.monotonic() + deadline_s, -1, time.monotonic()
    while time.monotonic() < end and time.monotonic() - since < seconds:
        now = disk_bytes(folder)
        if now != size:
            size, since = now, time.monotonic()
        time.sleep(0.2)


def peer_version(options, name):
    path = os.path.join(options.peers, '..', '..', 'versions.txt')
    with contextlib.suppress(FileNotFoundError), open(path, encoding='utf-8') as file:
        for line in file:
            if line.split()[:1] == [name]:
                return line
    return 'of unknown version'


class Server:
    """One server in a stage of its own. Attributes: url, data (its folder), program."""
    name = ''
    label = ''
    cached_queries = False  # has a result cache that a query can go past with nocache=1
    ready_path = '/-/ready'

    def __init__(self, stage, options):
        self.stage, self.options = stage, options
        self.data = stage.path('data')
        self.program = None
        self.url = ''

    def start(self):
        """Starts it (again); returns the seconds until it was ready."""
        begin = time.monotonic()
        self.program.start()
        processes.wait_for(f'{self.name} to be ready', self.is_ready, 600)
        return time.monotonic() - begin

    def is_ready(self):
        assert self.program.running(), f'{self.name} ended:\n{self.program.log_tail()}'
        return processes.http(self.url + self.ready_path, timeout=5)[0] == 200

    def kill(self):
        self.program.kill()

    def cpu(self):
        return time.clock_gettime((~self.program.process.pid << 3) | CPUCLOCK_SCHED)

    def quiet(self, share=0.05, deadline_s=30):
        """Waits until what was acknowledged is also worked off in the background; returns the CPU seconds that took."""
        begin, end = self.cpu(), time.monotonic() + deadline_s
        least = time.monotonic() + QUIET_S
        while time.monotonic() < end:
            before = self.cpu()
            time.sleep(0.5)
            if self.cpu() - before < 0.5 * share and time.monotonic() > least:
                break
        return self.cpu() - begin

    def rss(self):
        return self.program.memory_bytes()

    def peak(self):
        return self.program.memory_bytes('VmHWM')

    def reset_peak(self):
        """peak() counts from here on."""
        with contextlib.suppress(OSError), open(f'/proc/{self.program.process.pid}/clear_refs', 'w', encoding='ascii') as file:
            file.write('5')

    def address(self):
        return self.url.removeprefix('http://')

    def flush(self):
        """Makes everything acknowledged visible to queries. Returns a remark."""
        return ''

    def merge(self):
        """Writes out everything and merges all files. Returns a remark when it could not."""
        return ''

    def disk(self):
        """{'data', 'index', 'other', 'total'} in bytes, after merge()."""
        raise NotImplementedError

    def disk_remark(self):
        """What a reader of disk()'s figures must know."""
        return ''


class Barograph(Server):
    name, label = 'barograph', 'Barograph'

    def __init__(self, stage, options):
        super().__init__(stage, options)
        self.program = stage.collector(storage=self.data, extra=['--storage.retention', '0',
                                                                 '--query.max-samples', '1000000000', *options.collector_flags])
        self.url, self.grpc = self.program.url, self.program.grpc

    @staticmethod
    def version(options):
        program = os.path.join(options.bin_dir, 'baro-collector')
        return subprocess.run([program, '--version'], capture_output=True, text=True, check=True).stdout.split('\n')[0]

    def merge(self):
        status, text = processes.http(self.url + '/api/v1/baro/admin/compact', b'', timeout=ADMIN_TIMEOUT_S)
        settle(self.data)
        return '' if status // 100 == 2 else f'not merged: /api/v1/baro/admin/compact answered {status} {text[:80]}'

    def store(self):
        status, text = processes.http(self.url + '/api/v1/baro/status')
        return json.loads(text)['data']['store'] if status == 200 else {}

    def disk(self):
        """Sealed slots are data; what else RocksDB keeps in tables is the index; its log and its own files are other."""
        total, data = disk_bytes(self.data), self.store().get('slotBytes', 0)
        tables = sum(os.path.getsize(path) for path in glob.glob(f'{self.data}/**/*.sst', recursive=True))
        index = max(tables - data, 0)
        return {'data': data, 'index': index, 'other': total - data - index, 'total': total}

    def disk_remark(self):
        """The dictionary may lie in the log alone; then the index looks smaller than it is."""
        log = sum(os.path.getsize(path) for path in glob.glob(f'{self.data}/*.log'))
        if log < 1e6:
            return ''
        return f'{log / 1e6:.1f} MB of its log were not dropped, which hold the dictionary as far as no table does'


class VictoriaMetrics(Server):
    name, label = 'victoria-metrics', 'VictoriaMetrics'
    ready_path = '/health'
    cached_queries = True

    def __init__(self, stage, options):
        super().__init__(stage, options)
        port = processes.free_port()
        self.url = f'http://127.0.0.1:{port}'
        self.program = stage.add(self.name, [
            os.path.join(options.peers, self.name), f'-storageDataPath={self.data}', f'-httpListenAddr=127.0.0.1:{port}',
            '-retentionPeriod=100y', '-search.maxUniqueTimeseries=5000000', '-search.maxSeries=5000000',
            '-search.maxSamplesPerQuery=10000000000', '-search.maxQueryDuration=10m', '-search.maxExportDuration=10m'])

    @staticmethod
    def version(options):
        program = os.path.join(options.peers, 'victoria-metrics')
        done = subprocess.run([program, '--version'], capture_output=True, text=True, check=False)
        # Debian's build does not know its version; tools/peers has written down what it unpacked.
        return (done.stdout + done.stderr).strip() or peer_version(options, 'victoria-metrics')

    def flush(self):
        # Otherwise samples can be queried some seconds after their acknowledgement, and empty answers are cached meanwhile.
        processes.http(self.url + '/internal/force_flush', timeout=ADMIN_TIMEOUT_S)
        return ''

    def merge(self):
        self.flush()
        processes.http(self.url + '/internal/force_merge', timeout=ADMIN_TIMEOUT_S)
        with contextlib.suppress(AssertionError):
            processes.wait_for('merges to begin', lambda: processes.metric(self.url, 'vm_active_force_merges'), 1)
        processes.wait_for('merges to end', lambda: not processes.metric(self.url, 'vm_active_force_merges'), ADMIN_TIMEOUT_S)
        settle(self.data)
        return ''

    def disk(self):
        index = sum(disk_bytes(folder) for folder in (f'{self.data}/data/indexdb', f'{self.data}/indexdb'))
        data = disk_bytes(f'{self.data}/data/small') + disk_bytes(f'{self.data}/data/big')
        total = disk_bytes(self.data)
        return {'data': data, 'index': index, 'other': total - data - index, 'total': total}


class Prometheus(Server):
    name, label = 'prometheus', 'Prometheus'

    def __init__(self, stage, options):
        super().__init__(stage, options)
        port = processes.free_port()
        self.url = f'http://127.0.0.1:{port}'
        self.program = stage.add(self.name, [
            os.path.join(options.peers, self.name), f'--config.file={stage.write("prometheus.yml", "")}',
            f'--storage.tsdb.path={self.data}', f'--web.listen-address=127.0.0.1:{port}', '--web.enable-remote-write-receiver',
            '--web.enable-admin-api', '--storage.tsdb.retention.time=100y', '--query.max-samples=1000000000'])

    @staticmethod
    def version(options):
        program = os.path.join(options.peers, 'prometheus')
        text = subprocess.run([program, '--version'], capture_output=True, text=True, check=False)
        return (text.stdout + text.stderr).split('\n')[0]

    def merge(self):
        """Its head becomes a block in a snapshot; it has no forced merge."""
        status, _ = processes.http(self.url + '/api/v1/admin/tsdb/snapshot', b'', timeout=ADMIN_TIMEOUT_S)
        return 'a snapshot: its head as a block, as it has no forced merge' if status == 200 else 'no snapshot'

    def disk(self):
        blocks = glob.glob(f'{self.data}/snapshots/*/*/')
        data = sum(disk_bytes(os.path.join(block, 'chunks')) for block in blocks)
        index = sum(disk_bytes(os.path.join(block, 'index')) or os.path.getsize(os.path.join(block, 'index'))
                    for block in blocks)
        return {'data': data, 'index': index, 'other': 0, 'total': data + index}


SYSTEMS = {system.name: system for system in (Barograph, VictoriaMetrics, Prometheus)}


def short_version(text):
    found = re.search(r'v?(\d+\.\d+(\.\d+)?)', text)
    return found.group(1) if found else text[:40]


def missing(options, name):
    """Why a system cannot be measured here, or an empty text."""
    folder = options.bin_dir if name == 'barograph' else options.peers
    program = os.path.join(folder or '', 'baro-collector' if name == 'barograph' else name)
    return '' if folder and os.access(program, os.X_OK) else f'no program {program}'


@contextlib.contextmanager
def running(name, options):
    """A started server with an empty store; everything it left is gone afterwards."""
    with processes.Stage(options.bin_dir) as stage:
        server = SYSTEMS[name](stage, options)
        server.start()
        yield server
