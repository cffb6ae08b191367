"""Other ways to do what the bridge does, to compare it with.

Each is a program that does the whole job: it connects to VideoVector with the API key, reconnects
with Last-Event-ID, publishes each event as the bridge's CloudEvent, and writes its position in
Firestore. Decoding, attributes and lanes are the bridge's own, so that only the method differs.
"""
