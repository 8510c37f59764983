"""Payroll to ledger: from a finished pay run to a reconciled journal, exactly once.

Read in this order: ``reading`` (pay runs come in), ``drafting`` (rules make journals of them, ``validation`` says what
is wrong), ``approval``, ``posting`` with ``claims``, ``lookup`` and ``outcomes`` (the write protocol), ``deciding``
(what a person says of a journal the ledger does not answer for), ``reconciling`` (ledger against register),
``correcting`` (reversals, reposts, adjustments). ``register``, ``rules``, ``journals`` (and what it is made of),
``findings``, ``validation``, ``variance``, ``expecting``, ``visibility`` and ``tying`` are pure.
"""
