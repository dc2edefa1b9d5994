"""A phone on the other end of adb: the app and a bundle put on it, its self-check run and judged here.

application.py says which app; adb.py runs the client and words its failures; push.py sends a large file so that an
interruption costs little; install.py and self_check.py are the two verbs; answer.py reads what the app wrote. The app's
side of the contract is in runtime_spec/TRACES.md, "The self-check's answer".
"""
