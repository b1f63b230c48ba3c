#!/usr/bin/env python3
"""Serves a capture as many scrape targets: GET /t/<i> answers the next captured scrape of target i.

usage: bench/targets.py CAPTURE_FOLDER [--port 0]; prints "port N" when ready, ends on SIGTERM.
"""
import argparse
import asyncio
import collections
import os


def load(folder, only=None):
    """Every exporter's scrapes, in order; or those of one."""
    exporters = []
    for name in [only] if only else sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if os.path.isdir(path):
            exporters.append([open(os.path.join(path, file), 'rb').read() for file in sorted(os.listdir(path))])
    return exporters


class Targets:
    def __init__(self, exporters):
        self.exporters = exporters
        self.scrapes = collections.Counter()

    def answer(self, path):
        number = int(path.rsplit('/', 1)[1])
        scrapes = self.exporters[number % len(self.exporters)]
        body = scrapes[(self.scrapes[number] + 7 * number) % len(scrapes)]
        self.scrapes[number] += 1
        return body

    async def serve(self, reader, writer):
        try:
            while True:
                request = await reader.readuntil(b'\r\n\r\n')
                path = request.split(b' ', 2)[1].decode().split('?')[0]
                body = self.answer(path)
                writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n'
                             b'Content-Length: %d\r\n\r\n' % len(body) + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ValueError):
            writer.close()


async def run(options):
    targets = Targets(load(options.folder, options.only))
    server = await asyncio.start_server(targets.serve, '127.0.0.1', options.port)
    print(f'port {server.sockets[0].getsockname()[1]}', flush=True)
    await server.serve_forever()


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument('folder')
    arguments.add_argument('--only')
    arguments.add_argument('--port', type=int, default=0)
    asyncio.run(run(arguments.parse_args()))


if __name__ == '__main__':
    main()
