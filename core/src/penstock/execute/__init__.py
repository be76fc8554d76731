"""Where tries run on this machine: spawn servers, the processes they fork, and the executors that drive them.

One *spawn server* process, started fresh and single-threaded, forks a *file server* for each DAG file of a source
snapshot; that one imports the file once and forks a *try process* for every try. So a try has a process of its own and
costs a fork. Sensors of a file share one *waiter* process, forked from the same file server.
"""
