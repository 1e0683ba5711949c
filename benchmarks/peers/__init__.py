"""The same work by upstream's own programs' calls, without anything that runs hw4."""
