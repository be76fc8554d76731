"""Operations that pages are made of: grid, graph, bars, chart of times, calendar; each reads a constant number of times."""
