"""Files, addresses and names made to do harm, each through the door where it comes in.

`python -m tests.faults.hostile` prints what each is answered with, and what that took; words choose among the cases.
"""
