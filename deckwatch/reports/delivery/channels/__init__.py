"""The channels that can carry a report, one module each: its name is that of the receiver in `teams:`.

A module has `send(options, message, folder)`: it sends a message to the receiver with these options of
`deckwatch.yaml`, reads files with secrets relative to the folder, and raises DeckwatchError if the message was not
accepted.
"""
