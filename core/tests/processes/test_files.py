"""Files that a task may have replaced are read only if they are files."""

import os
import socket

import pytest

from penstock.processes.files import file_size, open_file


@pytest.fixture
def put(tmp_path):
    """Puts something of a kind at a path."""

    def put(kind):
        path = tmp_path / "1.log"
        match kind:
            case "pipe":
                os.mkfifo(path)
            case "link":
                (tmp_path / "secret").write_text("hidden")
                path.symlink_to(tmp_path / "secret")
            case "device":
                path.symlink_to("/dev/zero")
            case "folder":
                path.mkdir()
            case "socket":
                with socket.socket(socket.AF_UNIX) as listening:
                    listening.bind(str(path))
        return path

    return put


@pytest.mark.parametrize("kind", ["pipe", "link", "device", "folder", "socket"])
def test_what_is_no_file_is_not_read(put, kind):
    path = put(kind)
    for look in (open_file, file_size):
        with pytest.raises(OSError, match="it is a link, a pipe or the like, and no file"):
            look(path)


def test_a_file_is_read_and_none_is_told_apart(tmp_path):
    path = tmp_path / "1.log"
    for look in (open_file, file_size):
        with pytest.raises(FileNotFoundError):
            look(path)
    path.write_bytes(b"words")
    with open_file(path) as file:
        assert (file.read(), file_size(path)) == (b"words", 5)
