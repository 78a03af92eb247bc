"""What the process says about itself: counters, /metrics, and its last words.

termination.say(path, Result) writes the termination message
recorder.Recorder counts on the loop in plain integers; export.text(...) prints them
"""
