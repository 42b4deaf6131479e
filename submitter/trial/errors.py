"""What goes wrong when a trial is filled from a file that is not the return it should be."""

from __future__ import annotations


class TrialError(Exception):
    """A mistake the user can mend; the message says what is wrong, in which file, and what to do.

    It never holds a value from the file: returns are about children.
    """
