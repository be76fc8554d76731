"""The rules of the house, each a function from files to the list of what breaks it.

``tests/contracts`` holds the workspace to them, and shows for each that it can fail.
"""
