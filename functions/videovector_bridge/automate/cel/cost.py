"""An upper bound of the work that an expression causes, before it is evaluated. Pure.

The library cannot be interrupted, and evaluates under Python's global lock. An expression is
short, but a macro repeats a part of it for every item of a list, and `map` and `filter` copy what
they have collected so far at every item. The bound follows from how the macros are nested and from
the size of what the event has in the fields that the expression asks for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from videovector_bridge.automate.cel.event_values import Excerpt, Size
from videovector_bridge.automate.cel.pattern import Pattern
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

# In the unit of `Size.weight`, about 20 ns of one core.
MAX_WORK: Final = 60_000_000
"""The most that an expression may cost for an event: about a second."""

_CONVERSION: Final = 15  # from Python to the library, for each unit of weight
_OPERATION: Final = 3
_CALL: Final = 25
_ITEM: Final = 12
_NUMBER: Final = 80  # the longest number as text
_BRACKETS: Final = {"[": 6, "{": 8}  # what a list or an object that is written out weighs itself

Sizes = Mapping[str, Size]


class Load(NamedTuple):
    """The most work that a term causes, and the largest that its value can be."""

    work: int = 0
    weight: int = 0
    length: int = 0


@dataclass(frozen=True, slots=True)
class Cost:
    """What an expression costs: `least` for any event.

    `repeats` is whether a part of it may be evaluated more than once, or takes longer than to read
    its values: in a macro, or by a pattern. `uses` is the number of values it reads.
    """

    terms: tuple[Term, ...]
    patterns: Mapping[str, Pattern]
    least: int
    repeats: bool
    uses: int

    def of(self, excerpt: Excerpt) -> int:
        """The most that it costs for an event, with what the event has for it."""
        if not self.repeats:
            work = self.least + excerpt.weight * (_CONVERSION + self.uses)
            if work <= MAX_WORK:
                return work
        load = _Estimate(excerpt.sizes, self.patterns).load(self.terms, {})
        return excerpt.weight * _CONVERSION + load.work


def cost_of(source: Source, patterns: Mapping[str, Pattern]) -> Cost:
    """The cost of an expression. `patterns` has those of its calls of `matches`, as written."""
    least = _Estimate({}, patterns).load(source.terms, {}).work
    repeats = bool(source.nested_macros or patterns)
    return Cost(source.terms, patterns, least, repeats, len(source.uses))


@dataclass(frozen=True, slots=True)
class _Estimate:
    sizes: Mapping[Path, Size]
    patterns: Mapping[str, Pattern]

    def load(self, terms: tuple[Term, ...], bound: Sizes) -> Load:
        """Of all terms together, in any order. `bound` are the values of macros' variables.

        No operator and no function gives a larger value than it takes.
        """
        loads = [self._one(term, bound) for term in terms]
        return Load(*map(sum, zip(*loads, strict=True))) if loads else Load()

    def _one(self, term: Term, bound: Sizes) -> Load:
        match term:
            case Plain(text):
                weight = _BRACKETS.get(text, 1 + len(text) // 4)
                return Load(_OPERATION, weight, int(text == "," or text in _BRACKETS))
            case Use(name, path):
                size = self.sizes.get(path) if is_event(term) else bound.get(name)
                weight, length = size or Size()
                return Load(_OPERATION + weight, weight, length)  # comparing it reads it all
            case Call():
                return self._call(term, bound)
            case Macro():
                return self._macro(term, bound)

    def _call(self, call: Call, bound: Sizes) -> Load:
        over, arguments = self.load(call.over, bound), self.load(call.arguments, bound)
        work = _CALL + over.work + arguments.work
        if (literal := call.literal) in self.patterns:
            work += self.patterns[literal].work(4 * over.weight)
        own = _NUMBER if call.name == "string" else 1
        return Load(work, own + over.weight + arguments.weight, over.length + arguments.length)

    def _macro(self, macro: Macro, bound: Sizes) -> Load:
        """Of all items together.

        The work for an item grows at least in proportion to its size. So the work for all of them
        is at most what each costs if it is empty, and once what an item costs beyond that which is
        as large as all of them.
        """
        over = self.load(macro.over, bound)
        empty = self.load(macro.body, {**bound, macro.variable: Size()})
        items = over.length
        whole = Size(over.weight, over.weight) if items else Size()
        full = self.load(macro.body, {**bound, macro.variable: whole})
        body = Load(*(items * each + all_ - each for each, all_ in zip(empty, full, strict=True)))
        work = over.work + over.weight + items * _ITEM + body.work
        if macro.kind not in ("map", "filter"):
            return Load(work, 1, 0)
        weight, length = over.weight, items
        if macro.kind == "map":
            weight, length = body.weight, items + body.length
        # Each item is added to a copy of the list of those before it.
        return Load(work + items * (items + weight), weight, length)
