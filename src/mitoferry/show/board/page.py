"""The page of a board."""

from __future__ import annotations

from pathlib import Path

from mitoferry.studies.board.model import Board


def write_page(board: Board, folder: Path) -> Path:
    """Write ``board.html``."""
    raise NotImplementedError
