#!/usr/bin/env python3
"""Alerts from a real collector through real Alertmanagers to a local webhook: firing, changed annotation, resolve; an
Alertmanager that is away; a receiver that never answers; a collector killed with a full queue; our own webhooks beside
Alertmanager's.

usage: notifications.py BIN_DIR. Alertmanager is $BARO_ALERTMANAGER (default: /usr/bin/prometheus-alertmanager) and, when there
is one, the newest packaged one below $BARO_PEERS_DIR; without any the test is skipped (exit 77). Times are scaled: what is ten minutes in life is seconds
here (lib/notify/notifier_test.cc has the ten minutes, on a clock of its own).
"""
import contextlib
import http.server
import json
import os
import socket
import sys
import threading
import time
import urllib.parse

import processes

HOLD_S = 4
ALERTS = 40


class Hook:
    """A webhook receiver: remembers each body."""

    def __init__(self):
        self.bodies, self.lock = [], threading.Lock()
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
                with hook.lock:
                    hook.bodies.append(body)
                self.send_response(200)
                self.send_header('Content-Length', '0')
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.url = f'http://127.0.0.1:{self.server.server_port}/'
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def told(self, status=None, name=None):
        """The alerts of all bodies so far."""
        with self.lock:
            return [alert for body in self.bodies for alert in body['alerts']
                    if status in (None, alert['status']) and name in (None, alert['labels']['alertname'])]

    def close(self):
        self.server.shutdown()


def alertmanagers():
    peers = os.environ.get('BARO_PEERS_DIR')
    found = [os.environ.get('BARO_ALERTMANAGER', '/usr/bin/prometheus-alertmanager')] + ([peers + '/usr/bin/prometheus-alertmanager'] if peers else [])
    return [binary for binary in found if os.access(binary, os.X_OK)]


def command_of(binary):
    """Debian's Alertmanager wants its template below /usr/share: one that was only unpacked gets a view of its own."""
    share = os.path.normpath(os.path.join(os.path.dirname(binary), '..', 'share'))
    if share == '/usr/share' or os.path.exists('/usr/share/prometheus/alertmanager/default.tmpl'):
        return [binary]
    return ['unshare', '--mount', 'sh', '-c', 'mount --bind "$0" /usr/share && exec "$@"', share, binary]


def start_alertmanager(stage, binary, hooks, name='alertmanager'):
    """Each alert is a group of its own, told after a second."""
    receivers = ', '.join(f"{{url: '{url}', send_resolved: true}}" for url in hooks)
    config = stage.write(name + '.yml', f'''
route: {{receiver: hook, group_by: ['...'], group_wait: 1s, group_interval: 1s, repeat_interval: 1h}}
receivers: [{{name: hook, webhook_configs: [{receivers}]}}]
''')
    port = processes.free_port()
    program = stage.add(name, [*command_of(binary), f'--config.file={config}', f'--storage.path={stage.path(name)}',
                               f'--web.listen-address=127.0.0.1:{port}', '--cluster.listen-address='])
    program.url, program.address = f'http://127.0.0.1:{port}', f'127.0.0.1:{port}'
    program.start()
    processes.wait_for('Alertmanager', lambda: processes.http(program.url + '/-/ready')[0] == 200)
    return program


def start_collector(stage, targets, webhooks='', extra=''):
    addresses = ', '.join(f"'{target}'" for target in targets)
    config = stage.write('collector.yml', f'''
global: {{external_labels: {{cluster: e2e}}}}
alerting:
  alertmanagers: [{{timeout: 30s, static_configs: [{{targets: [{addresses}]}}]}}]
  webhooks: [{webhooks}]
  queue: {{retry_min: 100ms, retry_max: 500ms, resolve_hold: {HOLD_S}s, drain_timeout: 1s}}
{extra}''')
    collector = stage.collector(extra=['--config.file', config])
    collector.start()
    processes.wait_ready(collector)
    return collector


def send(collector, name, state='firing', since=None, annotations=None, **parameters):
    """Puts an alert into the queues, as the rule engine does."""
    form = [('queued', 'true'), ('state', state), ('label', f'alertname={name}'), ('label', 'job=api')]
    form += [('annotation', f'{key}={value}') for key, value in (annotations or {}).items()]
    form += [('starts_at', since or f'{time.time():.3f}')] + list(parameters.items())
    status, text = processes.http(collector.url + '/api/v1/baro/notify/test', urllib.parse.urlencode(form).encode())
    assert status == 200, text


def get(collector, path):
    status, text = processes.http(f'{collector.url}/api/v1/{path}')
    assert status == 200, f'{path}: {status} {text}'
    return json.loads(text)['data']


def at_alertmanager(alertmanager, name):
    status, text = processes.http(f'{alertmanager.url}/api/v2/alerts?filter=alertname%3D%22{name}%22')
    return json.loads(text) if status == 200 else []


def check_lifecycle(binary, bin_dir):
    """Firing, changed annotation, resolve; what Alertmanager says comes back into the history."""
    with processes.Stage(bin_dir) as stage, contextlib.closing(Hook()) as hook, contextlib.closing(Hook()) as direct:
        port = processes.free_port()  # the collector's own port is not known yet
        alertmanager = start_alertmanager(stage, binary, [hook.url, f'http://127.0.0.1:{port}/api/v1/baro/alertmanager-webhook'])
        collector = start_collector(stage, [alertmanager.address], f"{{name: direct, url: '{direct.url}', group_by: ['...'], "
                                    'group_wait: 1s, group_interval: 1s}')
        collector.stop()
        collector.command = [f'127.0.0.1:{port}' if part == collector.url[7:] else part for part in collector.command]
        collector.url = f'http://127.0.0.1:{port}'
        collector.start()
        processes.wait_ready(collector)
        since = f'{time.time():.3f}'
        send(collector, 'Slow', since=since, annotations={'summary': 'first'})
        processes.wait_for('the firing', lambda: hook.told('firing', 'Slow') and direct.told('firing', 'Slow'))
        send(collector, 'Slow', since=since, annotations={'summary': 'second'})
        processes.wait_for('the changed annotation', lambda: [
            alert for alert in at_alertmanager(alertmanager, 'Slow') if alert['annotations']['summary'] == 'second'])
        send(collector, 'Slow', state='resolved', since=since)
        processes.wait_for('the resolve', lambda: hook.told('resolved', 'Slow') and direct.told('resolved', 'Slow'))
        compare_bodies(hook, direct)
        assert [len(one.told(state, 'Slow')) for one in (hook, direct) for state in ('firing', 'resolved')] == [1, 1, 1, 1]
        assert get(collector, 'alertmanagers')['activeAlertmanagers'] == [{'url': alertmanager.url + '/api/v2/alerts'}]
        kinds = processes.wait_for('the history', lambda: complete_history(collector))
        print(f'lifecycle: one firing, one resolved; history {kinds}')


def compare_bodies(hook, direct):
    """Our own webhook says what Alertmanager's says."""
    for theirs, ours in zip(hook.bodies, direct.bodies):
        for body in (theirs, ours):
            for key in ('receiver', 'externalURL', 'notification_reason'):
                body.pop(key, None)
            body['groupKey'] = body['groupKey'].split(':', 1)[1]
            for alert in body['alerts']:
                alert.pop('endsAt') if alert['status'] == 'resolved' else None
        # A resolve's annotations are those of the moment each was told.
        assert theirs == ours, f'Alertmanager: {theirs}\nours: {ours}'


def complete_history(collector):
    records = get(collector, 'baro/alerts/history?matcher=alertname%3D%22Slow%22')
    kinds = [record['kind'] + '/' + (record.get('state') or record.get('outcome') or record.get('status')) for record in records]
    wanted = {'alert/firing', 'alert/resolved', 'delivery/delivered', 'notified/firing', 'notified/resolved'}
    return sorted(kinds) if wanted <= set(kinds) else None


def check_outage(binary, bin_dir):
    """Alertmanager goes away; meanwhile alerts fire, are told again and again, and half of them end."""
    # Ended in order it remembers what it has told; killed it does not, and tells the firing again.
    for end, firings in (('stop', 1), ('kill', 2)):
        with processes.Stage(bin_dir) as stage, contextlib.closing(Hook()) as hook:
            alertmanager = start_alertmanager(stage, binary, [hook.url])
            collector = start_collector(stage, [alertmanager.address])
            send(collector, 'Before')
            processes.wait_for('the first firing', lambda: hook.told('firing', 'Before'))
            getattr(alertmanager, end)()
            names = tell_nobody(collector)
            alertmanager.start()
            wanted = len(names) + len(names[::2]) + firings + 1
            processes.wait_for('everything to be told', lambda: len(hook.told()) >= wanted)
            processes.wait_for('an empty queue', lambda: get(collector, 'baro/notify/status')['receivers'][0]['queueLength'] == 0)
            for name in names + ['Before']:
                told = len(hook.told('firing', name)), len(hook.told('resolved', name))
                wanted = (firings if name == 'Before' else 1), (1 if name in names[::2] + ['Before'] else 0)
                assert told == wanted, f'{end}: {name} {told}, not {wanted}'
            assert processes.metric(collector.url, 'baro_notifications_dropped_total') == 0
            print(f'outage ({end}): {ALERTS} alerts told 5 times each: {len(hook.told("firing"))} firing, '
                  f'{len(hook.told("resolved"))} resolved, none lost')


def tell_nobody(collector):
    """What the rule engine says while Alertmanager is away."""
    names = [f'Out{i}' for i in range(ALERTS)]
    since = f'{time.time():.3f}'
    for _ in range(5):
        for name in names:
            send(collector, name, since=since, annotations={'at': time.time()})
    for name in names[::2] + ['Before']:
        send(collector, name, state='resolved', since=since)
    queue = get(collector, 'baro/notify/status')['receivers'][0]
    assert queue['queueLength'] == ALERTS + 1 and queue['lastError'], queue
    return names


def check_black_hole(binary, bin_dir):
    """Two Alertmanagers, one of which accepts connections and says nothing."""
    with processes.Stage(bin_dir) as stage, contextlib.closing(Hook()) as hook, socket.socket() as hole:
        hole.bind(('127.0.0.1', 0))
        hole.listen(128)
        alertmanager = start_alertmanager(stage, binary, [hook.url])
        latencies = []
        for targets in ([alertmanager.address], [f'127.0.0.1:{hole.getsockname()[1]}', alertmanager.address]):
            collector = start_collector(stage, targets)
            samples = []
            for i in range(20):
                name = f'Hole{len(targets)}x{i}'
                start = time.monotonic()
                send(collector, name)
                processes.wait_for(name, lambda name=name: at_alertmanager(alertmanager, name))
                samples.append(time.monotonic() - start)
            latencies.append(sorted(samples)[len(samples) // 2])
            start = time.monotonic()
            collector.stop()
            assert time.monotonic() - start < 20, 'the black hole held up the end'
        assert latencies[1] < latencies[0] + 1, latencies
        print(f'black hole: median {latencies[0] * 1e3:.0f} ms alone, {latencies[1] * 1e3:.0f} ms beside it')


def check_kill(binary, bin_dir):
    """kill -9 of a collector whose queue is full of what nobody has heard."""
    with processes.Stage(bin_dir) as stage, contextlib.closing(Hook()) as hook:
        alertmanager = start_alertmanager(stage, binary, [hook.url])
        collector = start_collector(stage, [alertmanager.address])
        alertmanager.kill()
        names = [f'Kill{i}' for i in range(200)]
        for name in names:
            send(collector, name)
        collector.kill()
        alertmanager.start()
        collector.start()
        processes.wait_ready(collector)
        processes.wait_for('all to be told', lambda: len(hook.told('firing')) >= len(names))
        told = sorted(alert['labels']['alertname'] for alert in hook.told('firing'))
        assert told == sorted(names), f'{len(told)} told, {len(set(told))} of {len(names)} alerts'
        print(f'kill -9: {len(names)} queued, each told once after the restart')


def check_test_verb(binary, bin_dir):
    """The test of the way names what is wrong with it."""
    with processes.Stage(bin_dir) as stage, contextlib.closing(Hook()) as hook:
        alertmanager = start_alertmanager(stage, binary, [hook.url])
        nobody = f'127.0.0.1:{processes.free_port()}'
        collector = start_collector(stage, [alertmanager.address, nobody])
        status, text = processes.http(collector.url + '/api/v1/baro/notify/test', b'')
        assert status == 200, text
        good, bad = json.loads(text)['data']['receivers']
        assert good['delivered'] and not bad['delivered'] and 'refused' in bad['error'], text
        status, text = processes.http(collector.url + '/api/v1/baro/notify/test', b'receiver=x')
        assert status == 404, text
        print(f'test: delivered in {good["latencySeconds"] * 1e3:.1f} ms; the other: {bad["error"]}')


def main():
    binaries = alertmanagers()
    if not binaries:
        processes.skip('no Alertmanager')
    for binary in binaries:
        print(f'--- {binary}', flush=True)
        for check in (check_lifecycle, check_outage, check_black_hole, check_kill, check_test_verb):
            check(binary, sys.argv[1])


if __name__ == '__main__':
    main()
