"""Errors that a user can act on, and warnings that a report can list.

Every error says what was wanted, what was found and what to do. The command line prints the message of a
:class:`MitoferryError` without a traceback and exits with its ``exit_code``.
"""

from __future__ import annotations

from dataclasses import dataclass


class MitoferryError(Exception):
    """Base of all errors raised on purpose. ``exit_code`` is what the command line exits with."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an input.

    Attributes:
        where: file name, or a description of the source ("--set").
        line: 1-based line, or ``None`` where there is none.
        key: dotted path of the key ("cells.recipient.count").
        wanted: what would have been valid.
        found: what stood there.
        hint: what to do; often the nearest valid name.
    """

    where: str
    key: str
    wanted: str
    found: str
    line: int | None = None
    hint: str = ""

    def __str__(self) -> str:
        place = self.where if self.line is None else f"{self.where}:{self.line}"
        text = f"{place}: {self.key}: wanted {self.wanted}, found {self.found}"
        return f"{text}. {self.hint}" if self.hint else text


class InputError(MitoferryError):
    """Bad input, found before a run starts. ``problems`` holds all of them."""

    exit_code = 2

    def __init__(self, problems: list[Problem] | Problem) -> None:
        self.problems = [problems] if isinstance(problems, Problem) else list(problems)
        super().__init__("\n".join(str(p) for p in self.problems))


class LedgerError(MitoferryError):
    """The count of mitochondria, their mtDNA or their mass does not balance: a defect, the run stops."""

    exit_code = 3


class OverflowStop(MitoferryError):  # noqa: N818 - it says what happens: the run stops
    """A fixed-point sum or a table ran over its range; the run stops rather than give a wrong number."""

    exit_code = 3


class CheckpointError(MitoferryError):
    """A checkpoint is missing, damaged, foreign, or could not be written."""

    exit_code = 4


class MitoferryWarning(UserWarning):
    """Base of the warnings that a report lists."""
