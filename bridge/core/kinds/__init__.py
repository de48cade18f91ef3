"""What Shelly's components mean: one module per kind of channel, and the list that finds them.

A kind says which member of a component becomes which key of the channel, in which unit.
"""
