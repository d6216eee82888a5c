"""Define exit codes of ``riskoff`` beside those of the error classes."""

EXIT_BUG = 1
EXIT_BROKEN_PIPE = 1  # typer's own code when the reader of a pipe has closed it
EXIT_USAGE = 2
# The data: a disk that refuses, rows that are missing or wrong, and rows too old to act on.
EXIT_STORAGE = EXIT_TOO_OLD = 3
EXIT_DIFFERS = 7  # only `riskoff diff --exit-code`; 1, as git has it, is a bug of riskoff
# Only `riskoff today`: answers, no errors.
EXIT_REDUCE = 10
EXIT_HEDGE = 11
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143
