"""``hw4 doctor``: what a report of a fault needs, and what is wrong here, in words."""
