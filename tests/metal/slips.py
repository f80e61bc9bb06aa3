"""Slips that C++ lets pass and Metal does not, as edits of clean.metal: what the lint is scored on.

The list is fixed: a slip that the lint misses stays on it, with no rule, and the test holds that
it is missed. Metal's side of each is from the Metal Shading Language specification, sections 1.5.4
(what of C++ is left out), 2.1 (types), 2.9 and 2.10 (textures, samplers), 4 (address spaces) and
5.2 (attributes of a kernel's parameters); no Metal compiler was there to be asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

CLEAN = Path(__file__).with_name("clean.metal")


@dataclass(frozen=True)
class Slip:
    """An edit of clean.metal, and the rules that may name it: none where the lint misses it."""

    name: str
    old: str
    new: str
    rules: tuple[str, ...]
    at: str  # what stands on the line that is named, where that is not the first line changed

    def source(self) -> str:
        """clean.metal with the slip in it."""
        clean = CLEAN.read_text()
        assert clean.count(self.old) == 1, f"{self.name}: {self.old!r} is not there once"
        return clean.replace(self.old, self.new)

    @property
    def line(self) -> int:
        """The line where the slip is to be named."""
        lines, clean = self.source().splitlines(), CLEAN.read_text().splitlines()
        if self.at:
            (line,) = (number for number, text in enumerate(lines, 1) if self.at in text)
            return line
        return next(k for k, (a, b) in enumerate(zip(lines, clean, strict=False), 1) if a != b)


def _slip(name: str, old: str, new: str, *rules: str, at: str = "") -> Slip:
    return Slip(name, old, new, rules, at)


_SUM = "float sum = 0.0f;\n    for (uint i = 0; i < min"
_BIAS = "float4 sum = bias[gid.z];"
_TOTAL = "inline float total("
_WEIGHTS = "const device half4* weights [[buffer(1)]]"
_ME = "uint me [[thread_index_in_threadgroup]]"


def _before(old: str, added: str) -> tuple[str, str]:
    return old, added + old


SLIPS = (
    # Address spaces.
    _slip("a kernel's pointer without device", _WEIGHTS, "const half4* weights [[buffer(1)]]",
          "address-space"),
    _slip("a local pointer without device", "const device half4* w = weights",
          "const half4* w = weights", "address-space"),
    _slip("a helper's pointer without device", "total(const device float* from",
          "total(const float* from", "address-space"),
    _slip("a reference without device", *_before(_BIAS, "const float4& b = bias[gid.z]; "),
          "address-space"),
    _slip("a texture by reference without thread", *_before(_TOTAL, "inline uint wide("
          "texture2d<half>& t) { return t.get_width(); }\n"), "address-space"),
    _slip("a local variable in device memory", *_before(_SUM, "device float own = 0.0f; "),
          "pointer"),
    _slip("a device pointer to a helper for threadgroup memory", "total(const device float* from",
          "total(const threadgroup float* from", "conversion", at="total(from, 0)"),
    _slip("a cast from device to thread", "total(from, 0)",
          "*(const thread float*)from", "pointer"),
    _slip("the address of a local as a device pointer", *_before(_SUM, "device float* s = to; "
          "float own = 0.0f; s = &own; "), "pointer"),
    _slip("a write through constant", *_before(_BIAS, "params.slices = 1; "), "read-only"),
    _slip("threadgroup memory in a helper", "float sum = 0.0f;\n    for (uint i = 0; i < count",
          "threadgroup float t[4]; float sum = 0.0f;\n    for (uint i = 0; i < count", "pointer"),
    _slip("threadgroup memory with an initial value", "threadgroup float tile[16][17];",
          "threadgroup float tile[16][17] = {};", "language", "pointer"),
    # Variables that outlive a call.
    _slip("a counter outside functions", *_before("inline float total(", "int counter = 0;\n"),
          "global"),
    _slip("a constant without constant", *_before("inline float total(",
          "const float six = 6.0f;\n"), "global"),
    _slip("a constexpr without constant", *_before("inline float total(",
          "constexpr float six = 6.0f;\n"), "global"),
    _slip("a static variable in a function", *_before(_SUM, "static int calls = 0; ++calls; "),
          "global"),
    _slip("a sampler that is not constexpr", "constexpr sampler zero", "sampler zero", "sampler"),
    # Types and numbers.
    _slip("double", _SUM, "double sum = 0.0f;\n    for (uint i = 0; i < min", "type"),
    _slip("long long", *_before(_SUM, "long long n = 0; "), "type"),
    _slip("long double", *_before(_SUM, "long double n = 0; "), "type"),
    _slip("an array as long as an argument", *_before(_SUM, "float t[count]; "), "language"),
    _slip("max of a float and an int", "min(max(x, 0.0f), highest)",
          "min(max(x, float4(max(0.5f, 1))), highest)", "conversion"),
    _slip("pow of two ints", *_before(_SUM, "float p = pow(2, 3); "), "conversion", "name"),
    _slip("half4 into float4", "= float4(input.sample(zeroOutside, at, slice));",
          "= input.sample(zeroOutside, at, slice);", "conversion"),
    _slip("float4 times half4", "x * float4(w[slice])", "x * w[slice]", "conversion"),
    _slip("float4 into a texture of half", "half4(clipped(sum, params))", "clipped(sum, params)",
          "conversion"),
    _slip("signed coordinates", "other.read(gid.xy", "other.read(short2(gid.xy)", "conversion"),
    _slip("a vector as a condition", *_before(_BIAS, "if (bias[gid.z] == bias[0]) return; "),
          "conversion", "language"),
    # Names of C++ and C.
    _slip("expf", "exp(mine)", "expf(mine)", "name"),
    _slip("M_PI", *_before(_SUM, "float pi = M_PI; "), "name"),
    _slip("std::max", "total(from, 0)", "std::max(mine, 0.0f)", "word"),
    _slip("<cmath>", *_before("using namespace metal;", "#include <cmath>\n"), "include"),
    _slip("printf", *_before(_SUM, 'printf("%f", mine_); '.replace("mine_", "from[0]")), "name"),
    _slip("assert", *_before(_SUM, "assert(count > 0); "), "name"),
    # Features of C++ that Metal leaves out.
    _slip("new", *_before(_SUM, "float* heap = new float[4]; "), "word"),
    _slip("a lambda", *_before(_SUM, "auto twice = [](float x) { return x + x; }; "), "word"),
    _slip("recursion", *_before(_TOTAL, "inline int down(int n) { return n ? down(n - 1) : 0; }\n"),
          "recursion"),
    _slip("recursion through another function", *_before(_TOTAL, "inline int odd(int n);\n"
          "inline int even(int n) { return n ? odd(n - 1) : 1; }\n"
          "inline int odd(int n) { return n ? even(n - 1) : 0; }\n"), "recursion",
          at="int even(int n) {"),
    _slip("a virtual function", *_before(_TOTAL, "struct Shape { virtual int sides(); };\n"),
          "word"),
    _slip("a derived class", *_before(_TOTAL, "struct More : Params { int more; };\n"), "word"),
    _slip("an exception", *_before(_SUM, "if (count == 0) throw 1; "), "word"),
    _slip("goto", *_before(_SUM, "again: if (me > 99) goto again; "), "word"),
    _slip("a function with any number of arguments", *_before(_TOTAL, "void any(int n, ...);\n"),
          "language"),
    _slip("noexcept", "uint count) {", "uint count) noexcept {", "word"),
    _slip("a variable named fragment", *_before(_SUM, "uint fragment = 0; "), "word"),
    _slip("a function named main", *_before(_TOTAL, "int main() { return 0; }\n"), "kernel"),
    _slip("a function pointer", *_before(_SUM, "float (*f)(const device float*, uint) = total; "),
          "language"),
    _slip("typeid", *_before(_SUM, "typeid(me); "), "word"),
    # What a kernel's parameters are bound to.
    _slip("a buffer bound twice", "float* to [[buffer(1)]]", "float* to [[buffer(0)]]",
          "binding"),
    _slip("a texture as a buffer", "output [[texture(2)]]", "output [[buffer(3)]]", "binding"),
    _slip("a misspelt attribute", _ME, "uint me [[thread_index_in_theadgroup]]", "binding"),
    _slip("a parameter without an attribute", _ME, "uint me", "binding"),
    _slip("parameters by value", "constant Params& params [[buffer(0)]]",
          "Params params [[buffer(0)]]", "binding"),
    _slip("buffer 31", "uint& count [[buffer(2)]]", "uint& count [[buffer(31)]]", "binding"),
    _slip("a position of 64 bits", _ME, "ulong me [[thread_index_in_threadgroup]]", "position"),
    _slip("a signed position", "ushort3 gid", "short3 gid", "position"),
    _slip("positions of two sizes", _ME, "uint3 me3 [[thread_position_in_threadgroup]], " + _ME,
          "position", at="kernel void normalised"),
    _slip("a kernel that returns a number", "kernel void normalised", "kernel int normalised",
          "kernel"),
    _slip("a kernel that calls a kernel", "to[me] = exp(mine)",
          "normalised(from, to, count, scratch, me, shape); to[me] = exp(mine)", "kernel"),
    # Textures.
    _slip("a write to a texture for reading", "texture2d_array<half, access::write>",
          "texture2d_array<half, access::read>", "name", at="output.write"),
    _slip("a sample of a texture for reading", "texture2d_array<half, access::sample>",
          "texture2d_array<half, access::read>", "name", at="input.sample"),
    _slip("a read of a texture for writing", "other.read(gid.xy, gid.z)",
          "output.read(gid.xy, gid.z)", "name"),
    _slip("a texture of char", "texture2d_array<half, access::read> other",
          "texture2d_array<char, access::read> other", "conversion"),
    # Known to be missed: each needs a compiler for Metal itself.
    _slip("recursion between overloads", *_before(_TOTAL,
          "inline int down(short n); inline int down(int n) { return n ? down(n - 1) : 0; }\n"
          "inline int down(short n) { return down(int(n)); }\n")),
    _slip("more threadgroup memory than 32 KiB", "tile[16][17]", "tile[256][257]"),
    _slip("a function that is nowhere defined", *_before(_TOTAL, "float elsewhere(float x);\n"
          "inline float twice(float x) { return elsewhere(x + x); }\n")),
    _slip("as_type between sizes", *_before(_SUM, "const int bits = as_type<int>(half(1.0h)); "),
          "conversion"),
    _slip("a comparison as int4", *_before(_BIAS, "const int4 less = bias[0] < bias[1]; ")),
)  # fmt: skip
