"""Global names that code loads, read off its bytes, are those that ``dis`` finds.

Fault seen to fail it, planted in a copy of the package: places above 255 (an instruction before says so) read without their upper part.
"""

import dis

from mitoferry.backends.narrow import all_rows
from mitoferry.backends.rewrite import globals_used
from mitoferry.experiment import resolve, schema
from mitoferry.processes import motion
from mitoferry.processes.nanotube_resolve import settle


def by_dis(code):
    names = {i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    return names.union(*(by_dis(c) for c in code.co_consts if hasattr(c, "co_code")))


def test_row_functions_and_whole_modules():
    codes = [f.__code__ for f in all_rows(motion.measure_row, settle)]
    for module in (motion, resolve, schema):
        codes.append(module.__loader__.get_code(module.__name__))
    many = "\n".join(f"name_{k}(other_{k}.attribute_{k})" for k in range(400))
    codes.append(compile(many, "many", "exec"))
    codes.append(compile("def f():\n" + "\n".join("    " + line for line in many.splitlines()), "nested", "exec"))
    assert any(i.opname == "EXTENDED_ARG" for i in dis.get_instructions(codes[-2]))
    for code in codes:
        assert globals_used(code) == by_dis(code)
