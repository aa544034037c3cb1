"""Over a real socket: what is answered, what is refused and with which status; the next request is served."""

from __future__ import annotations

import http.client
import json
import multiprocessing
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests import tiny
from tests.faults.conftest import until
from tests.listening import HOST, free_port, listening
from unroll.errors import IntegrityError
from unroll.predict import loading
from unroll.predict.predictor import Predictor
from unroll.predict.shown import row
from unroll.predict.steps import Stepper
from unroll.serve.forms import BODY_BYTES, ROWS, Answer
from unroll.serve.http import LOOPBACK, Settings, app

pytestmark = pytest.mark.fault("bad request")

JSON = {"Content-Type": "application/json"}
PATH = "/invocations"


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return loading.load(tiny.checkpoint(tmp_path_factory.mktemp("serving")))


def serving(predictor: Predictor, settings: Settings | None = None) -> AbstractContextManager[int]:
    """Return a server, entered as its port."""
    return listening(app(predictor, settings))


@pytest.fixture(scope="module")
def port(predictor: Predictor) -> Iterator[int]:
    with serving(predictor) as found:
        yield found


def send(
    port: int, body: Any, path: str = PATH, method: str = "POST", headers: dict[str, str] = JSON
) -> tuple[int, Any]:
    """Return (status, content) of a request."""
    connection = http.client.HTTPConnection(HOST, port, timeout=30)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        text = response.read().decode()
        return response.status, json.loads(text) if text.strip() else text
    finally:
        connection.close()


def ask(port: int, *texts: Any, **params: Any) -> tuple[int, Any]:
    return send(port, json.dumps({"dataframe_records": [{"text": text} for text in texts], "params": params}))


def test_what_the_predictor_says_is_what_is_answered(port: int, predictor: Predictor) -> None:
    status, content = ask(port, "I drink milk", "tea", beam=3, n_best=2)
    narrow = predictor.search.model_copy(update={"beam": 3})
    expected = predictor.predict(["I drink milk", "tea"], 2, narrow)
    assert status == 200
    assert [row["text"] for row in content["predictions"]] == [one.text for found in expected for one in found]
    assert [row["score"] for row in content["predictions"]] == [one.score for found in expected for one in found]
    assert [(row["input"], row["rank"]) for row in content["predictions"]] == [(0, 1), (0, 2), (1, 1), (1, 2)]


@pytest.mark.parametrize(
    "form",
    [
        {"dataframe_records": [{"text": "tea"}]},
        {"dataframe_split": {"columns": ["text"], "data": [["tea"]]}},
        {"inputs": ["tea"]},
        {"inputs": {"text": ["tea"]}},
        {"inputs": [{"text": "tea"}]},
        {"instances": [{"text": "tea"}]},
    ],
)
def test_every_form_of_mlflow_is_read(port: int, form: dict[str, Any]) -> None:
    assert send(port, json.dumps(form)) == ask(port, "tea")


def test_it_says_that_it_is_there(port: int) -> None:
    for path in ("/ping", "/health"):
        assert send(port, None, path, "GET", {}) == (200, "\n")


STRANGE = {
    "nothing": "", "unknown": "ζηθ ζηθ", "emoji": "👩‍👩‍👧‍👦 🏳️‍🌈", "right to left": "\u202eמה שלומך\u202c",
    "zero width": "I\u200b dr\u200dink\ufeff milk", "NUL": "I drink\0 milk.", "100,000 tokens": "tea I " * 50_000,
}  # fmt: skip


@pytest.mark.parametrize("kind", STRANGE)
def test_strange_texts_are_answered_and_marked_where_they_were_cut(port: int, kind: str) -> None:
    status, content = ask(port, STRANGE[kind], "tea", beam=1, max_length_ratio=0.1)
    assert status == 200
    assert [row["truncated"] for row in content["predictions"]] == [len(STRANGE[kind]) > 20_000, False]


def test_no_text_is_no_answer(port: int) -> None:
    assert ask(port) == (200, {"predictions": []})


REFUSED = {
    "not JSON": (b"{", 400, "not JSON"),
    "nothing": (b"", 400, "not JSON"),
    "not UTF-8": (b'{"inputs": ["\xff"]}', 400, "not JSON"),
    "not a number": (b'{"inputs": ["a"], "params": {"beam": NaN}}', 400, "NaN is no JSON number"),
    "too deep": (b"[" * 100_000, 400, "nested too deeply"),
    "a list": (b"[1]", 400, "needed: one of"),
    "no texts": (b'{"params": {}}', 400, "needed: one of"),
    "two forms": (b'{"inputs": ["a"], "instances": ["b"]}', 400, "needed: one of"),
    "another key": (b'{"inputs": ["a"], "kind": 1}', 400, "needed: one of"),
    "params of no form": (b'{"inputs": ["a"], "params": [1]}', 400, "needed: one of"),
    "another column": (b'{"dataframe_records": [{"sentence": "a"}]}', 400, "does not hold texts"),
    "columns that are not there": (b'{"dataframe_split": {"columns": ["text"], "data": [["a", "b"]]}}', 400, "does"),
    "no list": (b'{"inputs": "tea"}', 400, "does not hold texts"),
    "a number for a text": (b'{"inputs": [7]}', 422, "text of row 0 is 7; needed: a string"),
    "a table for a text": (b'{"dataframe_records": [{"text": {}}]}', 422, "text of row 0 is {}"),
    "half a character": (b'{"inputs": ["ab\\ud800"]}', 422, "character 2 is half of one"),
    "unknown parameter": (b'{"inputs": ["a"], "params": {"bean": 1}}', 422, "did you mean 'beam'"),
    "wrong type": (b'{"inputs": ["a"], "params": {"beam": "5"}}', 422, "beam"),
    "another search": (b'{"inputs": ["a"], "params": {"kind": "sample"}}', 422, "kind"),
    "no beam": (b'{"inputs": ["a"], "params": {"beam": 0}}', 422, "beam"),
    "too wide a beam": (b'{"inputs": ["a"], "params": {"beam": 101}}', 422, "beam is 101; needed: at most 100"),
    "too long an answer": (b'{"inputs": ["a"], "params": {"max_length_ratio": 11}}', 422, "at most 10"),
    "more answers than beams": (b'{"inputs": ["a"], "params": {"beam": 2, "n_best": 3}}', 422, "n_best <= beam"),
    "true for a number": (b'{"inputs": ["a"], "params": {"n_best": true}}', 422, "n_best"),
    "a number of 5,000 digits": (b'{"inputs": [' + b"1" * 5000 + b"]}", 400, "not JSON"),
    "too many texts": (json.dumps({"inputs": ["a"] * (ROWS + 1)}).encode(), 413, f"{ROWS + 1} texts in one request"),
    "too large": (b" " * (BODY_BYTES + 1), 413, "bytes in one request"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_a_bad_request_is_told_in_one_line_and_the_next_one_is_served(port: int, kind: str) -> None:
    body, wanted, message = REFUSED[kind]
    status, content = send(port, body)
    assert (status, list(content)) == (wanted, ["error"])
    assert message in content["error"]
    assert "\n" not in content["error"]
    assert "Traceback" not in content["error"]
    assert ask(port, "tea")[0] == 200


def test_other_doors_and_other_kinds_are_refused(port: int) -> None:
    assert send(port, b"{}", "/predict")[0] == 404
    assert send(port, None, PATH, "GET", {})[0] == 405
    status, content = send(port, b"text\ntea\n", headers={"Content-Type": "text/csv"})
    assert (status, content) == (415, {"error": "content type 'text/csv'; send application/json"})


def raw(port: int, *parts: bytes) -> bytes:
    """Return what comes back of bytes as they are; nothing, if the server hangs up on them."""
    with socket.create_connection((HOST, port), timeout=30) as connection, suppress(OSError):
        for part in parts:
            connection.sendall(part)
        connection.shutdown(socket.SHUT_WR)
        return connection.recv(4096)
    return b""


HEAD = b"POST /invocations HTTP/1.1\r\nHost: me\r\nContent-Type: application/json\r\n"


def test_chunks_are_counted_whatever_was_promised(port: int) -> None:
    connection = http.client.HTTPConnection(HOST, port, timeout=30)
    chunks = (b" " * 2**16 for _ in range(BODY_BYTES // 2**16 + 1))
    connection.request("POST", PATH, chunks, JSON, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


@pytest.mark.parametrize(
    "parts",
    [
        (HEAD + b"Content-Length: 1000\r\n\r\n", b'{"inputs"'),  # and hangs up
        (HEAD + b"Content-Length: 2\r\n\r\n", b'{"inputs": ["tea"]}'),
        (HEAD + b"Content-Length: -1\r\n\r\n", b"{}"),
        (HEAD + b"Content-Length: many\r\n\r\n", b"{}"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"zz\r\n{}\r\n"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",),
        (b"\0" * 100_000,),
    ],
)
def test_what_is_hardly_http_harms_nobody(port: int, parts: tuple[bytes, ...]) -> None:
    assert b" 200 " not in raw(port, *parts).partition(b"\r\n")[0]
    assert ask(port, "tea")[0] == 200


def test_a_request_that_does_not_arrive_is_given_up(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unroll.serve.http.BODY_SECONDS", 0.2)
    with socket.create_connection((HOST, port), timeout=30) as connection:
        connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n{")
        assert b" 408 " in connection.recv(4096)


def test_a_defect_of_ours_is_a_500_that_tells_nothing_of_the_machine(
    port: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(str(tmp_path))

    monkeypatch.setattr("unroll.serve.http.check", broken)
    assert ask(port, "tea") == (500, {"error": "this could not be answered; the server's stderr says why"})


def test_several_ask_at_once(port: int) -> None:
    answers: list[tuple[int, Any]] = []
    threads = [threading.Thread(target=lambda: answers.append(ask(port, "I drink milk"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert all(answer == answers[0] for answer in answers)
    assert answers[0][0] == 200


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_the_command_tells_where_it_answers_and_ends_when_told_to(tmp_path: Path, end: signal.Signals) -> None:
    port = free_port()
    model = tiny.checkpoint(tmp_path)
    command = [
        sys.executable,
        "-c",
        "from unroll.cli.main import main; main()",
        "serve",
        str(model),
        "--port",
        str(port),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout
        assert server.stderr
        told = [server.stdout.readline() for _ in range(2)]
        assert f"http://127.0.0.1:{port}/invocations answers" in told[0]
        assert send(port, None, "/version", "GET", {})[1]["model"] == model.name
        *curl, address, _, header, _, body = shlex.split(told[1])
        assert (curl, address, header) == (["curl", "-s"], told[0].split()[0], "Content-Type: application/json")
        assert send(port, body)[0] == 200
        again = subprocess.run(command, capture_output=True, text=True)
        assert (again.returncode, again.stderr.count("\n")) == (5, 1)
        assert f"port {port} is taken" in again.stderr
        server.send_signal(end)
        assert server.wait(30) == 0
        assert server.stderr.read() == ""


def test_what_was_begun_is_answered_before_it_ends(tmp_path: Path) -> None:
    port = free_port()
    command = [
        sys.executable,
        "-c",
        "from unroll.cli.main import main; main()",
        "serve",
        str(tiny.checkpoint(tmp_path)),
    ]
    command += ["--port", str(port), "--threads", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout
        assert server.stderr
        server.stdout.readline()
        found: list[tuple[int, Any]] = []
        many = threading.Thread(target=lambda: found.append(ask(port, *["I drink milk and tea"] * 200, beam=10)))
        many.start()
        until(lambda: "unroll_requests_open 2.0" in metrics(port))  # that one, and this
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
        many.join()
        assert server.stderr.read() == ""
    ((status, content),) = found
    assert (status, len(content["predictions"])) == (200, 200)


def metrics(port: int) -> str:
    connection = http.client.HTTPConnection(HOST, port, timeout=30)
    connection.request("GET", "/metrics")
    return connection.getresponse().read().decode()


@contextmanager
def workers(folder: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """Yield a server of two workers that answers; it does not outlive a test that fails."""
    command = [sys.executable, "-m", "unroll", "serve", str(tiny.checkpoint(folder))]
    command += ["--port", str(port), "--workers", "2", "--threads", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            assert "answers" in server.stdout.readline()
            yield server
        finally:
            server.kill()


def test_several_workers_answer_at_one_port_and_count_together(tmp_path: Path) -> None:
    port = free_port()
    with workers(tmp_path, port) as server:
        with ThreadPoolExecutor(8) as clients:
            assert {status for status, _ in clients.map(lambda _: ask(port, "tea", "milk"), range(40))} == {200}
        counts = {"unroll_requests_total": "40.0", "unroll_texts_total": "80.0"}
        until(lambda: dict(re.findall(COUNTED, metrics(port))) == counts)  # a request counts once its answer is out
        assert [dict(re.findall(COUNTED, metrics(port))) for _ in range(20)] == [counts] * 20  # whichever is asked
        dead = psutil.Process(server.pid).children()[-1]
        dead.kill()
        until(lambda: dead.pid not in [one.pid for one in psutil.Process(server.pid).children()])
        assert dict(re.findall(COUNTED, metrics(port))) == counts
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0
        assert server.stderr
        assert server.stderr.read() == ""


def test_workers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    with workers(tmp_path, free_port()) as server:
        started = psutil.Process(server.pid).children()
        server.kill()
        _, alive = psutil.wait_procs(started, timeout=30)
        assert alive == []


COUNTED = r'(?m)^(unroll_requests_total|unroll_texts_total)(?:{path="/invocations",status="200"}|) (.*)'


def test_a_worker_that_cannot_start_ends_all_with_a_line(tmp_path: Path) -> None:
    model, port = tiny.checkpoint(tmp_path), free_port()
    code = (
        "import pathlib, sys; from unroll.predict import loading; from unroll.serve.http import Settings, serve;"
        "from unroll.errors import one_line; from tests.unroll.serve.test_http import once\n"
        "if __name__ == '__main__':\n"
        f"    with one_line(): serve(once, Settings(), '127.0.0.1', {port}, 1.0, 2)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | {"MODEL": str(model)}
    )
    assert done.returncode == 5
    assert "unroll: gone" in done.stderr
    assert done.stderr.splitlines()[-1] == "unroll: a worker did not start; what it said stands above"
    assert done.stdout == ""


def once() -> Predictor:
    """Load a model in the first process alone."""
    if multiprocessing.parent_process():
        raise IntegrityError("gone")
    return loading.load(Path(os.environ["MODEL"]))


# --- who may ask, and how much ----------------------------------------------------------------------------------------


def test_without_its_token_nothing_is_answered_but_that_it_is_there(predictor: Predictor) -> None:
    with serving(predictor, Settings(token="s3cret")) as port:
        for given in ({}, {"Authorization": "Bearer other"}, {"Authorization": "s3cret"}):
            status, content = send(port, b'{"inputs": ["tea"]}', headers=JSON | given)
            assert (status, list(content)) == (401, ["error"])
            assert "s3cret" not in content["error"]
        assert send(port, b'{"inputs": ["tea"]}', headers=JSON | {"Authorization": "Bearer s3cret"})[0] == 200
        assert send(port, None, "/metrics", "GET", {})[0] == 401
        assert send(port, None, "/health", "GET", {})[0] == 200


def test_under_another_name_it_does_not_answer(predictor: Predictor) -> None:
    with serving(predictor, Settings(hosts=LOOPBACK)) as port:
        for name in ("evil.example", "[", "localhost.evil.example", "127.0.0.1@evil.example"):
            status, content = send(port, None, "/health", "GET", {"Host": name})
            assert (status, list(content)) == (400, ["error"])
        assert send(port, None, "/health", "GET", {"Host": f"localhost:{port}"})[0] == 200


def test_other_pages_may_ask_only_where_they_are_named(predictor: Predictor) -> None:
    def allowed(port: int) -> str | None:
        connection = http.client.HTTPConnection(HOST, port, timeout=30)
        connection.request("GET", "/health", headers={"Origin": "https://page.example"})
        return connection.getresponse().getheader("access-control-allow-origin")

    with serving(predictor) as port:
        assert allowed(port) is None
    with serving(predictor, Settings(origins=["https://page.example"])) as port:
        assert allowed(port) == "https://page.example"


def test_a_browser_may_ask_whether_it_may_ask_before_it_shows_its_token(predictor: Predictor) -> None:
    with serving(predictor, Settings(token="s3cret", origins=["https://page.example"])) as port:
        asked = {"Origin": "https://page.example", "Access-Control-Request-Method": "POST"}
        connection = http.client.HTTPConnection(HOST, port, timeout=30)
        connection.request("OPTIONS", PATH, headers=asked | {"Access-Control-Request-Headers": "authorization"})
        response = connection.getresponse()
        response.read()
        assert (response.status, response.getheader("access-control-allow-headers")) == (200, "authorization")
        connection.request("POST", PATH, b'{"inputs": ["tea"]}', JSON | {"Origin": "https://page.example"})
        response = connection.getresponse()  # a refusal can be read too
        assert (response.status, response.getheader("access-control-allow-origin")) == (401, "https://page.example")
        connection.close()


def test_more_work_than_one_request_may_make_is_told_with_its_bound(port: int) -> None:
    status, content = ask(port, *["tea I " * 500] * 64, beam=100, max_length_ratio=10.0)
    assert status == 422
    assert "at most 100,000" in content["error"]
    assert "texts x beam x length" in content["error"]


def test_an_answer_that_takes_too_long_is_given_up(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unroll.serve.http.ANSWER_SECONDS", 0.0)
    status, content = ask(port, "I drink milk")
    assert (status, list(content)) == (503, ["error"])


def test_more_requests_than_may_be_open_are_sent_away(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unroll.serve.http.OPEN", 0)
    assert ask(port, "tea")[0] == 503


# --- other doors ------------------------------------------------------------------------------------------------------


def test_details_say_what_was_read_and_where_the_model_looked(port: int, predictor: Predictor) -> None:
    status, content = send(port, json.dumps({"texts": ["I drink milk"], "details": True}), "/answers")
    (found,) = content["predictions"]
    best = predictor("I drink milk")
    assert (status, found["text"]) == (200, best.text)
    assert (found["source_tokens"], found["target_tokens"]) == (best.source_tokens, best.target_tokens)
    assert found["alignments"] == [[int(row.argmax()), t] for t, row in enumerate(best.weights_TS)]
    plain = send(port, json.dumps({"texts": ["I drink milk"]}), "/answers")[1]["predictions"]
    assert plain == ask(port, "I drink milk")[1]["predictions"]


def test_steps_say_how_likely_each_token_was(port: int, predictor: Predictor) -> None:
    def asked(**wanted: Any) -> tuple[int, Any]:
        return send(port, json.dumps({"texts": ["I drink milk", "tea"], "params": {"n_best": 2}} | wanted), "/answers")

    expected = Stepper(predictor, 2).stream(["I drink milk", "tea"], 2)
    rows = [row(i, rank, one, details=False) for i, found in enumerate(expected) for rank, one in enumerate(found, 1)]
    status, content = asked(alternatives=2)
    assert status == 200
    for found, wanted in zip(content["predictions"], rows, strict=True):
        assert {**found, "steps": None} == pytest.approx({**wanted, "steps": None})
        for step, same in zip(found["steps"], wanted["steps"], strict=True):
            assert step["token"] == same["token"]
            assert step["probability"] == pytest.approx(same["probability"], rel=1e-4)
            assert [one["token"] for one in step["alternatives"]] == [one["token"] for one in same["alternatives"]]
        Answer.model_validate(found, extra="forbid")
    plain = asked(steps=True)[1]["predictions"]
    assert [len(one["steps"]) for one in plain] == [len(one["steps"]) for one in rows]
    assert "alternatives" not in plain[0]["steps"][0]
    assert "steps" not in asked()[1]["predictions"][0]
    many = {"texts": ["tea I " * 500] * 2, "alternatives": 10}
    assert "x (1 + alternatives)" in send(port, json.dumps(many), "/answers")[1]["error"]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b'{"texts": ["tea"], "alternatives": 11}', 400, "alternatives: "),
        (b'{"texts": ["tea"], "alternatives": true}', 400, "alternatives: "),
        (b'{"texts": "tea"}', 400, "texts: "),
        (b'{"text": ["tea"]}', 400, "texts: "),
        (b'{"texts": ["tea"], "beam": 2}', 400, "beam: "),
        (json.dumps({"texts": ["a"] * (ROWS + 1)}).encode(), 413, "texts: "),
        (b'{"texts": [7]}', 422, "text of row 0 is 7"),
    ],
)
def test_what_is_no_question_is_refused_in_one_line(port: int, body: bytes, status: int, message: str) -> None:
    found, content = send(port, body, "/answers")
    assert (found, list(content)) == (status, ["error"])
    assert content["error"].startswith(message)


def stream(port: int, body: Any, kind: str = "text/plain") -> tuple[int, list[str]]:
    connection = http.client.HTTPConnection(HOST, port, timeout=30)
    connection.request("POST", "/lines", body, {"Content-Type": kind}, encode_chunked=not isinstance(body, bytes))
    response = connection.getresponse()
    return response.status, response.read().decode().splitlines()


def test_a_stream_of_lines_is_a_stream_of_answers(port: int, predictor: Predictor) -> None:
    texts = ["I drink milk", "", "tea"] * 50
    wanted = (200, [one.text for one in predictor(texts)])
    text = "\n".join(texts).encode()
    assert stream(port, text + b"\n") == wanted
    assert stream(port, text.replace(b"\n", b"\r\n")) == wanted  # and without a break at the end
    chunks = [text[first : first + 7] for first in range(0, len(text), 7)]
    assert stream(port, iter(chunks)) == wanted
    assert stream(port, b"") == (200, [])


def test_a_stream_ends_with_what_is_wrong_in_it(port: int) -> None:
    assert stream(port, b"tea\n\xff\n")[1][-1].startswith("unroll: a line is not UTF-8")
    assert stream(port, b"a" * 70_000 + b"\n")[1] == ["unroll: a line of more than 65,536 bytes"]
    assert stream(port, b"tea\n", "text/csv")[0] == 415


def test_the_pages_come_from_here_alone(port: int) -> None:
    connection = http.client.HTTPConnection(HOST, port, timeout=30)
    connection.request("GET", "/docs")
    page = connection.getresponse().read().decode()
    assert "swagger-ui" in page
    assert "://" not in page
    doors = send(port, None, "/openapi.json", "GET", {})[1]["paths"]
    assert {"/invocations", "/answers", "/lines", "/health", "/ready", "/version", "/metrics"} == doors.keys()


def test_it_counts_what_it_does(port: int) -> None:
    def counted() -> dict[str, float]:
        lines = metrics(port).splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}

    before = counted()
    ask(port, "tea", "I drink milk")
    ask(port, 7)
    send(port, None, "/nowhere", "GET", {})
    after = counted()
    for name, more in (
        ('unroll_requests_total{path="/invocations",status="200"}', 1),
        ('unroll_requests_total{path="/invocations",status="422"}', 1),
        ('unroll_requests_total{path="other",status="404"}', 1),
        ("unroll_texts_total", 2),
    ):
        assert after[name] - before.get(name, 0.0) == more, name
