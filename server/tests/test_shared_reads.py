"""Reads that are asked for at the same time are made once, and nobody is answered what was before what they may know of."""

import asyncio

import pytest

from penstock_server.http.reads.shared_reads import SharedReads


class Threads:
    """Has calls wait until they are let begin, and until they are let end."""

    def __init__(self):
        self.now_s, self.own = 100.0, 0
        self.waiting = []

    async def run(self, call):
        begin, end = asyncio.Event(), asyncio.Event()
        self.waiting.append((begin, end))
        await begin.wait()
        answer = call()
        await end.wait()
        return answer

    async def begin(self, number):
        self.waiting[number][0].set()
        await settled()

    async def end(self):
        for begin, end in self.waiting:
            begin.set()
            end.set()
        await settled()


async def settled():
    for _ in range(5):
        await asyncio.sleep(0)


class World:
    def __init__(self):
        self.threads, self.made = Threads(), 0
        self.shared = SharedReads(lambda: self.threads.now_s, lambda: self.threads.own)

    def make(self):
        self.made += 1
        return self.made

    async def ask(self, key="a", age_s=0.0, make=None):
        task = asyncio.create_task(self.shared.answer(key, make or self.make, self.threads.run, age_s))
        await settled()
        return task


def test_those_who_ask_before_it_has_begun_share_it_and_those_who_ask_after_it_do_not():
    async def play():
        world = World()
        first, second = await world.ask(), await world.ask()
        await world.threads.begin(0)
        third, fourth = await world.ask(), await world.ask()
        other = await world.ask("b")
        await world.threads.end()
        assert await asyncio.gather(first, second, third, fourth, other) == [1, 1, 2, 2, 3]
        last = await world.ask()
        await world.threads.end()
        assert await last == 4

    asyncio.run(play())


@pytest.mark.parametrize(
    ("age_s", "later_s", "commits", "shared"),
    [(0.0, 0.0, 0, False), (1.0, 0.5, 0, True), (1.0, 1.0, 0, False), (1.0, 0.5, 1, False)],
)
def test_one_that_has_begun_is_shared_with_those_who_allow_for_its_age_unless_this_process_commits(
    age_s, later_s, commits, shared
):
    async def play():
        world = World()
        first = await world.ask()
        await world.threads.begin(0)
        world.threads.now_s += later_s
        world.threads.own += commits
        second = await world.ask(age_s=age_s)
        await world.threads.end()
        assert (await first, await second) == (1, 1 if shared else 2)

    asyncio.run(play())


def test_what_fails_fails_for_all_who_share_it_and_for_nobody_after_them():
    async def play():
        world = World()

        def fails():
            raise ValueError("gone")

        first, second = await world.ask(make=fails), await world.ask()
        await world.threads.end()
        for each in (first, second):
            with pytest.raises(ValueError, match="gone"):
                await each
        third = await world.ask()
        await world.threads.end()
        assert await third == 1

    asyncio.run(play())


def test_who_goes_away_takes_the_answer_from_nobody_else():
    async def play():
        world = World()
        first, second = await world.ask(), await world.ask()
        first.cancel()
        await world.threads.end()
        assert await second == 1

    asyncio.run(play())
