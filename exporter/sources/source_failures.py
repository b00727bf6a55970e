"""Why a reading of a configured source failed. The class is shown on the page, the text only in the log.

The text may name columns, labels and places in a document, which the user's own file names too, but no password.
"""

from __future__ import annotations

from deckwatch.exporter.sources.background import ReadingFailed


class SourceFailure(ReadingFailed):
    """A reading failed for the reason in the text, which `Background` logs."""

    logged = False


class DatabaseDown(SourceFailure):
    """The database cannot be opened, or the connection to it was lost."""


class QueryTimeout(SourceFailure):
    """The query did not end in time."""


class QueryRefused(SourceFailure):
    """The database does not accept the query: its syntax, a name in it, or a missing privilege."""


class QueryFailed(SourceFailure):
    """The query failed while it ran."""


class WriteRefused(SourceFailure):
    """The query is one that would change something."""


class TooManyRows(SourceFailure):
    """The query has more rows than it may have."""


class TooManySeries(SourceFailure):
    """The rows have more series than they may have."""


class DuplicateLabels(SourceFailure):
    """Two rows have the same labels."""


class NotANumber(SourceFailure):
    """A value is text, NULL or NaN, or anything else that is not a number."""


class UnsuitableLabel(SourceFailure):
    """A label's value is too long, or is not text."""


class UnknownColumn(SourceFailure):
    """The rows lack a column that a metric needs."""


class WatermarkFault(SourceFailure):
    """The rows cannot be counted exactly once: their watermark is missing, mixed or unsorted."""


class StateFault(SourceFailure):
    """The saved state cannot be read or written."""


class EndpointDown(SourceFailure):
    """The endpoint does not answer, or refuses the request."""


class BodyTooLarge(SourceFailure):
    """The body is larger than it may be."""


class MalformedDocument(SourceFailure, ValueError):
    """The body is not JSON, or JSON of another form; a ValueError like those of all parsers."""


class PathNotFound(SourceFailure):
    """An expression does not fit the document."""


class SecretNotReadable(SourceFailure):
    """A file with a token or a password cannot be read."""
