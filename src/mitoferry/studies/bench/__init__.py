"""How fast this machine is: what ``mitoferry bench`` measures, keeps and compares.

``plates`` builds plates and times them, ``bare`` is the limit that they are held against, ``parts`` and the modules beside it
say what is timed, ``measure`` goes round all parts several times, ``record`` is the file, ``compare`` holds two against each other.
"""
