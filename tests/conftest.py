"""What tests of several packages share."""

from __future__ import annotations

import base64
import errno
import fcntl
import json
import os
import runpy
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from vsdkit.data.records import Box
from vsdkit.data.vsd_json import JoinedImage, Triple
from vsdkit.launch import Launch
from vsdkit.settings.commands import COMMANDS
from vsdkit.settings.environment import variable_name

MakeImage = Callable[..., JoinedImage]

Behaviour = Callable[[dict[str, Any], int], tuple[int, bytes, dict[str, str]]]
"""Takes a request's body and its number; gives status (0 resets), content and headers."""


def pytest_configure() -> None:
    """Let Ctrl-C be heard, which a shell's background job ignores; forget the user's settings."""
    # A busy machine is no fault of the code.
    settings.register_profile("no deadline", deadline=None)
    settings.load_profile("no deadline")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Settings that a user keeps in the environment would be those of the tests' commands.
    prefixes = tuple(variable_name(command, "") for command in COMMANDS)
    for name in [name for name in os.environ if name.startswith(prefixes)]:
        del os.environ[name]


@pytest.fixture
def vsd_image() -> MakeImage:
    """Return a function that makes an image of VSD, of triples (subject, relation, object)."""

    def make(
        *triples: tuple[str, str, str],
        id: str = "7",  # noqa: A002
        v1: tuple[str, ...] = ("a", "b"),
        v2: tuple[str, ...] = ("C",),
    ) -> JoinedImage:
        box = Box(1, 2, 3, 4)
        marked = triples or (("cup", "on", "desk"),)
        return JoinedImage(id, tuple(Triple(*tags, box, box) for tags in marked), v1, v2)

    return make


@pytest.fixture(params=[errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS], ids=errno.errorcode.get)
def without_locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every file system be one that knows no locks."""

    def flock(*_: object) -> None:
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", flock)


@pytest.fixture(scope="session")
def spice_files() -> Path:
    """Return the user's folder of SPICE's files; the first run on a machine fetches 17 MB."""
    from vsdkit.jvm import fetch_spice_files, spice_folder

    fetch_spice_files()
    return spice_folder()


@pytest.fixture
def spice_cache(spice_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a cache folder of the test's own: SPICE's files, and no parsed sentence."""
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / spice_files.name).symlink_to(spice_files)
    monkeypatch.setenv("VSDKIT_CACHE", str(cache))
    return cache


class ChatServer:
    """A chat server on this machine that answers as told and remembers what it was asked."""

    def __init__(self, behave: Behaviour) -> None:
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.under_way = self.most_under_way = 0
        lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                body |= {"path": self.path}
                with lock:
                    outer.asked.append(body)
                    outer.headers.append({k.lower(): v for k, v in self.headers.items()})
                    number = len(outer.asked)
                    outer.under_way += 1
                    outer.most_under_way = max(outer.most_under_way, outer.under_way)
                status, content, headers = behave(body, number)
                with lock:
                    outer.under_way -= 1
                if not status:
                    # Nothing of an answer, and the connection is reset.
                    linger = struct.pack("ii", 1, 0)
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    self.close_connection = True
                    return
                own = {"content-type": "application/json", "content-length": str(len(content))}
                try:
                    self.send_response(status)
                    for name, value in (own | headers).items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(content)
                except (BrokenPipeError, ConnectionResetError):
                    # The client gave up waiting.
                    return

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file of a test's own where servers' answers are kept.

    In the user's own those of another test's server, at the same port, would be found.
    """
    folder = tmp_path / "answers"
    monkeypatch.setattr("vsdkit.chat_client.answer_store.cache_folder", lambda: folder)
    return folder / "server_answers.sqlite"


@pytest.fixture
def serve(
    monkeypatch: pytest.MonkeyPatch, server_answers: Path
) -> Iterator[Callable[..., ChatServer]]:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    servers: list[ChatServer] = []

    def start(behave: Behaviour) -> ChatServer:
        servers.append(ChatServer(behave))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def answer() -> Callable[[str | None], bytes]:
    """Return a function that makes a chat server's answer of a text."""

    def make(text: str | None) -> bytes:
        message = {"role": "assistant", "content": text}
        choices = [{"index": 0, "finish_reason": "stop", "message": message}]
        content = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
        return json.dumps(content | {"choices": choices}).encode()

    return make


class ForkingServer:
    """A process that starts others in milliseconds: ``forked_processes.py``."""

    def __init__(self, *modules: str) -> None:
        # A socket's path has at most 107 characters; pytest's folders are longer.
        self._folder = tempfile.TemporaryDirectory(prefix="vsdkit-")
        self.program = Path(__file__).with_name("forked_processes.py")
        self.address = str(Path(self._folder.name) / "socket")
        names = runpy.run_path(str(self.program))
        self.run_launch = names["run_launch"]
        self._process = subprocess.Popen(
            [sys.executable, self.program, "serve", self.address, *names["HEAVY"], *modules],
            stdin=subprocess.PIPE,
            env=os.environ | {"DS_ACCELERATOR": "cpu", "OMP_NUM_THREADS": "1"},
        )
        while not Path(self.address).exists():
            assert self._process.poll() is None, "the server did not start"
            time.sleep(0.05)

    def close(self) -> None:
        # Its stdin closes, so it ends.
        self._process.communicate()
        self._folder.cleanup()


@pytest.fixture(scope="session")
def start_forking_server() -> Iterator[Callable[..., ForkingServer]]:
    """Return a function that starts such a server, with more modules imported."""
    servers = list[ForkingServer]()

    def start(*modules: str) -> ForkingServer:
        servers.append(ForkingServer(*modules))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(scope="session")
def _forking_server(start_forking_server: Callable[..., ForkingServer]) -> ForkingServer:
    return start_forking_server()


@pytest.fixture
def forked(_forking_server: ForkingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let runs start in a second instead of ten: without the launcher, forked and not imported."""

    def run(self: Launch, *, log: Path, tick: Callable[[int], None]) -> int:
        return _forking_server.run_launch(_forking_server.address, self, log, tick)

    monkeypatch.setattr(Launch, "run", run)


@pytest.fixture(scope="session")
def _kept_cache(spice_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    cache = tmp_path_factory.mktemp("cache")
    (cache / spice_files.name).symlink_to(spice_files)
    return cache


@pytest.fixture
def kept_spice_cache(_kept_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a cache folder that keeps parsed sentences from one test to the next."""
    monkeypatch.setenv("VSDKIT_CACHE", str(_kept_cache))
    return _kept_cache


@pytest.fixture(scope="session")
def fp32_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the tiny base in float32, in which a merge rounds next to nothing."""
    from safetensors.torch import load_file, save_file

    from vsdkit.model.bases import tiny_base_path

    folder = tmp_path_factory.mktemp("bases") / "fp32"
    shutil.copytree(tiny_base_path(), folder)
    weights = folder / "model.safetensors"
    tensors = {name: tensor.float() for name, tensor in load_file(weights).items()}
    save_file(tensors, weights, metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text()) | {"dtype": "float32"}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


class _Served:
    """A merged folder as a server of transformers' own classes runs it."""

    def __init__(self, folder: Path, *, logprobs: bool = True) -> None:
        from transformers import AutoModelForImageTextToText, AutoProcessor

        self.model = AutoModelForImageTextToText.from_pretrained(folder).eval()
        self.processor = AutoProcessor.from_pretrained(folder)
        self.logprobs = logprobs

    def __call__(self, body: dict[str, Any], number: int) -> tuple[int, bytes, dict[str, str]]:
        (message,) = body["messages"]
        parts = message["content"]
        import torch
        from PIL import Image

        data = parts[0]["image_url"]["url"].partition(";base64,")[2]
        image = Image.open(BytesIO(base64.b64decode(data)))
        messages = [{"role": "user", "content": [{"type": "image", "image": image}, parts[1]]}]
        inputs = self.processor.apply_chat_template(
            messages,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            add_generation_prompt=True,
        )
        with torch.inference_mode():
            out = self.model.generate(
                **inputs,
                do_sample=False,
                max_new_tokens=body["max_tokens"],
                output_logits=True,
                return_dict_in_generate=True,
            )
        ids = out.sequences[0, inputs["input_ids"].shape[1] :]
        tokenizer = self.processor.tokenizer
        text = tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        stopped = ids[-1].item() == self.model.generation_config.eos_token_id
        choice: dict[str, Any] = {
            "index": 0,
            "finish_reason": "stop" if stopped else "length",
            "message": {"role": "assistant", "content": text},
        }
        if self.logprobs and body.get("logprobs"):
            top = out.logits[0][0].float().log_softmax(0).topk(body["top_logprobs"])
            told = [
                {"token": tokenizer.decode([id_]), "logprob": value}
                for value, id_ in zip(top.values.tolist(), top.indices.tolist(), strict=True)
            ]
            choice["logprobs"] = {"content": [told[0] | {"top_logprobs": told}]}
        content = {"id": "1", "object": "chat.completion", "created": 1, "model": body["model"]}
        return 200, json.dumps(content | {"choices": [choice]}).encode(), {}


@pytest.fixture(scope="session")
def served() -> Callable[..., Behaviour]:
    """Return a function that gives the behaviour of a server that holds a merged folder."""
    return _Served


MakeRun = Callable[..., Path]


@pytest.fixture(scope="session")
def make_run(fp32_base: Path) -> MakeRun:
    """Return a function that writes what ``finetune`` leaves, of an adapter that was not trained.

    Its weights are random and large enough that merged and bare model answer otherwise.
    """
    import torch
    from peft import LoraConfig, get_peft_model

    from vsdkit.conversation import load_conversation, load_template
    from vsdkit.manifest import Manifest
    from vsdkit.model.checkpoint import load_base
    from vsdkit.model.lora import without_peft_noise
    from vsdkit.model.precision import choose_precision
    from vsdkit.model.run_folder import TrainedRun

    def make(
        folder: Path,
        *,
        image_mode: str = "anyres",
        projector: bool = False,
        settings: dict[str, Any] | None = None,
        **lora: Any,
    ) -> Path:
        base = str(fp32_base)
        loaded = load_base(base, image_mode=image_mode, precision=choose_precision("cpu"))
        family = loaded.family
        lora = {"r": 4, "lora_alpha": 8, "target_modules": family.lora_targets} | lora
        lora |= {"modules_to_save": [family.projector] if projector else None}
        with without_peft_noise():
            model = get_peft_model(loaded.model, LoraConfig(task_type="CAUSAL_LM", **lora))
            generator = torch.Generator().manual_seed(0)
            for weight in model.parameters():
                if weight.requires_grad:
                    weight.data.normal_(0, 0.06, generator=generator)
            model.save_pretrained(folder)
        TrainedRun(
            folder=folder,
            base=base,
            image_mode=image_mode,
            template=load_template("paper"),
            conversation=load_conversation("vicuna_v1"),
            training_images=frozenset({"0.png"}),
        ).write(Manifest("finetune", settings=settings or {}), inputs=[])
        return folder

    return make
