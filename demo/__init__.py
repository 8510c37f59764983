"""``make demo``: the whole product against simulators, set up and proved through its public API.

A witness from outside: real processes, real HTTP, nothing imported from the product.
"""
