"""What a person asks refnet to do: one module a verb of the command line."""
