"""What scanners say is judged: a finding, a scanner that could not ask, and an explanation that nothing needs are failures."""

import json

import pytest

import scanners

RESULTS = [{"test_id": each, "filename": "a.py", "line_number": 1, "issue_text": "x"} for each in scanners.EXPLAINED]
NEW = {"test_id": "B602", "filename": "a.py", "line_number": 7, "issue_text": "a shell"}
SOUND = {"name": "a", "version": "1", "vulns": []}
HARMED = {
    "name": "b",
    "version": "2",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}, {"id": "PYSEC-2", "fix_versions": []}],
}
SKIPPED = {"name": "c", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("scanner", "said", "told"),
    [
        ("bandit", {"results": RESULTS, "errors": []}, []),
        ("bandit", {"results": [*RESULTS, NEW], "errors": []}, ["a.py:7 B602 a shell"]),
        ("bandit", {"results": RESULTS[1:], "errors": []}, ["B101 is explained and found nowhere"]),
        (
            "bandit",
            {"results": RESULTS, "errors": [{"filename": "b.py", "reason": "syntax"}]},
            ["b.py could not be read"],
        ),
        ("pip", {"dependencies": [SOUND]}, []),
        ("pip", {"dependencies": [SOUND, HARMED]}, ["b 2: PYSEC-1, mended in 3", "b 2: PYSEC-2, mended in none yet"]),
        ("pip", {"dependencies": [SOUND, SKIPPED]}, ["c: not found"]),
        ("pip", {"dependencies": [SKIPPED]}, [scanners.NO_ANSWER]),
        ("npm", {"vulnerabilities": {}}, []),
        ("npm", {"vulnerabilities": {"vite": {"range": "<6", "severity": "high"}}}, ["vite <6: high"]),
        ("npm", {"message": "404", "error": {}}, [f"{scanners.NO_ANSWER} npm says: 404"]),
        ("npm", {}, [f"{scanners.NO_ANSWER} npm says: nothing"]),
    ],
)
def test_what_a_scanner_has_said_is_judged(tmp_path, capsys, scanner, said, told):
    (tmp_path / "said.json").write_text(json.dumps(said))
    assert scanners.main([scanner, str(tmp_path / "said.json")]) == (1 if told else 0)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == max(1, len(told))
    assert all(line.startswith(f"{scanner}: {start}") for line, start in zip(lines, told, strict=False))


@pytest.mark.parametrize("content", [None, "", "npm error network"])
def test_a_scanner_that_says_nothing_is_no_good_news(tmp_path, capsys, content):
    file = tmp_path / "said.json"
    if content is not None:
        file.write_text(content)
    assert scanners.main(["pip", str(file)]) == 1
    assert scanners.NO_ANSWER in capsys.readouterr().out
    assert scanners.main(["else", str(file)]) == 2
