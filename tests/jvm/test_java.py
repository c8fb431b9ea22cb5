from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from vsdkit.errors import MetricError
from vsdkit.jvm import Java, JavaLimits, tokenize

pytestmark = pytest.mark.java

# Expected tokens: pycocoevalcap 1.2's PTBTokenizer under Java 17, on sentences made up here.
TOKENS = {
    "A dog (brown) isn't on the man's T.V.": "a dog -lrb- brown -rrb- is n't on the man 's t.v.",
    "“Hello” — the café's 2 cats; they cannot sit!": "hello the café 's 2 cats they can not sit",
    "a grey-blue cup, on colour TV...": "a grey-blue cup on colour tv",
    "the sign says :)": "the sign says :-rrb-",
    "I": "i",
    ".": "",
    "": "",
}


@pytest.fixture(scope="module")
def java():
    with Java() as java:
        yield java


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    # A killed process whose parent has not asked for it yet is no longer running either.
    with open(f"/proc/{process_id}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] != "Z"


def test_tokens_are_pycocoevalcaps(java: Java) -> None:
    assert [" ".join(words) for words in java.tokenize(list(TOKENS))] == list(TOKENS.values())


@pytest.mark.parametrize("line_break", ["\n", "\r", "\r\n", "\u2028", "\x0b", "\x0c", "\u0085"])
def test_line_break_shifts_no_other_sentence(java: Java, line_break: str) -> None:
    tokens = java.tokenize([f"one{line_break}two", "three", f"four{line_break}", "five"])
    assert tokens[1::2] == [["three"], ["five"]]
    assert tokens[2] == ["four"]


def test_repeated_sentences_and_many(java: Java) -> None:
    sentences = [f"cup {number % 700}" for number in range(2000)]
    assert java.tokenize(sentences) == [sentence.split() for sentence in sentences]
    assert java.tokenize([]) == []


def test_no_java_on_path_and_options_of_other_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("JAVA_HOME", "/nowhere")
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Xmx1k")
    monkeypatch.setenv("LC_ALL", "C")
    assert tokenize(["Café İs ON"]) == [["café", "i̇s", "on"]]


def test_module_of_the_current_folder_hides_none_of_pythons(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "queue.py").write_text("raise SystemExit('wrong module')")
    monkeypatch.chdir(tmp_path)
    assert tokenize(["A cup."]) == [["a", "cup"]]


def test_java_that_cannot_start_says_why() -> None:
    with pytest.raises(MetricError, match="ended with exit code") as caught:
        Java(limits=JavaLimits(memory_mib=1 << 40))
    assert "heap" in caught.value.message


def test_error_in_java_is_reported_and_java_stays(java: Java) -> None:
    with pytest.raises(MetricError, match=r"Java reports: .*SpiceParser"):
        java.ask("parse", sentences=["a cup"], threads=1)
    assert java.tokenize(["a cup"]) == [["a", "cup"]]


def test_killed_process_is_an_error_with_its_signal() -> None:
    with Java() as java:
        os.kill(java.process_id, signal.SIGKILL)
        with pytest.raises(MetricError, match="ended with signal 9") as caught:
            java.tokenize(["a cup"])
    assert "run the same command again" in caught.value.hint


def test_time_limit_ends_the_process() -> None:
    with Java(limits=JavaLimits(timeout_s=30)) as java:
        java.tokenize(["warm"])
        os.kill(java.process_id, signal.SIGSTOP)
        java._timeout_s = 0.2
        with pytest.raises(MetricError, match=r"no answer within 0\.2 s") as caught:
            java.tokenize(["a cup"])
        assert "java_timeout_s" in caught.value.hint
        assert not _is_alive(java.process_id)


def test_full_heap_names_the_setting() -> None:
    sentence = " ".join(f"word{number}" for number in range(400_000))
    with (
        Java(limits=JavaLimits(memory_mib=16)) as java,
        pytest.raises(MetricError, match="OutOfMemoryError") as caught,
    ):
        java.tokenize([sentence])
    assert "java_memory_mib (now 16)" in caught.value.hint


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_process_is_left_behind_when_the_parent_goes(number: signal.Signals) -> None:
    code = (
        "import time\n"
        "from vsdkit.jvm import Java\n"
        "with Java() as java:\n"
        "    print(java.process_id, flush=True)\n"
        "    while True: java.tokenize([f'cup {i} {time.time()}' for i in range(20000)])\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert _is_alive(child)
    parent.send_signal(number)
    parent.wait(30)
    parent.stdout.close()
    deadline = time.monotonic() + 20
    while _is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _is_alive(child)


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    tokenize(["a cup \U0001f600"])
    assert capfd.readouterr() == ("", "")


def test_threads_end_with_the_process() -> None:
    before = threading.active_count()
    tokenize(["a cup"])
    assert threading.active_count() == before
