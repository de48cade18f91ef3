"""Pure translation: events in, effects out.

Nothing in here knows a clock, a thread, a socket, a file, or any library outside the data
modules of the standard library.
"""
