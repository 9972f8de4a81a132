"""What nobody needs any more goes: once in a while from the beat, and by hand (`geocrop storage sweep`).

needs.py      who needs what, by the job store alone
retention.py  results that were kept long enough are withdrawn
sweep.py      objects that nobody needs are removed
beat.py       again and again
"""
