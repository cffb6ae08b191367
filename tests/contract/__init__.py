"""One list of scenarios, held against both backends."""
