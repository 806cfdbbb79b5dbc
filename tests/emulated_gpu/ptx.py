"""PTX, the assembly language of NVIDIA's GPUs, as C.

What numba-cuda makes of a kernel is read line by line; registers become variables, labels and branches ``goto``. What an instruction does
to numbers is what the PTX manual says (conversions saturate, products are not joined to sums, shifts are clamped). An instruction that is
not known here is refused: nothing is passed over.

Threads run one after the other (``machine.h``), or from the last to the first; those of a block that wait for each other (``bar.sync``)
take turns. So what depends on the order of threads can be seen, what depends on two threads being at work on one number at the same moment
cannot.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import NamedTuple

REGISTERS = {"pred": "u8", "b16": "u16", "b32": "u32", "b64": "u64", "f32": "f32", "f64": "f64"}
COMPARE = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
UNORDERED = {"equ": "!=", "neu": "==", "ltu": ">=", "leu": ">", "gtu": "<=", "geu": "<"}  # true where the opposite is false
ROUND = {"rmi": "floor", "rpi": "ceil", "rzi": "trunc", "rni": "rint"}
SPECIAL = {"%tid.x": "tid", "%ntid.x": "ntid", "%ctaid.x": "cta", "%nctaid.x": "ncta"}
SPECIAL |= {f"%{kind}.{axis}": str(int(kind.startswith("n"))) for kind in ("tid", "ntid", "ctaid", "nctaid") for axis in "yz"}

MACHINE = (Path(__file__).parent / "machine.h").read_text(encoding="utf-8")


class Kernel(NamedTuple):
    """A kernel in C.

    Attributes:
        name: as in PTX.
        text: C; ``launch(params, blocks, threads, backward, memory)`` returns 1 where the kernel reached for what is not its own.
        sizes: bytes of each parameter.
    """

    name: str
    text: str
    sizes: tuple[int, ...]


class UnknownInstruction(Exception):
    """PTX that is not known here."""


def _number(text: str, kind: str) -> str:
    """An operand that is a number, as C."""
    if re.fullmatch(r"0[dD][0-9A-Fa-f]{16}", text):
        return repr_of(struct.unpack(">d", bytes.fromhex(text[2:]))[0])
    if re.fullmatch(r"0[fF][0-9A-Fa-f]{8}", text):
        return f"(f32){repr_of(struct.unpack('>f', bytes.fromhex(text[2:]))[0])}"
    value = int(text, 0)
    if kind in ("f32", "f64"):
        return repr_of(float(value))
    bits = 8 if kind == "pred" else int(kind[1:])
    return f"({kind if kind != 'pred' else 'u8'}){value & ((1 << bits) - 1):#x}ull"


def repr_of(value: float) -> str:
    """A float as C, to the bit."""
    if value != value:
        return "(f64)NAN"
    if value in (float("inf"), float("-inf")):
        return "(f64)INFINITY" if value > 0 else "-(f64)INFINITY"
    return value.hex()


class _Reader:
    """Reads the body of one kernel."""

    def __init__(self, params: dict[str, tuple[int, str]]) -> None:
        self.params = params
        self.registers: dict[str, str] = {}  # name without its number -> type
        self.near: dict[str, int] = {}  # local and shared arrays
        self.waits = False
        self.lines: list[str] = []

    # ------------------------------------------------------------------ operands
    def register_type(self, name: str) -> str:
        return self.registers.get(name) or self.registers[re.sub(r"\d+$", "", name)]

    def variable(self, name: str) -> str:
        return f"x{name[1:]}" if name[0] == "%" else name.replace("$", "_")

    def value(self, text: str, kind: str) -> str:
        """An operand, as a number of C's type ``kind``."""
        text = text.strip()
        if text in SPECIAL:
            return f"({kind}){SPECIAL[text]}"
        if text.startswith("%"):
            has = self.register_type(text)
            name = self.variable(text)
            if has == kind or kind == "pred":
                return name
            if "f" in (has[0], kind[0]):
                return f"BITS({kind}, {name})" if has[1:] == kind[1:] else f"BITS({kind}, (u{kind[1:]}){name})"
            return f"({kind}){name}"
        if text in self.near:
            return f"(u64){self.variable(text)}"
        return _number(text, kind)

    def into(self, name: str, value: str, kind: str) -> str:
        """Set a register to a value of type ``kind``: those of fewer bits are extended as their sign says."""
        has = self.register_type(name)
        if has[0] == "f" and kind[0] != "f":
            return f"{self.variable(name)} = BITS({has}, (u{has[1:]})({value}));"
        if kind[0] == "f" and has[0] != "f":
            return f"{self.variable(name)} = BITS(u{kind[1:]}, ({kind})({value}));"
        return f"{self.variable(name)} = ({kind})({value});"

    def address(self, text: str) -> str:
        found = re.fullmatch(r"\[\s*([%$\w]+)\s*(?:\+\s*(-?\d+))?\s*\]", text.strip())
        if not found:
            raise UnknownInstruction(text)
        base = self.value(found[1], "u64")
        return f"{base} + {int(found[2] or 0)}ll" if found[2] else base

    # ------------------------------------------------------------------ instructions
    def instruction(self, text: str) -> str:
        guard = re.match(r"@(!?)(%\w+)\s+(.*)", text, re.S)
        if guard:
            return f"if ({guard[1]}{self.variable(guard[2])}) {{ {self.instruction(guard[3])} }}"
        name, _, rest = text.partition(" ")
        words = name.split(".")
        operands = [x.strip() for x in re.findall(r"\{[^}]*\}|\[[^\]]*\]|[^,\s][^,]*", rest)]
        method = getattr(self, f"do_{words[0]}", None)
        if method is None:
            raise UnknownInstruction(text)
        return method(words[1:], operands, text)

    def do_ret(self, words, operands, text):
        return "return;"

    def do_bra(self, words, operands, text):
        return f"goto {self.variable(operands[0])};"

    def do_bar(self, words, operands, text):
        if words != ["sync"] or operands != ["0"]:
            raise UnknownInstruction(text)
        self.waits = True
        return "wait_for_all();"

    def do_ld(self, words, operands, text):
        words = [w for w in words if w != "volatile"]
        kind = words[-1]
        if words[0] == "param":
            place, size = self.params[operands[1].strip("[] ")]
            if size != kind:
                raise UnknownInstruction(text)
            return self.into(operands[0], f"*({kind} *)params[{place}]", kind)
        near = words[0] in ("shared", "local")
        many = "v2" in words or "v4" in words
        if not near and words[0] != "global" and len(words) != 1:  # without a space: anywhere in the device's memory
            raise UnknownInstruction(text)
        targets = [x.strip() for x in operands[0].strip("{}").split(",")] if many else [operands[0]]
        load = "NEAR_LOAD" if near else "LOAD"
        at = self.address(operands[1])
        width = int(kind[1:]) // 8
        parts = [self.into(t, f"{load}({kind}, {at} + {k * width})", kind) for k, t in enumerate(targets)]
        if many:  # the address may stand in one of the targets
            return f"{{ u64 at_ = {at}; " + " ".join(p.replace(f"({kind}, {at} +", f"({kind}, at_ +") for p in parts) + " }"
        return parts[0]

    def do_st(self, words, operands, text):
        words = [w for w in words if w != "volatile"]
        kind = words[-1]
        near = words[0] in ("shared", "local")
        many = "v2" in words or "v4" in words
        if not near and words[0] != "global":
            raise UnknownInstruction(text)
        sources = [x.strip() for x in operands[1].strip("{}").split(",")] if many else [operands[1]]
        at, width, store = self.address(operands[0]), int(kind[1:]) // 8, "NEAR_STORE" if near else "STORE"
        return " ".join(f"{store}({kind}, {at} + {k * width}, {self.value(x, kind)});" for k, x in enumerate(sources))

    def do_atom(self, words, operands, text):
        space, what, kind = words
        if space != "global":
            raise UnknownInstruction(text)
        a = [self.value(x, kind) for x in operands[2:]]
        made = {"add": f"old + {a[0]}", "max": f"old > {a[0]} ? old : {a[0]}", "min": f"old < {a[0]} ? old : {a[0]}", "exch": a[0]}
        if what == "cas":
            made["cas"] = f"old == {a[0]} ? {a[1]} : old"
        return self.into(operands[0], f"ATOM({kind}, {self.address(operands[1])}, {made[what]})", kind)

    def do_mov(self, words, operands, text):
        (kind,) = words
        target, source = operands
        if target.startswith("{"):
            low, high = (x.strip() for x in target.strip("{}").split(","))
            whole = self.value(source, "u64")
            return f"{{ u64 whole_ = {whole}; {self.into(low, 'whole_', 'u32')} {self.into(high, 'whole_ >> 32', 'u32')} }}"
        if source.startswith("{"):
            low, high = (self.value(x, "u32") for x in source.strip("{}").split(","))
            return self.into(target, f"(u64){low} | (u64){high} << 32", "u64")
        kind = {"b": "u"}.get(kind[0], kind[0]) + kind[1:] if kind != "pred" else kind
        return self.into(target, self.value(source, kind), kind if kind != "pred" else "u8")

    def do_cvta(self, words, operands, text):
        return self.into(operands[0], self.value(operands[1], "u64"), "u64")

    def two(self, words, operands, text):
        kind = words[-1]
        return kind, self.value(operands[1], kind), self.value(operands[2], kind)

    def _arithmetic(self, sign, words, operands, text):
        kind, a, b = self.two(words, operands, text)
        if kind[0] == "f":
            if words[:-1] != ["rn"]:
                raise UnknownInstruction(text)
            return self.into(operands[0], f"{a} {sign} {b}", kind)
        if words[:-1]:
            raise UnknownInstruction(text)
        bits = kind[1:]
        return self.into(operands[0], f"(u{bits}){a} {sign} (u{bits}){b}", kind)

    def do_add(self, words, operands, text):
        return self._arithmetic("+", words, operands, text)

    def do_sub(self, words, operands, text):
        return self._arithmetic("-", words, operands, text)

    def do_mul(self, words, operands, text):
        kind, a, b = self.two(words, operands, text)
        how = words[0]
        if how == "lo":
            return self.into(operands[0], f"(u64)(u{kind[1:]}){a} * (u64)(u{kind[1:]}){b}", kind)
        if how == "wide":
            wide = kind[0] + str(2 * int(kind[1:]))
            return self.into(operands[0], f"({wide}){a} * ({wide}){b}", wide)
        if how == "hi" and kind == "s64":
            return self.into(operands[0], f"(s64)(((__int128){a} * (__int128){b}) >> 64)", kind)
        return self._arithmetic("*", words, operands, text)

    def do_mad(self, words, operands, text):
        how, kind = words
        if how != "lo" or kind[0] == "f":
            raise UnknownInstruction(text)
        a, b, c = (f"(u64)(u{kind[1:]}){self.value(x, kind)}" for x in operands[1:])
        return self.into(operands[0], f"{a} * {b} + {c}", kind)

    def do_fma(self, words, operands, text):
        if words[0] != "rn":
            raise UnknownInstruction(text)
        a, b, c = (self.value(x, words[1]) for x in operands[1:])
        return self.into(operands[0], f"{'fma' if words[1] == 'f64' else 'fmaf'}({a}, {b}, {c})", words[1])

    def do_div(self, words, operands, text):
        kind, a, b = self.two(words, operands, text)
        if kind[0] == "f":
            return self._arithmetic("/", words, operands, text)
        return self.into(operands[0], f"div_{kind}({a}, {b})", kind)

    def do_rem(self, words, operands, text):
        kind, a, b = self.two(words, operands, text)
        return self.into(operands[0], f"rem_{kind}({a}, {b})", kind)

    def do_rcp(self, words, operands, text):
        if words != ["rn", "f64"]:
            raise UnknownInstruction(text)
        return self.into(operands[0], f"1.0 / {self.value(operands[1], 'f64')}", "f64")

    def do_sqrt(self, words, operands, text):
        if words[0] != "rn":
            raise UnknownInstruction(text)
        kind = words[1]
        return self.into(operands[0], f"{'sqrt' if kind == 'f64' else 'sqrtf'}({self.value(operands[1], kind)})", kind)

    def _extreme(self, name, words, operands, text):
        kind, a, b = self.two(words, operands, text)
        if kind[0] == "f":
            return self.into(operands[0], f"{name}_{kind}({a}, {b})", kind)
        return self.into(operands[0], f"{a} {'>' if name == 'max' else '<'} {b} ? {a} : {b}", kind)

    def do_max(self, words, operands, text):
        return self._extreme("max", words, operands, text)

    def do_min(self, words, operands, text):
        return self._extreme("min", words, operands, text)

    def do_abs(self, words, operands, text):
        (kind,) = words
        a = self.value(operands[1], kind)
        made = {"f64": f"fabs({a})", "f32": f"fabsf({a})"}.get(kind, f"{a} < 0 ? 0 - (u{kind[1:]}){a} : (u{kind[1:]}){a}")
        return self.into(operands[0], made, kind)

    def do_neg(self, words, operands, text):
        (kind,) = words
        a = self.value(operands[1], kind)
        return self.into(operands[0], f"-{a}" if kind[0] == "f" else f"0 - (u{kind[1:]}){a}", kind)

    def _bits(self, sign, words, operands, text):
        (kind,) = words
        if kind == "pred":
            return self.into(operands[0], f"{self.value(operands[1], kind)} {sign} {self.value(operands[2], kind)}", "u8")
        kind = f"u{kind[1:]}"
        return self.into(operands[0], f"{self.value(operands[1], kind)} {sign} {self.value(operands[2], kind)}", kind)

    def do_and(self, words, operands, text):
        return self._bits("&", words, operands, text)

    def do_or(self, words, operands, text):
        return self._bits("|", words, operands, text)

    def do_xor(self, words, operands, text):
        return self._bits("^", words, operands, text)

    def do_not(self, words, operands, text):
        (kind,) = words
        if kind == "pred":
            return self.into(operands[0], f"!{self.value(operands[1], kind)}", "u8")
        return self.into(operands[0], f"~{self.value(operands[1], f'u{kind[1:]}')}", f"u{kind[1:]}")

    def do_shl(self, words, operands, text):
        kind = f"u{words[0][1:]}"
        a, n = self.value(operands[1], kind), self.value(operands[2], "u32")
        return self.into(operands[0], f"{n} >= {kind[1:]} ? 0 : {a} << {n}", kind)

    def do_shr(self, words, operands, text):
        kind = {"b": "u"}.get(words[0][0], words[0][0]) + words[0][1:]
        a, n, bits = self.value(operands[1], kind), self.value(operands[2], "u32"), int(kind[1:])
        made = f"{a} >> ({n} >= {bits} ? {bits - 1} : {n})" if kind[0] == "s" else f"{n} >= {bits} ? 0 : {a} >> {n}"
        return self.into(operands[0], made, kind)

    def do_bfi(self, words, operands, text):
        bits = words[0][1:]
        a, b = (self.value(x, f"u{bits}") for x in operands[1:3])
        start, length = int(operands[3]), int(operands[4])
        mask = ((1 << length) - 1) << start & ((1 << int(bits)) - 1)
        return self.into(operands[0], f"({a} << {start} & {mask:#x}ull) | ({b} & ~(u{bits}){mask:#x}ull)", f"u{bits}")

    def do_setp(self, words, operands, text):
        how, kind = words
        if kind[0] == "b":
            kind = f"u{kind[1:]}"
        a, b = self.value(operands[1], kind), self.value(operands[2], kind)
        if how in UNORDERED:
            return self.into(operands[0], f"!({a} {UNORDERED[how]} {b})", "u8")
        if how == "ne" and kind[0] == "f":
            return self.into(operands[0], f"{a} < {b} || {a} > {b}", "u8")
        return self.into(operands[0], f"{a} {COMPARE[how]} {b}", "u8")

    def do_selp(self, words, operands, text):
        kind = {"b": "u"}.get(words[0][0], words[0][0]) + words[0][1:]
        a, b = self.value(operands[1], kind), self.value(operands[2], kind)
        return self.into(operands[0], f"{self.variable(operands[3])} ? {a} : {b}", kind)

    def do_cvt(self, words, operands, text):
        *how, to, of = words
        a = self.value(operands[1], of)
        if to[0] == "f" == of[0]:
            if how == ["sat"] and to == of == "f64":
                return self.into(operands[0], f"sat({a})", to)
            if len(how) == 1 and how[0] in ROUND and to == of:
                return self.into(operands[0], f"{ROUND[how[0]]}({a})", to)
            if how != (["rn"] if to < of else []):
                raise UnknownInstruction(text)
            return self.into(operands[0], a, to)
        if of[0] == "f":
            if how != ["rzi"] or to not in ("s64", "s32") or of != "f64":
                raise UnknownInstruction(text)
            return self.into(operands[0], f"{to}_of({a})", to)
        if how not in ([], ["rn"]):
            raise UnknownInstruction(text)
        return self.into(operands[0], a, to)

    # ------------------------------------------------------------------ the body
    def read(self, body: str) -> None:
        declared: list[str] = []
        for line in body.splitlines():  # NVIDIA's compiler writes one statement to a line
            text = " ".join(line.partition("//")[0].split()).rstrip("; ")
            if text in ("{", "}"):
                declared.append(text)
            elif text.endswith(":"):
                declared.append(f"{self.variable(text[:-1])}:;")
            elif text.startswith(".reg"):
                _, kind, names = text.split(None, 2)
                for name in names.split(","):
                    found = re.fullmatch(r"(%\w+?)(?:<(\d+)>)?", name.strip())
                    base, many = found[1], found[2]
                    self.registers[base] = REGISTERS[kind[1:]]
                    every = [f"{base}{k}" for k in range(1, int(many))] if many else [base]
                    declared.extend(f"{REGISTERS[kind[1:]]} {self.variable(x)} = 0; (void){self.variable(x)};" for x in every)
            elif text.startswith((".local", ".shared")):
                self.array(text, declared)
            elif text and not text.startswith(".pragma"):
                declared.append(self.instruction(text))
        self.lines = declared

    def array(self, text: str, lines: list[str], before: str = "") -> None:
        found = re.fullmatch(r".*\.align (\d+) \.b8 (\w+)\[(\d+)\]", text)
        if not found:
            raise UnknownInstruction(text)
        self.near[found[2]] = int(found[3])
        lines.append(f"{before}u8 {found[2]}[{found[3]}] __attribute__((aligned({found[1]})));")


def translate(text: str) -> Kernel:
    """The kernel of a PTX text in C.

    Raises:
        UnknownInstruction: there is one that is not known here.
    """
    entries = re.findall(r"\.entry\s+(\w+)\s*\(([^)]*)\)[^{]*\{(.*?)\n\}", text, re.S)
    if len(entries) != 1 or re.search(r"^\s*(?:\.weak|\.visible|\.extern)?\s*\.func", text, re.M):
        raise UnknownInstruction("a text with other than one kernel, or with functions that are called")
    name, head, body = entries[0]
    params = {}
    for place, (kind, called) in enumerate(re.findall(r"\.param\s+\.(\w+)\s+(\w+)", head)):
        params[called] = (place, kind)
    reader = _Reader(params)
    shared: list[str] = []
    for line in re.findall(r"^(?:\.\w+\s+)*\.shared\s[^\n;]*;", text, re.M):
        reader.array(line.rstrip(";"), shared, "static ")
    reader.read(body)
    arrays = re.findall(r"u8 (\w+)\[", " ".join(shared))
    parts = [
        "#define WAITS" if reader.waits else "", MACHINE, *shared,
        "static void fresh(void)\n{", *(f"memset({array}, 0xCB, sizeof {array});" for array in arrays), "}",
        "static void thread(void **params, u32 tid, u32 ntid, u32 cta, u32 ncta)\n{", *reader.lines, "}",
    ]  # fmt: skip
    return Kernel(name, "\n".join(parts), tuple(int(kind[1:]) // 8 for _, kind in params.values()))


__all__ = ["Kernel", "UnknownInstruction", "translate"]
