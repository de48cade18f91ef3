"""The part of the documentation that is written by the code it describes."""
