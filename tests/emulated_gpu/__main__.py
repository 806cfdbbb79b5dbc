"""``mitoferry`` with an emulated GPU: ``PYTHONPATH=tests python -m emulated_gpu run one-nanotube --backend cuda``.

``EMULATED_GPU_COMPILES=no`` in the environment: what is not kept on disk cannot be compiled.
"""

from __future__ import annotations

import os
from typing import Any

from emulated_gpu import turn_on


def refused(*_: Any, **__: Any) -> None:
    """In place of the compiler."""
    raise RuntimeError("nothing may be compiled")


def main() -> None:
    """Be the GPU, then the command."""
    turn_on()
    if os.environ.get("EMULATED_GPU_COMPILES") == "no":
        from numba.cuda.cudadrv import nvvm

        nvvm.compile_ir = refused
    from mitoferry.show.cli import main as command

    command()


if __name__ == "__main__":
    main()
