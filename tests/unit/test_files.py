"""Files that change while they are read: what was looked at is what is read, and never a file elsewhere."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from airflow_workflow_provider.definitions.files import NotAFileError, OutsideError, content_inside, content_of


def test_only_regular_files_have_a_content(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(NotAFileError):
            content_of(path, 10)
    (tmp_path / "file").write_bytes(b"x" * 20)
    assert content_of(tmp_path / "file", 10) == b"x" * 11


def test_links_inside_are_followed_and_those_that_lead_out_are_not(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "real").mkdir(parents=True)
    (folder / "real" / "a.sql").write_text("inside")
    (tmp_path / "secret.sql").write_text("secret")
    (folder / "link").symlink_to("real")
    (folder / "out").symlink_to(tmp_path)
    assert content_inside(folder, "link/a.sql", 10) == b"inside"
    assert content_inside(folder, "real/../link/a.sql", 10) == b"inside"
    for path in ("out/secret.sql", "../secret.sql", str(tmp_path / "secret.sql"), "out"):
        with pytest.raises(OutsideError):
            content_inside(folder, path, 10)
    for path in (".", "real", "none.sql", "a\0b"):
        with pytest.raises((OSError, NotAFileError, ValueError)):
            content_inside(folder, path, 10)


@pytest.mark.parametrize("swapped", ["file", "folder"])
def test_a_link_that_takes_the_place_of_a_file_while_it_is_read_leads_nowhere(tmp_path: Path, swapped: str) -> None:
    """Somebody swaps them all the time: sometimes between the look and the reading."""
    folder, secret = tmp_path / "folder", tmp_path / "secret"
    (folder / "real").mkdir(parents=True)
    secret.mkdir()
    for place, text in ((folder / "real", "inside"), (secret, "secret")):
        (place / "a.sql").write_text(text)
    target = folder / "real" / "a.sql" if swapped == "file" else folder / "real"
    other = secret / "a.sql" if swapped == "file" else secret
    kept, link = target.with_name("kept"), target.with_name("link")
    link.symlink_to(other)
    done = threading.Event()

    def swap() -> None:
        while not done.is_set():
            target.rename(kept)
            link.rename(target)
            target.rename(link)
            kept.rename(target)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        found = set()
        for _ in range(3_000):
            try:
                found.add(content_inside(folder, "real/a.sql", 10))
            except (OSError, OutsideError):
                continue
    finally:
        done.set()
        thread.join()
    assert found <= {b"inside"}
