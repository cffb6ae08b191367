"""What is wrong in an automations file beyond what its reader refuses. For the command line."""
