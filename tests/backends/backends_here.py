"""The backends that run on this machine, by name: each as a function that makes one."""

from __future__ import annotations

from mitoferry.backends.apart import Apart
from mitoferry.backends.cpu import Cpu
from mitoferry.backends.reference import Reference

BACKENDS = {
    "plain Python": Reference,
    "plain Python, shuffled": lambda: Reference(shuffle=5),
    "one thread": lambda: Cpu(threads=1),
    "two threads": lambda: Cpu(threads=2, eager=True),
    "a memory of its own": Apart,
    "shuffled": lambda: Cpu(threads=2, shuffle=7),
}
