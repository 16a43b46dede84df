"""The ground floor: frozen types, column lists and errors that the layers hand each other. Imports nothing of ours."""
