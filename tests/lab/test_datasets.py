"""Data sets are found where they lie, named for what they are, and downloaded with their hash."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import socket
import tarfile
import threading
import time
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.engine.server.training import locate, published
from finn_tui.engine.server.training.published import Published
from finn_tui.lab.models import datasets
from tests.engine import dataset_files


def idx_files(folder: Path, packed: bool = True) -> Path:
    """Files by MNIST's names; whether they can be read is not looked at here."""
    folder.mkdir(parents=True)
    for name in published.IDX_FILES:
        (folder / (name + (".gz" if packed else ""))).write_bytes(name.encode())
    return folder


def test_a_folder_is_known_by_its_files_and_named_by_its_own_name(tmp_path: Path) -> None:
    place = datasets.find(tmp_path, str(idx_files(tmp_path / "mnist-10k")))
    assert place is not None
    assert (place.name, place.family) == ("mnist-10k", "idx")


def test_what_only_looks_like_mnist_is_not_called_mnist(tmp_path: Path) -> None:
    idx_files(tmp_path / "data" / "MNIST" / "raw", packed=False)
    place = datasets.find(tmp_path, "mnist")
    assert place is not None and place.name == "unverified files (mnist format)"


def test_a_pipe_in_a_file_s_place_is_not_waited_for(tmp_path: Path) -> None:
    folder = idx_files(tmp_path / "data" / "MNIST" / "raw")
    (folder / "train-images-idx3-ubyte.gz").unlink()
    os.mkfifo(folder / "train-images-idx3-ubyte.gz")
    place = datasets.find(tmp_path, "mnist")
    assert place is not None and place.name == "unverified files (mnist format)"


def test_the_published_files_have_the_published_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = idx_files(tmp_path / "data" / "somewhere")
    md5 = {path.name: locate.md5(str(path)) for path in folder.iterdir()}
    entry = published.MNIST._replace(md5=md5, folders=("somewhere",))
    monkeypatch.setitem(published.PUBLISHED, "mnist", entry)
    place = datasets.find(tmp_path, "mnist")
    assert place is not None and place.name == "mnist"
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(b"another")
    changed = datasets.find(tmp_path, "mnist")
    assert changed is not None and changed.name == "somewhere"


def test_wrong_names_and_folders_are_explained(tmp_path: Path) -> None:
    with pytest.raises(FinnTuiError, match="no data set imagenet"):
        datasets.find(tmp_path, "imagenet")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FinnTuiError, match="holds no data set"):
        datasets.find(tmp_path, str(tmp_path / "empty"))
    idx_files(tmp_path / "many" / "mnist")
    idx_files(tmp_path / "many" / "fashion")
    with pytest.raises(FinnTuiError, match="several data sets"):
        datasets.find(tmp_path, str(tmp_path / "many"))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A web server on this machine, and the folder that it shows."""
    folder = tmp_path / "web"
    folder.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, directory=str(folder), **named)

        def log_message(self, *arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", folder
        server.shutdown()


def archive(path: Path, *names: str) -> str:
    """Write a .tar.gz with CIFAR's files, and return its MD5."""
    with tarfile.open(path, "w:gz") as packed:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 5
            packed.addfile(member, io.BytesIO(b"bytes"))
    return hashlib.md5(path.read_bytes()).hexdigest()


def cifar(url: str, md5: str) -> Published:
    """An entry whose archive lies somewhere else."""
    return published.CIFAR100._replace(urls=((url, md5),), bytes=1000)


def test_a_download_is_checked_unpacked_and_found(
    server: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, web = server
    names = ("cifar-100-python/train", "cifar-100-python/test", "../../escaped", "cifar/other")
    digest = archive(web / "c.tar.gz", *names)
    monkeypatch.setitem(published.PUBLISHED, "cifar100", cifar(url + "c.tar.gz", digest))
    told: list[str] = []
    place = asyncio.run(
        datasets.obtain(
            tmp_path, "cifar-100", on_progress=lambda progress: told.append(progress.message)
        )
    )
    folder = datasets.user_folder() / "cifar-100-python"
    assert place.folder == str(folder.resolve())
    assert sorted(path.name for path in folder.iterdir()) == ["test", "train"]
    assert any("CIFAR-100 from 127.0.0.1" in text for text in told)


def test_a_file_of_another_hash_is_not_kept(
    server: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, web = server
    archive(web / "c.tar.gz", "cifar-100-python/train")
    monkeypatch.setitem(published.PUBLISHED, "cifar100", cifar(url + "c.tar.gz", "0" * 32))
    with pytest.raises(FinnTuiError) as raised:
        asyncio.run(datasets.obtain(tmp_path, "cifar100"))
    assert "its MD5 differs" in raised.value.why
    assert not list(datasets.user_folder().glob("*"))


def test_a_server_that_says_nothing_costs_three_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/c.tar.gz"
        monkeypatch.setitem(published.PUBLISHED, "cifar100", cifar(url, "0" * 32))
        begun = time.monotonic()
        with pytest.raises(FinnTuiError) as raised:
            asyncio.run(datasets.obtain(tmp_path, "cifar100"))
    assert "does not answer within 3 s" in raised.value.why
    assert "--dataset DIR" in raised.value.fix
    assert time.monotonic() - begun < 30


def test_cifar_batches_that_were_made_are_not_called_cifar10(tmp_path: Path) -> None:
    dataset_files.write_cifar10(tmp_path / "data" / "cifar-10-batches-py", batches=5)
    place = datasets.find(tmp_path, "cifar10")
    assert place is not None
    assert (place.name, place.family) == ("unverified files (cifar10 format)", "cifar10")
