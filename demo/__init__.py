"""``make demo``: the whole product against simulators, set up and proved through its public API.

A witness from outside: real processes and real HTTP. Of the product's code it uses the start of the embedded
database only, and of that database it puts the clock forward where a wait would be in the way.
"""
