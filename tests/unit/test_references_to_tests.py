"""The tests that docstrings and pages name exist."""

import re
from pathlib import Path

import pytest

import mitoferry

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"(?:tests/)?(?:\w+/)?\btest_[\w*]+\.py\b|\btests/\w+\b(?!\S*\.py)")


def missing(text: str) -> list[str]:
    """References in ``text`` to tests that are not there."""
    found = []
    for name in NAMED.findall(text):
        pattern = name.removeprefix("tests/")
        if not any((ROOT / "tests").glob(pattern if "/" in pattern or not pattern.endswith(".py") else f"*/{pattern}")):
            found.append(name)
    return found


def texts() -> list[Path]:
    return [*sorted(Path(mitoferry.__file__).parent.rglob("*.py")), *sorted((ROOT / "docs").glob("*.md")), ROOT / "CONTRIBUTING.md"]


@pytest.mark.parametrize("path", texts(), ids=lambda p: "/".join(p.parts[-2:]))
def test_named_tests_exist(path):
    assert missing(path.read_text(encoding="utf-8")) == []


def test_a_reference_to_nothing_is_found():
    """Planted fault: tests, folders and patterns that do not exist."""
    text = "Verified by tests/verification/test_nanotube_dislodgment.py, test_moon.py, tests/verification/test_moon_*.py, tests/moon."
    assert len(missing(text)) == 4
    assert missing("tests/verification/test_energetics_*.py, test_maths.py, ``tests/backends`` and tests/verification/test_damage.py") == []
