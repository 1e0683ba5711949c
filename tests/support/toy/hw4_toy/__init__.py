"""One example of everything that another package can add to hw4."""
