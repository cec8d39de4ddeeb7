"""Element-wise operations printed as LLVM's language, on vectors of the processor.

LLVM has no exponential and no logarithm for vectors, so both are printed as what they are made of:
a power of two in the exponent's bits, and a series. Their error is a few units in the last place.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Format:
    """A format of numbers.

    Attributes:
        real: LLVM's name of it.
        whole: that of a whole number of its size.
        size: bytes.
        mantissa: bits of it that are stored.
        lowest: and
        highest: what the exponential is taken of; beyond, of these.
        exp_terms: terms of its series within half a power of two.
        log_terms: terms of its series within a root of two.
        log_two: the logarithm of two as a sum; whole numbers times the first, of few bits, are
            exact.
    """

    real: str
    whole: str
    size: int
    mantissa: int
    lowest: float
    highest: float
    exp_terms: int
    log_terms: int
    log_two: tuple[float, float]


# The parts of the logarithm of two are Cephes' and fdlibm's.
FORMATS = {
    "float32": Format("float", "i32", 4, 23, -87.0, 88.0, 7, 5, (0.693359375, -2.12194440e-4)),
    "float64": Format(
        "double",
        "i64",
        8,
        52,
        -708.0,
        709.0,
        13,
        11,
        (0.6931471803691238, 1.9082149292705877e-10),
    ),
}
# Sums may be taken in another order, and a product and a sum be one instruction.
FREE = "reassoc nsz arcp contract"
# What rests on the order of its sums.
BOUND = "contract"


class Printer:
    """Lines of LLVM's language, each a vector operation, and the names of their results."""

    def __init__(self, form: Format, lanes: int) -> None:
        """Begin without lines.

        Args:
            form: of the numbers.
            lanes: numbers in a vector.
        """
        self.form = form
        self.lanes = lanes
        self.vector = f"<{lanes} x {form.real}>"
        self.wholes = f"<{lanes} x {form.whole}>"
        self.lines: list[str] = []
        self.intrinsics: dict[str, None] = {}

    def line(self, text: str) -> str:
        """Add a line and return the name of its result."""
        self.lines.append(f"  %v{len(self.lines)} = {text}")
        return f"%v{len(self.lines) - 1}"

    def number(self, value: float) -> str:
        """Return a vector of one number."""
        if self.form.size == 4:
            value = struct.unpack("f", struct.pack("f", value))[0]
        bits = struct.unpack("<Q", struct.pack("<d", value))[0]
        return f"splat ({self.form.real} 0x{bits:016X})"

    def integer(self, value: int) -> str:
        """Return a vector of one whole number."""
        return f"splat ({self.form.whole} {value})"

    def real(self, kind: str, *operands: str, flags: str = FREE) -> str:
        """Add `fadd`, `fsub`, `fmul`, `fdiv` or `fneg`."""
        return self.line(f"{kind} {flags} {self.vector} {', '.join(operands)}")

    def bits(self, kind: str, *operands: str) -> str:
        """Add an operation on whole numbers."""
        return self.line(f"{kind} {self.wholes} {', '.join(operands)}")

    def as_bits(self, value: str) -> str:
        """Return the bits of numbers."""
        return self.line(f"bitcast {self.vector} {value} to {self.wholes}")

    def as_real(self, value: str) -> str:
        """Return the numbers of bits."""
        return self.line(f"bitcast {self.wholes} {value} to {self.vector}")

    def above(self, one: str, other: str) -> str:
        """Return where one is above the other."""
        return self.line(f"fcmp ogt {self.vector} {one}, {other}")

    def chosen(self, where: str, then: str, otherwise: str) -> str:
        """Return the first where it holds, else the second."""
        kind = f"<{self.lanes} x i1>"
        return self.line(f"select {kind} {where}, {self.vector} {then}, {self.vector} {otherwise}")

    def root(self, x: str) -> str:
        """Return the square root."""
        name = f"@llvm.sqrt.v{self.lanes}f{8 * self.form.size}"
        self.intrinsics[name] = None
        return self.line(f"call {FREE} {self.vector} {name}({self.vector} {x})")

    def least(self, one: str, other: str) -> str:
        """Return the smaller; not a number where the first is not."""
        return self.chosen(self.above(one, other), other, one)

    def largest(self, one: str, other: str) -> str:
        """Return the larger; not a number where the first is not."""
        return self.chosen(self.above(other, one), other, one)

    def series(self, x: str, coefficients: Iterable[float]) -> str:
        """Return a polynomial, its coefficients from the highest power down."""
        first, *rest = coefficients
        total = self.number(first)
        for coefficient in rest:
            total = self.real("fadd", self.real("fmul", total, x), self.number(coefficient))
        return total

    def exponential(self, x: str) -> str:
        """Return `exp(x)`: a power of two, and the Taylor series of the rest."""
        form = self.form
        x = self.largest(x, self.number(form.lowest))
        x = self.chosen(self.above(x, self.number(form.highest)), self.number(form.highest), x)
        # Added to this number, another is rounded to a whole one, which its last bits then are.
        magic = self.number(1.5 * 2.0**form.mantissa)
        scaled = self.real("fmul", x, self.number(1.0 / math.log(2.0)), flags="")
        shifted = self.real("fadd", scaled, magic, flags="")
        whole = self.real("fsub", shifted, magic, flags="")
        high = self.real("fmul", whole, self.number(form.log_two[0]), flags=BOUND)
        low = self.real("fmul", whole, self.number(form.log_two[1]), flags=BOUND)
        rest = self.real("fsub", self.real("fsub", x, high, flags=BOUND), low, flags=BOUND)
        terms = [1.0 / math.factorial(i) for i in reversed(range(form.exp_terms + 1))]
        value = self.series(rest, terms)
        power = self.bits("shl", self.as_bits(shifted), self.integer(form.mantissa))
        return self.as_real(self.bits("add", self.as_bits(value), power))

    def exponential_less_one(self, x: str) -> str:
        """Return `exp(x) - 1`: near 0 by its series, elsewhere by the exponential."""
        form = self.form
        square = self.real("fmul", x, x)
        near = self.above(self.number(0.25 * math.log(2.0) ** 2), square)
        terms = [1.0 / math.factorial(i) for i in reversed(range(1, form.exp_terms + 1))]
        small = self.real("fmul", x, self.series(x, terms))
        return self.chosen(near, small, self.real("fsub", self.exponential(x), self.number(1.0)))

    def finite(self, x: str) -> str:
        """Return where a number is one and finite: its exponent's bits are not all ones."""
        form = self.form
        exponent = ((1 << (8 * form.size - 1 - form.mantissa)) - 1) << form.mantissa
        bits = self.bits("and", self.as_bits(x), self.integer(exponent))
        return self.line(f"icmp ne {self.wholes} {bits}, {self.integer(exponent)}")

    def logarithm(self, x: str) -> str:
        """Return `log(x)` of normal positive `x`: of its power of two, and a series of the rest."""
        form = self.form
        # Less the bits of the root of a half, the exponent is that of what is left, rounded.
        root = self.integer(_bits(math.sqrt(0.5), form))
        moved = self.bits("sub", self.as_bits(x), root)
        exponent = self.bits("ashr", moved, self.integer(form.mantissa))
        back = self.bits("shl", exponent, self.integer(form.mantissa))
        rest = self.as_real(self.bits("sub", self.as_bits(x), back))
        power = self.line(f"sitofp {self.wholes} {exponent} to {self.vector}")
        # log m = 2 artanh((m - 1) / (m + 1))
        one = self.number(1.0)
        s = self.real("fdiv", self.real("fsub", rest, one), self.real("fadd", rest, one))
        square = self.real("fmul", s, s)
        terms = [2.0 / (2 * i + 1) for i in reversed(range(form.log_terms))]
        value = self.real("fmul", s, self.series(square, terms))
        low = self.real("fmul", power, self.number(form.log_two[1]), flags=BOUND)
        high = self.real("fmul", power, self.number(form.log_two[0]), flags=BOUND)
        return self.real("fadd", self.real("fadd", value, low, flags=BOUND), high, flags=BOUND)

    def logarithm_of_one_more(self, x: str) -> str:
        """Return `log(1 + x)`: what rounding takes from the sum, it takes from both (Kahan)."""
        one = self.number(1.0)
        total = self.real("fadd", x, one, flags="")
        kept = self.real("fsub", total, one, flags="")
        value = self.real("fmul", self.logarithm(total), self.real("fdiv", x, kept))
        nothing = self.line(f"fcmp oeq {self.vector} {kept}, {self.number(0.0)}")
        return self.chosen(nothing, x, value)

    def operation(self, name: str, params: dict[str, Any], operands: list[str]) -> str:
        """Add one of JAX's operations on numbers.

        Raises:
            ValueError: for one that is not known here.
        """
        simple = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv", "neg": "fneg"}
        if name in simple:
            return self.real(simple[name], *operands)
        if name in ("broadcast_in_dim", "convert_element_type"):  # of a number to a vector
            return operands[0]
        known = {
            "exp": self.exponential,
            "expm1": self.exponential_less_one,
            "log": self.logarithm,
            "log1p": self.logarithm_of_one_more,
            "sqrt": self.root,
            "max": self.largest,
            "min": self.least,
            "gt": self.above,
            "lt": lambda one, other: self.above(other, one),
            "is_finite": self.finite,
            "select_n": lambda where, otherwise, then: self.chosen(where, then, otherwise),
        }
        if name not in known:
            raise ValueError(f"a fused kernel cannot be made of '{name}' {params}")
        return known[name](*operands)


def _bits(value: float, form: Format) -> int:
    """Return the bits of a number."""
    code = ("<f", "<i") if form.size == 4 else ("<d", "<q")
    return struct.unpack(code[1], struct.pack(code[0], value))[0]
