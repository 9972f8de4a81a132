"""Callbacks: whoever asks for a job can be told what becomes of it (class `callback` of OGC API - Processes).

What is to be told is a row of the job store, written by the same transaction that changes the job, and delivered by
a task of its own. No delivery touches its job: one that fails or hangs is tried again later, and given up at last.
"""
