"""Child processes of the local stack: functions, and the API that they talk to."""
