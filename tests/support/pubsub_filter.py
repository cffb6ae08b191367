"""Evaluate the subset of Pub/Sub's filter language that the bridge uses.

https://cloud.google.com/pubsub/docs/subscription-message-filter
"""

import re
from collections.abc import Mapping


def lets_through(filter_: str, attributes: Mapping[str, str]) -> bool:
    """Whether a message with these attributes passes."""
    terms = {
        r'hasPrefix\(attributes\."([^"]+)", "([^"]*)"\)': lambda k, v: attributes.get(
            k, ""
        ).startswith(v),
        r'attributes\."([^"]+)" = "([^"]*)"': lambda k, v: attributes.get(k) == v,
        r'attributes:"([^"]+)"()': lambda k, _: k in attributes,
    }
    text = filter_
    for pattern, matches in terms.items():
        text = re.sub(pattern, lambda term, m=matches: str(m(*term.groups())), text)  # type: ignore[misc]
    assert re.fullmatch(r"(True|False|AND|OR|NOT|\(|\)|\s)*", text), f"not evaluated: {text}"
    # Pub/Sub has no precedence between AND and OR: it requires parentheses between them.
    return bool(eval(text.lower().replace("true", "True").replace("false", "False") or "True"))  # noqa: S307
