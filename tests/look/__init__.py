"""Pictures for human eyes; what needs a browser is `make look`, never `make test`."""
