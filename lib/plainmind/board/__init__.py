"""The board: the whole memory as pages for people, and the same as JSON.

A page is made of what commands print, by the same functions; it reads, and writes nothing.
"""
