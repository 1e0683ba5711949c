"""Eight numbers at a time in numba: a type that LLVM keeps in vector registers.

Loops that LLVM has to vectorise by itself lose it to a branch or a store too many; with this type they are
written as they shall run, on every processor. Of a wider or narrower vector unit LLVM makes the best.
"""

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing import signature
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import intrinsic, lower_builtin, models, register_model

LANES = 8
# Contraction to fused multiply-adds only: NaN and infinity keep their meaning, and sums their order.
_FLAGS = ("contract",)


class Lanes(types.Type):
    """`LANES` numbers of a type; of booleans: a mask."""

    def __init__(self, dtype: types.Type) -> None:
        self.dtype = dtype
        super().__init__(name=f"Lanes({dtype})")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Lanes) -> None:
        super().__init__(manager, kind, ir.VectorType(manager.lookup(kind.dtype).get_value_type(), LANES))


def _broadcast(builder: Any, number: Any) -> Any:
    if isinstance(number.type, ir.VectorType):
        return number
    empty = ir.Constant(ir.VectorType(number.type, LANES), ir.Undefined)
    first = builder.insert_element(empty, number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(
        first, empty, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    )


def _operator(function: Callable[..., Any], result: types.Type | None, generate: Callable[..., Any]) -> None:
    """Let an operator take lanes, or lanes and a number of their type, to lanes of it or of `result`."""

    class Operator(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            lanes = next((one for one in args if isinstance(one, Lanes)), None)
            if lanes is None or any(one not in (lanes, lanes.dtype) for one in args):
                return None
            return signature(Lanes(result) if result else lanes, *args)

    infer_global(function)(Operator)

    def lower(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return generate(builder, *(_broadcast(builder, one) for one in args))

    for kinds in ((Lanes, Lanes), (Lanes, types.Number), (types.Number, Lanes)):
        lower_builtin(function, *kinds)(lower)


_operator(operator.add, None, lambda builder, a, b: builder.fadd(a, b, flags=_FLAGS))
_operator(operator.sub, None, lambda builder, a, b: builder.fsub(a, b, flags=_FLAGS))
_operator(operator.mul, None, lambda builder, a, b: builder.fmul(a, b, flags=_FLAGS))
_operator(operator.truediv, None, lambda builder, a, b: builder.fdiv(a, b, flags=_FLAGS))
_operator(min, None, lambda builder, a, b: builder.select(builder.fcmp_ordered("<", a, b), a, b))
_operator(max, None, lambda builder, a, b: builder.select(builder.fcmp_ordered(">", a, b), a, b))
_operator(operator.and_, None, lambda builder, a, b: builder.and_(a, b))
for _function, _sign in ((operator.ge, ">="), (operator.gt, ">"), (operator.le, "<="), (operator.lt, "<")):
    # The lambda's own default keeps the sign of this turn.
    _operator(_function, types.boolean, lambda builder, a, b, sign=_sign: builder.fcmp_ordered(sign, a, b))


def _splat(typing_context, number):  # type: ignore[no-untyped-def]
    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return _broadcast(builder, args[0])

    return Lanes(number)(number), generate


def _held(typing_context, number):  # type: ignore[no-untyped-def]
    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        # An empty piece of assembly, of which LLVM knows only that it gives a number.
        bits = ir.IntType(number.bitwidth)
        same = builder.asm(ir.FunctionType(bits, [bits]), "", "=r,0", [builder.bitcast(args[0], bits)], False)
        return _broadcast(builder, builder.bitcast(same, args[0].type))

    return Lanes(number)(number), generate


def _ramp(typing_context, number):  # type: ignore[no-untyped-def]
    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        steps = ir.Constant(ir.VectorType(args[0].type, LANES), [float(lane) for lane in range(LANES)])
        return builder.fadd(_broadcast(builder, args[0]), steps)

    return Lanes(number)(number), generate


def _select(typing_context, mask, yes, no):  # type: ignore[no-untyped-def]
    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.select(*(_broadcast(builder, one) for one in args))

    kind = yes if isinstance(yes, Lanes) else Lanes(yes)
    return kind(mask, yes, no), generate


def _minus_abs(typing_context, lanes):  # type: ignore[no-untyped-def]
    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        width = lanes.dtype.bitwidth
        bits = builder.bitcast(args[0], ir.VectorType(ir.IntType(width), LANES))
        negative = builder.or_(bits, ir.Constant(bits.type, [1 << (width - 1)] * LANES))
        return builder.bitcast(negative, args[0].type)

    return lanes(lanes), generate


def _any_of(typing_context, mask):  # type: ignore[no-untyped-def]
    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        bits = builder.bitcast(args[0], ir.IntType(LANES))
        return builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0))

    return types.boolean(mask), generate


def _total(typing_context, lanes):  # type: ignore[no-untyped-def]
    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        (sums,) = args
        width = LANES
        while width > 1:
            width //= 2
            halves = [
                ir.Constant(ir.VectorType(ir.IntType(32), width), [side * width + k for k in range(width)])
                for side in (0, 1)
            ]
            low, high = (builder.shuffle_vector(sums, sums, half) for half in halves)
            sums = builder.fadd(low, high)
        return builder.extract_element(sums, ir.Constant(ir.IntType(32), 0))

    return lanes.dtype(lanes), generate


def _eight_totals(typing_context, eight):  # type: ignore[no-untyped-def]
    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        # Halves of two are added side by side: first pairs, then fours, then both ends.
        rounds = (
            ((0, 8, 1, 9, 4, 12, 5, 13), (2, 10, 3, 11, 6, 14, 7, 15)),
            ((0, 1, 8, 9, 4, 5, 12, 13), (2, 3, 10, 11, 6, 7, 14, 15)),
            ((0, 1, 2, 3, 8, 9, 10, 11), (4, 5, 6, 7, 12, 13, 14, 15)),
        )
        sums = cgutils.unpack_tuple(builder, args[0], LANES)
        for masks in rounds:
            parts = [ir.Constant(ir.VectorType(ir.IntType(32), LANES), list(mask)) for mask in masks]
            sums = [
                builder.fadd(*(builder.shuffle_vector(one, other, part) for part in parts))
                for one, other in zip(sums[::2], sums[1::2], strict=True)
            ]
        return sums[0]

    return eight.dtype(eight), generate


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    """To the lanes that begin at an index of a flat array."""
    data = context.make_array(array_type)(context, builder, array).data
    first = builder.gep(data, [index])
    number = context.get_value_type(array_type.dtype)
    return builder.bitcast(first, ir.VectorType(number, LANES).as_pointer())


def _bytes(array_type: Any) -> int:
    width: int = array_type.dtype.bitwidth // 8
    return width


def _load(typing_context, array, index):  # type: ignore[no-untyped-def]
    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.load(_pointer(context, builder, array, *args), align=_bytes(array))

    return Lanes(array.dtype)(array, types.intp), generate


def _store(typing_context, array, index, lanes):  # type: ignore[no-untyped-def]
    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        pointer = _pointer(context, builder, array, *args[:2])
        builder.store(_broadcast(builder, args[2]), pointer, align=_bytes(array))
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), generate


def _exp(typing_context, lanes):  # type: ignore[no-untyped-def]
    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        (result,) = args
        function = builder.module.declare_intrinsic("llvm.exp", [result.type.element])
        for lane in (ir.Constant(ir.IntType(32), k) for k in range(LANES)):
            one = builder.call(function, [builder.extract_element(result, lane)])
            result = builder.insert_element(result, one, lane)
        return result

    return lanes(lanes), generate


load: Any = intrinsic(_load)
"""``load(array, index)``: the lanes of a flat contiguous array that begin at an index."""
store: Any = intrinsic(_store)
"""``store(array, index, lanes)``: the opposite; a number goes to every lane."""
splat: Any = intrinsic(_splat)
"""``splat(number)``: the number in every lane."""
held: Any = intrinsic(_held)
"""``held(number)``: `splat` of a constant that LLVM shall not build anew in every turn of a loop."""
ramp: Any = intrinsic(_ramp)
"""``ramp(number)``: the number, and 1 more from lane to lane."""
select: Any = intrinsic(_select)
"""``select(mask, yes, no)``: lane by lane one of two, each lanes or a number."""
minus_abs: Any = intrinsic(_minus_abs)
"""``minus_abs(lanes)``: ``-abs(lanes)``, lane by lane."""
any_of: Any = intrinsic(_any_of)
"""``any_of(mask)``: whether one of its lanes is true."""
total: Any = intrinsic(_total)
"""``total(lanes)``: their sum, always in the same order."""
eight_totals: Any = intrinsic(_eight_totals)
"""``eight_totals((a, b, c, d, e, f, g, h))``: lanes of the sums of each, in less than eight times `total`."""
exp: Any = intrinsic(_exp)
"""``exp(lanes)``, lane by lane: for float64; of float32 `blending.neg_exp` takes eight at a time."""
