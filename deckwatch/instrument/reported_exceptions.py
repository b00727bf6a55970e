"""Exceptions that a framework answers with status 500 itself, and reports through its signal `got_request_exception`.

Flask: https://flask.palletsprojects.com/en/stable/api/#flask.got_request_exception
Django: https://docs.djangoproject.com/en/stable/ref/signals/#got-request-exception
"""

from __future__ import annotations

import contextlib
import contextvars
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deckwatch.instrument.meters import Recorder

# Also seen by the threads in which Django runs what is not asynchronous: they get a copy of the context.
current_request: contextvars.ContextVar[Recorder | None] = contextvars.ContextVar("deckwatch_request", default=None)


def subscribe_to_frameworks() -> None:
    """Count the exceptions that the frameworks imported so far report; call it again at no cost."""
    for module, receiver in (("flask", _count_flask_exception), ("django.core.signals", _count_django_exception)):
        signal = getattr(sys.modules.get(module), "got_request_exception", None)
        if signal is not None:
            with contextlib.suppress(RuntimeError):  # Flask before 2.3 without the package blinker
                signal.connect(receiver)


class RequestContext:
    """A context manager: exceptions reported inside count as those of this request.

    A class, since contextlib's decorator takes more time than all else that a request does in it.
    """

    __slots__ = ("_request", "_token")

    def __init__(self, request: Recorder) -> None:
        self._request = request

    def __enter__(self) -> None:
        self._token = current_request.set(self._request)

    def __exit__(self, *_: object) -> None:
        current_request.reset(self._token)


def _count_flask_exception(_sender: object, exception: BaseException, **_details: object) -> None:
    request = current_request.get()
    if request is not None:
        request.count_exception(exception)


def _count_django_exception(**_details: object) -> None:
    """Count the exception being handled: Django's signal does not have it."""
    request, exception = current_request.get(), sys.exception()
    if request is not None and exception is not None:
        request.count_exception(exception)
