"""A web server on 127.0.0.1 for the tests of downloads."""

import contextlib
import http.server
import threading


class _Handler(http.server.BaseHTTPRequestHandler):
    """Serves `server.files`, {path: bytes}, and does what `server` says is wrong with it."""

    protocol_version = "HTTP/1.0"

    def do_GET(self):
        server = self.server
        server.requests.append((self.path, self.headers.get("Range")))
        if self.path not in server.files:
            self.send_error(404)
            return
        body = server.files[self.path]
        total, etag, start = len(body), f'"{hash(body)}"', 0
        asked = self.headers.get("Range")
        if asked and server.ranges and self.headers.get("If-Range") in (None, etag):
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        else:
            self.send_response(200)
        if server.etags:
            self.send_header("ETag", etag)
        if server.lengths:
            self.send_header("Content-Length", str(total - start))
        self.end_headers()
        self.wfile.write(body[start : start + (server.breaks_after or total)])

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def serve(files):
    """A running server: `server.url`, `server.files` {"/name": bytes}, `server.requests`."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.files, server.requests = dict(files), []
    server.ranges = server.etags = server.lengths = True
    server.breaks_after = None
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
