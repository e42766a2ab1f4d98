"""asyncio with nothing left to chance, for the programs of this folder whose output is kept.

Three things are open in a plain run, and differ from one machine, or one environment, to the next:

- Which timers fall due together: here the clock is virtual. The selector does not sleep, it moves the time on.
- The order of timers with one deadline (`TimerHandle.__lt__` compares deadlines alone): here each is due a billionth of
  a second after the one that was made before it.
- The order of the tasks in a set, where `TaskGroup`, `wait` and `as_completed` keep them: it is that of their hashes,
  which come from addresses. Here a task's hash is its number, and the order is that of the program. (So a program here
  hands out tasks where asyncio would put bare coroutines into a set.)
"""
import asyncio
import selectors


class Task(asyncio.Task):
    made = 0

    def __init__(self, *args, **kwargs):
        Task.made += 1
        self.number = Task.made
        super().__init__(*args, **kwargs)

    def __hash__(self):
        return self.number


class Selector(selectors.DefaultSelector):
    skipped = 0

    def select(self, timeout=None):
        ready = super().select(timeout and 0)
        if not ready and timeout:
            self.skipped += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        self.selector = Selector()
        self.timers = 0
        super().__init__(self.selector)
        self._clock_resolution = 1e-4

    def time(self):
        return self.selector.skipped

    def call_at(self, when, callback, *args, context=None):
        self.timers += 1
        return super().call_at(when + self.timers * 1e-9, callback, *args, context=context)


def run(main, loop_factory=VirtualLoop):
    """Runs a coroutine as `asyncio.run` does. What waits for threads beside a timer needs a loop on the real clock."""
    Task.made = 0
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.get_loop().set_task_factory(lambda loop, coro, **kwargs: Task(coro, loop=loop, **kwargs))
        return runner.run(main)
