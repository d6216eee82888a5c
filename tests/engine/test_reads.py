"""Check that a watch records its own thread and threads that begin while it is active."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.reads import watching


@pytest.fixture
def levels(tmp_path):
    path = tmp_path / "levels.txt"
    path.write_text("1")
    return path


def in_a_thread(work):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def in_a_pool(work):
    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()


def in_this_thread(work):
    work()


@pytest.mark.parametrize("run", [in_this_thread, in_a_thread, in_a_pool])
def test_a_file_is_seen_whichever_thread_opens_it(levels, run):
    with watching() as watch:
        run(levels.read_text)
    assert [item.name for item in watch.reads.files] == ["levels.txt"]


@pytest.mark.parametrize("run", [in_this_thread, in_a_thread, in_a_pool])
def test_a_call_outside_is_seen_whichever_thread_makes_it(run):
    def send():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            link.sendto(b"?", ("127.0.0.1", 9))

    def look_up():
        socket.getaddrinfo("127.0.0.1", 9)

    for work, event in ((send, "socket.sendto"), (look_up, "socket.getaddrinfo")):
        with watching() as watch:
            run(work)
        assert watch.reads.outside == {event}


def test_a_thread_that_was_there_before_is_none_of_the_rules(levels):
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()
        with watching() as watch:
            pool.submit(levels.read_text).result()
    assert watch.reads.files == frozenset()


def test_a_thread_reports_to_the_innermost_watch_and_to_none_afterwards(levels):
    with watching() as outer:
        with watching() as inner:
            in_a_thread(levels.read_text)
        levels.with_name("more.txt").write_text("2")
        in_a_thread(levels.with_name("more.txt").read_text)
    in_a_thread(levels.read_text)
    assert [item.name for item in inner.reads.files] == ["levels.txt"]
    assert "more.txt" in {item.name for item in outer.reads.files}
