"""A base's files: from a server that speaks as the hub does, from its cache, from a folder."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from vsdkit.errors import CheckpointError
from vsdkit.model.base_files import base_commit, fetch_base, is_hub_commit
from vsdkit.model.bases import tiny_base_path

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NEEDED = {
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
}
# What a repository may hold besides, which a run has no use for.
IDLE = {
    "README.md": b"# me",
    "pytorch_model.bin": b"pickled",
    "original/consolidated.safetensors": b"twice",
}


def copy_tiny(folder: Path) -> Path:
    folder.mkdir()
    for path in tiny_base_path().iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def test_commit_of_a_folder_follows_its_files(tmp_path: Path) -> None:
    folder = copy_tiny(tmp_path / "base")
    before = base_commit(str(folder))
    assert before == base_commit("tiny")
    assert len(before) == 64
    assert not is_hub_commit(before)
    (folder / "notes.txt").write_text("no part of the model")
    assert base_commit(str(folder)) == before
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[100_000] ^= 1
    weights.write_bytes(content)
    assert base_commit(str(folder)) != before
    assert fetch_base(str(folder), commit=before) == folder


def test_commit_of_a_snapshot_is_the_hubs(tmp_path: Path) -> None:
    (tmp_path / "snapshots").mkdir()
    folder = copy_tiny(tmp_path / "snapshots" / COMMIT)
    assert base_commit(str(folder)) == COMMIT
    assert is_hub_commit(COMMIT)


def test_commit_of_no_base() -> None:
    with pytest.raises(CheckpointError, match="no such base model: nowhere"):
        base_commit("nowhere")


class Hub(ThreadingHTTPServer):
    """A hub with one repository, ``me/tiny``, that remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        files = {path.name: path.read_bytes() for path in tiny_base_path().iterdir()} | IDLE
        self.files = {name: content for name, content in files.items() if name != "SHA256SUMS"}
        self.fetched: list[str] = []
        self.asked = 0


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def _answer(self) -> None:
        hub = self.server
        hub.asked += 1
        path = urlsplit(self.path).path
        if path.startswith("/api/models/me/tiny/tree/"):
            listing = [
                {"type": "file", "path": name, "size": len(content), "oid": digest(content)}
                for name, content in hub.files.items()
            ]
            self._send(json.dumps(listing).encode())
        elif path.startswith("/api/models/me/tiny"):
            self._send(json.dumps({"id": "me/tiny", "sha": COMMIT}).encode())
        else:
            name = path.removeprefix("/me/tiny/resolve/").partition("/")[2]
            if self.command == "GET" and name in hub.files:
                hub.fetched.append(name)
            self._send(hub.files.get(name))

    def _send(self, content: bytes | None) -> None:
        self.send_response(404 if content is None else 200)
        if content is None:
            self.send_header("X-Error-Code", "EntryNotFound")
        content = content or b""
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{digest(content)}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


def digest(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub()
    threading.Thread(target=hub.serve_forever, daemon=True).start()
    yield hub
    hub.shutdown()
    hub.server_close()


# In a process of its own: the hub's client reads its settings when it is imported.
_FETCH = """
import json, sys
from contextlib import contextmanager
from vsdkit.errors import CheckpointError
from vsdkit.model.base_files import base_commit, fetch_base

class Heard:
    bars, steps = [], 0
    def message(self, text): pass
    @contextmanager
    def track(self, description, *, total):
        self.bars.append([description, total])
        yield self
    def advance(self, steps=1, **facts):
        self.steps += steps

heard = Heard()
result = {}
try:
    commit = base_commit("me/tiny")
    small = fetch_base("me/tiny", commit=commit, weights=False, listener=heard)
    result["small"] = sorted(path.name for path in small.iterdir())
    folder = fetch_base("me/tiny", commit=commit, listener=heard)
    result |= {
        "commit": commit, "folder": str(folder), "bars": heard.bars, "steps": heard.steps,
        "files": sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*")),
    }
except CheckpointError as error:
    result["error"] = str(error)
print(json.dumps(result))
"""


def fetch(hub: Hub, home: Path, **environment: str) -> dict[str, object]:
    own = {
        "HF_HOME": str(home),
        "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}",
        "HF_HUB_OFFLINE": "0",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
    done = subprocess.run(
        [sys.executable, "-c", _FETCH],
        env=os.environ | own | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_a_hub_base_is_fetched_once_and_only_what_is_needed(hub: Hub, tmp_path: Path) -> None:
    found = fetch(hub, tmp_path)
    assert found["commit"] == COMMIT
    assert found["small"] == sorted(NEEDED - {"model.safetensors"})
    assert set(found["files"]) == NEEDED
    assert sorted(hub.fetched) == sorted(NEEDED)
    # The packaged base's weights are 2.3 MB; what is smaller than one is not worth a step.
    weights = len(hub.files["model.safetensors"])
    assert found["bars"][-1] == ["fetching me/tiny (MB)", weights // 10**6]
    assert found["steps"] >= weights // 10**6

    assert fetch(hub, tmp_path)["folder"] == found["folder"]
    assert sorted(hub.fetched) == sorted(NEEDED)

    asked = hub.asked
    offline = fetch(hub, tmp_path, HF_HUB_OFFLINE="1")
    assert (offline["folder"], offline["commit"]) == (found["folder"], COMMIT)
    assert hub.asked == asked

    (Path(found["folder"]) / "model.safetensors").unlink()
    said = fetch(hub, tmp_path, HF_HUB_OFFLINE="1")["error"]
    assert "me/tiny" in said
    assert "model.safetensors" in said


def test_a_file_that_cannot_be_fetched(hub: Hub, tmp_path: Path) -> None:
    del hub.files["model.safetensors"]
    said = fetch(hub, tmp_path)["error"]
    assert "1 of its 1 files of weights are missing (first: model.safetensors)" in said
    assert f"hf download me/tiny --revision {COMMIT}" in said
