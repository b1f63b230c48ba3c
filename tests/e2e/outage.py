#!/usr/bin/env python3
"""The collector is absent when the agent starts: the agent collects into its spool and delivers all of it later.

Then the collector goes away for a while: afterwards the series has no gap. usage: outage.py BIN_DIR
"""
import sys
import time

import processes

CONFIG = 'node:\n  interval: 1s\nglobal:\n  scrape_interval: 1s\n'
SECONDS_AWAY = 6


def samples(collector, seconds):
    rows = processes.query(collector.url, f'count_over_time(node_load1[{seconds}s])')
    return rows[0][1] if rows else 0


def check_no_gap(collector, since):
    """One sample a second from `since` to now, give or take the ends."""
    expected = int(time.time() - since) - 2
    processes.wait_for(f'{expected} samples of node_load1',
                       lambda: samples(collector, int(time.time() - since) + 5) >= expected)
    steps = processes.query(collector.url, f'max_over_time((time() - timestamp(node_load1))[{expected}s:1s])')
    assert steps, 'no series'
    changes = processes.query(collector.url, f'count_over_time(node_load1[{expected}s])')
    print(f'{changes[0][1]:.0f} samples in {expected} s')


def main():
    with processes.Stage(sys.argv[1]) as stage:
        collector = stage.collector()
        agent = stage.agent(collector.grpc, CONFIG).start()
        processes.wait_ready(agent)
        started = time.time()
        processes.wait_for('the agent to have spooled without a collector', lambda: time.time() > started + SECONDS_AWAY)
        collector.start()
        processes.wait_ready(collector)
        check_no_gap(collector, started)
        print(f'collector absent for {SECONDS_AWAY} s at start: delivered later')

        assert collector.stop() == 0, 'collector did not end with 0'
        away = time.time()
        processes.wait_for('the outage', lambda: time.time() > away + SECONDS_AWAY)
        collector.start()
        processes.wait_ready(collector)
        check_no_gap(collector, started)
        print(f'collector away for {SECONDS_AWAY} s: no gap')
        assert agent.stop() == 0, 'agent did not end with 0'


if __name__ == '__main__':
    main()
