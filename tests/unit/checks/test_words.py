"""Avoided words: caught in texts and names, and nowhere else."""

import pytest

from tests.checks.words import ALLOWED, NAMES, PHRASES, find_words


def words_in(text: str, path: str = "functions/module.py") -> list[tuple[int, str]]:
    """The line and the word of each finding."""
    return [(each.line, each.message.split("'")[1]) for each in find_words(path, text)]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('"""Mended by the next commit."""', "Mended"),
        ("# The user is told.", "told"),
        ('raise ValueError("the rotation is to be announced")', "is to be"),
        ('print("a stranger")', "stranger"),
        ("x = 1  # wishes of the caller", "wishes"),
        ('f"{x} went on"', "went on"),
    ],
)
def test_words_in_texts_are_caught(text: str, word: str) -> None:
    """Docstrings, comments and messages are all texts."""
    assert (1, word) in words_in(text)


@pytest.mark.parametrize("path", ["docs/effects.md", "infra/variables.tf", "Makefile", "a.toml"])
def test_files_of_every_kind_are_read(path: str) -> None:
    """Documents, Terraform and the Makefile follow the same glossary."""
    assert words_in("first\nput off by an hour\n", path) == [(2, "put off")]


@pytest.mark.parametrize("separator", ["\n", "\n    # ", "  "])
def test_a_phrase_across_lines_is_caught(separator: str) -> None:
    """It is reported in the line where it starts."""
    text = f"# The message\n# comes{separator}again.\n"

    assert words_in(text, "infra/main.tf") == [(2, "comes again")]


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("found = 1", "found"),
        ("_held: int = 1", "_held"),
        ("for given in (): pass", "given"),
        ("def f(seen): pass", "seen"),
        ("def f(*, lost_answer=1): pass", "lost_answer"),
        ("self.world = 1", "world"),
        ("class LocalWorld: pass", "LocalWorld"),
        ("class Visit: pass", "Visit"),
        ("async def goes_on(): pass", "goes_on"),
        ("def instant(): pass", "instant"),
        ("import module as truth", "truth"),
        ("if (found := f()): pass", "found"),
        ("match x:\n    case {'a': 1, **given}: pass", "given"),
        ("try: pass\nexcept OSError as told: pass", "told"),
    ],
)
def test_names_are_caught(code: str, name: str) -> None:
    """Variables, parameters, attributes, functions, classes and aliases are names."""
    assert name in [word for _, word in words_in(code)]


@pytest.mark.parametrize("path", ["infra/standin/world.py", "tests/test_a_lost_answer.py"])
def test_names_of_files_are_caught(path: str) -> None:
    """A file is named as its class would be."""
    assert words_in("", path)


@pytest.mark.parametrize(
    "text",
    [
        "raise NotFound('the record was not found')",  # only a whole name is avoided
        "lease.held_until = 1",
        "x = other.world",  # the name of others
        "# investigate, newsletter, recommended, amended, unwanted",
        "x = 'the answer of the server'",  # avoided in names only
        "# Proceed; to begin on time is upstream's part.",
    ],
)
def test_other_words_are_not_caught(text: str) -> None:
    """Parts of other words, and words of others, are no findings."""
    assert words_in(text) == []


def test_an_allowed_word_is_no_finding() -> None:
    """The list of words itself names them all."""
    assert list(find_words("tests/checks/words.py", "# told")) == []


def test_a_finding_says_where_and_what_to_write() -> None:
    """The message suffices to correct the line."""
    (finding,) = find_words("docs/a.md", "\nmeanwhile\n")

    assert str(finding) == "docs/a.md:2: avoided word 'meanwhile'; write: concurrently"


def test_all_lists_give_a_reason() -> None:
    """Each avoided word has a replacement, each exception a reason."""
    assert all(text.strip() for table in (PHRASES, NAMES, ALLOWED) for text in table.values())
