"""A movie of one well from its saved frames: WebP or GIF with no extra program, MP4 where ffmpeg is on the path."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mitoferry.base.errors import InputError, Problem
from mitoferry.show import picture
from mitoferry.show.sections.pictures import well_tables
from mitoferry.show.style import words
from mitoferry.store.atomic import RunFolderError, explain, replacing

if TYPE_CHECKING:
    from mitoferry.studies.results import Results

FORMATS = (".webp", ".gif", ".mp4")
BETWEEN = 4  # pictures drawn from one saved time to the next; positions are interpolated


def write_movie(
    results: Results,
    *,
    arm: str | None = None,
    replicate: int = 0,
    path: str | Path | None = None,
    pixels: int = 560,
    frames_per_second: float = 12.0,
) -> Path:
    """Write a movie of one well.

    Args:
        results: the run.
        arm: the arm; by default the one with most hand-overs.
        replicate: the replicate, from 0. Mitochondria are drawn one by one where the run saved them at every time (``run.detail`` of
            the experiment file), else cells show how many they have received.
        path: file to write, ending in .webp, .gif or .mp4; by default ``movie-<arm>.webp`` (.mp4 with ffmpeg) in the run folder.
        pixels: width.
        frames_per_second: pictures per second.

    Returns:
        The file.

    Raises:
        InputError: no such arm or replicate, an unknown ending, or .mp4 without ffmpeg.
        RunFolderError: no frames were saved, or the file could not be written.
    """
    arm = _most_active(results) if arm is None else arm
    if arm not in results.names.arms:
        raise InputError(Problem("movie", "arm", "an arm of this run", repr(arm), hint="Known: " + ", ".join(results.names.arms)))
    if not 0 <= replicate < results.names.replicates:
        raise InputError(Problem("movie", "replicate", f"0 to {results.names.replicates - 1}", str(replicate)))
    ffmpeg = shutil.which("ffmpeg")
    target = Path(path) if path is not None else results.path / f"movie-{arm}{'.mp4' if ffmpeg else '.webp'}"
    if target.suffix.lower() not in FORMATS:
        raise InputError(Problem("movie", "file", "a name ending in " + ", ".join(FORMATS), target.name))
    if target.suffix.lower() == ".mp4" and not ffmpeg:
        raise InputError(
            Problem("movie", "file", ".webp or .gif", ".mp4, and ffmpeg is not installed", hint="Install ffmpeg, or write .webp.")
        )
    pictures = _pictures(results, arm, replicate, pixels)
    with replacing(target) as temporary:
        if target.suffix.lower() == ".mp4":
            _write_mp4(str(ffmpeg), pictures, temporary, frames_per_second)
        else:
            _write_animation(pictures, temporary, frames_per_second, target.suffix.lower()[1:].upper())
    return target


def _most_active(r: Results) -> str:
    h = r.handovers()
    return str(h.groupby("arm", observed=True)["count"].sum().idxmax()) if len(h) else r.names.arms[0]


def _pictures(r: Results, arm: str, replicate: int, pixels: int) -> Iterator[Any]:
    a = r.names.arms.index(arm)
    well = a * r.names.replicates + replicate
    geometry = r.manifest["plate"]["arms"][a]["geometry"]
    size, periodic = geometry["size"][:2], bool(geometry["periodic"])
    ticks = r.frame_ticks("cells").tolist()
    if not ticks:
        raise RunFolderError(f"{r.path}: the run saved no frames")
    now = well_tables(r, ticks[0], well)
    detailed = now[2] is not None
    for k, tick in enumerate(ticks):
        following = well_tables(r, ticks[k + 1], well) if k + 1 < len(ticks) else None
        for j in range(BETWEEN if following is not None else 1):
            share = j / BETWEEN
            hours = (tick + share * ((ticks[k + 1] if following is not None else tick) - tick)) / 3600.0
            cells, links = now[0], now[1]
            if following is not None and share > 0:
                cells, links = _moved(now[0], following[0], size if periodic else (np.inf, np.inf), share, now[1])
            caption = f"{words(arm)}, {hours:.1f} h"
            yield picture.render_well(
                cells, links, now[2] if detailed else None, tuple(size), periodic=periodic, pixels=pixels, caption=caption
            )
        if following is not None:
            now = following


def _moved(cells: Any, later: Any, size: Any, share: float, links: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Cells and ends of links part of the way to the next saved time, over the edge of a periodic well if that is shorter."""
    order = np.argsort(later["id"])
    at = np.searchsorted(later["id"], cells["id"], sorter=order)
    row = order[np.minimum(at, len(order) - 1)] if len(order) else np.zeros(len(cells["id"]), int)
    there = (later["id"][row] == cells["id"]) if len(order) else np.zeros(len(cells["id"]), bool)
    moved, shift = dict(cells), {}
    for axis, extent in (("x", size[0]), ("y", size[1])):
        d = np.where(there, later[axis][row] - cells[axis] if len(order) else 0.0, 0.0)
        d = share * (d - np.round(d / extent) * extent if np.isfinite(extent) else d)
        moved[axis] = _wrapped(cells[axis] + d, extent)
        shift[axis] = dict(zip(cells["id"].tolist(), d.tolist(), strict=True))
    ends = dict(links)
    for end in ("a", "b"):
        for axis, extent in (("x", size[0]), ("y", size[1])):
            d = np.array([shift[axis].get(int(i), 0.0) for i in links[end]])
            ends[f"{axis}{end}"] = _wrapped(links[f"{axis}{end}"] + d, extent) if len(d) else links[f"{axis}{end}"]
    return moved, ends


def _wrapped(x: Any, extent: float) -> Any:
    return x % extent if np.isfinite(extent) else x


def _write_animation(pictures: Iterator[Any], path: Path, frames_per_second: float, kind: str) -> None:
    first = next(pictures)
    options: dict[str, Any] = {"quality": 70, "method": 2} if kind == "WEBP" else {"optimize": False}
    rest = (p.quantize(96) for p in pictures) if kind == "GIF" else pictures
    first = first.quantize(96) if kind == "GIF" else first
    first.save(path, kind, save_all=True, append_images=rest, duration=round(1000 / frames_per_second), loop=0, **options)


def _write_mp4(ffmpeg: str, pictures: Iterator[Any], path: Path, frames_per_second: float) -> None:
    first = next(pictures)
    width, height = first.width // 2 * 2, first.height // 2 * 2
    command = [
        ffmpeg, "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(frames_per_second),
        "-i", "-", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "22", "-movflags", "+faststart", "-f", "mp4", str(path),
    ]  # fmt: skip
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        for p in (first, *pictures):
            process.stdin.write(p.crop((0, 0, width, height)).tobytes())  # type: ignore[union-attr]
    except BrokenPipeError:
        pass
    _, said = process.communicate()
    if process.returncode:
        raise RunFolderError(
            f"{explain(OSError(0, 'ffmpeg failed'), path, 'could not write')} {said.decode(errors='replace').strip()[:300]}"
        )
