"""The command line `videovector-bridge`: for whoever sets the bridge up and watches over it."""
