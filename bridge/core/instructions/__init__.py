"""What somebody published to a `/set` topic, made into a command or a refusal that says why.

`payload` takes the message apart, `builders` makes the command, kind by kind.
"""
