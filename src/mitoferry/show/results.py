"""Results with pictures: what ``mf.open_run`` and ``Experiment.run`` give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mitoferry.studies.results import Results


class ShownResults(Results):
    """What a run found: tables, contrasts, findings (``studies/results.py``), and plots of them.

    ``n`` everywhere is the number of wells, never of cells.
    """

    def plot(
        self, observable: str, *, of: str | None = None, arms: list[str] | None = None, assay: str | None = None, ax: Any = None
    ) -> Any:
        """Plot a readout: over time with a band over wells, or every well at one time; returns a matplotlib figure."""
        from mitoferry.show.plots import plot_readout

        return plot_readout(self, observable, of=of, arms=arms, assay=assay, ax=ax)

    def plot_contrasts(self, observable: str, *, of: str | None = None, assay: str | None = None, ax: Any = None) -> Any:
        """Plot the difference of each arm to its control with its 95 % interval; returns a matplotlib figure."""
        from mitoferry.show.plots import plot_contrasts

        return plot_contrasts(self, observable, of=of, assay=assay, ax=ax)

    def plot_handovers(self, *, ax: Any = None) -> Any:
        """Plot hand-overs per well by arm and route; returns a matplotlib figure."""
        from mitoferry.show.plots import plot_handovers

        return plot_handovers(self, ax=ax)

    def plot_fates(self, *, ax: Any = None) -> Any:
        """Plot where transferred mitochondria are at the end; returns a matplotlib figure."""
        from mitoferry.show.plots import plot_fates

        return plot_fates(self, ax=ax)

    def plot_well(self, arm: str, *, replicate: int = 0, at: float | str | None = None, ax: Any = None) -> Any:
        """Draw a well at a saved time; returns a matplotlib figure."""
        from mitoferry.show.plots import plot_well

        return plot_well(self, arm, replicate=replicate, at=at, ax=ax)

    def picture(self, arm: str, *, replicate: int = 0, at: float | str | None = None, pixels: int = 800, region: Any = None) -> Any:
        """The picture of a well at a saved time, as a Pillow image."""
        from mitoferry.show.plots import well_picture

        return well_picture(self, arm, replicate=replicate, at=at, pixels=pixels, region=region)

    def movie(self, arm: str | None = None, *, replicate: int = 0, path: str | Path | None = None) -> Path:
        """Write a movie of a well (.webp, .gif, or .mp4 with ffmpeg); returns its path."""
        from mitoferry.show.movie import write_movie

        return write_movie(self, arm=arm, replicate=replicate, path=path)

    def report(self) -> Path:
        """Write ``report.html`` again; returns its path."""
        from mitoferry.show.report import write_report

        return write_report(self)
