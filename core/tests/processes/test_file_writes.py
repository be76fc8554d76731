"""What code writes into a folder is told of, however it does so and however it names it; reading is not."""

import json
import subprocess
import sys

# In one process of its own, for a hook stays as long as its process.
PROGRAM = """
import json, os, shutil, sqlite3, sys, tempfile
from pathlib import Path
from penstock.processes.file_writes import FileWrites

class Odd:
    def __fspath__(self): raise ValueError("no path")

def tried(path):
    try:
        open(path, "w")
    except (ValueError, TypeError):
        pass

base, found = Path(sys.argv[1]), {}
for name, code in json.loads(sys.argv[2]).items():
    folder, link = base / name / "copy", base / name / "link"
    folder.mkdir(parents=True)
    link.symlink_to(folder)
    (folder / "old").write_text("old")
    (folder.parent / "outside").write_text("outside")
    found[name] = told = []
    writes = FileWrites(str(link if name.startswith("link") else folder), told.append)
    writes.begin()
    exec(code)
    os.chdir(base)
print(json.dumps(found))
"""
WRITES = {
    "open": "open(folder / 'new', 'w')",
    "append": "open(folder / 'old', 'ab')",
    "update": "open(folder / 'old', 'r+')",
    "os.open": "os.close(os.open(f'{folder}/new', os.O_WRONLY | os.O_CREAT))",
    "bytes": "open(os.fsencode(folder / 'new'), 'w')",
    "a relative path": "os.chdir(folder); open('new', 'w')",
    "a path with dots": "open(f'{folder}/../copy/new', 'w')",
    "link and folder": "open(folder / 'new', 'w')",
    "link and link": "open(link / 'new', 'w')",
    "mkdir": "(folder / 'new').mkdir()",
    "makedirs": "os.makedirs(folder / 'new' / 'deep')",
    "moved into": "os.rename(folder.parent / 'outside', folder / 'new')",
    "moved out of": "shutil.move(folder / 'old', folder.parent / 'new')",
    "a copy": "shutil.copy(__file__, folder / 'new')",
    "a link": "(folder / 'new').symlink_to(__file__)",
    "removal": "(folder / 'old').unlink()",
    "a database": "sqlite3.connect(folder / 'new')",
    "a temporary file": "tempfile.NamedTemporaryFile(dir=folder)",
    "twice and told once": "open(folder / 'new', 'w'); open(folder / 'newer', 'w')",
}
HARMLESS = {
    "reading": "open(folder / 'old').read(); list(folder.iterdir()); sqlite3.connect(':memory:')",
    "writing elsewhere": "open(folder.parent / 'new', 'w'); open(f'{folder}-beside', 'w'); open(1, 'w', closefd=False)",
    "the cache of a module": "(folder / '__pycache__').mkdir(); open(folder / '__pycache__' / 'm.pyc', 'wb')",
    "what is no path": "tried(Odd()); tried(5.0); tried('a' + chr(0))",
    "a folder that is gone": "os.mkdir(base / 'x'); os.chdir(base / 'x'); os.rmdir(base / 'x'); folder.joinpath('old').read_text()",
}
AGAIN = {"begun again": "open(folder / 'new', 'w'); writes.begin(); open(folder / 'newer', 'w')"}


def test_writes_into_the_folder_are_told_of_and_nothing_else(tmp_path):
    cases = json.dumps({**WRITES, **HARMLESS, **AGAIN})
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    ended = subprocess.run(
        [sys.executable, str(program), str(tmp_path), cases], check=True, capture_output=True, text=True
    )
    told = json.loads(ended.stdout)
    assert {name: len(told[name]) for name in (*WRITES, *HARMLESS, *AGAIN)} == {
        **dict.fromkeys(WRITES, 1),
        **dict.fromkeys(HARMLESS, 0),
        **dict.fromkeys(AGAIN, 2),
    }
    assert {told[name][0].rpartition("/")[0] for name in WRITES if "link" not in name} == {
        str(tmp_path / name / "copy") for name in WRITES if "link" not in name
    }
