"""Home Assistant's MQTT discovery: one message for each device, and one for the bridge.

`readings` and `controls` make the entities of a channel, `names` what people read, `devices` and
`hub` the messages, and `discovery` decides when which of them is published.
"""
