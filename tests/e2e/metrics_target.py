"""A scrape target whose every kind of metric changes with each scrape: counters with exemplars, gauges with every odd value,
native histograms of each schema, and a series that ends.

Prometheus gets protobuf (native histograms have no text form), everyone else the text format. Nothing but the standard
library.
"""
import http.server
import threading

from protobuf import bytes_field, double_field, int_field, signed_field, varint

COUNTER, GAUGE, HISTOGRAM = 0, 1, 4
ENDS_AFTER = 4  # scrapes, of the series target_ends


def label(name, value):
    return bytes_field(1, bytes_field(1, name) + bytes_field(2, value))


def family(name, kind, help_text, metrics):
    message = bytes_field(1, name) + bytes_field(2, help_text) + int_field(3, kind) + b''.join(bytes_field(4, m) for m in metrics)
    return varint(len(message)) + message


def timestamp(number, seconds):
    return bytes_field(number, int_field(1, int(seconds)) + int_field(2, int(seconds % 1 * 1e9)))


def exemplar(trace, value, time_s):
    return bytes_field(1, bytes_field(1, 'trace_id') + bytes_field(2, trace)) + double_field(2, value) + timestamp(3, time_s)


def spans(number, pairs):
    return b''.join(bytes_field(number, signed_field(1, offset) + int_field(2, length)) for offset, length in pairs)


def integer_histogram(scrape):
    """Schema 2: positive buckets 1 and 2 of spans with a gap, a negative one, a zero bucket."""
    counts = [scrape, 2 * scrape, 3 * scrape]
    deltas = [counts[0], counts[1] - counts[0], counts[2] - counts[1]]
    return (int_field(1, 8 * scrape) + double_field(2, 2.5 * scrape) + signed_field(5, 2) + double_field(6, 2.0 ** -128) +
            int_field(7, scrape) + spans(9, [(0, 1)]) + signed_field(10, scrape) +
            spans(12, [(-3, 2), (4, 1)]) + b''.join(signed_field(13, d) for d in deltas))


def float_histogram(scrape):
    counts = [0.5 * scrape, 1.25 * scrape]
    return (double_field(4, sum(counts) + 0.25) + double_field(2, 1.5 * scrape) + signed_field(5, 0) + double_field(6, 0.001) +
            double_field(8, 0.25) + spans(12, [(1, 2)]) + b''.join(double_field(14, c) for c in counts))


def resetting_histogram(scrape):
    """Starts again every third scrape."""
    return integer_histogram(1 + scrape % 3)


class Target:
    """Serves on a free loopback port until close(). Attributes: address, scrapes."""

    def __init__(self, now):
        self.scrapes, self.now, self.lock = 0, now, threading.Lock()
        target = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                protobuf = 'application/vnd.google.protobuf' in self.headers.get('Accept', '')
                with target.lock:
                    target.scrapes += 1
                    body = target.protobuf() if protobuf else target.text()
                self.send_response(200)
                self.send_header('Content-Type', (
                    'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited'
                    if protobuf else 'text/plain; version=0.0.4'))
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.server.daemon_threads = True
        self.address = f'127.0.0.1:{self.server.server_address[1]}'
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def gauges(self):
        n = self.scrapes
        return {'zero': 0.0, 'negative_zero': -0.0, 'nan': float('nan'), 'inf': float('inf'), 'ninf': float('-inf'),
                'tiny': 5e-324, 'huge': 1.7976931348623157e308, 'third': n / 3,
                'big_int': 2.0 ** 53 + 2 * n, 'n\u00f6n_ascii': 1.0}

    def protobuf(self):
        n, now = self.scrapes, self.now()
        counter = double_field(1, 10.0 * n) + bytes_field(2, exemplar(f'trace-{n}', 1.5, now))
        out = family('target_requests_total', COUNTER, 'Requests, "quoted"\nin two lines.', [
            label('code', '200') + bytes_field(3, counter),
            label('code', '500') + bytes_field(3, double_field(1, float(n // 2)))])
        out += family('target_gauge', GAUGE, 'Odd values.', [
            label('kind', kind) + bytes_field(2, double_field(1, value)) for kind, value in self.gauges().items()])
        if n <= ENDS_AFTER:
            out += family('target_ends', GAUGE, 'Ends.', [bytes_field(2, double_field(1, float(n)))])
        out += family('target_latency_seconds', HISTOGRAM, 'Native, integers.', [
            label('path', '/') + bytes_field(7, integer_histogram(n)),
            label('path', '/resets') + bytes_field(7, resetting_histogram(n))])
        out += family('target_size_bytes', HISTOGRAM, 'Native, floats.', [bytes_field(7, float_histogram(n))])
        return out

    def text(self):
        n = self.scrapes
        lines = ['# TYPE target_requests_total counter', f'target_requests_total{{code="200"}} {10 * n}',
                 '# TYPE target_gauge gauge']
        lines += [f'target_gauge{{kind="{kind}"}} {value!r}' for kind, value in self.gauges().items()]
        if n <= ENDS_AFTER:
            lines.append(f'target_ends {n}')
        return ('\n'.join(lines) + '\n').encode()
