#!/usr/bin/env python3
"""The collector is absent when the agent starts: the agent collects into its spool and delivers all of it later.

Then the collector goes away for a while: afterwards the series has no gap. usage: outage.py BIN_DIR
"""
import sys
import time

import processes

CONFIG = 'node:\n  interval: 1s\nglobal:\n  scrape_interval: 1s\n'
SECONDS_AWAY = 6


def check_no_gap(collector, since):
    """One sample a second from `since` until now, give or take the two ends."""
    until = time.time()
    seconds = int(until - since)

    def count():
        rows = processes.query(collector.url, f'count_over_time(node_load1[{seconds}s])', at=until)
        return rows[0][1] if rows else 0

    processes.wait_for(f'{seconds - 2} samples of node_load1', lambda: count() >= seconds - 2)
    print(f'{count():.0f} samples in {seconds} s')


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
