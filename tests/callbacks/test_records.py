import http.server
import json
import threading
import urllib.parse

import numpy as np
import pytest

from kforge.callbacks import CSVLogger, LambdaCallback, RemoteMonitor

from .training import Model, train, values


class TestCSVLogger:
    def lines(self, path):
        return path.read_bytes().decode().split("\r\n")

    def test_columns_by_name(self, tmp_path):
        path = tmp_path / "log.csv"
        callback = CSVLogger(str(path))
        train(Model(), [callback], [{"loss": 2.5, "acc": 1}, {"loss": 2, "acc": 0.5}])
        assert callback.keys == ["acc", "loss"] and callback.append_header  # as scripts ask
        assert self.lines(path) == ["epoch,acc,loss", "0,1,2.5", "1,0.5,2", ""]

    def test_separator(self, tmp_path):
        path = tmp_path / "log.csv"
        train(Model(), [CSVLogger(path, separator=";")], [{"loss": 2.5, "acc": 1}])
        assert self.lines(path) == ["epoch;acc;loss", "0;1;2.5", ""]

    @pytest.mark.parametrize("append", [True, False])
    def test_append(self, tmp_path, append):
        path = tmp_path / "log.csv"
        callback = CSVLogger(str(path), append=append)
        train(Model(), [callback], values("loss", 1.5))
        train(Model(), [callback], values("loss", 1.5, 0.5), initial_epoch=1)
        rows = ["0,1.5"] if append else []
        assert self.lines(path) == ["epoch,loss", *rows, "1,0.5", ""]

    def test_append_to_an_empty_file(self, tmp_path):
        path = tmp_path / "log.csv"
        path.touch()
        train(Model(), [CSVLogger(str(path), append=True)], values("loss", 1.5))
        assert self.lines(path) == ["epoch,loss", "0,1.5", ""]

    def test_values_that_some_epochs_lack(self, tmp_path):
        path = tmp_path / "log.csv"
        train(Model(), [CSVLogger(str(path))], [{"loss": 2}, {"loss": 1, "val_loss": 3}])
        assert self.lines(path) == ["epoch,loss,val_loss", "0,2,NA", "1,1,3", ""]

    def test_arrays(self, tmp_path):
        path = tmp_path / "log.csv"
        train(Model(), [CSVLogger(str(path))], [{"loss": np.array([1, 2])}])
        assert self.lines(path)[1] == '0,"""[1, 2]"""'

    def test_lines_are_there_while_training(self, tmp_path):
        path = tmp_path / "log.csv"
        seen = []
        look = LambdaCallback(on_epoch_begin=lambda epoch, logs: seen.append(path.read_bytes()))
        train(Model(), [CSVLogger(str(path)), look], values("loss", 1, 2))
        assert seen == [b"", b"epoch,loss\r\n0,1\r\n"]


class Server(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.seen.append((self.path, dict(self.headers), body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with http.server.HTTPServer(("127.0.0.1", 0), Server) as found:
        found.seen = []
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found
        found.shutdown()
        thread.join()


class TestRemoteMonitor:
    def root(self, server):
        return f"http://127.0.0.1:{server.server_port}"

    def test_form(self, server):
        epochs = [{"loss": np.float32(0.5), "confusion": np.eye(2)}]
        train(Model(), [RemoteMonitor(self.root(server), headers={"X-Run": "7"})], epochs)
        [(path, headers, body)] = server.seen
        assert path == "/publish/epoch/end/"
        assert headers["X-Run"] == "7"
        assert headers["Content-Type"] == "application/x-www-form-urlencoded"
        sent = json.loads(urllib.parse.parse_qs(body)["data"][0])
        assert sent == {"epoch": 0, "loss": 0.5, "confusion": [[1, 0], [0, 1]]}

    def test_json(self, server):
        callback = RemoteMonitor(self.root(server), path="/here", send_as_json=True)
        train(Model(), [callback], values("loss", 1, 2))
        assert [path for path, _, _ in server.seen] == ["/here", "/here"]
        assert server.seen[0][1]["Content-Type"] == "application/json"
        assert json.loads(server.seen[1][2]) == {"epoch": 1, "loss": 2}

    def test_nobody_there(self, server):
        root = self.root(server)
        server.server_close()
        with pytest.warns(
            UserWarning, match=f"Could not reach RemoteMonitor root server at {root}"
        ):
            assert train(Model(), [RemoteMonitor(root)], values("loss", 1)).epoch == [0]
