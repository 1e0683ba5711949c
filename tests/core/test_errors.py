"""The causes of an error, as libraries chain them."""

from hw4.core.errors import brief, causes


def raised(*links: tuple[Exception, Exception | None, Exception | None]) -> Exception:
    """The first error, each linked to its (cause, context)."""
    for error, cause, context in links:
        error.__context__ = context
        if cause is not None:
            error.__cause__ = cause
    return links[0][0]


def test_causes_are_named_ones_and_where_asked_what_was_being_handled() -> None:
    inner, outer, handled = ValueError("inner"), OSError("outer"), KeyError("handled")
    error = raised((outer, inner, handled), (inner, None, handled))
    assert list(causes(error)) == [outer, inner]
    assert list(causes(error, implied=True)) == [outer, inner, handled]


def test_a_circle_of_causes_ends() -> None:
    one, other = ValueError("one"), ValueError("other")
    assert list(causes(raised((one, other, None), (other, one, None)))) == [one, other]
    assert list(causes(raised((one, one, None)))) == [one]


def test_a_context_that_is_suppressed_is_no_cause() -> None:
    try:
        try:
            raise KeyError("handled")
        except KeyError:
            raise ValueError("said") from None
    except ValueError as error:
        assert list(causes(error, implied=True)) == [error]


def test_a_librarys_words_fit_into_a_sentence() -> None:
    assert brief(ValueError("first\nsecond")) == "first"
    assert brief(ValueError("a\x00b\x1bc")) == "a?b?c"
    assert brief(ValueError("  \n")) == "ValueError" == brief(ValueError())
    assert brief(OSError(2, "No such file", "a.txt")) == "No such file"
    assert brief(OSError("x" * 1000)) == "x" * 200 + "..."
