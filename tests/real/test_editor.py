"""Editor support of authored files, against the YAML language server that editors run."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from planner.library import folder

HERE = Path(__file__).parent
SERVER = HERE / "node_modules" / ".bin" / "yaml-language-server"
PROJECT = HERE.parent.parent
TOPOLOGY = PROJECT / "topologies" / "lab-4x8.yaml"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed"),
    pytest.mark.skipif(not SERVER.exists(), reason="tests/real/install.sh found no npm"),
]


class Editor:
    """As much of an editor as it takes to ask a language server about one open file."""

    def __init__(self):
        self.server = subprocess.Popen([SERVER, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.asked = 0
        capabilities = {"textDocument": {"hover": {}, "completion": {}, "publishDiagnostics": {}}}
        self.ask("initialize", {"processId": None, "rootUri": None, "capabilities": capabilities})
        self.tell("initialized", {})
        settings = {
            "yaml": {"validate": True, "hover": True, "completion": True, "schemaStore": {"enable": False}}
        }
        self.tell("workspace/didChangeConfiguration", {"settings": settings})

    def tell(self, method, params):
        """Send a notification."""
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def ask(self, method, params):
        """Send a request and return its result."""
        self.asked += 1
        self._send({"jsonrpc": "2.0", "id": self.asked, "method": method, "params": params})
        return self._until(lambda m: m.get("id") == self.asked and "method" not in m)["result"]

    def open(self, path, text):
        """Open a file with the given text and return what the server finds wrong with it."""
        self.uri = path.as_uri()
        document = {"uri": self.uri, "languageId": "yaml", "version": 1, "text": text}
        self.tell("textDocument/didOpen", {"textDocument": document})
        published = self._until(lambda m: m.get("method") == "textDocument/publishDiagnostics")
        return [finding["message"] for finding in published["params"]["diagnostics"]]

    def at(self, line, character):
        """Parameters of a question about one place."""
        return {"textDocument": {"uri": self.uri}, "position": {"line": line, "character": character}}

    def close(self):
        """End the server."""
        self.server.kill()
        self.server.communicate()

    def _send(self, message):
        body = json.dumps(message).encode()
        self.server.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.server.stdin.flush()

    def _until(self, wanted):
        """Read messages until a wanted one, answering what the server asks with its defaults."""
        while True:
            message = self._receive()
            if wanted(message):
                return message
            if "id" in message and "method" in message:
                items = message.get("params", {}).get("items", [])
                self._send({"jsonrpc": "2.0", "id": message["id"], "result": [None] * len(items)})

    def _receive(self):
        length = 0
        while line := self.server.stdout.readline().strip():
            name, value = line.split(b":")
            length = int(value) if name.lower() == b"content-length" else length
        return json.loads(self.server.stdout.read(length))


@pytest.fixture
def editor():
    """A running language server."""
    opened = Editor()
    yield opened
    opened.close()


SHIPPED = [path for kind in ("topology", "workload", "model") for path in sorted(folder(kind).glob("*.yaml"))]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_files_are_accepted(editor, path):
    """Through the modeline of any shipped file the server finds the schema, and nothing wrong."""
    assert editor.open(path, path.read_text()) == []


def test_mistyped_key(editor):
    """A mistyped key is marked while it is written."""
    text = TOPOLOGY.read_text().replace("domains:", "domain:")
    assert any("domain" in message for message in editor.open(TOPOLOGY, text))


def test_completion(editor):
    """The keys of a topology are offered at the start of a line."""
    text = TOPOLOGY.read_text() + "\n"
    editor.open(TOPOLOGY, text)
    offered = editor.ask("textDocument/completion", editor.at(text.count("\n"), 0))
    labels = {item["label"] for item in offered["items"]}
    assert {"down", "spare", "include"} <= labels


def test_hover(editor):
    """Hovering over a key shows what it means."""
    text = TOPOLOGY.read_text()
    editor.open(TOPOLOGY, text)
    line = next(i for i, each in enumerate(text.splitlines()) if each.startswith("tiers:"))
    shown = editor.ask("textDocument/hover", editor.at(line, 2))
    assert "the last one is the whole cluster" in json.dumps(shown)
