"""The command line: main.py finds the verb, one file a verb holds what it does. Nobody imports this."""
