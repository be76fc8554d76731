"""What every room that starts a process shares: frames, forks, groups, supervision, output, masking.

It knows no protocol: what a frame means and what a process does belong to the rooms above.
"""
