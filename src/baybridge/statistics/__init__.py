"""Statistics of a table: survival, competing risks, regression, rates and charts. Pure: arrays in, numbers out; no node, no clock, no files but the table that is read.

Main job: one function for each method of `methods.py`; pages and the command `baybridge statistics` use the same.
"""
