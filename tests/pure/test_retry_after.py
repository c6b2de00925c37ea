"""How long Claude asks us to wait, in every form it comes in."""

import email.utils
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.failures import retry_after


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "16"}, 16.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "3600"}, 3600.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "1e300"}, 1e300),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "tomorrow"}, None),
        ({"retry-after": "Fri, 31 Dec 99999 23:59:59 GMT"}, None),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_retry_after_as_a_date() -> None:
    later = email.utils.formatdate(time.time() + 90, usegmt=True)
    seconds = retry_after({"retry-after": later})
    assert seconds is not None
    assert 85 < seconds <= 90


dates = st.builds(
    "{}, {} {} {} {}:{} {}".format,
    st.sampled_from(["Mon", "Fri", ""]),
    st.integers(0, 99),
    st.sampled_from(["Jan", "Feb", "Dec", "Foo"]),
    st.integers(0, 10**6),
    st.integers(0, 99),
    st.integers(0, 99),
    st.sampled_from(["GMT", "+0100", "-999999", "+9999999999999"]),
)


@given(st.text(max_size=40) | st.floats().map(str) | dates)
def test_no_retry_after_is_too_absurd(value: str) -> None:
    seconds = retry_after({"retry-after": value, "retry-after-ms": value})
    assert seconds is None or 0 <= seconds < float("inf")
