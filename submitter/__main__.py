"""`python -m submitter` is csc-submit."""

from __future__ import annotations

from submitter.cli import main

if __name__ == "__main__":
    main()
