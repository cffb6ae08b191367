"""Estimate the work of an expression, before it is evaluated. Never too low. Pure.

The library cannot be interrupted, and evaluates under Python's global lock. An expression is
short, but a macro repeats a part of it for every item of a list, and `map` and `filter` copy their
result list at every item. The estimate depends on the nesting of the macros, and on the size of the
event's fields that the expression uses.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from videovector_bridge.automate.cel.event_values import Excerpt, Size
from videovector_bridge.automate.cel.regex_cost import RegexCost
from videovector_bridge.automate.cel.source import (
    Call,
    Macro,
    Path,
    Plain,
    Source,
    Term,
    Use,
    is_event,
)

# In units of `Size.weight`: about 20 ns of one core.
MAX_WORK: Final = 60_000_000
"""The maximum cost of an expression for one event: about a second."""

_CONVERSION: Final = 15  # from Python to the library, for each unit of weight
_OPERATION: Final = 3
_CALL: Final = 25
_ITEM: Final = 12
_NUMBER: Final = 80  # the longest number, as text
_BRACKETS: Final = {"[": 6, "{": 8}  # the weight of an empty list or object in the source

Sizes = Mapping[str, Size]


class Load(NamedTuple):
    """The maximum work of a term, and the maximum size of its value."""

    work: int = 0
    weight: int = 0
    length: int = 0


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of an expression. `least` is its cost for an empty event.

    `repeats`: a macro may evaluate a part of it more than once, or a regular expression costs more
    than reading its values. `uses` is the number of values that it reads.
    """

    terms: tuple[Term, ...]
    patterns: Mapping[str, RegexCost]
    least: int
    repeats: bool
    uses: int

    def estimate(self, excerpt: Excerpt) -> int:
        """Return the maximum cost for an event, given the excerpt that the expression uses."""
        if not self.repeats:
            work = self.least + excerpt.weight * (_CONVERSION + self.uses)
            if work <= MAX_WORK:
                return work
        load = _Estimator(excerpt.sizes, self.patterns).estimate(self.terms, {})
        return excerpt.weight * _CONVERSION + load.work


def estimate_cost(source: Source, patterns: Mapping[str, RegexCost]) -> Cost:
    """Estimate an expression. `patterns` has the patterns of `matches`, by their source."""
    least = _Estimator({}, patterns).estimate(source.terms, {}).work
    repeats = bool(source.nested_macros or patterns)
    return Cost(source.terms, patterns, least, repeats, len(source.uses))


@dataclass(frozen=True, slots=True)
class _Estimator:
    sizes: Mapping[Path, Size]
    patterns: Mapping[str, RegexCost]

    def estimate(self, terms: tuple[Term, ...], bound: Sizes) -> Load:
        """Estimate all terms together. `bound` has the sizes of the macros' variables.

        No operator and no function returns a larger value than its operands.
        """
        loads = [self._estimate_term(term, bound) for term in terms]
        return Load(*map(sum, zip(*loads, strict=True))) if loads else Load()

    def _estimate_term(self, term: Term, bound: Sizes) -> Load:
        match term:
            case Plain(text):
                weight = _BRACKETS.get(text, 1 + len(text) // 4)
                return Load(_OPERATION, weight, int(text == "," or text in _BRACKETS))
            case Use(name, path):
                size = self.sizes.get(path) if is_event(term) else bound.get(name)
                weight, length = size or Size()
                return Load(_OPERATION + weight, weight, length)  # a comparison reads all of it
            case Call():
                return self._estimate_call(term, bound)
            case Macro():
                return self._estimate_macro(term, bound)

    def _estimate_call(self, call: Call, bound: Sizes) -> Load:
        target, arguments = self.estimate(call.target, bound), self.estimate(call.arguments, bound)
        work = _CALL + target.work + arguments.work
        if (literal := call.literal) in self.patterns:
            work += self.patterns[literal].work(4 * target.weight)
        own = _NUMBER if call.name == "string" else 1
        return Load(work, own + target.weight + arguments.weight, target.length + arguments.length)

    def _estimate_macro(self, macro: Macro, bound: Sizes) -> Load:
        """Estimate a macro for all items together.

        The work for an item grows at least in proportion to its size. So the work for all items is
        at most the work for as many empty items, plus the extra work for one item of the size of
        all of them.
        """
        target = self.estimate(macro.target, bound)
        empty = self.estimate(macro.body, {**bound, macro.variable: Size()})
        items = target.length
        whole = Size(target.weight, target.weight) if items else Size()
        full = self.estimate(macro.body, {**bound, macro.variable: whole})
        body = Load(*(items * each + all_ - each for each, all_ in zip(empty, full, strict=True)))
        work = target.work + target.weight + items * _ITEM + body.work
        if macro.kind not in ("map", "filter"):
            return Load(work, 1, 0)
        weight, length = target.weight, items
        if macro.kind == "map":
            weight, length = body.weight, items + body.length
        # Each item is added to a copy of the list of earlier results.
        return Load(work + items * (items + weight), weight, length)
