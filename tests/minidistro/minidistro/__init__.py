"""A small RPM distribution made out of Debian 12's packages; see `tests/minidistro/make`."""


class Trouble(Exception):
    """Something that the user can mend; its text is the whole message."""
