"""The reproduction board: published experiments of the field run with one parameter library, verdict by verdict.

* ``setting.py``  what a quick and a full board spend, and how wells are made smaller
* ``plan.py``     cards to jobs: which plates are run, arms shared between cards, shards
* ``work.py``     runs jobs on processes; a board that was stopped goes on
* ``combined.py`` several runs of a card read as one: wells, draws of the parameters, arms of another card
* ``judge.py``    verdicts, from the rules of ``studies/rules.py``, over wells and over draws
* ``chance.py``   p values, false discovery rate, wells that a verdict needs
* ``carried.py``  what carried an effect: routes and the paracrine arm knocked out
* ``ceiling.py``  cells that a mitochondrion reaches in time
* ``shuffled.py`` the same readings held against expectations dealt out anew
* ``tuned.py``    parameter overrides of experiment files, which a board lists
* ``model.py``    what a board is, as JSON
* ``reproduce.py`` the whole: rounds of jobs, judging, shares put together
* ``robustness.py`` verdicts that hinge on a parameter: screening, one at a time (``hinges.py``,
  ``subject.py``), designs (``sensitivity.py``)
* ``conflicts.py`` contradictions of the reviews, every reading run
* ``compare.py``  what changed between two boards
"""
