"""Questions over connections that stay open, one per thread and server."""

import http.client
import json
import threading
import urllib.parse


class Asker:
    def __init__(self, url):
        self.address = urllib.parse.urlsplit(url).netloc
        self.mine = threading.local()

    def body(self, path):
        """(HTTP status, bytes). A connection that the server has closed is opened again, once."""
        for attempt in (0, 1):
            connection = getattr(self.mine, "connection", None)
            if connection is None:
                connection = self.mine.connection = http.client.HTTPConnection(self.address, timeout=60)
            try:
                connection.request("GET", path)
                answer = connection.getresponse()
                return answer.status, answer.read()
            except (http.client.HTTPException, ConnectionError):
                connection.close()
                self.mine.connection = None
                if attempt:
                    raise

    def ask(self, path, parameters):
        return self.body(f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}")


def parsed(answer):
    status, body = answer
    try:
        return status, json.loads(body)
    except ValueError:
        return status, {"status": "error", "errorType": "not JSON", "error": body.decode(errors="replace")[:300]}
