"""The crash harness: play many requests through the gateway, do harm, and balance the books: one run each, whatever dies.

    plan        which requests, through which entry points, in which waves (the seed fixes it)
    ground      what stays: Azurite, a proxy before it, the simulated workspace
    hosts       what dies: the app in the local host, a process of its own
    senders     the gateway's callers, each as persistent as its kind is
    steps       where in the sequence a host is caught: the matching call is held, the app knows of nothing
    play        all of these together, and the reckoning at the end
    kills, storm, duplicates, outage, two_hosts     what is done to it
    observed    what can be seen in the end: records, results, audit, runs, calls
    books       what has to be true of it
    resolution  an operator settles by hand what nobody could know

`python -m tests.crash kills --help`
"""
