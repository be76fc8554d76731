"""A try that misses a file which lies in the DAGs folder is told why, and one that misses another is not."""

import pytest

from penstock.execute.unnamed_files import unnamed_file

MISSED = {
    "a file": ("FileNotFoundError: [Errno 2] No such file or directory: '{copy}/sql/x.sql'", "sql/x.sql"),
    "a module": ("ModuleNotFoundError: No module named 'lib.deep'", "lib/deep.py"),
    "a package": ("ModuleNotFoundError: No module named 'lib'", "lib/__init__.py"),
    "one of its cause": ("ValueError: no\n\nTraceback\nModuleNotFoundError: No module named 'lib.deep'", "lib/deep.py"),
    "a file that is nowhere": ("FileNotFoundError: [Errno 2] No such file or directory: '{copy}/sql/y.sql'", ""),
    "a file that is there": ("FileNotFoundError: [Errno 2] No such file or directory: '{copy}/here.sql'", ""),
    "a file elsewhere": ("FileNotFoundError: [Errno 2] No such file or directory: '/sql/x.sql'", ""),
    "a module that is nowhere": ("ModuleNotFoundError: No module named 'pandas'", ""),
    "another error": ("ValueError: sql/x.sql", ""),
}


@pytest.mark.parametrize("case", MISSED)
def test_who_misses_a_file_of_the_dags_folder_is_told_why(tmp_path, case):
    folder, copy = tmp_path / "dags", tmp_path / "snapshots" / "h"
    for name in ("dags/sql/x.sql", "dags/lib/deep.py", "dags/lib/__init__.py", "dags/here.sql", "snapshots/h/here.sql"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    error, name = MISSED[case]
    found = unnamed_file(error.format(copy=copy), copy, folder)
    assert found.startswith(f"{name} lies in the DAGs folder, but not among the files") if name else found == ""
